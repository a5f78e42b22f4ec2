"""One trace from the request through the real queue to the calls of the backend, as Application Insights gets it."""

import gzip
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from devstack.azurite import Azurite
from tests.live import RunningApp, follow

TRACE = "0af7651916cd43dd8448eb211c80319c"
_ARRIVES_WITHIN = 30.0


class Ingestion(ThreadingHTTPServer):
    """Stands in for the ingestion of Application Insights."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[dict[str, Any]] = []
        self.arrived = threading.Condition()

    def names(self) -> set[str]:
        """Return the names of the spans of our trace."""
        return {one["data"]["baseData"]["name"] for one in self.spans if one["tags"].get("ai.operation.id") == TRACE}

    def wait_for(self, names: set[str]) -> None:
        """Wait until spans of these names are here."""
        ends = time.monotonic() + _ARRIVES_WITHIN
        with self.arrived:
            while not names <= self.names():
                assert self.arrived.wait(ends - time.monotonic()), self.names()


class _Handler(BaseHTTPRequestHandler):
    server: Ingestion

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        items = json.loads(body)
        with self.server.arrived:
            self.server.spans += [one for one in items if one["data"]["baseType"] == "RemoteDependencyData"]
            self.server.arrived.notify_all()
        answer = json.dumps({"itemsReceived": len(items), "itemsAccepted": len(items), "errors": []}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        """Say nothing."""


def test_one_trace_reaches_application_insights(own_azurite: Azurite, name: str) -> None:
    """The caller's trace id is that of the request, the visit and the backend's calls, across two processes.

    Nobody complains in the log, as the exporter does when it is missing something.
    """
    with Ingestion() as ingestion:
        threading.Thread(target=ingestion.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{ingestion.server_port}/"
        settings = {
            "APPLICATIONINSIGHTS_CONNECTION_STRING": f"InstrumentationKey=00000000-0000-0000-0000-000000000001;"
            f"IngestionEndpoint={address};LiveEndpoint={address}",
            "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        with RunningApp.start(own_azurite, **settings) as app, app.client() as client:
            answer = client.put(
                f"/registries/{name}",
                content="location: eastus",
                headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"},
            )
            operation = answer.json()["status"]["operation"].removeprefix("/api")
            assert follow(client, operation)["status"] == "Succeeded"
            ingestion.wait_for({"request", "announce", "commit", "provision", "visit", "observe", "start"})
        ingestion.shutdown()
    assert [line for line in app.lines if " ERROR " in line] == []
