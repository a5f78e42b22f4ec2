"""The Bicep templates as data. Two parsers read them; neither knows whether Azure has such a property."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import tree_sitter_bicep
from pycep import BicepParser
from tree_sitter import Language, Node, Parser

INFRA = Path(__file__).parents[2] / "infra"


def files() -> list[Path]:
    """Return every template."""
    return sorted(INFRA.glob("*.bicep"))


def syntax_errors(text: str) -> list[str]:
    """Return what is wrong with the syntax of a template."""
    tree = Parser(Language(tree_sitter_bicep.language())).parse(text.encode())
    return [f"line {node.start_point[0] + 1}" for node in _nodes(tree.root_node) if node.is_error or node.is_missing]


@cache
def template(name: str) -> dict[str, Any]:
    """Return a template as nested dictionaries."""
    return cast("dict[str, Any]", BicepParser().parse(text=(INFRA / name).read_text("utf-8")))


def resources(name: str, kind: str) -> dict[str, Any]:
    """Return what a template says of the resources of a type, by their symbolic names."""
    return {key: item for key, item in template(name)["resources"].items() if item["type"] == kind}


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _nodes(child)
