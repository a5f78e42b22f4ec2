"""YAML documents: the plain part of YAML 1.1, read from libyaml's events.

Anchors, aliases, merge keys and tags are refused: a registry document has no use for them, and they are how
small texts become huge values. Dates stay text. Everything else resolves as in PyYAML, which the official
client uses.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import yaml

from registry_api.domain.problems import Path, quote
from registry_api.http.documents import Document, Places, check_size, line_and_column, unparsable

_LINE_END, _ODD_LINE_END = re.compile(r"\r\n|\n|\r"), re.compile(r"[\x85\u2028\u2029]")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader is eight times as fast
_PLAIN: tuple[tuple[re.Pattern[str], Callable[[str], object]], ...] = (
    (re.compile(r"~|null|Null|NULL|"), lambda _: None),
    (re.compile(r"yes|Yes|YES|true|True|TRUE|on|On|ON"), lambda _: True),
    (re.compile(r"no|No|NO|false|False|FALSE|off|Off|OFF"), lambda _: False),
    (re.compile(r"[-+]?(0|[1-9][0-9_]*)|0x_*[0-9a-fA-F][0-9a-fA-F_]*"), lambda text: int(text.replace("_", ""), 0)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), lambda text: float(text.replace(".", ""))),
)
"""What text without quotes means; the first pattern that matches all of it decides."""


def parse(text: str) -> Document:
    """Return the one document in a text.

    Raises:
        Refusal: With line and column, if it is not a document of the plain part of YAML.
    """
    (document,) = parse_stream(text, 1) or [_document(None, Places(values={(): (1, 1)}))]
    return document


def parse_stream(text: str, most: int) -> list[Document]:
    """Return all documents in a text, at most so many.

    Raises:
        Refusal: With line and column, if it is not a stream of documents of the plain part of YAML.
    """
    lines = _Lines(text)
    reader = _Reader((_placed(event, lines) for event in yaml.parse(text, Loader=_Loader)), most)
    try:
        return list(reader.read_stream())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = f"The document is not YAML: {error.problem or error.context}."
        raise unparsable(message, *(lines.place(mark) if mark else ())) from None
    except yaml.reader.ReaderError as error:
        character = error.character if isinstance(error.character, str) else chr(error.character)
        message = f"The document is not YAML: it has the control character U+{ord(character):04X}."
        raise unparsable(message, *line_and_column(text, text.index(character))) from None


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


class _Reader:
    """Builds plain values from events, one after the other."""

    def __init__(self, events: Iterator[Any], most: int) -> None:
        self._events = events
        self._most = most
        self._places = Places()
        self._values = 0  # in all documents so far

    def read_stream(self) -> Iterator[Document]:
        next(self._events)
        for number in count(1):
            event = next(self._events)
            if isinstance(event, yaml.StreamEndEvent):
                return
            if number > self._most:
                allowed = (
                    "one document in the request, not several"
                    if self._most == 1
                    else f"at most {self._most} documents in a stream"
                )
                raise _unparsable(f"There must be {allowed}.", event)
            self._places = Places()
            yield _document(self._read(next(self._events), (), 0), self._places)
            next(self._events)

    def _read(self, event: Any, path: Path, depth: int) -> object:
        self._places.values[path] = _place(event)
        self._values += 1
        check_size(depth, self._values, *_place(event))
        _check_properties(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._read_mapping(path, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._read_sequence(path, depth)
        return _scalar(event)

    def _read_mapping(self, path: Path, depth: int) -> dict[str, object]:
        result: dict[str, object] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = _read_key(event)
            if key in result:
                line, _ = self._places.keys[(*path, key)]
                raise _unparsable(f"The key {quote(key)} is given twice; the first time in line {line}.", event)
            self._places.keys[(*path, key)] = _place(event)
            result[key] = self._read(next(self._events), (*path, key), depth + 1)
        return result

    def _read_sequence(self, path: Path, depth: int) -> list[object]:
        result: list[object] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            result.append(self._read(event, (*path, len(result)), depth + 1))
        return result


def _document(value: object, places: Places) -> Document:
    return Document(value, lambda: places)


def _check_properties(event: Any) -> None:
    if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
        raise _unparsable("Anchors and aliases are not allowed; write the value out.", event)
    if event.tag is not None and event.tag != "!":
        raise _unparsable("Tags are not allowed; write the value without one.", event)


def _read_key(event: Any) -> str:
    _check_properties(event)
    if not isinstance(event, yaml.ScalarEvent) or not isinstance(_scalar(event), str):
        raise _unparsable(
            "A key must be text; if it looks like a number, a boolean or null, write it in quotes.", event
        )
    if event.value == "<<" and not event.style:
        raise _unparsable("Merge keys are not allowed; write the values out.", event)
    return str(event.value)


def _scalar(event: yaml.ScalarEvent) -> object:
    text: str = event.value
    if event.style or event.tag == "!":
        return text
    convert = next((convert for pattern, convert in _PLAIN if pattern.fullmatch(text)), str)
    try:
        return convert(text)
    except ValueError:
        raise _unparsable("The number has too many digits.", event) from None


def _placed(event: Any, lines: _Lines) -> Any:
    """Return an event whose mark is its line and column, both from 1."""
    event.start_mark = lines.place(event.start_mark) if event.start_mark else (1, 1)
    return event


def _place(event: Any) -> tuple[int, int]:
    place: tuple[int, int] = event.start_mark
    return place


def _unparsable(message: str, event: yaml.Event) -> Exception:
    return unparsable(message, *_place(event))
