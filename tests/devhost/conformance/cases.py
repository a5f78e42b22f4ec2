"""The conformance table: requests and what the real host and worker make of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Case:
    """A request and its expected response.

    Args:
        name: The behaviour, as a sentence.
        target: Path and query, sent as they are.
        method: The HTTP method.
        headers: Headers of the request, which may repeat.
        body: The body, sent with a Content-Length unless `chunked`.
        chunked: Whether the body is sent in chunks.
        status: The expected status.
        answer: The expected body, if it counts.
        answer_headers: Expected headers; None means absent.
        cookies: The expected Set-Cookie headers.
        seen: What the function must have received, if it echoes: a part of it. `{url}` is the host's.
        reaches_function: Whether a function is run at all.
    """

    name: str
    target: str
    method: str = "GET"
    headers: Headers = ()
    body: bytes | None = None
    chunked: bool = False
    status: int = 200
    answer: bytes | None = None
    answer_headers: Mapping[str, str | None] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()
    seen: Mapping[str, Any] = field(default_factory=dict)
    reaches_function: bool = True


def _not_found(name: str, target: str, method: str = "GET") -> Case:
    return Case(name, target, method, status=404, answer=b"", reaches_function=False)


CASES = [
    # Routing
    Case("a function without a route has its name", "/api/no_route"),
    Case("literals ignore case", "/API/Echo"),
    Case("one trailing slash is ignored", "/api/echo/"),
    Case("the first name wins, not the literal", "/api/order/recent", answer=b"parameter recent"),
    Case("equal templates may share the methods: GET", "/api/same", answer=b"get"),
    Case("equal templates may share the methods: PUT", "/api/same", "PUT", answer=b"put"),
    Case("no methods means every method", "/api/any-method", "PURGE", seen={"method": "PURGE"}),
    Case("a parameter is decoded", "/api/order/a%20b", answer=b"parameter a b"),
    Case("an encoded slash stays encoded", "/api/order/a%2Fb", answer=b"parameter a%2Fb"),
    Case("a dot segment is resolved", "/api/x/../echo"),
    Case("an optional parameter", "/api/optional/1/2", seen={"route_params": {"first": "1", "second": "2"}}),
    Case("an absent optional is missing", "/api/optional/1", seen={"route_params": {"first": "1"}}),
    Case("a catch-all takes the rest", "/api/files/a/b", seen={"route_params": {"rest": "a/b"}}),
    Case("a catch-all may be empty", "/api/files", seen={"route_params": {}}),
    Case("a value stays text", "/api/typed/12", seen={"route_params": {"number": "12"}}),
    Case("HEAD is answered where it is listed", "/api/returns/text", "HEAD", answer=b""),
    _not_found("a constraint that fails is no match", "/api/typed/x"),
    _not_found("all constraints count", "/api/typed/2"),
    _not_found("an unknown path", "/api/unknown"),
    _not_found("a path without the prefix", "/echo"),
    _not_found("a wrong method is 404, not 405", "/api/echo", "DELETE"),
    _not_found("HEAD is not implied by GET", "/api/echo", "HEAD"),
    _not_found("OPTIONS is not implied", "/api/echo", "OPTIONS"),
    _not_found("an empty segment never matches", "/api//echo"),
    _not_found("a parameter is never empty", "/api/order/"),
    Case(
        "the home page",
        "/",
        answer_headers={"content-type": "text/html"},
        reaches_function=False,
    ),
    # What the function receives
    Case(
        "the URL is as sent",
        "/api/echo?q=a%20b&r=c+d",
        seen={"url": "{url}/api/echo?q=a%20b&r=c+d", "params": {"q": "a b", "r": "c d"}},
    ),
    Case("repeated query values are joined", "/api/echo?a=1&a=2", seen={"params": {"a": "1,2"}}),
    Case("query names ignore case, the first spelling stays", "/api/echo?Aa=1&aA=2", seen={"params": {"Aa": "1,2"}}),
    Case("empty query values vanish", "/api/echo?a=&b&c=3", seen={"params": {"c": "3"}}),
    Case("an empty value among others vanishes", "/api/echo?a=&a=1", seen={"params": {"a": "1"}}),
    Case(
        "repeated headers are joined, names are in lower case",
        "/api/echo",
        headers=(("X-Many", "1"), ("x-many", "2"), ("X-Empty", "")),
        seen={"headers": {"x-many": "1,2", "x-empty": ""}},
    ),
    Case(
        "the body is bytes whatever its type",
        "/api/echo",
        "POST",
        (("Content-Type", "application/json"),),
        b'{"a": 1}',
        seen={"body": '{"a": 1}', "body_type": "bytes"},
    ),
    Case("no body is empty bytes", "/api/echo", "POST", seen={"body": "", "body_type": "bytes"}),
    Case("a chunked body arrives empty", "/api/echo", "POST", body=b"lost", chunked=True, seen={"body": ""}),
    Case("a function in a thread receives the same", "/api/echo-sync?a=1", seen={"params": {"a": "1"}}),
    Case("the context names the function", "/api/echo-sync", seen={"function": "echo_sync"}),
    Case("get_json parses", "/api/body-json", "POST", body=b"[1]", answer=b"[1]"),
    Case("get_json refuses malformed JSON", "/api/body-json", "POST", body=b"{", status=400),
    Case("get_json refuses an empty body", "/api/body-json", "POST", status=400),
    Case("get_json refuses what is not UTF-8", "/api/body-json", "POST", body=b'"\xff"', status=400),
    Case(
        "a body over the limit is refused",
        "/api/echo",
        "POST",
        body=b"x" * 1001,
        status=413,
        reaches_function=False,
    ),
    # What the caller receives
    Case(
        "text has a charset and is sent in chunks",
        "/api/returns/text",
        answer="grüße".encode(),
        answer_headers={
            "content-type": "text/plain; charset=utf-8",
            "content-length": None,
            "transfer-encoding": "chunked",
        },
    ),
    Case(
        "bytes", "/api/returns/bytes", answer=b"\x00\xff", answer_headers={"content-type": "application/octet-stream"}
    ),
    Case("JSON has no charset", "/api/returns/json", answer_headers={"content-type": "application/json"}),
    Case(
        "an explicit type wins", "/api/returns/own-type", answer_headers={"content-type": "text/html; charset=latin-1"}
    ),
    Case(
        "an empty body has a length",
        "/api/returns/teapot",
        status=418,
        answer=b"",
        answer_headers={"content-length": "0", "transfer-encoding": None},
    ),
    Case(
        "204 has no body and no length",
        "/api/returns/no-content",
        status=204,
        answer_headers={"content-length": None, "transfer-encoding": None},
    ),
    Case("of a repeated header the last is sent", "/api/returns/repeated", answer_headers={"x-repeated": "last"}),
    Case("host.json adds headers", "/api/returns/text", answer_headers={"x-custom": "from host.json"}),
    Case("the function's header wins", "/api/returns/custom", answer_headers={"x-custom": "from the function"}),
    Case(
        "cookies are repeated and rewritten",
        "/api/returns/cookies",
        cookies=(
            "plain=bar; domain=; path=",
            "full=42; expires=Thu, 12 Jan 2017 13:55:08 GMT; max-age=10; domain=example.com; path=/; secure; httponly",
        ),
    ),
    Case("a cookie with a malformed date is a 500", "/api/returns/bad-cookie", status=500, answer=b""),
    Case("None is a 500", "/api/returns-none", status=500, answer=b""),
    Case(
        "a str is text",
        "/api/returns-str",
        answer=b"only text",
        answer_headers={"content-type": "text/plain; charset=utf-8"},
    ),
    Case("an exception is an empty 500", "/api/raises", status=500, answer=b""),
    Case("an exception in a thread too", "/api/raises-sync", status=500, answer=b""),
    Case("an exception the app did not expect too", "/api/returns/unknown", status=500, answer=b""),
]
