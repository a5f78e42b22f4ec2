"""Texts that are no documents, and texts on the border: what is said of them, and where."""

import pytest

from registry_api.domain.problems import Problem, Refusal
from registry_api.domain.validation import examine
from registry_api.http.documents import read

YAML = {"content-type": "application/yaml"}
JSON = {"content-type": "application/json"}
MAX_DEPTH = 32
MAX_BYTES = 256 * 1024
DIGITS = b"9" * 4301  # one more than Python converts


def refused(body: bytes, headers: dict[str, str]) -> Problem:
    """Return the one problem of a text that is no document."""
    with pytest.raises(Refusal) as caught:
        read(body, headers)
    (problem,) = caught.value.problems
    assert problem.code == "InvalidDocument"
    return problem


def problems_of(body: bytes, headers: dict[str, str]) -> list[tuple[str, str | None, int | None, int | None]]:
    """Return code, target, line and column of what is wrong in a document."""
    document = read(body, headers)
    problems = document.locate(Refusal(*examine(document.value).problems)).problems
    return [(problem.code.value, problem.target, problem.line, problem.column) for problem in problems]


@pytest.mark.parametrize(
    ("body", "place", "message"),
    [
        (b"[NaN]", (1, 2), "there is no NaN"),
        (b'{"a":\n  -Infinity}', (2, 3), "there is no -Infinity"),
        (b'["Infinity", Infinity]', (1, 14), "there is no Infinity"),
        (b'{"a": [1,\n ' + DIGITS + b"]}", (2, 2), "too many digits"),
        (b"[-" + DIGITS + b"]", (1, 2), "too many digits"),
        (b"[" + DIGITS + b".]", (1, 2), "too many digits"),
        (b"[1, NaNny]", (1, 5), "there is no NaN"),
        (b"[" * 34 + b"]" * 34, (1, 34), "nested more than 32"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, (1, 166), "nested more than 32"),
        (b"[" * 100_000, (1, 34), "nested more than 32"),
        (b'[{"a": 1},\n' + b"[" * 600 + b'{"a": 1, "a": 2}' + b"]" * 600 + b"]", (2, 33), "nested more than 32"),
        (b'{"a": 1,\n "\\u0061": 2}', (2, 2), "'a' is given twice; the first time in line 1"),
        (b'{"x": {"\xc3\xa9": 1, "\\u00E9": 2}}', (1, 16), "is given twice"),
        (b'{"\\ud83d\\ude00": 1, "\xf0\x9f\x98\x80": 2}', (1, 21), "is given twice"),
        (b'{"' + b"k" * 5000 + b'": 1, "' + b"k" * 5000 + b'": 1}', (1, 5009), "is given twice"),
        (b'{"a": "x\ty"}', (1, 9), "control character"),
        (b'{"a": "x\x00y"}', (1, 9), "control character"),
        (b'{"a":\x00 1}', (1, 6), "not JSON"),
        (b"\x00", (1, 1), "not JSON"),
        (b'{"a": 1}\x00', (1, 9), "not JSON"),
        (b'{"a": 01}', (1, 8), "not JSON"),
        (b'{"a": +1}', (1, 7), "not JSON"),
        (b'{"a": 1.}', (1, 8), "not JSON"),
        (b'{"a": "\\x41"}', (1, 8), "not JSON"),
        (b'{"a": "\\u12"}', (1, 9), "not JSON"),
        (b'{"a": 1} {"b": 2}', (1, 10), "not JSON"),
        (b"{'a': 1}", (1, 2), "not JSON"),
        (b"// text\n{}", (1, 1), "not JSON"),
        (b" \n ", (2, 2), "not JSON"),
        (b"\xef\xbb\xbf", (1, 1), "not JSON"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", (1, 1), "not JSON"),
        ('{"a": 1}'.encode("utf-16"), (1, 1), "not UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), (1, 2), "not JSON"),
        (b'\xef\xbb\xbf{"\xc3\xa9": "\xff"}', (1, 8), "not UTF-8"),
        (b'{"a":\n"\xed\xa0\x80"}', (2, 2), "not UTF-8"),
    ],
)
def test_unreadable_json_has_a_place(body: bytes, place: tuple[int, int], message: str) -> None:
    """What JSON does not allow, or a document not, is told with line and column, however the parser stumbled."""
    problem = refused(body, JSON)

    assert (problem.line, problem.column) == place
    assert message in problem.message


@pytest.mark.parametrize(
    ("body", "place", "message"),
    [
        (b"a: b\nc: d\x07", (2, 5), "control character U+0007"),
        (b"a: 'x\x00'", (1, 6), "control character U+0000"),
        (b"\xc3\xa9: \x7f", (1, 4), "control character U+007F"),
        (b"a: \xef\xbf\xbe", (1, 4), "control character U+FFFE"),
        (b"a: " + b"x" * 9000 + b"\n\x1b", (2, 1), "control character U+001B"),
        ("a: b".encode("utf-16"), (1, 1), "not UTF-8"),
        ("a: b".encode("utf-16-le"), (1, 2), "control character U+0000"),
        (b"\xef\xbb\xbf\xc3\xa9: \xff", (1, 4), "not UTF-8"),
        (b"a:\n\t- b", (2, 1), "not YAML"),
        (b"1: a", (1, 1), "A key must be text"),
        (b"a: {b: c, 1.5: d}", (1, 11), "A key must be text"),
        (b"a:\n  yes: b", (2, 3), "write it in quotes"),
        (b"~: a", (1, 1), "write it in quotes"),
        (b"? {a: b}\n: c", (1, 3), "A key must be text"),
        (b"&x a: b", (1, 1), "Anchors"),
        (b"!!str a: b", (1, 1), "Tags"),
        (b"a: !!int '1'", (1, 4), "Tags"),
        (b"a: !<tag:yaml.org,2002:str> b", (1, 4), "Tags"),
        (b"!!map {}", (1, 1), "Tags"),
        (b"a: &x [*x]", (1, 4), "Anchors"),
        (b"<<: {a: b}", (1, 1), "Merge keys"),
        (b'a: 1\n"\\x61": 2', (2, 1), "given twice"),
        (b"a: " + DIGITS, (1, 4), "too many digits"),
        (b"{a: [-" + DIGITS + b"]}", (1, 6), "too many digits"),
        (b"- " * 34 + b"a", (1, 67), "nested more than 32"),
        (b"{a: " * 50_000, (1, 133), "nested more than 32"),
        (b'a: "\\ud800"', (1, 7), "not YAML"),
        (b'a: "\\U00110000"', (1, 7), "not YAML"),
        (b"a: @b", (1, 4), "not YAML"),
        (b"a: b: c", (1, 5), "not YAML"),
        (b"a: 'b", (1, 6), "not YAML"),
        (b"a: b\n---\nc: d", (2, 1), "one document"),
    ],
)
def test_unreadable_yaml_has_a_place(body: bytes, place: tuple[int, int], message: str) -> None:
    """What YAML does not allow, or a document not, is told with line and column."""
    problem = refused(body, YAML)

    assert (problem.line, problem.column) == place
    assert message in problem.message


@pytest.mark.parametrize("body", [b"# only a comment", b"---", b"\n\n", b"~", b"[a]", b"text", b"%YAML 1.1\n---\n5"])
def test_what_is_no_mapping_has_a_place_too(body: bytes) -> None:
    """A text that can be read but is no mapping of fields is told with a line, also if there is nothing in it."""
    ((code, target, line, column),) = problems_of(body, YAML)

    assert (code, target) == ("InvalidDocument", None)
    assert line is not None
    assert column is not None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-0", 0),
        ("+12", 12),
        ("1__0_", 10),
        ("0x_F_f", 255),
        ("0x", "0x"),
        ("0x_", "0x_"),
        ("0o7", "0o7"),
        ("010", "010"),
        ("0b1", "0b1"),
        ("1:30", "1:30"),
        ("1e5", "1e5"),
        ("1.0e+999", float("inf")),
        ("1." + "9" * 5000, 2.0),
        ("-.INF", float("-inf")),
        ("y", "y"),
        ("N", "N"),
        ("nUll", "nUll"),
        ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z"),
        ("=", "="),
        ("<<", "<<"),
        ("a#b", "a#b"),
        ("a\n  b", "a b"),
        ('"\\x00\\e\\_"', "\x00\x1b\xa0"),
        ("\ufeffx", "\ufeffx"),
        ("x" * 100_000, "x" * 100_000),
    ],
)
def test_oddities_of_yaml(text: str, value: object) -> None:
    """Numbers are what PyYAML takes for a number in decimal or hexadecimal; whatever may also be text stays text."""
    assert read(f"key: {text}".encode(), YAML).value == {"key": value}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-0", 0),
        ("1e999", float("inf")),
        ("-1E+999", float("-inf")),
        ("1e-999", 0.0),
        ("9" * 4300, int("9" * 4300)),
        ('"\\ud83d\\ude00\\/\\b"', "😀/\b"),
        ('"\\ud800"', "\ud800"),
        ('"\x7f\u2028\ufeff"', "\x7f\u2028\ufeff"),
        ('"' + "x" * 200_000 + '"', "x" * 200_000),
    ],
)
def test_oddities_of_json(text: str, value: object) -> None:
    """A value is what the standard library takes it for, also when no field allows it."""
    assert read(f'{{"key": {text}}}'.encode(), JSON).value == {"key": value}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (r'"description": "\ud800"', ("InvalidValue", "description", 2, 16)),
        (r'"tags": {"a": "x\udc00"}', ("InvalidValue", "tags.a", 2, 15)),
        (r'"tags": {"a\udc00": 5}', ("InvalidValue", r'tags["a\udc00"]', 2, 10)),
        (r'"\ud800": {}', ("InvalidValue", r'["\ud800"]', 2, 1)),
        (r'"container_registry": {"\ud800": 1}', ("InvalidValue", r'container_registry["\ud800"]', 2, 24)),
        (r'"public_network_access": "\udfff\ud800"', ("InvalidValue", "public_network_access", 2, 26)),
        (r'"description": "\u0000"', ("InvalidValue", "description", 2, 16)),
        (r'"tags": {"a\u0000": ""}', ("InvalidTag", r'tags["a\u0000"]', 2, 10)),
        (r'"a\u0000\n": 1', ("UnknownField", r'["a\u0000\u000a"]', 2, 1)),
        ('"paused": 1e999', ("WrongType", "paused", 2, 11)),
        ('"description": ' + "9" * 4300, ("WrongType", "description", 2, 16)),
        ('"pausd": null', ("UnknownField", "pausd", 2, 1)),
    ],
)
def test_what_json_can_carry_but_no_registry_can_have(fields: str, expected: tuple[str, str, int, int]) -> None:
    """Half of a surrogate pair, NUL and numbers out of range are told at their field or key, and can be told at all."""
    body = f'{{"name": "Demo1", "location": "eastus",\n{fields}}}'.encode()

    assert problems_of(body, JSON) == [expected]


def test_a_name_or_region_that_is_no_unicode_is_told() -> None:
    """Half of a surrogate pair in a name or in a region is told as such, and nothing that follows from it."""
    body = rb'{"name": "\ud800", "location": "\udc00", "replication_locations": [{"location": "\udfff"}]}'

    assert problems_of(body, JSON) == [
        ("InvalidValue", "name", 1, 10),
        ("InvalidValue", "location", 1, 32),
        ("InvalidValue", "replication_locations[0].location", 1, 81),
    ]


@pytest.mark.parametrize("headers", [YAML, JSON])
def test_numbers_where_text_belongs_are_told_with_the_cure(headers: dict[str, str]) -> None:
    """A number or boolean in place of text is told to be put in quotes."""
    document = read(b'{"name": 12, "location": true, "tags": {"a": 1.5}}', headers)

    refusal = document.locate(Refusal(*examine(document.value).problems))
    assert [problem.target for problem in refusal.problems] == ["name", "location", "tags.a"]
    assert all("write it in quotes" in problem.message for problem in refusal.problems)


def test_long_texts_are_told_in_short() -> None:
    """A message does not repeat a text of any length."""
    draft = examine({"name": "n" * 90_000, "location": "l" * 90_000, "public_network_access": "p" * 90_000}, "Demo1")

    assert len(draft.problems) == 3
    assert all(len(problem.message) < 300 for problem in draft.problems)


@pytest.mark.parametrize("headers", [YAML, JSON])
def test_the_limits_are_exact(headers: dict[str, str]) -> None:
    """Depth and size that are just allowed are read; one more is refused."""
    deepest = b"[" * MAX_DEPTH + b"1" + b"]" * MAX_DEPTH
    padding = b" " * (MAX_BYTES - len(deepest))

    assert read(deepest + padding, headers).places().values
    assert "nested" in refused(b"[" + deepest + b"]", headers).message
    with pytest.raises(Refusal, match="DocumentTooLarge"):
        read(deepest + padding + b" ", headers)
