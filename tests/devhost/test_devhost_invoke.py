"""How a function is run: where, for how long, and what it is told about its invocation."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import azure.functions as func
import httpx
import pytest

from devhost.admin import Admin
from devhost.app import Function, index
from devhost.http import Cors, HttpHost
from devhost.invoke import InvocationError, Invoker, TraceContext, nothing, trace_context
from devhost.routes import RouteTable


def _function(handler: Callable[..., Any], route: str = "f") -> Function:
    app = func.FunctionApp()
    app.route(route=route, trigger_arg_name="req")(handler)
    return index(app)[0]


def _same(result: Any) -> Any:
    return result


@pytest.fixture
async def invoker() -> AsyncIterator[Invoker]:
    """Yield an invoker whose functions may take a twentieth of a second."""
    invoker = Invoker(timeout=timedelta(milliseconds=50), threads=2)
    yield invoker
    invoker.close()


async def test_async_functions_share_the_loop_and_others_have_threads(invoker: Invoker) -> None:
    """`async def` runs on the event loop's thread, `def` on another."""

    async def on_loop(req: Any) -> int:
        return threading.get_ident()

    def in_thread(req: Any) -> int:
        return threading.get_ident()

    assert await invoker.invoke(_function(on_loop), None, convert=_same) == threading.get_ident()
    assert await invoker.invoke(_function(in_thread), None, convert=_same) != threading.get_ident()


async def test_a_function_learns_about_its_invocation(invoker: Invoker) -> None:
    """A parameter named context gets names, ids and the trace."""

    async def curious(req: Any, context: func.Context) -> func.Context:
        return context

    trace = TraceContext("00-parent")
    context = await invoker.invoke(_function(curious), None, convert=_same, trace=trace)
    assert context.function_name == "curious"
    assert __file__.startswith(context.function_directory)
    assert context.invocation_id == context.thread_local_storage.invocation_id
    assert context.trace_context is trace
    assert (context.retry_context.retry_count, context.retry_context.max_retry_count) == (0, 0)


def test_a_trace_is_continued_with_a_new_span() -> None:
    """The caller's trace id stays, the span is the host's; without a caller a new trace begins."""
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    continued = trace_context({"traceparent": f"00-{trace}-{span}-01", "tracestate": "x=1"})
    version, continued_trace, own_span, flags = continued.trace_parent.split("-")
    assert (version, continued_trace, flags, continued.trace_state) == ("00", trace, "01", "x=1")
    assert own_span != span
    assert trace not in trace_context({}).trace_parent
    assert len(trace_context({"traceparent": "nonsense"}).trace_parent) == 55


async def test_a_function_that_takes_too_long_fails(invoker: Invoker) -> None:
    """When functionTimeout passes the invocation fails; a thread cannot be ended and is reported."""
    release = threading.Event()

    async def endless(req: Any) -> None:
        await asyncio.Event().wait()

    def stuck(req: Any) -> None:
        release.wait(30)

    for handler in (endless, stuck):
        with pytest.raises(InvocationError, match="functionTimeout"):
            await invoker.invoke(_function(handler), None, convert=nothing)
    assert invoker.close() is False
    release.set()


async def test_a_functions_own_timeout_error_is_its_own(invoker: Invoker) -> None:
    """A TimeoutError that the function raises is not mistaken for the host's."""

    async def impatient(req: Any) -> None:
        raise TimeoutError("mine")

    with pytest.raises(InvocationError, match="mine"):
        await invoker.invoke(_function(impatient), None, convert=nothing)


async def test_a_result_without_a_return_binding_is_a_failure(invoker: Invoker) -> None:
    """A queue or timer function must return None."""

    async def generous(req: Any) -> str:
        return "unasked"

    with pytest.raises(InvocationError, match="non-None"):
        await invoker.invoke(_function(generous), None, convert=nothing)


async def test_background_invocations_are_waited_for() -> None:
    """Draining ends when what was started in the background has ended, well or not."""
    invoker = Invoker(timeout=None, threads=1)
    ended = []
    gate = asyncio.Event()

    async def background(req: Any) -> None:
        await gate.wait()
        ended.append(req)
        raise ValueError

    invoker.start(_function(background), "first", nothing)
    assert await invoker.drain(0) is False
    gate.set()
    assert await invoker.drain(30) is True
    assert ended == ["first"]
    assert invoker.close() is True


def _http_host(environment: dict[str, str], invoker: Invoker) -> HttpHost:
    return HttpHost(
        table=RouteTable([], "api"),
        invoker=invoker,
        admin=Admin(functions=[], prefix="api", url="http://host", invoker=invoker, environment={}),
        cors=Cors(("*",)),
        custom_headers={},
        environment=environment,
    )


async def test_the_home_page_can_be_switched_off(invoker: Invoker) -> None:
    """`AzureWebJobsDisableHomepage` makes the root answer 204."""
    transport = httpx.ASGITransport(_http_host({"AzureWebJobsDisableHomepage": "true"}, invoker))
    async with httpx.AsyncClient(transport=transport, base_url="http://host") as client:
        assert (await client.get("/")).status_code == 204


async def test_a_header_that_is_not_utf8_is_refused(invoker: Invoker) -> None:
    """Kestrel answers 400 to a header that it cannot decode."""
    transport = httpx.ASGITransport(_http_host({}, invoker))
    async with httpx.AsyncClient(transport=transport, base_url="http://host") as client:
        answer = await client.get("/", headers=[(b"x-odd", b"\xff")])
    assert answer.status_code == 400


async def test_cors_for_everybody(invoker: Invoker) -> None:
    """With `*` every origin is let in."""
    transport = httpx.ASGITransport(_http_host({}, invoker))
    async with httpx.AsyncClient(transport=transport, base_url="http://host") as client:
        answer = await client.get("/", headers={"Origin": "http://anybody"})
    assert answer.headers["access-control-allow-origin"] == "*"
