"""Documents as trees whose parts have an identity, so that a place in a text can be tied to each of them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

Path = tuple[str | int, ...]
Place = tuple[int, int]


@dataclass(eq=False)
class Leaf:
    """A scalar."""

    value: str | float | None


@dataclass(eq=False)
class Key:
    """The key of a mapping's item."""

    text: str


@dataclass(eq=False)
class Seq:
    """A list."""

    items: list["Node"] = field(default_factory=list)


@dataclass(eq=False)
class Map:
    """A mapping."""

    items: list[tuple[Key, "Node"]] = field(default_factory=list)

    def get(self, name: str) -> "Node | None":
        """Return the value of a key, or None if there is no such key."""
        return next((node for key, node in self.items if key.text == name), None)

    def put(self, name: str, node: "Node") -> Key:
        """Set the value of a key, which keeps its position if it is there, and return the key."""
        for index, (key, _) in enumerate(self.items):
            if key.text == name:
                self.items[index] = (key, node)
                return key
        key = Key(name)
        self.items.append((key, node))
        return key

    def remove(self, name: str) -> None:
        """Take a key away, if it is there."""
        self.items = [(key, node) for key, node in self.items if key.text != name]


Node = Leaf | Seq | Map


def tree_of(value: object) -> Node:
    """Return the tree of plain values."""
    if isinstance(value, dict):
        return Map([(Key(key), tree_of(item)) for key, item in value.items()])
    if isinstance(value, list):
        return Seq([tree_of(item) for item in value])
    assert value is None or isinstance(value, str | int | float)
    return Leaf(value)


def plain(node: Node) -> object:
    """Return the plain values of a tree."""
    match node:
        case Leaf(value):
            return value
        case Seq(items):
            return [plain(item) for item in items]
        case Map(pairs):
            return {key.text: plain(item) for key, item in pairs}


def walk(node: Node, path: Path = ()) -> Iterator[tuple[Node | Key, Path]]:
    """Yield every value and every key of a tree with its path."""
    yield node, path
    match node:
        case Seq(items):
            for index, item in enumerate(items):
                yield from walk(item, (*path, index))
        case Map(pairs):
            for key, item in pairs:
                yield key, (*path, key.text)
                yield from walk(item, (*path, key.text))
        case Leaf():
            pass


def target_of(path: Path) -> str | None:
    """Write a path as the contract says: `a.b[0]["odd key"]`, with escapes for what cannot be shown."""
    target = ""
    for step in path:
        if isinstance(step, int):
            target += f"[{step}]"
        elif re.fullmatch(r"[A-Za-z_$][\w$-]*", step, re.ASCII):
            target += "." * bool(target) + step
        else:
            target += '["' + "".join(map(_shown, step)) + '"]'
    return target or None


def _shown(character: str) -> str:
    if character in '\\"':
        return "\\" + character
    code = ord(character)
    is_control = code <= 0x1F or 0x7F <= code <= 0x9F
    return f"\\u{code:04x}" if is_control or code in {0x2028, 0x2029} or 0xD800 <= code <= 0xDFFF else character
