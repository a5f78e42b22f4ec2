"""The whole product on one machine: Azurite and the app, started, watched and ended together."""

import fcntl
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from devstack import azurite
from devstack.azurite import Azurite
from devstack.certificate import Certificate
from devstack.child import ROOT, Child
from devstack.failure import StackError
from devstack.interruption import Interruption
from devstack.settings import API_PATH, HOST, Backend, StackSettings, require_free

if TYPE_CHECKING:
    from devstack.resource_manager.running import RunningResourceManager

_HOST_IS_READY = b"[devhost] ready:"  # HTTP and triggers, each in its own process
_READY_WITHIN = 60.0
_ANSWER_WITHIN = 5.0
_WATCH_SECONDS = 0.2


def run_stack(settings: StackSettings, interruption: Interruption) -> None:
    """Run storage and app until interrupted.

    Raises:
        StackError: If one of them cannot be started, or ends by itself.
        Interrupted: When it is over.
    """
    require_free(settings.variables)
    is_served = Event()

    def listen(line: bytes) -> None:
        if line.startswith(_HOST_IS_READY):
            is_served.set()

    certificate = settings.certificate
    with (
        _claimed(settings.data_dir),
        azurite.start(settings.data_dir / "azurite", settings.azurite) as storage,
        _azure(settings) as azure,
        Child.start(
            "The app",
            *("devhost", str(ROOT), "--address", HOST, "--port", str(settings.port)),
            "--split",  # as in production, where HTTP and triggers share no process
            *("--queue-lease", "30"),  # the real host's ten minutes are long for somebody who kills it to see
            *_https(certificate),
            environment={
                "AzureWebJobsStorage": storage.connection_string(),
                "REGISTRY_LOCAL_BLOB_ENDPOINT": storage.blob_endpoint,
                **_azure_environment(settings, azure),
            },
            listener=listen,
        ) as app,
    ):
        app.wait_until(lambda: is_served.is_set() and is_healthy(settings), interruption.pause, _READY_WITHIN)
        print(_welcome(settings) + (_azure_welcome(azure) if azure else ""), flush=True)
        while True:
            app.check()
            _check(storage)
            if azure is not None:
                azure.child.check()
            interruption.pause(_WATCH_SECONDS)


def _azure(settings: StackSettings) -> "AbstractContextManager[RunningResourceManager | None]":
    """Return the stand-in for Azure, if there is to be one."""
    if settings.backend is Backend.LOCAL:
        return nullcontext()
    from devstack.resource_manager.running import RunningResourceManager  # noqa: PLC0415 - most stacks have none

    return RunningResourceManager.start(settings.data_dir / "azure")


def _azure_environment(settings: StackSettings, azure: "RunningResourceManager | None") -> dict[str, str]:
    if azure is None:
        return {}
    return azure.environment if settings.backend is Backend.AZURE_STUB else azure.delegated_environment()


def run_azurite(settings: StackSettings, interruption: Interruption) -> None:
    """Run storage alone until interrupted.

    Raises:
        StackError: If it cannot be started, or ends by itself.
        Interrupted: When it is over.
    """
    require_free(settings.azurite_variables)
    with (
        _claimed(settings.data_dir),
        azurite.start(settings.data_dir / "azurite", settings.azurite) as storage,
    ):
        print(_storage_welcome(storage), flush=True)
        while True:
            _check(storage)
            interruption.pause(_WATCH_SECONDS)


def is_healthy(settings: StackSettings) -> bool:
    """Tell whether the API answers."""
    try:
        with closing(_connection(settings)) as connection:
            connection.request("GET", f"{API_PATH}/health")
            return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):  # also where the certificate is not made yet
        return False


def _connection(settings: StackSettings) -> HTTPConnection:
    if settings.certificate is None:
        return HTTPConnection(HOST, settings.port, timeout=_ANSWER_WITHIN)
    return HTTPSConnection(HOST, settings.port, timeout=_ANSWER_WITHIN, context=settings.certificate.trust())


def _https(certificate: Certificate | None) -> tuple[str, ...]:
    if certificate is None:
        return ()
    certificate.make_unless_valid()
    return "--cert", str(certificate.file), "--key", str(certificate.key)


def _check(storage: Azurite) -> None:
    if not storage.is_running:
        raise StackError(f"Azurite ended unexpectedly; its log is {storage.log}.")


@contextmanager
def _claimed(data_dir: Path) -> Iterator[None]:
    """Hold a folder as the only stack that may write there. The claim ends with the process at the latest."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "claim").open("w") as claim:
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(
                f"Another stack keeps its data in {data_dir}. End it, or set DATA_DIR to another folder."
            ) from None
        yield


def _welcome(settings: StackSettings) -> str:
    api, trust, told = settings.api_url, "", ""
    if settings.certificate is not None:
        trust = f" --cacert {settings.certificate.file}"
        told = f"  certificate: {settings.certificate.file}\n"
    document = "-H 'Content-Type: application/yaml' --data-binary @examples/registry.yml"
    return f"""
Registry API is ready at {api} (Ctrl-C ends it)
{told}  curl -i{trust} -X PUT {api}/registries/DemoRegistry1 {document}
  curl -i{trust} {api}/registries/DemoRegistry1
  curl -i{trust} {api}/registries
"""


def _azure_welcome(azure: "RunningResourceManager") -> str:
    return f"""
A stand-in for Azure Resource Manager is at {azure.url}; what is in it ends with it
  curl --cacert {azure.authority} {azure.url}/control/things
  curl --cacert {azure.authority} {azure.url}/control/log
"""


def _storage_welcome(storage: Azurite) -> str:
    return f"""
Azurite is ready (Ctrl-C ends it)
  blobs  {storage.blob_endpoint}
  queues {storage.queue_endpoint}
  tables {storage.table_endpoint}
"""
