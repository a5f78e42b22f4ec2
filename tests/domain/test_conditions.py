"""What If-Match and If-None-Match demand."""

import pytest

from registry_api.domain.conditions import Conditions
from registry_api.domain.problems import Code, Refusal

THERE = '"there"'


def outcome(if_match: str | None, if_none_match: str | None, etag: str | None) -> str:
    """Return `ok`, or the code of the refusal."""
    try:
        Conditions.parse(if_match, if_none_match).check(etag)
    except Refusal as refusal:
        return refusal.problems[0].code.value
    return "ok"


@pytest.mark.parametrize(
    ("if_match", "if_none_match", "absent", "present"),
    [
        (None, None, "ok", "ok"),
        ("*", None, "PreconditionFailed", "ok"),
        (THERE, None, "PreconditionFailed", "ok"),
        ('"other"', None, "PreconditionFailed", "PreconditionFailed"),
        ('"other", "there"', None, "PreconditionFailed", "ok"),
        ('W/"there"', None, "PreconditionFailed", "PreconditionFailed"),
        (None, "*", "ok", "PreconditionFailed"),
        (None, THERE, "ok", "PreconditionFailed"),
        (None, 'W/"there"', "ok", "PreconditionFailed"),
        (None, '"other"', "ok", "ok"),
        (THERE, THERE, "PreconditionFailed", "PreconditionFailed"),
        ('"a,b"', None, "PreconditionFailed", "PreconditionFailed"),
    ],
)
def test_matrix(if_match: str | None, if_none_match: str | None, absent: str, present: str) -> None:
    """Each header is compared with what is there; nothing matches what is not there."""
    assert outcome(if_match, if_none_match, None) == absent
    assert outcome(if_match, if_none_match, THERE) == present


@pytest.mark.parametrize("text", ["", "there", "'there'", '"there', '"a" b', "* , *", '"a";"b"', '"a" "b"'])
def test_what_is_no_entity_tag_is_told(text: str) -> None:
    """A header that is not a list of entity tags in quotes is refused with an example of one."""
    with pytest.raises(Refusal, match="If-Match must be") as caught:
        Conditions.parse(text, None)

    assert caught.value.problems[0].code is Code.INVALID_HEADER


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
def test_a_header_that_cannot_be_read_is_named(header: str) -> None:
    """The refusal names the header, and shows how it is written."""
    with pytest.raises(Refusal) as caught:
        Conditions.parse(*(("there", None) if header == "If-Match" else (None, "there")))

    (problem,) = caught.value.problems
    assert problem.path == (header,)
    assert problem.message == (
        f'{header} must be * or entity tags in quotes, as in {header}: "0123"; separate several by commas.'
    )


@pytest.mark.parametrize(
    ("if_match", "if_none_match", "etag", "message"),
    [
        ('"other"', None, THERE, 'The registry is not the one that If-Match names: its entity tag is "there".'),
        ("*", None, None, "The registry is not the one that If-Match names: there is none."),
        (None, "*", THERE, 'The registry is one that If-None-Match excludes: its entity tag is "there".'),
    ],
)
def test_a_mismatch_tells_what_is_there(
    if_match: str | None, if_none_match: str | None, etag: str | None, message: str
) -> None:
    """The refusal says which header does not match, and what does."""
    with pytest.raises(Refusal) as caught:
        Conditions.parse(if_match, if_none_match).check(etag)

    assert [problem.message for problem in caught.value.problems] == [message]
