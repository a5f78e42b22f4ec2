"""Start the stand-in as a process of its own, and speak to its control endpoint."""

import json
import ssl
import threading
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from devstack.certificate import Certificate
from devstack.child import Child
from devstack.failure import StackError
from devstack.resource_manager.app import IDENTITY_PATH, READY
from devstack.resource_manager.cloud import GROUP

SUBSCRIPTION = "00000000-0000-0000-0000-00000000000b"
"""Any other does as well."""

_GROUP = "registries"

_READY_WITHIN = 30.0
_POLL_SECONDS = 0.02
_ANSWER_WITHIN = 10.0


@dataclass(frozen=True, slots=True)
class RunningResourceManager:
    """A stand-in that was started here. As a context manager it is ended at the end."""

    url: str
    authority: Path  # the certificate to trust
    child: Child

    @classmethod
    def start(cls, folder: Path, *, port: int = 0, stands_still: bool = False) -> Self:
        """Start it and return when it answers.

        Args:
            folder: Where it puts its certificate.
            port: Where it is to listen; by default on any free port.
            stands_still: Whether time passes only when it is told to.

        Raises:
            StackError: If it does not start.
        """
        addresses: list[str] = []

        def listen(line: bytes) -> None:
            text = line.decode().strip()
            if text.startswith(READY):
                addresses.append(text.removeprefix(READY))

        options = ["--clock-stands-still"] if stands_still else []
        child = Child.start(
            "The stand-in for Resource Manager",
            *("devstack.resource_manager", str(folder), "--port", str(port), *options),
            environment={},
            listener=listen,
        )
        pause = threading.Event()

        def wait(_: float) -> None:
            pause.wait(_POLL_SECONDS)

        try:
            child.wait_until(lambda: bool(addresses), wait, _READY_WITHIN)
        except BaseException:
            child.stop()
            raise
        return cls(addresses[0], Certificate(folder).file, child)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.child.stop()

    @property
    def environment(self) -> dict[str, str]:
        """Return what the app needs in its environment to take this for Azure, its own identity included."""
        return {
            "REGISTRY_BACKEND": "azure",
            "REGISTRY_AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
            "REGISTRY_AZURE_ENDPOINT": self.url,
            "SSL_CERT_FILE": str(self.authority),
            "IDENTITY_ENDPOINT": f"{self.url}{IDENTITY_PATH}",
            "IDENTITY_HEADER": "loopback",
        }

    def delegated_environment(self) -> dict[str, str]:
        """Make a resource group, and return what the app needs to hand registries over to Azure Machine Learning there.

        Raises:
            StackError: If the stand-in refuses.
        """
        group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{_GROUP}"
        self.control("PUT", "things", {"id": group, "type": GROUP, "body": {"location": "eastus"}})
        return self.environment | {"REGISTRY_BACKEND": "azureml", "REGISTRY_AZURE_RESOURCE_GROUP": _GROUP}

    def control(self, method: str, what: str, body: Any = None) -> Any:
        """Say something to the control endpoint and return its answer.

        Raises:
            StackError: If it refuses.
        """
        address = urlsplit(self.url)
        context = ssl.create_default_context(cafile=str(self.authority))
        connection = HTTPSConnection(address.netloc, timeout=_ANSWER_WITHIN, context=context)
        try:
            connection.request(method, f"/control/{what}", None if body is None else json.dumps(body))
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status != HTTPStatus.OK:
            raise StackError(f"The stand-in refuses {method} {what}: {answer.status} {text}")
        return json.loads(text)
