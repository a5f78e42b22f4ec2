"""Set-Cookie headers as they come out after Python's SimpleCookie and ASP.NET have rewritten them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from http.cookies import Morsel, SimpleCookie
from urllib.parse import quote

_EXPIRES = "%a, %d %b %Y %H:%M:%S GMT"


def render(cookies: Iterable[SimpleCookie]) -> list[str]:
    """Return one Set-Cookie value per cookie.

    The order and the spelling are those that the worker's own end-to-end tests expect
    (azure-functions-python-worker, test_http_functions.py): `domain` and `path` are written even when empty.

    Raises:
        ValueError: `expires` or `max-age` is malformed, which makes the invocation fail.
    """
    return [_render(name, morsel) for cookie in cookies for name, morsel in cookie.items()]


def _render(name: str, morsel: Morsel[str]) -> str:
    fields = [f"{name}={quote(morsel.value, safe='')}"]
    if morsel["expires"]:
        moment = datetime.strptime(morsel["expires"], _EXPIRES).replace(tzinfo=UTC)
        fields.append(f"expires={moment.strftime(_EXPIRES)}")
    if morsel["max-age"]:
        fields.append(f"max-age={int(float(morsel['max-age']))}")
    fields += [f"domain={morsel['domain']}", f"path={morsel['path']}"]
    if morsel["secure"]:
        fields.append("secure")
    if morsel["samesite"].lower() in ("lax", "strict", "none"):
        fields.append(f"samesite={morsel['samesite'].lower()}")
    if morsel["httponly"]:
        fields.append("httponly")
    return "; ".join(fields)
