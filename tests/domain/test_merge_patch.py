"""JSON merge patch, against the RFC's own examples and its laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_api.domain.merge_patch import merge_patch

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_examples_of_the_rfc(target: object, patch: object, result: object) -> None:
    """The examples of RFC 7396, appendix A."""
    assert merge_patch(target, patch) == result


@given(values, values)
def test_a_patch_is_idempotent(target: object, patch: object) -> None:
    """Applying a patch twice is the same as applying it once."""
    once = merge_patch(target, patch)

    assert merge_patch(once, patch) == once


@given(values)
def test_an_empty_patch_changes_no_mapping(target: object) -> None:
    """A patch without members leaves a mapping as it is."""
    assert merge_patch(target, {}) == (target if isinstance(target, dict) else {})


@given(values, values)
def test_null_is_never_left(target: object, patch: object) -> None:
    """A null in a patch's mapping removes; it never arrives in the result as a value that was not there."""
    if isinstance(patch, dict):
        result = merge_patch({}, patch)
        assert isinstance(result, dict)
        assert None not in result.values()


@given(values, values)
def test_the_target_is_left_alone(target: object, patch: object) -> None:
    """The value that is patched is not changed itself."""
    before = repr(target)
    merge_patch(target, patch)

    assert repr(target) == before
