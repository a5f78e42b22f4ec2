"""Secrets of Standard Webhooks (standardwebhooks.com): `whsec_` and 24 to 64 bytes in base64."""

import binascii
from base64 import b64decode

PREFIX = "whsec_"
_BYTES = range(24, 65)


def key_in(secret: str) -> bytes:
    """Return the key that a secret has, with or without its prefix.

    Raises:
        ValueError: If it has none.
    """
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a secret of Standard Webhooks is base64") from None
    if len(key) not in _BYTES:
        raise ValueError("a secret of Standard Webhooks has 24 to 64 bytes")
    return key
