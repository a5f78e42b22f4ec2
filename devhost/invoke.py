"""Run one function once: its context, its thread or the event loop, its time limit, its line in the log."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from devhost.app import Function

log = logging.getLogger("devhost")

_TRACE_PARENT = re.compile(r"00-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})")
_thread_local = threading.local()

T = TypeVar("T")


class InvocationError(Exception):
    """The function failed; the log says why."""


@dataclass(frozen=True)
class TraceContext:
    """The trace that the invocation belongs to (worker, tracecontext.py)."""

    trace_parent: str
    trace_state: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RetryContext:
    """The worker's retry counts, which stay at zero here (worker, retrycontext.py)."""

    retry_count: int = 0
    max_retry_count: int = 0
    exception: None = None


@dataclass(frozen=True)
class Context:
    """What a function sees of its invocation (worker, context.py)."""

    function_name: str
    function_directory: str
    invocation_id: str
    trace_context: TraceContext
    retry_context: RetryContext = field(default_factory=RetryContext)
    thread_local_storage: threading.local = _thread_local


def trace_context(headers: Mapping[str, str]) -> TraceContext:
    """Continue the caller's trace with a span of the host's own, or begin one."""
    found = _TRACE_PARENT.fullmatch(headers.get("traceparent", ""))
    trace, flags = (found["trace"], found["flags"]) if found else (secrets.token_hex(16), "00")
    return TraceContext(f"00-{trace}-{secrets.token_hex(8)}-{flags}", headers.get("tracestate", ""))


class Invoker:
    """Runs the functions of one process.

    Args:
        timeout: host.json's functionTimeout. The real host restarts the worker when it passes; here only the
            one invocation fails, and a thread that runs it is left behind.
        threads: How many `def` functions may run at once.
    """

    def __init__(self, *, timeout: timedelta | None, threads: int) -> None:
        self._timeout = timeout.total_seconds() if timeout else None
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="function")
        self._in_threads: set[Future[Any]] = set()
        self._background: set[asyncio.Task[None]] = set()

    async def invoke(
        self,
        function: Function,
        argument: Any,
        *,
        convert: Callable[[Any], T],
        trace: TraceContext | None = None,
    ) -> T:
        """Run a function.

        Args:
            function: The function.
            argument: What its trigger passes to it.
            convert: Turns the returned value into the binding's; its errors are the function's.
            trace: The caller's trace.

        Raises:
            InvocationError: It failed, took too long, or returned what cannot be converted.
        """
        context = Context(
            function_name=function.name,
            function_directory=function.directory,
            invocation_id=str(uuid.uuid4()),
            trace_context=trace or trace_context({}),
        )
        arguments = {function.trigger["name"]: argument}
        if function.wants_context:
            arguments["context"] = context
        started = time.perf_counter()
        outcome = "Failed"
        try:
            result = convert(await self._call(function, arguments, context))
            outcome = "Succeeded"
        except Exception as error:
            log.exception("Function '%s' raised (Id=%s)", function.name, context.invocation_id)
            raise InvocationError(f"{function.name}: {error!r}") from error
        else:
            return result
        finally:
            log.info(
                "Executed 'Functions.%s' (%s, Id=%s, Duration=%dms)",
                function.name,
                outcome,
                context.invocation_id,
                (time.perf_counter() - started) * 1000,
            )

    def start(self, function: Function, argument: Any, convert: Callable[[Any], object]) -> None:
        """Run a function in the background; only the log tells how it ended."""
        task = asyncio.get_running_loop().create_task(self._invoke_quietly(function, argument, convert))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def drain(self, seconds: float) -> bool:
        """Wait for background invocations, but not longer than given, and tell whether all have ended."""
        if self._background:
            await asyncio.wait(self._background, timeout=seconds)
        return not self._background

    def close(self) -> bool:
        """Take no more work and tell whether all threads are idle."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        return not self._in_threads

    async def _invoke_quietly(self, function: Function, argument: Any, convert: Callable[[Any], object]) -> None:
        try:
            await self.invoke(function, argument, convert=convert)
        except InvocationError:
            return

    async def _call(self, function: Function, arguments: dict[str, Any], context: Context) -> Any:
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                if function.is_async:
                    _thread_local.invocation_id = context.invocation_id
                    result = await function.call(**arguments)
                else:
                    future = self._threads.submit(_call_in_thread, function, arguments, context)
                    self._in_threads.add(future)
                    future.add_done_callback(self._in_threads.discard)
                    result = await asyncio.wrap_future(future)
        except TimeoutError:
            if limit.expired():
                raise TimeoutError(f"the functionTimeout of {self._timeout} s has passed") from None
            raise
        return result


def nothing(result: Any) -> None:
    """Convert the result of a function that has no $return binding (worker, handle_event.py)."""
    if result is not None:
        raise RuntimeError("a function without a $return binding returned a non-None value")


def _call_in_thread(function: Function, arguments: dict[str, Any], context: Context) -> Any:
    _thread_local.invocation_id = context.invocation_id
    try:
        return function.call(**arguments)
    finally:
        _thread_local.invocation_id = None
