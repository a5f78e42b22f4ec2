"""The host's own endpoints, open to everybody as they are under `func start`."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from devhost.app import Function
from devhost.inputs import Delivery, http_input, queue_input, timer_input
from devhost.invoke import Invoker, nothing
from devhost.messages import Reply, Request, reply_of
from devhost.routes import template_of

_VERSION = "4.0.0.devhost"


class Admin:
    """Answers `/admin/...` and `/runtime/...`: azure-functions-host, HostController.cs, FunctionsController.cs.

    Args:
        functions: All functions of the app.
        prefix: The route prefix.
        url: Where this host is reached.
        invoker: What runs the functions.
        environment: Where functions are switched off.
    """

    def __init__(
        self,
        *,
        functions: Sequence[Function],
        prefix: str,
        url: str,
        invoker: Invoker,
        environment: Mapping[str, str],
    ) -> None:
        self._functions = {function.name.lower(): function for function in functions}
        self._prefix = prefix
        self._url = url
        self._invoker = invoker
        self._environment = environment
        self._started = time.monotonic()

    @staticmethod
    def owns(path: str) -> bool:
        """Tell whether a path is the host's own; no function's route can begin like that."""
        return path.lower().split("/")[1:2] in (["admin"], ["runtime"])

    def answer(self, method: str, path: str, body: bytes) -> Reply:
        """Answer a request to one of the host's own paths."""
        parts = path.strip("/").split("/")
        match method, [part.lower() for part in parts]:
            case "GET", ["admin", "host", "status"]:
                return _json(self._host_status())
            case "GET" | "POST", ["admin", "host", "ping"]:
                return Reply(200)
            case "GET", ["runtime", "health"] | ["runtime", "health", "live" | "ready"]:
                return _json({"status": "Healthy"})
            case "GET", ["admin", "functions"]:
                return _json([self._describe(function) for function in self._functions.values()])
            case _, ["admin", "functions", name, *rest] if name in self._functions:
                return self._answer_function(method, self._functions[name], rest, body)
        return Reply(404)

    def _answer_function(self, method: str, function: Function, rest: list[str], body: bytes) -> Reply:
        match method, rest:
            case "GET", []:
                return _json(self._describe(function))
            case "GET", ["status"]:
                return _json({"isDisabled": function.is_disabled(self._environment)})
            case "POST", []:
                return self._start(function, body)
        return Reply(404)

    def _start(self, function: Function, body: bytes) -> Reply:
        """Run a function in the background and answer at once."""
        try:
            document = json.loads(body)
            text = str(document.get("input") or "").encode()
        except (ValueError, RecursionError, AttributeError):
            return Reply(400)
        argument = self._input(function, text)
        self._invoker.start(function, argument, reply_of if function.kind == "httpTrigger" else nothing)
        return Reply(202)

    def _input(self, function: Function, body: bytes) -> Any:
        if function.kind == "queueTrigger":
            return queue_input(function, Delivery(id=str(uuid.uuid4()), text=body))
        if function.kind == "timerTrigger":
            return timer_input()
        url = f"{self._url}/{template_of(function, self._prefix)}"
        method = min(function.methods or {"POST"})
        return http_input(Request(method, url, path="", headers={}, query={}, body=body), {})

    def _host_status(self) -> dict[str, Any]:
        return {
            "id": f"devhost-{os.getpid()}",
            "state": "Running",
            "version": _VERSION,
            "processUptime": int((time.monotonic() - self._started) * 1000),
        }

    def _describe(self, function: Function) -> dict[str, Any]:
        description: dict[str, Any] = {
            "name": function.name,
            "href": f"{self._url}/admin/functions/{function.name}",
            "language": "python",
            "config": {"bindings": list(function.bindings)},
            "isDisabled": function.is_disabled(self._environment),
        }
        if function.kind == "httpTrigger":
            description["invoke_url_template"] = f"{self._url}/{template_of(function, self._prefix)}".lower()
        return description


def _json(document: Any) -> Reply:
    return Reply(200, [("content-type", "application/json; charset=utf-8")], json.dumps(document).encode())
