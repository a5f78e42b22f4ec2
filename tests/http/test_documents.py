"""What texts are documents, and where everything in them stands."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_api.domain.problems import Problem, Refusal
from registry_api.http.documents import MAX_BYTES, MAX_DEPTH, MAX_VALUES, Document, read, read_stream

YAML = {"content-type": "application/yaml"}
JSON = {"content-type": "application/json"}

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs", "Cc"])), children, max_size=4)
    ),
    max_leaves=20,
)


def refused(body: bytes, headers: dict[str, str]) -> Problem:
    """Return the one problem of a text that is no document."""
    with pytest.raises(Refusal) as caught:
        read(body, headers)
    (problem,) = caught.value.problems
    return problem


@given(plain)
def test_json_is_read_as_it_is(value: object) -> None:
    """Any JSON value comes out as it went in, and every part of it has a place."""
    document = read(json.dumps(value, ensure_ascii=False, indent=1).encode(), JSON)

    assert document.value == value
    assert set(document.places().values) == set(_paths(value, ()))


@given(plain)
def test_json_is_also_yaml(value: object) -> None:
    """A value written as JSON means the same when it is read as YAML, where both can say it."""
    text = json.dumps(value, ensure_ascii=False)
    document = read(text.encode(), YAML)

    assert document.value == value


def _paths(value: object, path: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    children: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    return [path, *(deeper for step, child in children for deeper in _paths(child, (*path, step)))]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("yes", True),
        ("Off", False),
        ("12", 12),
        ("-0x1F", "-0x1F"),
        ("0x1F", 31),
        ("1_000", 1000),
        ("1.5e3", 1500.0),
        ("1.5e+3", 1500.0),
        ("007", "007"),
        ("2026-01-01", "2026-01-01"),
        ("12:30:00", "12:30:00"),
        ("'12'", "12"),
        ("! 12", "12"),
        ("eastus", "eastus"),
    ],
)
def test_plain_scalars(text: str, value: object) -> None:
    """Text without quotes means what PyYAML takes it for, but dates, times and leading zeros stay text."""
    assert _in_yaml(text).value == {"key": value}


def _in_yaml(text: str) -> Document:
    return read(f"key: {text}".encode(), YAML)


@pytest.mark.parametrize(
    ("body", "place", "message"),
    [
        (b"a: 1\na: 2", (2, 1), "given twice; the first time in line 1"),
        (b"a: &x 1", (1, 4), "Anchors"),
        (b"a: *x", (1, 4), "aliases|not YAML"),
        (b"a: {<<: 1}", (1, 5), "Merge keys"),
        (b"a: !!str 1", (1, 4), "Tags"),
        (b"a: !x 1", (1, 4), "Tags"),
        (b"1: a", (1, 1), "A key must be text"),
        (b"? [a]\n: b", (1, 3), "A key must be text"),
        (b"a: [1\nb: }", (2, 2), "not YAML"),
        (b"\ta: b", (1, 1), "not YAML"),
        (b"a: b\n---\nc: d", (2, 1), "one document"),
        (b"a: \xff", (1, 4), "not UTF-8"),
        (b"a: " + b"9" * 5000, (1, 4), "too many digits"),
        (b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2), (1, MAX_DEPTH + 2), "nested"),
    ],
)
def test_yaml_that_is_refused(body: bytes, place: tuple[int, int], message: str) -> None:
    """What YAML allows but a registry does not need, and what is not YAML, is told with line and column."""
    problem = refused(body, YAML)

    assert (problem.code, problem.line, problem.column) == ("InvalidDocument", *place)
    assert _mentions(problem, message)


@pytest.mark.parametrize(
    ("body", "place", "message"),
    [
        (b'{"a": 1,\n "a": 2}', (2, 2), "given twice; the first time in line 1"),
        (b'{"a": 1,\n}', None, "not JSON"),
        (b'{"a" 1}', (1, 6), "not JSON"),
        (b"[NaN]", None, "no NaN"),
        (b"[-Infinity]", None, "no -Infinity"),
        (b"[" + b"9" * 5000 + b"]", None, "too many digits"),
        (b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2), None, "nested"),
        (b"[" * 100_000, None, "nested"),
        (b"a: b", (1, 1), "not JSON"),
    ],
)
def test_json_that_is_refused(body: bytes, place: tuple[int, int] | None, message: str) -> None:
    """What is not JSON, or ambiguous, or nested too deeply, is told."""
    problem = refused(body, JSON)

    assert problem.code == "InvalidDocument"
    assert place is None or (problem.line, problem.column) == place
    assert _mentions(problem, message)


def _mentions(problem: Problem, words: str) -> bool:
    return any(word in problem.message for word in words.split("|"))


def test_the_type_decides_and_yaml_is_the_default() -> None:
    """Without a Content-Type a text is YAML; parameters and case of the type do not matter."""
    assert read(b"a: b", {}).value == {"a": "b"}
    assert read(b"{}", {"content-type": "Application/JSON; charset=utf-8"}).value == {}
    assert refused(b"a: b", {"content-type": "text/plain"}).code == "UnsupportedMediaType"


def test_a_byte_order_mark_is_no_content() -> None:
    """What some editors put before a text is not part of it."""
    assert read("\ufeffa: b".encode(), YAML).value == {"a": "b"}
    assert read('\ufeff{"a": "b"}'.encode(), JSON).value == {"a": "b"}


def test_a_body_is_needed() -> None:
    """No body is an error, and a body without a length, which the host does not pass on, has its own."""
    assert refused(b"", {**YAML, "content-length": "0"}).code == "InvalidDocument"
    assert refused(b"", YAML).code == "LengthRequired"
    assert refused(b"", {**YAML, "transfer-encoding": "chunked"}).code == "LengthRequired"


@pytest.mark.parametrize("headers", [YAML, JSON])
def test_the_number_of_values_is_limited(headers: dict[str, str]) -> None:
    """A document with more values than any valid one could have is refused at the first one too many."""
    most = json.dumps(["x"] * (MAX_VALUES - 1)).encode()
    too_many = json.dumps(["x"] * MAX_VALUES).encode()

    assert read(most, headers).value
    problem = refused(too_many, headers)
    assert (problem.code, problem.line, problem.column) == ("InvalidDocument", 1, len(too_many) - 3)
    assert "values" in problem.message


def test_size_is_limited() -> None:
    """A document that is larger than allowed is refused before it is parsed."""
    assert read(b"a: " + b"b" * (MAX_BYTES - 3), YAML).value
    assert refused(b"a: " + b"b" * (MAX_BYTES - 2), YAML).code == "DocumentTooLarge"


@pytest.mark.parametrize("charset", ["utf-16", "latin-1", '"ISO-8859-1"', "nonsense"])
def test_another_charset_is_told_by_the_header_to_send(charset: str) -> None:
    """What says that it is not UTF-8 is not read as if it were."""
    problem = refused(b"location: eastus", {"content-type": f"text/yaml; charset={charset}"})

    assert problem.code == "UnsupportedMediaType"
    assert problem.message.endswith("send Content-Type: text/yaml; charset=utf-8.")


@pytest.mark.parametrize(
    "parameters",
    [
        "charset*=utf-8''a; charset*0=b",
        "charset*=bogus''%ff",
        "charset=utf-8; charset=utf-16",
        "charset=",
        "CHARSET = utf-7",
    ],
)
def test_a_charset_is_said_once_and_plainly(parameters: str) -> None:
    """A charset in another way, or a second one that contradicts, is no UTF-8."""
    assert refused(b"{}", {"content-type": f"application/json; {parameters}"}).code == "UnsupportedMediaType"


def test_other_parameters_do_not_matter() -> None:
    """Whatever else Content-Type says is left alone."""
    odd = f"application/json; a*{'9' * 5000}=x; boundary; =;;"
    assert read(b"{}", {"content-type": odd}).value == {}


@pytest.mark.parametrize("encoding", ["gzip", "GZIP, identity", "br"])
def test_a_body_comes_plain(encoding: str) -> None:
    """What is encoded is not decoded, and so not taken."""
    problem = refused(b"{}", {"content-type": "application/json", "content-encoding": encoding})
    assert (problem.code, problem.message[-14:]) == ("UnsupportedMediaType", "send it plain.")
    assert read(b"a: b", {"content-encoding": "Identity"}).value == {"a": "b"}


def test_lines_are_those_of_editors() -> None:
    """Characters that end a line for YAML, but for no editor, do not shift the places of problems."""
    for odd in ("\u2028", "\u2029", "\x85"):
        document = read(f'a: "b{odd}c"\r\nd: "{odd}" # é{odd}\nfoo:  1\n'.encode(), {})
        assert document.places().values[("foo",)] == (3, 7)
        assert document.places().keys[("d",)] == (2, 1)
        assert (refused(f'a: "b{odd}c"\nfoo: [\n'.encode(), {}).line) == 3


def test_half_of_a_surrogate_pair_in_a_carried_text_is_refused() -> None:
    """A text that a pipeline's event carries may have what bytes cannot: it is told where."""
    with pytest.raises(Refusal) as refusal:
        read_stream('a: b\nc: "\ud800"\n')
    (problem,) = refusal.value.problems
    assert (problem.code, problem.line, problem.column) == ("InvalidDocument", 2, 5)


@pytest.mark.parametrize("charset", ["UTF-8", '"utf-8"', "utf8", "us-ascii"])
def test_utf_8_may_be_said(charset: str) -> None:
    """UTF-8 and its subset are read, however they are written."""
    assert read(b"a: b", {"content-type": f"text/yaml; charset={charset}"}).value == {"a": "b"}
