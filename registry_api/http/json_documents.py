"""JSON documents, with the places that the standard library's parser does not keep."""

import json
import re
from bisect import bisect_right
from json.decoder import scanstring  # type: ignore[attr-defined] # public by use, not in the type stubs
from typing import NoReturn

from registry_api.domain.problems import Path, Refusal, quote
from registry_api.http.documents import MAX_DEPTH, MAX_VALUES, Document, Places, fault_of_size, unparsable

_BLANK = re.compile(r"[ \t\n\r]*")
_CONSTANT = re.compile(r"NaN|-?Infinity")
_SCALAR = re.compile(r"true|false|null|(?P<whole>-?(0|[1-9][0-9]*))(?P<rest>(\.[0-9]+)?([eE][-+]?[0-9]+)?)")


class _RefusedError(Exception):
    """The text is JSON so far, but has something that a document may not have."""


def parse(text: str) -> Document:
    """Return the document in a text.

    Raises:
        Refusal: With line and column, if it is not JSON, or ambiguous, or nested too deeply.
    """
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise unparsable(
            f"The document is not JSON: {error.msg.removesuffix(' at')}.", error.lineno, error.colno
        ) from None
    except (_RefusedError, RecursionError, ValueError):  # the last one for more digits than Python converts
        raise _refusal(text) from None
    if not _is_small(text) and _is_oversized(value):
        raise _refusal(text)
    return Document(value, lambda: _Scanner(text).scan())


def _refusal(text: str) -> Refusal:
    """Return the refusal of a text which is JSON up to something that is not allowed, with the place of that."""
    try:
        _Scanner(text).scan()
    except Refusal as refusal:
        return refusal
    return unparsable("The document is not JSON that can be read.", 1, 1)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _RefusedError
    return result


def _no_constant(_: str) -> NoReturn:
    raise _RefusedError


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def _is_small(text: str) -> bool:
    """Tell whether a text is so short that it cannot have too many values, and has too few brackets to be too deep."""
    return len(text) < MAX_VALUES and text.count("{") + text.count("[") < MAX_DEPTH


def _is_oversized(value: object) -> bool:
    level, depth, values = [value], 0, 1
    while level := [
        child
        for item in level
        if isinstance(item, dict | list)
        for child in (item.values() if isinstance(item, dict) else item)
    ]:
        depth += 1
        values += len(level)
        if fault_of_size(depth, values) is not None:
            return True
    return False


class _Scanner:
    """Walks a text that is JSON, at least up to the first thing that it refuses, and notes where everything stands."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = [0, *(end.end() for end in re.finditer("\n", text))]
        self._places = Places()

    def scan(self) -> Places:
        """Return the places of all values and keys.

        Raises:
            Refusal: If a key is given twice, a number cannot be read, or the text is nested too deeply.
        """
        self._value(self._skip(0), ())
        return self._places

    def _place(self, at: int) -> tuple[int, int]:
        line = bisect_right(self._lines, at)
        return line, at - self._lines[line - 1] + 1

    def _skip(self, at: int) -> int:
        blank = _BLANK.match(self._text, at)
        return blank.end() if blank else at

    def _value(self, at: int, path: Path) -> int:
        """Note the value at a position and return the position after it."""
        self._places.values[path] = place = self._place(at)
        if (fault := fault_of_size(len(path), len(self._places.values))) is not None:
            raise unparsable(fault, *place)
        match self._text[at]:
            case "{":
                return self._members(at + 1, path)
            case "[":
                return self._elements(at + 1, path)
            case '"':
                return int(scanstring(self._text, at + 1, True)[1])  # noqa: FBT003 - the standard library's signature
            case _:
                return self._scalar(at)

    def _scalar(self, at: int) -> int:
        if constant := _CONSTANT.match(self._text, at):
            raise unparsable(f"The document is not JSON: there is no {constant[0]}.", *self._place(at))
        scalar = _SCALAR.match(self._text, at)
        if scalar is None:
            raise unparsable("The document is not JSON: Expecting value.", *self._place(at))
        if scalar["whole"] and not scalar["rest"]:
            try:
                int(scalar["whole"])
            except ValueError:
                raise unparsable("The number has too many digits.", *self._place(at)) from None
        return scalar.end()

    def _members(self, at: int, path: Path) -> int:
        while self._text[at := self._skip(at)] != "}":
            if self._text[at] == ",":
                at = self._skip(at + 1)
            key, end = scanstring(self._text, at + 1, True)  # noqa: FBT003 - the standard library's signature
            place = self._place(at)
            if (*path, key) in self._places.keys:
                line, _ = self._places.keys[(*path, key)]
                raise unparsable(f"The key {quote(key)} is given twice; the first time in line {line}.", *place)
            self._places.keys[(*path, key)] = place
            colon = self._skip(end)
            at = self._value(self._skip(colon + 1), (*path, key))
        return at + 1

    def _elements(self, at: int, path: Path) -> int:
        index = 0
        while self._text[at := self._skip(at)] != "]":
            if self._text[at] == ",":
                at = self._skip(at + 1)
            at = self._value(at, (*path, index))
            index += 1
        return at + 1
