"""The life of one host process, without the process."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from datetime import timedelta

import azure.functions as func
import pytest

from devhost import host
from devhost.app import index
from devhost.host import LoadedApp, Role, run
from devhost.http import Cors
from devhost.invoke import Invoker
from devhost.settings import HostSettings, QueueSettings
from devhost.timers import TimerListener

_SETTINGS = HostSettings(
    route_prefix="api",
    custom_headers={},
    function_timeout=None,
    functions=None,
    queues=QueueSettings(1, 0, 1, timedelta(0), timedelta(0), "base64"),
)


def _app(tick: Callable[[], None], *, run_on_startup: bool = False, disabled: bool = False) -> LoadedApp:
    """Return an app with one timer."""
    app = func.FunctionApp()

    @app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *", run_on_startup=run_on_startup)
    def ticker(timer: func.TimerRequest) -> None:
        tick()

    return LoadedApp(index(app), _SETTINGS, {"AzureWebJobs.ticker.Disabled": str(disabled)})


async def _run(app: LoadedApp, ready: Callable[[], None]) -> bool:
    return await run(
        app,
        role=Role.TRIGGERS,
        url="http://host",
        cors=Cors(),
        lease=host.DEFAULT_LEASE,
        listener=None,
        ready=ready,
    )


def _nothing() -> None:
    """Do nothing."""


def _interrupt() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_disabled_function_has_no_listener() -> None:
    """`AzureWebJobs.<name>.Disabled` keeps a trigger from listening."""
    invoker = Invoker(timeout=None, threads=1)
    enabled = _app(_nothing)
    disabled = _app(_nothing, disabled=True)
    assert len(host._trigger_listeners(enabled, invoker, host.DEFAULT_LEASE)) == 1
    assert host._trigger_listeners(disabled, invoker, host.DEFAULT_LEASE) == []


async def test_a_signal_ends_an_idle_host_in_time() -> None:
    """A host with nothing to do ends at once."""
    assert await _run(_app(_nothing), _interrupt) is True


async def test_a_stuck_function_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that does not end holds the host up only so long, and that is reported."""
    monkeypatch.setattr(host, "DRAIN_SECONDS", 0.05)
    release = threading.Event()

    def stuck() -> None:
        _interrupt()
        release.wait(30)

    assert await _run(_app(stuck, run_on_startup=True), _nothing) is False
    release.set()


async def test_an_error_of_the_host_itself_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener that fails, which none should, is not passed over in silence."""

    async def fail(_: object) -> None:
        raise AssertionError("a bug")

    monkeypatch.setattr(TimerListener, "run", fail)
    with pytest.raises(AssertionError, match="a bug"):
        await _run(_app(_nothing), _nothing)
