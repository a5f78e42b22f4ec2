"""The conformance table, against this host over HTTP and against the official worker in process."""

from __future__ import annotations

import dataclasses
import functools
import http.client
import importlib
import importlib.util
import json
import sys
import types
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from devhost.app import index
from devhost.messages import Reply, Request, fold_request, reply_of_datum
from devhost.routes import RouteTable
from tests.devhost.conformance.cases import CASES, Case
from tests.devhost.conftest import CONFORMANCE_APP
from tests.devhost.running import HostProcess

_WIRE_HEADERS = ("content-length", "transfer-encoding", "x-custom")


def _names(case: Case) -> str:
    return case.name


def _check(case: Case, reply: Reply, url: str) -> None:
    """Compare a reply with what the table expects."""
    assert reply.status == case.status
    if case.answer is not None:
        assert reply.body == case.answer
    headers = {name.lower(): value for name, value in reply.headers}
    for name, value in case.answer_headers.items():
        assert headers.get(name) == value, name
    assert tuple(value for name, value in reply.headers if name.lower() == "set-cookie") == case.cookies
    if case.seen:
        seen = json.loads(reply.body)
        for name, expected in case.seen.items():
            actual = seen[name]
            if name == "headers":
                actual = {header: actual.get(header) for header in expected}
            assert actual == (expected.replace("{url}", url) if isinstance(expected, str) else expected), name


@pytest.mark.parametrize("case", CASES, ids=_names)
def test_the_host_conforms(case: Case, conformance_host: HostProcess) -> None:
    """A request over HTTP gets the response that the real host would give."""
    address = urlsplit(conformance_host.url).netloc
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.putrequest(case.method, case.target, skip_accept_encoding=True)
    for name, value in case.headers:
        connection.putheader(name, value)
    if case.chunked:
        connection.putheader("Transfer-Encoding", "chunked")
    elif case.body is not None or case.method == "POST":
        connection.putheader("Content-Length", str(len(case.body or b"")))
    connection.endheaders(case.body, encode_chunked=case.chunked)
    response = connection.getresponse()
    reply = Reply(response.status, response.getheaders(), response.read())
    connection.close()
    _check(case, reply, conformance_host.url)


class _Record:
    """Stands for any message class of the worker's protocol."""

    in_, out, inout, undefined = 0, 1, 2, 0

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class _OfficialWorker:
    """Microsoft's worker package with the conformance app loaded; only its protocol's classes are stand-ins."""

    def __init__(self) -> None:
        part = functools.partial(importlib.import_module, package="azure_functions_runtime")
        handle_event: Any = part(".handle_event")
        self._native = part(".native_invocation")
        self._datum = part(".bindings.datumdef").Datum
        self._threadpool = part(".utils.threadpool")
        handle_event.protos = types.SimpleNamespace(
            BindingInfo=_Record, RpcFunctionMetadata=_Record, RpcRetryOptions=_Record
        )
        part(".bindings.meta").load_binding_registry()
        self._threadpool.start_threadpool_executor()
        handle_event.load_function_metadata(str(CONFORMANCE_APP), "test")
        self._ids = {record.name: record.function_id for record in handle_event._metadata_result}

    async def invoke(self, function: str, request: Request, route_values: dict[str, str]) -> Reply:
        """Run a function with a request as the host would send it and return the host's reply."""
        succeeded, result, _, _, _ = await self._native.invocation_request_native(
            "invocation", self._ids[function], [("req", self._http(request, route_values))], {}
        )
        if not succeeded:
            return Reply(500)
        try:
            return reply_of_datum(result)
        except ValueError:
            return Reply(500)

    def _http(self, request: Request, route_values: dict[str, str]) -> Any:
        def strings(values: Any) -> dict[str, Any]:
            return {name: self._datum(value, "string") for name, value in values.items()}

        fields = {
            "method": self._datum(request.method, "string"),
            "url": self._datum(request.url, "string"),
            "headers": strings(request.headers),
            "params": strings(route_values),
            "query": strings(request.query),
            "body": self._datum(request.body, "bytes"),
        }
        return self._datum(fields, "http")

    def close(self) -> None:
        """End the worker's threads."""
        self._threadpool.stop_threadpool_executor()


@pytest.fixture(scope="module")
def official_worker() -> Iterator[tuple[_OfficialWorker, RouteTable]]:
    """Yield the official worker and this host's routes for the same app."""
    if importlib.util.find_spec("azure_functions_runtime") is None:
        pytest.skip("azure-functions-runtime needs Python 3.13")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHON_SCRIPT_FILE_NAME", "conformance_app.py")
        patch.syspath_prepend(CONFORMANCE_APP)
        worker = _OfficialWorker()
        del sys.modules["conformance_app"]  # an app can be indexed only once: import another
        app = importlib.import_module("conformance_app").app
        yield worker, RouteTable(index(app), "api")
        worker.close()
        del sys.modules["conformance_app"]


@pytest.mark.parametrize("case", [case for case in CASES if case.reaches_function], ids=_names)
async def test_the_official_worker_agrees(case: Case, official_worker: tuple[_OfficialWorker, RouteTable]) -> None:
    """Microsoft's worker gets and gives the same, between this host's way in and its way out."""
    worker, table = official_worker
    headers = [("Host", "localhost"), *case.headers]
    path, _, query = case.target.partition("?")
    request = fold_request(
        method=case.method,
        scheme="http",
        raw_path=path.encode(),
        raw_query=query.encode(),
        headers=[(name.encode(), value.encode()) for name, value in headers],
    )
    if case.body and not case.chunked:
        request = dataclasses.replace(request, body=case.body)
    match = table.find(request.method, request.path)
    assert match is not None
    function, route_values = match
    reply = await worker.invoke(function.name, request, route_values)
    _check(_without_wire(case), reply, "http://localhost")


def _without_wire(case: Case) -> Case:
    """Leave out what is not the worker's affair: framing, HEAD without a body, the host's own headers."""
    headers = {name: value for name, value in case.answer_headers.items() if name not in _WIRE_HEADERS}
    answer = None if case.method == "HEAD" else case.answer
    return dataclasses.replace(case, answer=answer, answer_headers=headers)
