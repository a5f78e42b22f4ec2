"""What Azure's names of scopes may be."""

import pytest

from registry_api.domain.scope import Scope, is_guid, is_resource_group, is_subscription_id, parse_group

GUID = "0a1B2c3d-0000-1111-2222-333344445555"


@pytest.mark.parametrize(
    ("text", "is_right"),
    [(GUID, True), (GUID[:-1], False), (f"{GUID}0", False), (GUID.replace("-", ""), False), (f"{GUID}\n", False)],
)
def test_subscriptions_are_guids(text: str, *, is_right: bool) -> None:
    """In any case of letters, and with nothing around them."""
    assert is_guid(text) == is_subscription_id(text) == is_right


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("ml", True),
        ("A_b-c.d(1)", True),
        ("g" * 90, True),
        ("g" * 91, False),
        ("", False),
        ("a/b", False),
        ("ü", False),
    ],
)
def test_resource_groups_have_the_characters_that_azure_allows(text: str, *, is_right: bool) -> None:
    """Up to 90 of them."""
    assert is_resource_group(text) == is_right


def test_the_id_of_a_group_can_be_read() -> None:
    """Its parts are found where they were written."""
    scope = Scope(GUID, "ml")
    assert parse_group(scope.id) == scope
