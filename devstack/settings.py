"""Where a stack listens and keeps its data: the environment, read once."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from pathlib import Path
from typing import Self

from devstack.azurite import Ports
from devstack.certificate import Certificate
from devstack.child import ROOT
from devstack.failure import StackError

HOST = "127.0.0.1"
API_PATH = "/api"
_HIGHEST_PORT = 65535


class Backend(StrEnum):
    """What a stack provisions on."""

    LOCAL = "local"
    AZURE_STUB = "azure-stub"
    AZUREML_STUB = "azureml-stub"  # the same stand-in, to which whole registries are handed over


@dataclass(frozen=True, slots=True)
class StackSettings:
    """Everything in which two stacks must differ to run side by side."""

    port: int
    azurite: Ports
    data_dir: Path
    backend: Backend = Backend.LOCAL
    tls: bool = False

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Return the settings in an environment.

        Raises:
            StackError: If a port is not one, or is to be used twice, a switch is neither on nor off, or the backend is
                unknown.
        """
        settings = cls(
            port=_port(environment, "PORT", 7071),
            azurite=Ports(
                blob=_port(environment, "AZURITE_BLOB_PORT", 10000),
                queue=_port(environment, "AZURITE_QUEUE_PORT", 10001),
                table=_port(environment, "AZURITE_TABLE_PORT", 10002),
            ),
            data_dir=ROOT / (environment.get("DATA_DIR") or ".data"),
            backend=_backend(environment.get("BACKEND") or Backend.LOCAL),
            tls=_switch(environment, "TLS"),
        )
        for (one, port), (other, same) in combinations(settings.variables.items(), 2):
            if port == same:
                raise StackError(f"{one} and {other} must not be the same port, {port}.")
        return settings

    @property
    def api_url(self) -> str:
        """Return the address under which every request of the API begins."""
        scheme = "https" if self.tls else "http"
        return f"{scheme}://{HOST}:{self.port}{API_PATH}"

    @property
    def certificate(self) -> Certificate | None:
        """Return what HTTPS is served with and trusted by, or None for HTTP."""
        return Certificate(self.data_dir / "tls") if self.tls else None

    @property
    def variables(self) -> dict[str, int]:
        """Return every port by the variable that sets it."""
        return {"PORT": self.port, **self.azurite_variables}

    @property
    def azurite_variables(self) -> dict[str, int]:
        """Return Azurite's ports by the variable that sets each."""
        return {f"AZURITE_{service.upper()}_PORT": port for service, port in self.azurite._asdict().items()}


def require_free(ports: Mapping[str, int]) -> None:
    """Make sure that nobody listens on some ports.

    Args:
        ports: The ports by the variable that sets each.

    Raises:
        StackError: If some are taken; the message names all of them.
    """
    taken = [
        f"Port {port} is in use. End the program that uses it, or set {variable} to a free port."
        for variable, port in ports.items()
        if _is_taken(port)
    ]
    if taken:
        raise StackError("\n".join(taken))


def _port(environment: Mapping[str, str], variable: str, default: int) -> int:
    text = environment.get(variable) or str(default)
    if text.isdecimal() and 0 < int(text) <= _HIGHEST_PORT:
        return int(text)
    raise StackError(f"{variable} must be a port between 1 and {_HIGHEST_PORT}, not {text!r}.")


def _backend(text: str) -> Backend:
    try:
        return Backend(text)
    except ValueError:
        raise StackError(f"BACKEND must be one of {', '.join(Backend)}, not {text!r}.") from None


def _switch(environment: Mapping[str, str], variable: str) -> bool:
    text = environment.get(variable) or "0"
    if text in {"0", "1"}:
        return text == "1"
    raise StackError(f"{variable} must be 1 or 0, not {text!r}.")


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        # What listens now counts, not what a program that has ended leaves behind for a minute.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False
