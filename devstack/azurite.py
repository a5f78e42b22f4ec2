"""Start Azurite, Microsoft's emulator of Azure Storage, and end it again.

It ends with the process that started it, however that one ends: Azurite gets a pipe for its standard input and
stops when nobody holds the other end any more.
"""

import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from devstack.certificate import Certificate
from devstack.failure import StackError
from registry_api.domain.regions import catalogue
from registry_api.provisioning.accounts import account_of
from registry_api.settings import DEVELOPMENT_KEY

ACCOUNT = "devstoreaccount1"

_PROGRAM = Path(__file__).parents[1] / "node_modules" / ".bin" / "azurite"
_HOST = "127.0.0.1"
_LISTENING = re.compile(rf"Azurite (\w+) service is successfully listening at https?://{_HOST}:(\d+)")
_READY_WITHIN = 30.0
_STOPPED_WITHIN = 10.0
_END_WITH_STDIN = (
    "data:text/javascript,process.stdin.resume().once('end',()=>process.kill(process.pid,'SIGTERM')).unref()"
)


class AzuriteError(StackError):
    """Azurite could not be started."""


class Ports(NamedTuple):
    """Where the three services listen. 0 lets the operating system choose."""

    blob: int = 0
    queue: int = 0
    table: int = 0


@dataclass(frozen=True, slots=True)
class Azurite:
    """An Azurite that was started here. As a context manager it is stopped at the end."""

    ports: Ports
    folder: Path
    log: Path
    process: subprocess.Popen[bytes]
    scheme: str = "http"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """Tell whether it is there still."""
        return self.process.poll() is None

    @property
    def blob_endpoint(self) -> str:
        """Return the address of the blob service, without an account."""
        return f"{self.scheme}://{_HOST}:{self.ports.blob}"

    @property
    def queue_endpoint(self) -> str:
        """Return the address of the queue service, without an account."""
        return f"{self.scheme}://{_HOST}:{self.ports.queue}"

    @property
    def table_endpoint(self) -> str:
        """Return the address of the table service, without an account."""
        return f"{self.scheme}://{_HOST}:{self.ports.table}"

    def connection_string(self, account: str = ACCOUNT) -> str:
        """Return what a client needs to work with one of the accounts."""
        return (
            f"DefaultEndpointsProtocol={self.scheme};AccountName={account};AccountKey={DEVELOPMENT_KEY};"
            f"BlobEndpoint={self.blob_endpoint}/{account};"
            f"QueueEndpoint={self.queue_endpoint}/{account};"
            f"TableEndpoint={self.table_endpoint}/{account};"
        )

    def stop(self) -> None:
        """End it, at first politely so that it writes its data; may be called again."""
        _stop(self.process)


def start(
    folder: Path,
    ports: Ports = Ports(),  # noqa: B008 - a NamedTuple is immutable
    certificate: Certificate | None = None,
    *,
    keeps_data: bool = True,
) -> Azurite:
    """Start Azurite and return when it answers.

    Args:
        folder: Where it keeps its data, and its log in `azurite.log`. Made when it is not there.
        ports: Where it is to listen; by default on any free ports.
        certificate: What makes it speak https.
        keeps_data: Whether it writes its data to the folder. If not, it must have few messages at a time: with some
            thousand of them it freezes. If it does, it ends when a table is too large to be written as one text.

    Raises:
        AzuriteError: If it is not installed, ends at once, or does not answer in time.
    """
    node = shutil.which("node")
    if node is None:
        raise AzuriteError("Node.js is not installed, and Azurite needs it. Install it, then run `make install`.")
    if not _PROGRAM.exists():
        raise AzuriteError("Azurite is not installed: run `make install`.")
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "azurite.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [node, "--import", _END_WITH_STDIN, _PROGRAM, *_options(folder, ports, certificate, keeps_data=keeps_data)],
            env=os.environ | {"AZURITE_ACCOUNTS": ";".join(f"{account}:{DEVELOPMENT_KEY}" for account in _accounts())},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # an interrupt at the terminal is for the one who started it
        )
    try:
        return Azurite(_wait_until_ready(process, log), folder, log, process, "https" if certificate else "http")
    except BaseException:
        _stop(process)
        raise


def _accounts() -> list[str]:
    return [ACCOUNT, *(account_of(region) for region in catalogue())]


def _options(folder: Path, ports: Ports, certificate: Certificate | None, *, keeps_data: bool) -> list[str]:
    options = ["--silent", "--loose", "--skipApiVersionCheck", "--disableTelemetry", "--disableProductStyleUrl"]
    options += ["--location", str(folder)] if keeps_data else ["--inMemoryPersistence"]
    if certificate is not None:
        options += ["--oauth", "basic", "--cert", str(certificate.file), "--key", str(certificate.key)]
    for service, port in ports._asdict().items():
        options += [f"--{service}Host", _HOST, f"--{service}Port", str(port)]
    return options


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> Ports:
    """Return the ports that Azurite reports once all services listen."""
    deadline = time.monotonic() + _READY_WITHIN
    while time.monotonic() < deadline:
        has_ended = process.poll() is not None
        text = log.read_text("utf-8", errors="replace")
        listening = {service.lower(): int(port) for service, port in _LISTENING.findall(text)}
        if has_ended:
            raise AzuriteError(f"Azurite ended at once; its log is {log}:\n{text.strip()}")
        if len(listening) == len(Ports._fields):
            return Ports(**listening)
        time.sleep(0.02)
    raise AzuriteError(f"Azurite did not answer within {_READY_WITHIN:.0f} seconds; its log is {log}.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOPPED_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()  # not before the end: it asks for the end too, and asked twice Azurite loses data
