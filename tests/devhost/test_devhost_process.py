"""The host as a program: its processes, its signals, its admin endpoints."""

from __future__ import annotations

import base64
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from azure.storage.queue import QueueClient

from devhost.__main__ import _parser, _port, main
from devhost.settings import DEFAULT_PORT, LocalSettings
from devstack.certificate import Certificate
from tests.devhost.conftest import StartHost
from tests.devhost.running import HostProcess, write_app

_APP = """
import asyncio, json, os, sys
import azure.functions as func

app = func.FunctionApp()

@app.route(route="environment/{name}")
async def environment(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(os.environ.get(req.route_params["name"], "absent"))

@app.route(route="where")
def where(req: func.HttpRequest) -> func.HttpResponse:
    seen = {"cwd": os.getcwd(), "path": sys.path, "sdk": "azure.storage.queue" in sys.modules, "pid": os.getpid()}
    return func.HttpResponse(json.dumps(seen))

@app.route(route="slow")
async def slow(req: func.HttpRequest) -> func.HttpResponse:
    print("slow has begun", flush=True)
    await asyncio.to_thread(open, "gate")
    return func.HttpResponse("slow has ended")

@app.queue_trigger(arg_name="msg", queue_name="%QUEUE%", connection="AzureWebJobsStorage")
async def reader(msg: func.QueueMessage) -> None:
    if msg.get_body() == b"two" and msg.dequeue_count == 1:
        print("two is being handled", flush=True)
        await asyncio.Event().wait()
    print(f"handled {msg.get_body().decode()} in {os.getpid()}", flush=True)

@app.timer_trigger(arg_name="tick", schedule="%SCHEDULE%", run_on_startup=True)
def ticker(tick: func.TimerRequest) -> None:
    print(f"ticked in {os.getpid()}", flush=True)
"""
_QUICK_POLLING = {"extensions": {"queues": {"maxPollingInterval": "00:00:00.200"}}}


class _App:
    """An app on disk with a queue of its own."""

    def __init__(self, folder: Path, storage: str) -> None:
        self.queue = f"process-{uuid4().hex}"
        self._storage = storage
        local = {
            "IsEncrypted": False,
            "Values": {"FROM_LOCAL": "local", "FROM_BOTH": "local", "SCHEDULE": "0 0 0 1 1 *"},
            "Host": {"LocalHttpPort": 1, "CORS": "http://friend", "CORSCredentials": True},
        }
        self.folder = write_app(folder, _APP, host=_QUICK_POLLING, local=local)

    @property
    def environment(self) -> dict[str, str]:
        return {"AzureWebJobsStorage": self._storage, "QUEUE": self.queue, "FROM_BOTH": "real"}

    def send(self, text: str) -> None:
        """Send a message, creating the queue at the first."""
        with QueueClient.from_connection_string(self._storage, self.queue) as queue:
            if text == "one":
                queue.create_queue()
            queue.send_message(base64.b64encode(text.encode()).decode())


@pytest.fixture
def app(tmp_path: Path, storage: str) -> _App:
    """Return an app that uses everything."""
    return _App(tmp_path, storage)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, storage: str) -> Iterator[HostProcess]:
    """Yield a host that runs such an app in one process."""
    app = _App(tmp_path_factory.mktemp("app"), storage)
    host = HostProcess(app.folder, **app.environment)
    yield host
    host.kill()


def test_split_restarts_what_is_killed_and_ends_it_all(app: _App, start_host: StartHost) -> None:
    """A killed process is replaced, its message is run again after the lease; SIGTERM ends all processes."""
    host = start_host(app.folder, "--split", "--queue-lease=2", **app.environment)
    app.send("one")
    http, triggers = host.pid("http"), host.pid("triggers")
    assert int(host.wait_for(r"handled one in (\d+)")[0][1]) == triggers
    where = httpx.get(f"{host.url}/api/where").json()
    assert (where["pid"], where["sdk"]) == (http, False)

    app.send("two")
    host.wait_for("two is being handled")
    os.kill(triggers, signal.SIGKILL)
    second = host.pid("triggers", start=2)
    assert int(host.wait_for(r"handled two in (\d+)")[0][1]) == second != triggers

    os.kill(http, signal.SIGKILL)
    assert httpx.get(f"{host.url}/api/where", timeout=30).json()["pid"] == host.pid("http", start=2)

    assert host.stop() == 0
    for pid in (http, triggers, second, host.pid("http", start=2)):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_children_end_with_a_killed_supervisor(app: _App, start_host: StartHost) -> None:
    """No child outlives a supervisor that could not say goodbye."""
    host = start_host(app.folder, "--split", **app.environment)
    assert host.url
    host.send(signal.SIGKILL)
    assert host.wait() == -signal.SIGKILL
    assert host.all_have_ended


def test_sigterm_waits_for_running_invocations(app: _App, start_host: StartHost) -> None:
    """A request that is being worked on gets its response although the host is ending."""
    os.mkfifo(app.folder / "gate")
    host = start_host(app.folder, **app.environment)
    answers: list[str] = []
    url = host.url
    caller = threading.Thread(target=lambda: answers.append(httpx.get(f"{url}/api/slow", timeout=30).text))
    caller.start()
    host.wait_for("slow has begun")
    host.send(signal.SIGTERM)
    host.wait_for("Stopping")
    os.close(os.open(app.folder / "gate", os.O_WRONLY))  # to write would fail: nobody reads once it is open
    caller.join(30)
    assert answers == ["slow has ended"]
    assert host.wait() == 0


def test_only_triggers_serves_no_http(app: _App, start_host: StartHost) -> None:
    """`--only triggers` runs timers and queues alone."""
    host = start_host(app.folder, "--only", "triggers", **app.environment)
    ran_in = int(host.wait_for(r"ticked in (\d+)")[0][1])
    assert ran_in == host.pid("triggers")
    assert "/api/where" not in host.output
    assert host.stop() == 0


def test_a_timer_fires(app: _App, start_host: StartHost) -> None:
    """A timer runs when it is due, again and again."""
    host = start_host(app.folder, "--only", "triggers", **{**app.environment, "SCHEDULE": "* * * * * *"})
    host.wait_for(r"ticked in", count=3)


@pytest.mark.parametrize("mode", [(), ("--split",)], ids=["one process", "split"])
def test_an_import_error_is_shown_and_ends_the_host(
    mode: tuple[str, ...], tmp_path: Path, start_host: StartHost
) -> None:
    """An app that cannot be imported ends the host with its traceback and exit code 1."""
    host = start_host(write_app(tmp_path, "import nonsense_that_is_not_there"), *mode)
    assert host.wait() == 1
    assert "Traceback" in host.output
    assert "No module named 'nonsense_that_is_not_there'" in host.output


def test_a_refused_app_is_named_and_ends_the_host(app: _App, start_host: StartHost) -> None:
    """A function in error ends the host with one line about it and exit code 1."""
    host = start_host(app.folder, **{**app.environment, "QUEUE": "No_Queue"})
    assert host.wait() == 1
    assert "The 'reader' function is in error: 'no_queue' is not a valid queue name" in host.output
    assert "Traceback" not in host.output


def test_a_port_that_is_taken_is_refused(running: HostProcess, app: _App, start_host: StartHost) -> None:
    """Two hosts cannot share a port; the message says which."""
    port = running.url.rpartition(":")[2]
    host = start_host(app.folder, f"--port={port}", **app.environment)
    assert host.wait() == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in host.output


@pytest.mark.parametrize(
    ("arguments", "local", "expected"),
    [
        (["--port=5"], LocalSettings(port=6), 5),
        (["--port=0"], LocalSettings(port=6), 0),
        ([], LocalSettings(port=6), 6),
        ([], LocalSettings(), DEFAULT_PORT),
    ],
)
def test_the_port_is_the_flags_then_the_settings(arguments: list[str], local: LocalSettings, expected: int) -> None:
    """The flag wins over local.settings.json, which wins over 7071."""
    assert _port(_parser().parse_args(arguments), local) == expected


def test_the_start_is_announced(running: HostProcess) -> None:
    """The table of functions, the limits and the URL are printed."""
    assert running.url.startswith("http://127.0.0.1:")
    for line in (
        rf"environment +\[\*\] {running.url}/api/environment/\{{name\}}",
        r"reader +queue process-",
        r"ticker +timer 0 0 0 1 1 \*",
        r"Not modelled: ",
    ):
        running.wait_for(line)


def test_the_environment_of_an_app(running: HostProcess) -> None:
    """Local settings are there, real variables win, and the host adds its own."""

    def value(name: str) -> str:
        return httpx.get(f"{running.url}/api/environment/{name}").text

    assert value("FROM_LOCAL") == "local"
    assert value("FROM_BOTH") == "real"
    assert value("AZURE_FUNCTIONS_ENVIRONMENT") == "Development"
    assert value("WEBSITE_HOSTNAME") == f"localhost:{running.url.rpartition(':')[2]}"


def test_the_folder_of_an_app(running: HostProcess) -> None:
    """The app's folder is the working directory and the last entry of the path; the caller's is not in it."""
    where = httpx.get(f"{running.url}/api/where").json()
    assert where["cwd"] == where["path"][-1]
    assert str(Path(__file__).parents[2]) not in where["path"]


def test_admin_host(running: HostProcess) -> None:
    """The host tells its state, and that it is alive."""
    status = httpx.get(f"{running.url}/admin/host/status").json()
    assert status["state"] == "Running"
    assert {"id", "version", "processUptime"} <= set(status)
    for path in ("/admin/host/ping", "/runtime/health", "/runtime/health/live", "/runtime/health/ready"):
        assert httpx.get(running.url + path).status_code == 200
    for path in ("/admin", "/admin/nothing", "/runtime/nothing"):
        assert httpx.get(running.url + path).status_code == 404


def test_admin_functions(running: HostProcess) -> None:
    """The functions can be listed and looked at."""
    functions = httpx.get(f"{running.url}/admin/functions").json()
    assert [function["name"] for function in functions] == ["environment", "reader", "slow", "ticker", "where"]
    where = httpx.get(f"{running.url}/admin/functions/Where").json()
    assert where["invoke_url_template"] == f"{running.url}/api/where"
    assert httpx.get(f"{running.url}/admin/functions/where/status").json() == {"isDisabled": False}
    assert httpx.get(f"{running.url}/admin/functions/unknown").status_code == 404


def test_admin_runs_a_function_in_the_background(running: HostProcess) -> None:
    """A POST runs any function: 202 at once, 400 without a body, 404 for an unknown one."""
    functions = f"{running.url}/admin/functions"
    answer = httpx.post(f"{functions}/reader", json={"input": "by hand"})
    assert (answer.status_code, answer.content) == (202, b"")
    running.wait_for("handled by hand in")
    assert httpx.post(f"{functions}/ticker", json={"input": ""}).status_code == 202
    running.wait_for("ticked in", count=2)
    assert httpx.post(f"{functions}/where", json={}).status_code == 202
    running.wait_for("Executed 'Functions.where'")
    assert httpx.post(f"{functions}/reader").status_code == 400
    assert httpx.post(f"{functions}/reader", json=[]).status_code == 400
    assert httpx.post(f"{functions}/unknown", json={}).status_code == 404


def test_cors(running: HostProcess) -> None:
    """Only the origins of local.settings.json are let in, and preflights are answered before routing."""
    url = f"{running.url}/api/environment/X"
    preflight = {"Origin": "http://friend", "Access-Control-Request-Method": "PUT"}
    answer = httpx.options(url, headers={**preflight, "Access-Control-Request-Headers": "x-mine"})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "http://friend"
    assert answer.headers["access-control-allow-methods"] == "PUT"
    assert answer.headers["access-control-allow-headers"] == "x-mine"
    assert answer.headers["access-control-allow-credentials"] == "true"
    stranger = httpx.options(url, headers={**preflight, "Origin": "http://stranger"})
    assert stranger.status_code == 204
    assert "access-control-allow-origin" not in stranger.headers
    plain = httpx.get(url, headers={"Origin": "http://friend"})
    assert plain.headers["access-control-allow-origin"] == "http://friend"


def test_https_is_served_with_a_certificate(start_host: StartHost, tmp_path: Path) -> None:
    """With a certificate and its key, functions are reached by https, and see their address so."""
    certificate = Certificate(tmp_path / "tls")
    certificate.make_unless_valid()
    source = """
import azure.functions as func

app = func.FunctionApp()

@app.route(route="address")
async def address(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.url)
"""
    app = write_app(tmp_path, source)
    host = start_host(app, "--cert", str(certificate.file), "--key", str(certificate.key))
    url = host.wait_for(r"ready: (https://\S+)")[0][1]
    answer = httpx.get(f"{url}/api/address", verify=certificate.trust(), trust_env=False)

    assert answer.text == f"{url}/api/address"


@pytest.mark.parametrize("option", ["--cert", "--key"])
def test_a_certificate_needs_its_key(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One without the other is refused before anything is started."""
    with pytest.raises(SystemExit):
        main([option, "file.pem"])
    assert "--cert and --key belong together" in capsys.readouterr().err
