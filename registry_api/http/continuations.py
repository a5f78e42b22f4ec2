"""Continuations: opaque, tamper-evident, and good for the list that gave them only."""

import hashlib
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from registry_api.bootstrap import App
from registry_api.domain.problems import Code, Refusal, refuse
from registry_api.http.messages import Request
from registry_api.http.parameters import CONTINUATION, HOST_KEY, Parameter
from registry_api.service.ports import ContinuationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


def open_continuation(request: Request, app: App, listed: str, parameter: Parameter = CONTINUATION) -> str | None:
    """Return where a list goes on, or None for its beginning.

    Args:
        request: The request.
        app: The app, whose secret seals continuations.
        listed: What is listed, filters included, however the caller spelled them.
        parameter: What it is called in the query.

    Raises:
        Refusal: If the continuation was not given by this service for this list.
    """
    text = request.query.get(parameter.name)
    if text is None:
        return None
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - needed for pages after the first only

    try:
        sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if text != _written(sealed):  # the decoder overlooks what is foreign to it
            raise _refusal(parameter)
        nonce, sealed = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        return _cipher(app.settings.secret).decrypt(nonce, sealed, listed.encode()).decode()
    except (ValueError, InvalidTag):
        raise _refusal(parameter) from None


@contextmanager
def resuming(parameter: Parameter = CONTINUATION) -> Iterator[None]:
    """Read a page; what storage does not take as a continuation any more, such as after an update, is the caller's."""
    try:
        yield
    except ContinuationError:
        raise _refusal(parameter) from None


def next_link(
    continuation: str | None,
    request: Request,
    app: App,
    listed: str,
    path: str,
    *,
    parameter: Parameter = CONTINUATION,
) -> dict[str, str]:
    """Return the field that leads to the next page, if there is one."""
    if continuation is None:
        return {}
    nonce = os.urandom(_NONCE_BYTES)
    sealed = nonce + _cipher(app.settings.secret).encrypt(nonce, continuation.encode(), listed.encode())
    token = _written(sealed)
    query = {name: value for name, value in request.query.items() if name not in {parameter.name, HOST_KEY}}
    return {"next_link": f"{request.base_url}/{path}?{urlencode({**query, parameter.name: token})}"}


def _refusal(parameter: Parameter) -> Refusal:
    return refuse(
        Code.INVALID_PARAMETER,
        f"'{parameter.name}' must be taken from the next link of an earlier page, with the same filters.",
        parameter.name,
    )


def _written(sealed: bytes) -> str:
    return urlsafe_b64encode(sealed).decode().rstrip("=")


@lru_cache(maxsize=1)
def _cipher(secret: str) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - needed for long lists only

    return AESGCM(hashlib.sha256(f"continuation\n{secret}".encode()).digest())
