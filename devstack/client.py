"""The demo's caller of the API: requests, and operations followed to their end."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from rich.console import Console

from devstack.certificate import Certificate
from devstack.progress import TERMINAL, progress_view

YAML = "application/yaml"
JSON = "application/json"

_POLL_SECONDS = 0.3
_ENDS_WITHIN = 90.0


class ApiClient:
    """Calls one running API.

    Args:
        url: Where the API is.
        console: Where the progress of operations is shown.
        pause: How to wait for some seconds.
        certificate: What the API serves HTTPS with; None if it serves HTTP.
    """

    def __init__(
        self, url: str, console: Console, pause: Callable[[float], None], certificate: Certificate | None
    ) -> None:
        # Not through a proxy that the environment names: the API is on this machine.
        self._http = httpx.Client(
            base_url=url, timeout=30, trust_env=False, verify=certificate.trust() if certificate else True
        )
        self._console = console
        self._pause = pause

    def get(self, path: str) -> httpx.Response:
        """Read."""
        return self._http.get(path)

    def put(self, name: str, document: str, media_type: str = YAML) -> httpx.Response:
        """Create or change a registry."""
        return self._http.put(f"/registries/{name}", content=document, headers={"content-type": media_type})

    def delete(self, name: str) -> httpx.Response:
        """Start to delete a registry."""
        return self._http.delete(f"/registries/{name}")

    def follow(self, accepted: httpx.Response) -> Mapping[str, Any]:
        """Show an operation until it ends, or is overdue, and return its last state.

        Args:
            accepted: The answer that started it.

        Raises:
            httpx.HTTPError: If it cannot be read.
        """
        deadline = time.monotonic() + _ENDS_WITHIN
        with progress_view(self._console) as show:
            while True:
                response = self._http.get(accepted.headers["operation-location"]).raise_for_status()
                operation: dict[str, Any] = response.json()
                show(operation)
                if operation["status"] in TERMINAL or time.monotonic() > deadline:
                    return operation
                self._pause(float(response.headers.get("retry-after", _POLL_SECONDS)))

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()
