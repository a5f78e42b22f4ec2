"""HTTP messages on their way in and out, changed as the host changes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from azure.functions.http import HttpResponseConverter

from devhost import cookies

_ENCODED_RUN = re.compile(r"(?:%(?!2[fF])[0-9a-fA-F]{2})+")
_STRAY_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")
_FORBIDDEN_IN_HEADER = re.compile(r"[^\t\x20-\x7e]")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:[0-9]+)?|")
_STATUSES = range(200, 1000)
_WITHOUT_BODY = (204, 205, 304)


class BadRequestError(Exception):
    """A request that the host itself refuses."""


@dataclass(frozen=True)
class Request:
    """A request as the worker gets it (azure-functions-host, GrpcMessageConversionExtensions.cs)."""

    method: str
    url: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes = b""


@dataclass
class Reply:
    """A response as the host writes it."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def add_missing(self, headers: Mapping[str, str]) -> None:
        """Add headers that are not there yet."""
        present = {name.lower() for name, _ in self.headers}
        self.headers += [(name, value) for name, value in headers.items() if name.lower() not in present]


def fold_request(
    *, method: str, scheme: str, raw_path: bytes, raw_query: bytes, headers: Iterable[tuple[bytes, bytes]]
) -> Request:
    """Fold a request's head: what is repeated is joined, what is empty in the query is dropped.

    Raises:
        BadRequestError: If a header is not UTF-8, or Host is none (aspnetcore, HttpUtilities.ValidateHostHeader).
    """
    try:
        folded = _fold((name.decode().lower(), value.decode()) for name, value in headers)
    except UnicodeDecodeError as error:
        raise BadRequestError("a header is not UTF-8") from error
    if not _HOST.fullmatch(folded.get("host", "")):
        raise BadRequestError("Host is no host")
    path = decode_path(raw_path)
    query_text = raw_query.decode("latin-1")
    target = f"{_encode_path(path)}?{query_text}" if query_text else _encode_path(path)
    return Request(
        method=method.upper(),
        url=f"{scheme}://{folded.get('host', '')}{target}",
        path=path,
        headers=folded,
        query=_fold_query(query_text),
    )


def decode_path(raw: bytes) -> str:
    """Decode a path as Kestrel does: `%2F` stays text, invalid UTF-8 too, dot segments are resolved."""

    def decoded(run: re.Match[str]) -> str:
        try:
            return bytes.fromhex(run[0].replace("%", "")).decode()
        except UnicodeDecodeError:
            return run[0]

    path = _ENCODED_RUN.sub(decoded, raw.decode("latin-1"))
    if "/." not in path:
        return path
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if path.endswith(("/.", "/..")):
        kept.append("")
    return "/" + "/".join(kept)


def _encode_path(path: str) -> str:
    """Encode a decoded path for the URL (aspnetcore, PathString.ToUriComponent)."""
    return quote(_STRAY_PERCENT.sub("%25", path), safe="/:@!$&'()*+,;=~%")


def _fold(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Join the non-empty values of equal names with commas (dotnet/runtime, StringValues.cs)."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: ",".join(value for value in found if value) for name, found in values.items()}


def _fold_query(text: str) -> dict[str, str]:
    spellings: dict[str, str] = {}
    pairs = []
    for pair in filter(None, text.split("&")):
        name, _, value = (unquote(part.replace("+", " ")) for part in pair.partition("="))
        pairs.append((spellings.setdefault(name.lower(), name), value))
    return {name: value for name, value in _fold(pairs).items() if value}


def reply_of(result: Any) -> Reply:
    """Turn what a function returned into a reply, through the library's own converter.

    Raises:
        TypeError: The library has no reply for such a value, for example for None.
        ValueError: The status, a header or a cookie is malformed.
    """
    try:
        datum = HttpResponseConverter.encode(result, expected_type=None)
    except NotImplementedError as error:
        raise TypeError(
            f'unable to encode outgoing TypedData: unsupported type "http" for {type(result).__name__}'
        ) from error
    return reply_of_datum(datum)


def reply_of_datum(datum: Any) -> Reply:
    """Turn the worker's encoded return value into a reply (azure-functions-host, RawScriptResult.cs).

    Args:
        datum: A `Datum` of the library, or of the official worker.

    Raises:
        ValueError: The status, a header or a cookie is malformed.
    """
    if datum.type == "string":
        return Reply(200, [("content-type", "text/plain; charset=utf-8")], datum.value.encode())
    status = int(datum.value["status_code"].value)
    if status not in _STATUSES:
        raise ValueError(f"{status} is not a status that can be sent")
    reply = Reply(status, body=b"" if status in _WITHOUT_BODY else datum.value["body"].value)
    for name, value in datum.value["headers"].items():
        reply.add_missing({name: value.value})
    reply.headers += [("set-cookie", value) for value in cookies.render(datum.value["cookies"] or ())]
    for name, text in reply.headers:
        if not name or _FORBIDDEN_IN_HEADER.search(name + text):
            raise ValueError(f"the header {name!r} holds a character that may not be sent")
    return reply
