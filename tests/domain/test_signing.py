"""What is a secret of Standard Webhooks."""

from base64 import b64encode

import pytest

from registry_api.domain.signing import PREFIX, key_in


@pytest.mark.parametrize("length", [24, 64])
@pytest.mark.parametrize("prefix", ["", PREFIX])
def test_a_secret_has_a_key(length: int, prefix: str) -> None:
    """Of 24 to 64 bytes, with the prefix or without."""
    key = bytes(range(length))
    assert key_in(prefix + b64encode(key).decode()) == key


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (b64encode(bytes(23)).decode(), "has 24 to 64 bytes"),
        (b64encode(bytes(65)).decode(), "has 24 to 64 bytes"),
        ("whsec_", "has 24 to 64 bytes"),
        ("canary!" * 8, "is base64"),
        ("WHSEC_" + b64encode(bytes(24)).decode(), "is base64"),
        ("canary", "is base64"),
    ],
)
def test_what_is_none_is_told_without_it(wrong: str, told: str) -> None:
    """The message says what is allowed."""
    with pytest.raises(ValueError, match=f"a secret of Standard Webhooks {told}") as refused:
        key_in(wrong)
    assert "canary" not in str(refused.value)
