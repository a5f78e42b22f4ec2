"""Route templates, constraints, and the order of the route table."""

from __future__ import annotations

import azure.functions as func
import pytest

from devhost.app import index
from devhost.messages import decode_path
from devhost.routes import RouteTable, parse_template

_GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"

MATCHES = [
    ("a", "/a", {}),
    ("a", "/A/", {}),
    ("a", "/a//", None),
    ("a", "//a", None),
    ("a", "/a/b", None),
    ("a/b", "/a", None),
    ("", "/", {}),
    ("{id}", "/x", {"id": "x"}),
    ("{id}", "/", None),
    ("{id?}", "/", {}),
    ("{id=7}", "/", {"id": "7"}),
    ("{id=7}", "/8", {"id": "8"}),
    ("a/{b?}/{c?}", "/a/1", {"b": "1"}),
    ("a/{b?}/c", "/a", None),
    ("{*rest}", "/", {}),
    ("{*rest}", "/a/b/", {"rest": "a/b/"}),
    ("{**rest}", "/a", {"rest": "a"}),
    ("{*rest=none}", "/", {"rest": "none"}),
    ("f/{*rest:int}", "/f", None),
    ("f/{*rest:int}", "/f/12", {"rest": "12"}),
    ("{name}.{extension}", "/a.b.c", {"name": "a.b", "extension": "c"}),
    ("{name}.{extension?}", "/a", {"name": "a"}),
    ("{name}.{extension?}", "/a.txt", {"name": "a", "extension": "txt"}),
    ("v{major}-{minor}", "/V1-2", {"major": "1", "minor": "2"}),
    ("{a}-x", "/-x", None),
    ("{{a}}", "/{a}", {}),
    ("{id:int?}", "/", {}),
    ("{id:int=3}", "/", {"id": "3"}),
    ("{id:regex(^[a-z]{{2}}$)}", "/ab", {"id": "ab"}),
    ("{id:regex(^[a-z]{{2}}$)}", "/abc", None),
    ("{id:regex(^(a|b)/?$)}", "/A", {"id": "A"}),
    ("{id:regex(b)}", "/abc", {"id": "abc"}),
    ("{id:regex(^a:b=c$)}", "/a:b=c", {"id": "a:b=c"}),
    ("{id:minlength(2):maxlength(3)}", "/ab", {"id": "ab"}),
    ("{id:minlength(2):maxlength(3)}", "/abcd", None),
]


@pytest.mark.parametrize(("template", "path", "expected"), MATCHES)
def test_a_template_matches(template: str, path: str, expected: dict[str, str] | None) -> None:
    """A path gives the route values that ASP.NET finds in it, or no match."""
    assert parse_template(template).match(path) == expected


CONSTRAINTS = [
    ("int", ["0", "-5", "2147483647"], ["x", "1.0", "2147483648"]),
    ("long", ["2147483648"], ["9223372036854775808"]),
    ("bool", ["true", "FALSE"], ["1", "yes"]),
    ("guid", [_GUID, _GUID.upper(), _GUID.replace("-", ""), f"{{{_GUID}}}"], ["0f8fad5b"]),
    ("datetime", ["2026-01-31", "2026-01-31T10:00:00"], ["31st of January"]),
    ("decimal", ["1.5", "-1", "1,000.5"], ["1e5", "."]),
    ("double", ["1.5", "1e5", "-.5", "NaN"], ["1_0", "x"]),
    ("float", ["1.5"], ["x"]),
    ("alpha", ["abcXYZ"], ["a1", "ä"]),
    ("length(3)", ["abc"], ["ab", "abcd"]),
    ("length(1,2)", ["a", "ab"], ["abc"]),
    ("minlength(2)", ["ab"], ["a"]),
    ("maxlength(2)", ["ab"], ["abc"]),
    ("min(5)", ["5"], ["4", "x"]),
    ("max(5)", ["5"], ["6"]),
    ("range(1,5)", ["1", "5"], ["0", "6"]),
    ("required", ["x"], []),
    ("file", ["a.txt"], ["a", "a."]),
    ("nonfile", ["a"], ["a.txt"]),
]


@pytest.mark.parametrize(("constraint", "accepted", "refused"), CONSTRAINTS)
def test_a_constraint_accepts(constraint: str, accepted: list[str], refused: list[str]) -> None:
    """A constraint lets the values through that ASP.NET lets through."""
    template = parse_template(f"{{value:{constraint}}}")
    assert [value for value in accepted + refused if template.match(value)] == accepted


INVALID = [
    "a//b",
    "{a",
    "a}",
    "{}",
    "{a}/{A}",
    "{*rest}/a",
    "x{*rest}",
    "{*rest?}",
    "{a}{b}",
    "{a=1?}",
    "{a?}b",
    "{a:nonsense}",
    "{a:int(3)}",
    "{a:length}",
    "{a:length(x)}",
    "{a:regex([)}",
    "a?b",
]


@pytest.mark.parametrize("template", INVALID)
def test_a_malformed_template_is_refused(template: str) -> None:
    """A template that ASP.NET refuses is refused here too."""
    with pytest.raises(ValueError, match=r"."):
        parse_template(template)


PATHS = [
    (b"/a%20b", "/a b"),
    (b"/a%2fb%2Fc", "/a%2fb%2Fc"),
    (b"/gr%C3%BC%C3%9Fe", "/grüße"),
    (b"/%FF", "/%FF"),
    (b"/100%", "/100%"),
    (b"/a/./b/../c", "/a/c"),
    (b"/a/%2E%2E/b", "/b"),
    (b"/a/..", "/"),
    (b"/../../a", "/a"),
]


@pytest.mark.parametrize(("raw", "expected"), PATHS)
def test_a_path_is_decoded(raw: bytes, expected: str) -> None:
    """A path is decoded as Kestrel does it: slashes and invalid UTF-8 stay encoded, dots are resolved."""
    assert decode_path(raw) == expected


def test_the_table_is_in_order_of_names_ignoring_case() -> None:
    """The first function by name wins, in the order of upper-case letters."""
    app = func.FunctionApp()

    @app.function_name("B_upper")
    @app.route(route="{x}")
    def first(req: func.HttpRequest) -> str:
        return "never run"

    @app.function_name("a_lower")
    @app.route(route="{y}")
    def second(req: func.HttpRequest) -> str:
        return "never run"

    @app.function_name("a0")
    @app.route(route="{z}", methods=["DELETE"])
    def third(req: func.HttpRequest) -> str:
        return "never run"

    table = RouteTable(index(app), "")
    assert [route.function.name for route in table.routes] == ["a0", "a_lower", "B_upper"]
    found = table.find("get", "/v")
    assert found is not None
    assert (found[0].name, found[1]) == ("a_lower", {"y": "v"})
