"""Asks a running app everything that its OpenAPI document allows, and more, and says where it does not keep to it."""

import json
import re
import time
import zlib
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response
from schemathesis.engine import Status, events, from_schema
from schemathesis.generation.meta import TestPhase
from schemathesis.openapi.checks import EnsureResourceAvailability

from registry_api.domain.names import is_registry_name
from registry_api.domain.validation import READ_ONLY
from registry_api.http import parameters
from registry_api.http.errors import status_of
from tests import senders

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
    "ensure_resource_availability",
    "refused_only_for_what_no_schema_tells",
)
# A wrong document may also be refused for its conditions, which are looked at first.
_REFUSED = ["400", "401", "404", "405", "409", "411", "412", "413", "415", "422"]
_NAMES = 40  # few, so that requests meet the registries of earlier ones and the worker has little to do
_REGIONS = ("eastus", "westus", "northeurope")

# What a document, or a patch of one, may be refused for although its schema allows it: rules between its fields, what
# it may not change, and keys that YAML and JSON write but a patch only takes away.
_BEYOND_A_SCHEMA = frozenset(
    {
        "DuplicateLocation",
        "MissingField",
        "NameMismatch",
        "PrimaryLocationNotReplicated",
        "ReadOnlyField",
        "TooManyItems",
    }
)
_SCOPE = {parameter.name for parameter in parameters.SCOPE}
_OPAQUE = frozenset({"continuation"})  # only what the service gave is taken


@dataclass
class Findings:
    """What was asked and what was wrong."""

    requests: int = 0
    seconds: float = 0.0
    accepted: set[str] = field(default_factory=set)
    failures: dict[str, str] = field(default_factory=dict)

    def count(self, event: events.ScenarioFinished) -> None:
        """Add what one scenario has found."""
        for case_id, interaction in event.recorder.interactions.items():
            self.requests += 1
            if interaction.response is not None and interaction.response.status_code < 300:
                self.accepted.add(event.recorder.cases[case_id].value.operation.label)
        for checks in event.recorder.checks.values():
            for check in checks:
                if check.status is not Status.SUCCESS and check.failure_info is not None:
                    failure = check.failure_info.failure
                    self.failures.setdefault(
                        f"{check.name}: {failure.operation}: {failure.title}",
                        f"{failure.message}\n{check.failure_info.code_sample}",
                    )

    def report(self) -> str:
        """Return the figures, and one case of every kind of failure."""
        figures = f"{self.requests} requests, {len(self.failures)} failures, {self.seconds:.0f} seconds"
        return "\n\n".join([figures, *(f"{kind}\n{sample}" for kind, sample in self.failures.items())])


def examine(
    url: str,
    *,
    is_short: bool = False,
    max_requests: int | None = None,
    max_seconds: int | None = None,
    **settings: Any,
) -> Findings:
    """Ask an app until the settings, the number of requests or the time say that it is enough.

    Args:
        url: Where the app runs.
        is_short: Whether to send documents as the first media type and as YAML only, not under every name of both.
        max_requests: After how many requests to stop; None for as many as the settings lead to.
        max_seconds: After what time to stop; until then the settings are gone through again and again.
        settings: Settings of schemathesis, by their names in its configuration file.
    """
    checks: dict[str, Any] = {"enabled": False} | {check: {"enabled": True} for check in CHECKS}
    checks["negative_data_rejection"]["expected-statuses"] = _REFUSED
    config = SchemathesisConfig.from_dict(
        {"base-url": f"{url}/api", "continue-on-failure": True, "checks": checks, **settings}
    )
    config.update(max_time=max_seconds, max_failures=None)
    document = httpx.get(f"{url}/api/openapi.json", trust_env=False).raise_for_status().json()
    if is_short:
        _drop_synonyms(document)
    schema = schemathesis.openapi.from_dict(document, config=config)
    findings, begin = Findings(), time.monotonic()
    stream = from_schema(schema).execute()
    for event in stream:
        match event:
            case events.ScenarioFinished():
                findings.count(event)
                if max_requests is not None and findings.requests >= max_requests:
                    stream.stop()
            case events.NonFatalError():
                findings.failures.setdefault(f"{event.label}: {event.info.title}", str(event.info.message))
            case events.FatalError():
                raise event.exception
            case _:
                pass
    findings.seconds = time.monotonic() - begin
    return findings


def _drop_synonyms(document: dict[str, Any]) -> None:
    for path in document["paths"].values():
        for operation in path.values():
            content = operation.get("requestBody", {}).get("content", {})
            for synonym in set(content) - {next(iter(content), None), "application/yaml"}:
                del content[synonym]


@schemathesis.hook("before_call")
def _keep_to_few_registries(
    context: schemathesis.HookContext,
    case: schemathesis.Case[Any],
    kwargs: dict[str, Any],
) -> None:
    """Put one of few names in the place of any valid one, and let valid documents keep the rules between fields."""
    del context
    path: dict[str, Any] = case.path_parameters or {}
    body: Any = case.body
    number = 0
    if "source" in path:
        kwargs["auth"] = senders.Signing()
        if case.meta is None or case.meta.generation.mode.is_positive:
            path["source"] = "standard"
    in_path = path.get("name")
    if isinstance(in_path, str) and is_registry_name(in_path):
        number = _number_of(in_path)
        path["name"] = f"fuzz-{number}"
    if not isinstance(body, dict) or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if isinstance(body.get("name"), str):
        number = number if in_path is not None else _number_of(body["name"])
        body["name"] = f"fuzz-{number}"
    for given in READ_ONLY:
        body.pop(given, None)
    if "location" in body:
        body["location"] = _REGIONS[number % len(_REGIONS)]
        regions = {region["location"]: region for region in body.get("replication_locations") or ()}
        if regions:
            primary = {body["location"]: {"location": body["location"]}}
            body["replication_locations"] = list((primary | regions).values())


def _number_of(name: str) -> int:
    return zlib.crc32(name.encode()) % _NAMES


@schemathesis.hook("filter_failure")
def _is_promised(
    context: schemathesis.HookContext, failure: Failure, case: schemathesis.Case[Any], response: Response
) -> bool:
    """Tell whether a failure is one: whether the request is wrong in a way that the service promises to refuse."""
    del context
    if response.status_code == 400 and "x-ms-request-id" not in response.headers:
        return False  # the host's answer to a header that is not ASCII: the app never sees the request
    query = parse_qsl(urlsplit(str(response.request.url)).query, keep_blank_values=True)
    if isinstance(failure, EnsureResourceAvailability) and _SCOPE & dict(query).keys():
        return False  # it was asked for in a scope that is not its own
    answered = (case.operation.definition.raw["operationId"], response.status_code)
    if answered == ("plan_registry", 200):  # a wrong document is answered by what is wrong with it
        return not json.loads(response.content)["problems"]
    return answered != ("delete_registry", 204)  # what cannot be there is not there


@schemathesis.check
def refused_only_for_what_no_schema_tells(
    ctx: schemathesis.CheckContext, response: Response, case: schemathesis.Case[Any]
) -> None:
    """Refuse nothing that the document allows, but for a reason that no schema can tell."""
    del ctx
    # The other phases fill up with headers that do not match their pattern, and call them valid.
    if case.meta is None or case.meta.phase.name not in {TestPhase.FUZZING, TestPhase.STATEFUL}:
        return
    if case.meta.generation.mode.is_positive and response.status_code == 400:
        error = json.loads(response.content)["error"]
        wrong = [
            problem
            for problem in error.get("details", [error])
            if problem["code"] not in _BEYOND_A_SCHEMA
            and problem["target"] not in _OPAQUE
            and status_of(problem["code"]) == HTTPStatus.BAD_REQUEST  # other codes are about what is stored
        ]
        assert not wrong, re.sub(r"\s+", " ", f"refused for {wrong}")
