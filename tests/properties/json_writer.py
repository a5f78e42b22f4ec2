"""Writes a tree as JSON in any layout, and notes where each part begins."""

import json
from random import Random

from tests.properties.trees import Key, Leaf, Map, Node, Place, Seq

_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_LONG = 200  # from this length on a string is written by the standard library, to save time
_HIGHEST_OF_16_BITS = 0xFFFF


class Sheet:
    """A text that grows, and the place of its end."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._line, self._column = 1, 1
        self.places: dict[Node | Key, Place] = {}

    def write(self, text: str) -> None:
        """Add a text."""
        self._parts.append(text)
        breaks = text.count("\n")
        self._line += breaks
        self._column = len(text) - text.rfind("\n") if breaks else self._column + len(text)

    def mark(self, part: Node | Key) -> None:
        """Note that a part begins here."""
        self.places[part] = (self._line, self._column)

    @property
    def text(self) -> str:
        """Return all of the text."""
        return "".join(self._parts)


class JsonWriter:
    """Writes one document in a layout of its own."""

    def __init__(self, rng: Random, *, for_yaml: bool = False) -> None:
        self._rng = rng
        self._sheet = Sheet()
        self._for_yaml = for_yaml  # only escapes that YAML has as well
        self._newline = rng.choice(["", "", "\n", "\r\n"])
        self._unit = rng.choice(["", " ", "  ", "    ", "\t"])
        self._colon = rng.choice([":", ": ", " : "])
        self._escaping = rng.choice([0, 0, 0.1, 1])

    def write(self, root: Node) -> Sheet:
        """Return the written text."""
        self._sheet.write(self._rng.choice(["", "", " ", "\n", "\r\n \n"]))
        self._node(root, 0)
        self._sheet.write(self._rng.choice(["", "\n", " \n"]))
        return self._sheet

    def _node(self, node: Node, depth: int) -> None:
        self._sheet.mark(node)
        match node:
            case Leaf(value):
                self._sheet.write(self._string(value) if isinstance(value, str) else json.dumps(value))
            case Seq(items):
                self._sheet.write("[")
                for index, item in enumerate(items):
                    self._separate(index, depth)
                    self._node(item, depth + 1)
                self._close("]", depth, is_empty=not items)
            case Map(pairs):
                self._sheet.write("{")
                for index, (key, item) in enumerate(pairs):
                    self._separate(index, depth)
                    self._sheet.mark(key)
                    self._sheet.write(self._string(key.text) + self._colon)
                    self._node(item, depth + 1)
                self._close("}", depth, is_empty=not pairs)

    def _separate(self, index: int, depth: int) -> None:
        self._sheet.write("," * bool(index) + self._blank(depth + 1))

    def _close(self, bracket: str, depth: int, *, is_empty: bool) -> None:
        self._sheet.write(("" if is_empty else self._blank(depth)) + bracket)

    def _blank(self, depth: int) -> str:
        return self._newline + self._unit * depth if self._newline else self._rng.choice(["", "", " "])

    def _string(self, text: str) -> str:
        if len(text) > _LONG:
            return json.dumps(text, ensure_ascii=False)
        return '"' + "".join(map(self._character, text)) + '"'

    def _character(self, character: str) -> str:
        code = ord(character)
        is_needed = code < ord(" ") or character in '"\\' or 0xD800 <= code <= 0xDFFF
        if self._for_yaml:  # which has no raw control characters and other escapes above U+FFFF
            is_needed = is_needed or not character.isprintable()
            if code > _HIGHEST_OF_16_BITS:
                return character
        elif character == "/" and self._rng.random() < 0.5:
            return "\\/"
        if not is_needed and self._rng.random() >= self._escaping:
            return character
        if character in _SHORT and self._rng.random() < 0.5:
            return _SHORT[character]
        units = character.encode("utf-16-be", "surrogatepass")
        digits = [units[at : at + 2].hex() for at in range(0, len(units), 2)]
        return "".join("\\u" + (unit.upper() if self._rng.random() < 0.5 else unit) for unit in digits)
