"""JSON documents, with the places that the standard library's parser does not keep."""

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined] # public by use, not in the type stubs
from typing import NoReturn

from registry_api.domain.problems import Path
from registry_api.http.documents import MAX_DEPTH, Document, Places, line_and_column, unparsable

_BLANK = re.compile(r"[ \t\n\r]*")
_SCALAR = re.compile(r"[^\s,\]}]+")


class _DuplicateKeyError(Exception):
    pass


def parse(text: str) -> Document:
    """Return the document in a text.

    Raises:
        Refusal: With line and column, if it is not JSON, or ambiguous, or nested too deeply.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise unparsable(f"The document is not JSON: {error.msg}.", error.lineno, error.colno) from None
    except _DuplicateKeyError:
        _Scanner(text).scan()
        raise
    except RecursionError:
        raise unparsable(f"The document is nested more than {MAX_DEPTH} levels deep.") from None
    except ValueError:  # more digits than Python converts
        raise unparsable("The document has a number with too many digits.") from None
    if _depth(value) > MAX_DEPTH:
        raise unparsable(f"The document is nested more than {MAX_DEPTH} levels deep.")
    return Document(value, lambda: _Scanner(text).scan())


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _DuplicateKeyError
    return result


def _no_constant(text: str) -> NoReturn:
    raise unparsable(f"The document is not JSON: there is no {text}.")


def _depth(value: object) -> int:
    level, depth = [value], 0
    while level := [
        child
        for item in level
        if isinstance(item, dict | list)
        for child in (item.values() if isinstance(item, dict) else item)
    ]:
        depth += 1
        if depth > MAX_DEPTH:
            break
    return depth


class _Scanner:
    """Walks a text that is known to be JSON and notes where everything stands."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._places = Places()

    def scan(self) -> Places:
        """Return the places of all values and keys.

        Raises:
            Refusal: If a key is given twice.
        """
        self._value(self._skip(0), ())
        return self._places

    def _skip(self, at: int) -> int:
        blank = _BLANK.match(self._text, at)
        return blank.end() if blank else at

    def _value(self, at: int, path: Path) -> int:
        """Note the value at a position and return the position after it."""
        self._places.values[path] = line_and_column(self._text, at)
        match self._text[at]:
            case "{":
                return self._members(at + 1, path)
            case "[":
                return self._elements(at + 1, path)
            case '"':
                return int(scanstring(self._text, at + 1, True)[1])  # noqa: FBT003 - the standard library's signature
            case _:
                scalar = _SCALAR.match(self._text, at)
                return scalar.end() if scalar else at

    def _members(self, at: int, path: Path) -> int:
        while self._text[at := self._skip(at)] != "}":
            if self._text[at] == ",":
                at = self._skip(at + 1)
            key, end = scanstring(self._text, at + 1, True)  # noqa: FBT003 - the standard library's signature
            place = line_and_column(self._text, at)
            if (*path, key) in self._places.keys:
                line, _ = self._places.keys[(*path, key)]
                raise unparsable(f"The key '{key}' is given twice; the first time in line {line}.", *place)
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
