"""One host process: it loads the app and serves HTTP, the other triggers, or both."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Protocol

import uvicorn

from devhost.admin import Admin
from devhost.app import Function, enter, index, load
from devhost.checks import check
from devhost.connections import resolve_connection
from devhost.http import Cors, HttpHost
from devhost.inputs import Delivery, queue_input
from devhost.invoke import Invoker, nothing
from devhost.ncrontab import parse_schedule
from devhost.routes import RouteTable
from devhost.settings import (
    HostSettings,
    LocalSettings,
    apply_environment,
    read_host_settings,
    resolve_placeholders,
)
from devhost.timers import TimerListener

log = logging.getLogger("devhost")

DRAIN_SECONDS = 10.0
DEFAULT_LEASE = timedelta(minutes=10)  # azure-sdk-for-net, QueueListener.cs
_KEEP_ALIVE_SECONDS = 130  # Kestrel's
_DEFAULT_THREADS = "1000"  # azure-functions-host, DefaultWorkerProcessFactory.cs


class Role(StrEnum):
    """Which functions a process runs."""

    ALL = "all"
    HTTP = "http"
    TRIGGERS = "triggers"

    def runs(self, function: Function) -> bool:
        """Tell whether a function belongs to this role."""
        return self is Role.ALL or (function.kind == "httpTrigger") == (self is Role.HTTP)


class Listener(Protocol):
    """Starts functions until it is stopped."""

    async def run(self) -> None:
        """Work until stopped, then return when nothing of it is running any more."""

    def stop(self) -> None:
        """Ask `run` to come to its end."""


@dataclass(frozen=True)
class LoadedApp:
    """An app that has passed every check."""

    functions: Sequence[Function]
    settings: HostSettings
    environment: Mapping[str, str]


def load_app(app_dir: Path, local: LocalSettings, port: int) -> LoadedApp:
    """Set up the environment, import the app and check it.

    Raises:
        RefusedError: The real host would refuse the app, or cannot be imitated for it.
    """
    apply_environment(os.environ, local, app_dir, port)
    settings = read_host_settings(app_dir, os.environ)
    enter(app_dir)
    functions = index(load(app_dir, os.environ), settings.functions)
    check(functions, settings.route_prefix, os.environ)
    return LoadedApp(functions, settings, os.environ)


def bind(address: str, port: int) -> socket.socket:
    """Take the port before the app is loaded, so that early requests wait instead of failing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family, backlog=1024)


@dataclass(frozen=True)
class Certificate:
    """What HTTPS is served with: files in PEM format (Core Tools: `func start --useHttps --cert`)."""

    file: Path
    key: Path


def url_of(listener: socket.socket, certificate: Certificate | None) -> str:
    """Return the base URL of a bound socket."""
    address, port = listener.getsockname()[:2]
    scheme = "https" if certificate else "http"
    return f"{scheme}://{f'[{address}]' if ':' in address else address}:{port}"


async def run(
    app: LoadedApp,
    *,
    role: Role,
    url: str,
    cors: Cors,
    lease: timedelta,
    listener: socket.socket | None,
    certificate: Certificate | None = None,
    ready: Callable[[], None],
) -> bool:
    """Serve until SIGTERM or SIGINT, then finish what is running.

    Args:
        app: The app.
        role: Which of its functions to run.
        url: Where HTTP is reached, in this process or in another.
        cors: Who may call from a browser.
        lease: For how long a queue message is hidden while it is worked on.
        listener: The bound socket, for the roles that serve HTTP.
        certificate: What to serve HTTPS with; None serves HTTP.
        ready: Called when everything is being served.

    Returns:
        Whether everything had ended in time.
    """
    threads = int(app.environment.get("PYTHON_THREADPOOL_THREAD_COUNT", _DEFAULT_THREADS))
    invoker = Invoker(timeout=app.settings.function_timeout, threads=threads)
    listeners: list[Listener] = []
    if role is not Role.HTTP:
        listeners += _trigger_listeners(app, invoker, lease)
    if listener:
        listeners.append(_http_listener(app, invoker, url, cors, listener=listener, certificate=certificate))
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    tasks = [loop.create_task(item.run()) for item in listeners]
    for task in tasks:
        task.add_done_callback(lambda done: stopped.set() if not done.cancelled() and done.exception() else None)
    ready()
    await stopped.wait()
    log.info("Stopping")
    for item in listeners:
        item.stop()
    if tasks:
        await asyncio.wait(tasks, timeout=DRAIN_SECONDS)
    drained = await invoker.drain(DRAIN_SECONDS)
    for task in tasks:
        if task.done():
            task.result()
    return all(task.done() for task in tasks) and drained and invoker.close()


def _trigger_listeners(app: LoadedApp, invoker: Invoker, lease: timedelta) -> list[Listener]:
    listeners: list[Listener] = []
    for function in app.functions:
        if function.is_disabled(app.environment):
            continue
        if function.kind == "queueTrigger":
            listeners.append(_queue_listener(function, app, invoker, lease))
        elif function.kind == "timerTrigger":
            listeners.append(_timer_listener(function, app, invoker))
    return listeners


def _queue_listener(function: Function, app: LoadedApp, invoker: Invoker, lease: timedelta) -> Listener:
    from devhost import queues  # noqa: PLC0415 - the storage SDK is slow to import and may not be needed

    async def handle(delivery: Delivery) -> None:
        await invoker.invoke(function, queue_input(function, delivery), convert=nothing)

    return queues.QueueListener(
        service=queues.connect(resolve_connection(function.trigger["connection"], app.environment)),
        queue_name=resolve_placeholders(function.trigger["queueName"], app.environment).lower(),
        settings=app.settings.queues,
        handler=handle,
        lease=lease,
    )


def _timer_listener(function: Function, app: LoadedApp, invoker: Invoker) -> Listener:
    return TimerListener(
        name=function.name,
        schedule=parse_schedule(resolve_placeholders(function.trigger["schedule"], app.environment)),
        handler=partial(invoker.invoke, function, convert=nothing),
        run_on_startup=bool(function.trigger.get("runOnStartup")),
        use_monitor=function.trigger.get("useMonitor") is not False,
    )


class _Server(uvicorn.Server):
    """A server that leaves signals to the host."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing: the host stops the server."""
        yield


class _HttpListener:
    """Serves an ASGI application on a bound socket."""

    def __init__(self, application: HttpHost, listener: socket.socket, certificate: Certificate | None) -> None:
        self._listener = listener
        self._server = _Server(
            uvicorn.Config(
                application,
                http="h11",
                ws="none",
                lifespan="off",
                loop="asyncio",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=int(DRAIN_SECONDS),
                ssl_certfile=certificate.file if certificate else None,
                ssl_keyfile=certificate.key if certificate else None,
            )
        )

    async def run(self) -> None:
        """Serve until stopped and all responses are written."""
        await self._server.serve(sockets=[self._listener])

    def stop(self) -> None:
        """Accept no more connections."""
        self._server.should_exit = True


def _http_listener(
    app: LoadedApp,
    invoker: Invoker,
    url: str,
    cors: Cors,
    *,
    listener: socket.socket,
    certificate: Certificate | None,
) -> _HttpListener:
    prefix = app.settings.route_prefix
    admin = Admin(functions=app.functions, prefix=prefix, url=url, invoker=invoker, environment=app.environment)
    application = HttpHost(
        table=RouteTable(app.functions, prefix),
        invoker=invoker,
        admin=admin,
        cors=cors,
        custom_headers=app.settings.custom_headers,
        environment=app.environment,
    )
    return _HttpListener(application, listener, certificate)
