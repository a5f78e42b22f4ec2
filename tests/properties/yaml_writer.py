"""Writes a tree as YAML in many styles, and notes where each part begins."""

import re
from random import Random

from tests.properties.json_writer import Sheet
from tests.properties.trees import Leaf, Map, Node, Seq

_PLAIN = re.compile(r"[^\W\d_][\w.-]*( [\w.-]+)*")
_WORDS = {"true", "false", "yes", "no", "on", "off", "null"}  # which without quotes are no text
_SPELLINGS: dict[object, tuple[str, ...]] = {
    None: ("null", "~", "Null", "NULL"),
    True: ("true", "True", "TRUE", "yes", "On"),
    False: ("false", "False", "no", "NO", "off"),
}
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\a": "\\a", "\0": "\\0"}
_LONGEST_IMPLICIT_KEY = 900  # YAML allows 1024 characters


class YamlWriter:
    """Writes one document in a mixture of styles of its own."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._sheet = Sheet()
        self._newline = rng.choice(["\n", "\n", "\r\n"])
        self._step = rng.choice([1, 2, 2, 4])
        self._comments = rng.choice([0, 0.2])
        self._flow = rng.choice([0, 0.2, 1])
        self._quotes = rng.choice([0, 0.3, 1])
        self._may_comment = True

    def write(self, root: Node) -> Sheet:
        """Return the written text."""
        self._sheet.write(self._rng.choice(["", "", "", "---\n", "%YAML 1.1\n---\n", "# A registry\n\n"]))
        if isinstance(root, Leaf) or self._is_flow(root):
            self._flow_node(root, 0)
        else:
            self._block(root, 0)
        self._sheet.write(self._newline + self._rng.choice(["", "", "...\n", "# The end"]))
        return self._sheet

    def _is_flow(self, node: Node) -> bool:
        return isinstance(node, Leaf) or not node.items or self._rng.random() < self._flow

    def _line(self, indent: int) -> None:
        """Begin another line, perhaps after comments."""
        while self._may_comment and self._rng.random() < self._comments:
            self._sheet.write(self._rng.choice([" # a comment: {", self._newline, "  #'"]) + self._newline)
        self._may_comment = True
        self._sheet.write(self._newline + " " * indent)

    def _block(self, node: Seq | Map, indent: int) -> None:
        """Write a list or mapping in lines of its own, the first of which has begun already."""
        self._sheet.mark(node)
        if isinstance(node, Seq):
            for index, item in enumerate(node.items):
                if index:
                    self._line(indent)
                self._sheet.write("-")
                self._after(item, indent, after_dash=True)
            return
        for index, (key, item) in enumerate(node.items):
            if index:
                self._line(indent)
            text = self._text(key.text)
            is_explicit = len(text) > _LONGEST_IMPLICIT_KEY or self._rng.random() < 0.02
            self._sheet.write("? " * is_explicit)
            self._sheet.mark(key)
            self._sheet.write(text)
            if is_explicit:
                self._line(indent)
            self._sheet.write(":")
            self._after(item, indent, after_dash=False)

    def _after(self, node: Node, indent: int, *, after_dash: bool) -> None:
        """Write a value after a dash or a colon."""
        if isinstance(node, Leaf) and node.value is None and self._rng.random() < 0.3:
            self._sheet.mark(node)  # nothing at all is null
        elif isinstance(node, Leaf) and _fits_literal(node.value) and self._rng.random() < 0.5:
            self._literal(node, indent + self._step)
        elif isinstance(node, Leaf) or self._is_flow(node):
            if self._rng.random() < 0.05:
                self._line(indent + self._step)
            else:
                self._sheet.write(" ")
            self._flow_node(node, indent + 1)
        elif after_dash and self._rng.random() < 0.8:
            blanks = self._rng.choice([1, 1, 3])
            self._sheet.write(" " * blanks)
            self._block(node, indent + 1 + blanks)
        else:
            is_indentless = isinstance(node, Seq) and not after_dash and self._rng.random() < 0.5
            deeper = indent if is_indentless else indent + self._step
            self._line(deeper)
            self._block(node, deeper)

    def _literal(self, node: Leaf, indent: int) -> None:
        self._sheet.write(" ")
        self._sheet.mark(node)
        self._sheet.write("|-")
        for line in str(node.value).split("\n"):
            self._sheet.write(self._newline + " " * indent + line)
        self._may_comment = False

    def _flow_node(self, node: Node, indent: int) -> None:
        self._sheet.mark(node)
        match node:
            case Leaf(value):
                self._sheet.write(self._scalar(value))
            case Seq(items):
                self._sheet.write("[")
                for index, item in enumerate(items):
                    self._separate(index, indent)
                    self._flow_node(item, indent)
                self._sheet.write("]")
            case Map(pairs):
                self._sheet.write("{")
                for index, (key, item) in enumerate(pairs):
                    self._separate(index, indent)
                    text = self._text(key.text)
                    self._sheet.write("? " * (len(text) > _LONGEST_IMPLICIT_KEY))
                    self._sheet.mark(key)
                    self._sheet.write(text + self._rng.choice([": ", " : "]))
                    self._flow_node(item, indent)
                self._sheet.write("}")

    def _separate(self, index: int, indent: int) -> None:
        deeper = self._newline + " " * (indent + self._step)
        self._sheet.write("," * bool(index) + self._rng.choice(["", " ", " ", deeper] if index else ["", " ", deeper]))

    def _scalar(self, value: str | float | None) -> str:
        if isinstance(value, str):
            return self._text(value)
        if value is None or isinstance(value, bool):
            return self._rng.choice(_SPELLINGS[value])
        if isinstance(value, int) and value >= 0:
            return self._rng.choice([str(value), f"+{value}", hex(value)])
        return repr(value)

    def _text(self, text: str) -> str:
        is_quoted = self._rng.random() < self._quotes
        if not is_quoted and _PLAIN.fullmatch(text) and text.lower() not in _WORDS and text.isprintable():
            return text
        if text.isprintable() and self._rng.random() < 0.5:
            return "'" + text.replace("'", "''") + "'"
        return '"' + "".join(map(self._character, text)) + '"'

    def _character(self, character: str) -> str:
        is_needed = character in '"\\' or not character.isprintable()
        if not is_needed and (character.isascii() or self._rng.random() < 0.8):
            return character
        if character in _SHORT and self._rng.random() < 0.5:
            return _SHORT[character]
        code = ord(character)
        forms = [
            f"\\U{code:08x}",
            *([f"\\u{code:04X}"] if code < 1 << 16 else []),
            *([f"\\x{code:02x}"] * (code < 256)),
        ]
        return self._rng.choice(forms)


def _fits_literal(value: object) -> bool:
    """Tell whether a value can stand below `|-` as it is."""
    return isinstance(value, str) and all(
        line.isprintable() and not line[:1].isspace() and line for line in value.split("\n")
    )
