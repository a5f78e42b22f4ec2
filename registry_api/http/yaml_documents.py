"""YAML documents: the plain part of YAML 1.1, read from libyaml's events.

Anchors, aliases, merge keys and tags are refused: a registry document has no use for them, and they are how
small texts become huge values. Dates stay text. Everything else resolves as in PyYAML, which the official
client uses.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import count
from typing import Any

import yaml

from registry_api.domain.problems import Path, quote
from registry_api.http.documents import Document, Places, fault_of_size, line_and_column, unparsable

_LINE_END, _ODD_LINE_END = re.compile(r"\r\n|\n|\r"), re.compile(r"[\x85\u2028\u2029]")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader is eight times as fast
_PLAIN: tuple[tuple[str, Callable[[str], object]], ...] = (
    (r"~|null|Null|NULL|", lambda _: None),
    (r"yes|Yes|YES|true|True|TRUE|on|On|ON", lambda _: True),
    (r"no|No|NO|false|False|FALSE|off|Off|OFF", lambda _: False),
    (r"[-+]?(?:0|[1-9][0-9_]*)|0x_*[0-9a-fA-F][0-9a-fA-F_]*", lambda text: int(text.replace("_", ""), 0)),
    (r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?", float),
    (r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", lambda text: float(text.replace(".", ""))),
)
"""What text without quotes means; the first pattern that matches all of it decides."""
_ANY_PLAIN = re.compile("|".join(f"({pattern})" for pattern, _ in _PLAIN))


def parse(text: str) -> Document:
    """Return the one document in a text.

    Raises:
        Refusal: With line and column, if it is not a document of the plain part of YAML.
    """
    (document,) = parse_stream(text, 1) or [Document(None, lambda: Places(values={(): (1, 1)}))]
    return document


def parse_stream(text: str, most: int) -> list[Document]:
    """Return all documents in a text, at most so many.

    Raises:
        Refusal: With line and column, if it is not a stream of documents of the plain part of YAML.
    """
    lines = _Lines(text)
    try:
        return list(_Reader(text, lines, most).read_stream())
    except _RefusedError as error:
        raise unparsable(error.message, *lines.place(error.mark)) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = f"The document is not YAML: {error.problem or error.context}."
        raise unparsable(message, *(lines.place(mark) if mark else ())) from None
    except yaml.reader.ReaderError as error:
        character = error.character if isinstance(error.character, str) else chr(error.character)
        message = f"The document is not YAML: it has the control character U+{ord(character):04X}."
        raise unparsable(message, *line_and_column(text, text.index(character))) from None
    except UnicodeEncodeError as error:  # a text within JSON may have been written with such an escape
        message = "The document is not YAML: it has half of a surrogate pair."
        raise unparsable(message, *line_and_column(text, error.start)) from None


class _RefusedError(Exception):
    """The text is YAML so far, but has something that a document may not have."""

    def __init__(self, message: str, event: Any) -> None:
        super().__init__(message)
        self.message = message
        self.mark = event.start_mark


class _Lines:
    """Knows the lines of a text as editors count them: YAML ends a line also at characters that they do not show so."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(end.end() for end in _LINE_END.finditer(text))] if _ODD_LINE_END.search(text) else []

    def place(self, mark: Any) -> tuple[int, int]:
        """Return line and column, both from 1, of a mark that the parser has made."""
        if not self._starts:
            return mark.line + 1, mark.column + 1
        line = bisect_right(self._starts, mark.index)
        return line, mark.index - self._starts[line - 1] + 1

    def places(self, values: Mapping[Path, Any], keys: Mapping[Path, Any]) -> Places:
        """Return the places of the marks of values and keys."""
        return Places(*({path: self.place(mark) for path, mark in marks.items()} for marks in (values, keys)))


class _Reader:
    """Builds plain values from events, one after the other, and notes the mark of each."""

    def __init__(self, text: str, lines: _Lines, most: int) -> None:
        self._next = _Loader(text).get_event
        self._lines = lines
        self._most = most
        self._values: dict[Path, Any] = {}
        self._keys: dict[Path, Any] = {}
        self._number = 0  # of values in all documents so far

    def read_stream(self) -> Iterator[Document]:
        self._next()
        for number in count(1):
            event = self._next()
            if isinstance(event, yaml.StreamEndEvent):
                return
            if number > self._most:
                allowed = (
                    "one document in the request, not several"
                    if self._most == 1
                    else f"at most {self._most} documents in a stream"
                )
                raise _RefusedError(f"There must be {allowed}.", event)
            self._values, self._keys = {}, {}
            yield Document(self._read(self._next(), ()), partial(self._lines.places, self._values, self._keys))
            self._next()

    def _read(self, event: Any, path: Path) -> object:
        self._values[path] = event.start_mark
        self._number += 1
        if (fault := fault_of_size(len(path), self._number)) is not None:
            raise _RefusedError(fault, event)
        _check_properties(event)
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._read_mapping(path)
        return self._read_sequence(path)

    def _read_mapping(self, path: Path) -> dict[str, object]:
        result: dict[str, object] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = _read_key(event)
            below = (*path, key)
            if key in result:
                line, _ = self._lines.place(self._keys[below])
                raise _RefusedError(f"The key {quote(key)} is given twice; the first time in line {line}.", event)
            self._keys[below] = event.start_mark
            result[key] = self._read(self._next(), below)
        return result

    def _read_sequence(self, path: Path) -> list[object]:
        result: list[object] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            result.append(self._read(event, (*path, len(result))))
        return result


def _check_properties(event: Any) -> None:
    if event.anchor is not None:  # an alias has the one that it stands for
        raise _RefusedError("Anchors and aliases are not allowed; write the value out.", event)
    if event.tag is not None and event.tag != "!":
        raise _RefusedError("Tags are not allowed; write the value without one.", event)


def _read_key(event: Any) -> str:
    _check_properties(event)
    if not isinstance(event, yaml.ScalarEvent) or not isinstance(_scalar(event), str):
        raise _RefusedError(
            "A key must be text; if it looks like a number, a boolean or null, write it in quotes.", event
        )
    if event.value == "<<" and not event.style:
        raise _RefusedError("Merge keys are not allowed; write the values out.", event)
    return str(event.value)


def _scalar(event: yaml.ScalarEvent) -> object:
    text: str = event.value
    if event.style or event.tag == "!":
        return text
    found = _ANY_PLAIN.fullmatch(text)
    if found is None or found.lastindex is None:
        return text
    _, convert = _PLAIN[found.lastindex - 1]
    try:
        return convert(text)
    except ValueError:
        raise _RefusedError("The number has too many digits.", event) from None
