"""Continuations: opaque, signed, and good for the list that gave them only."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from registry_api.bootstrap import App
from registry_api.domain.problems import Code, Refusal, refuse
from registry_api.http.messages import Parameter, Request
from registry_api.http.parameters import CONTINUATION

_SIGNATURE_BYTES = 16


def open_continuation(request: Request, app: App, filters: Iterable[Parameter] = ()) -> str | None:
    """Return where a list goes on, or None for its beginning.

    Raises:
        Refusal: If the continuation was not given by this service for this list and these filters.
    """
    text = request.query.get(CONTINUATION.name)
    if text is None:
        return None
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        signature, content = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, _sign(content, request, app, filters)):
            raise _refusal()
        return content.decode()
    except ValueError:
        raise _refusal() from None


@contextmanager
def resuming(continuation: str | None) -> Iterator[None]:
    """Read a page; what storage does not take as a continuation any more, such as after an update, is the caller's."""
    try:
        yield
    except ValueError:
        if continuation is None:
            raise
        raise _refusal() from None


def next_link(
    continuation: str | None, request: Request, app: App, path: str, filters: Iterable[Parameter] = ()
) -> dict[str, str]:
    """Return the field that leads to the next page, if there is one."""
    if continuation is None:
        return {}
    content = continuation.encode()
    token = urlsafe_b64encode(_sign(content, request, app, filters) + content).decode().rstrip("=")
    query = {name: value for name, value in request.query.items() if name != CONTINUATION.name}
    return {"next_link": f"{request.base_url}/{path}?{urlencode({**query, CONTINUATION.name: token})}"}


def _refusal() -> Refusal:
    return refuse(
        Code.INVALID_PARAMETER,
        "'continuation' must be taken from the next_link of an earlier page, with the same filters.",
        CONTINUATION.name,
    )


def _sign(content: bytes, request: Request, app: App, filters: Iterable[Parameter]) -> bytes:
    chosen = sorted((one.name, request.query[one.name]) for one in filters if one.name in request.query)
    about = urlencode([*sorted(request.path.items()), *chosen]).encode()
    key = hashlib.sha256(f"continuation\n{app.settings.secret}".encode()).digest()
    return hmac.digest(key, len(about).to_bytes(4) + about + content, "sha256")[:_SIGNATURE_BYTES]
