"""The function app in this process: its functions by name, asked as the worker asks them, and its storage calls."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import azure.functions as func

from benchmarks.emulator import environment_of
from benchmarks.first import KEY
from registry_api import bootstrap
from registry_api.storage.rows import Replace, Write

BASE = "http://127.0.0.1:7071/api"
DOCUMENT = (
    b'{"description":"Basic registry with one primary region and two additional regions","tags":{"foo":"bar"},'
    b'"location":"eastus","replication_locations":[{"location":"eastus"},{"location":"eastus2"},{"location":"westus"}]}'
)


def install(connection_string: str) -> None:
    """Let the app of this process use a storage account; once, and before anything is asked."""
    os.environ.update(environment_of(connection_string))


def functions() -> dict[str, Any]:
    """Index the app, and return its functions by their names."""
    import function_app  # noqa: PLC0415 - it reads its settings

    return {str(one.get_function_name()): one.get_user_function() for one in function_app.app.get_functions()}


def request(method: str, path: str, body: bytes = b"", query: str = "") -> func.HttpRequest:
    """Return a request as the host hands it over."""
    headers = {"x-functions-key": KEY}
    if body:
        headers |= {"content-type": "application/json", "content-length": str(len(body))}
    return func.HttpRequest(
        method,
        f"{BASE}/{path}{query}",
        headers=headers,
        params={},
        route_params={"name": path.partition("/")[2]},
        body=body,
    )


def expect(status: int, answer: func.HttpResponse) -> func.HttpResponse:
    """Return an answer that is as it should be.

    Raises:
        RuntimeError: If it is not.
    """
    if answer.status_code != status:
        raise RuntimeError(answer.get_body().decode())
    return answer


def call_storage_by(rows: Any, queue: Any) -> None:
    """Let the app of this process reach its storage in another way. What it has made of the former it makes anew."""
    made = vars(bootstrap.app())
    made |= {"rows": rows, "queue": queue}
    for part in ("views", "ports"):
        made.pop(part, None)


@dataclass(frozen=True, slots=True)
class StorageCall:
    """A call that the app has made to its table or its queue."""

    target: Any
    method: str
    arguments: Sequence[Any]


@dataclass
class Recorder:
    """Stands before the table and the queue of the app, and notes what they are asked for."""

    rows: Any
    queue: Any
    calls: list[StorageCall] = field(default_factory=list)

    @classmethod
    def install(cls) -> "Recorder":
        """Stand between the app of this process and its storage clients."""
        app = bootstrap.app()
        recorder = cls(app.rows, app.queue)
        call_storage_by(_Spy(recorder.rows, recorder.calls), _Spy(recorder.queue, recorder.calls))
        return recorder

    def uninstall(self) -> Sequence[StorageCall]:
        """Let the app call its clients itself again, and return what was noted."""
        call_storage_by(self.rows, self.queue)
        return self.calls


class _Spy:
    def __init__(self, target: Any, calls: list[StorageCall]) -> None:
        self._target, self._calls = target, calls

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)

        def call(*arguments: Any) -> Any:
            self._calls.append(StorageCall(self._target, name, arguments))
            return method(*arguments)

        return call


async def replay(calls: Sequence[StorageCall], partition: str | None = None) -> None:
    """Make the same calls to the same clients, and nothing else.

    Args:
        calls: What the app did.
        partition: Where rows are to be read and written instead; versions are those that are found there.
    """
    versions: dict[str, str | None] = {}
    for call in calls:
        rest = call.arguments[1:]
        if call.method not in {"get", "transact"} or partition is None:
            await getattr(call.target, call.method)(*call.arguments)
        elif call.method == "get":
            found = await call.target.get(partition, *rest)
            versions[rest[0]] = found.version if found else None
        else:
            writes = [_as_found(write, versions) for write in rest[0]]
            told = await call.target.transact(partition, writes)
            versions |= {write.key: version for write, version in zip(writes, told, strict=True)}


def _as_found(write: Write, versions: Mapping[str, str | None]) -> Write:
    if isinstance(write, Replace):
        return Replace(write.key, write.text, versions[write.key] or "")
    return write
