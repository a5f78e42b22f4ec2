"""Read host.json, local.settings.json and the environment the way the real host does."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from devhost.refusal import RefusedError

DEFAULT_PORT = 7071
_DEVELOPMENT_POLLING = timedelta(seconds=2)
_OVERRIDE_PREFIX = "azurefunctionsjobhost__"
_MAX_BATCH = 32
_TIMESPAN = re.compile(r"(?:(?P<d>\d+)(?:\.|$))?(?:(?P<h>\d+):(?P<m>\d+)(?::(?P<s>\d+(?:\.\d+)?))?)?")
_PLACEHOLDER = re.compile(r"%([^%]*)%")


@dataclass(frozen=True)
class QueueSettings:
    """`extensions.queues` of host.json (azure-sdk-for-net, QueuesOptions.cs)."""

    batch_size: int
    new_batch_threshold: int
    max_dequeue_count: int
    visibility_timeout: timedelta
    max_polling_interval: timedelta
    message_encoding: Literal["base64", "none"]


@dataclass(frozen=True)
class HostSettings:
    """What of host.json this host obeys."""

    route_prefix: str
    custom_headers: Mapping[str, str]
    function_timeout: timedelta | None
    functions: tuple[str, ...] | None
    queues: QueueSettings


@dataclass(frozen=True)
class LocalSettings:
    """What of local.settings.json this host obeys."""

    values: Mapping[str, str] = field(default_factory=dict)
    connection_strings: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    address: str | None = None
    cors: tuple[str, ...] = ()
    cors_credentials: bool = False


def parse_timespan(text: str) -> timedelta:
    """Parse .NET's `[d.]hh:mm[:ss[.fff]]` or a bare number of days.

    Raises:
        ValueError: The text is neither.
    """
    match = _TIMESPAN.fullmatch(text.strip())
    if not match or not text.strip():
        raise ValueError(f"{text!r} is not a time span such as 00:00:30")
    days, hours, minutes, seconds = (float(match[name] or 0) for name in "dhms")
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def resolve_placeholders(text: str, environment: Mapping[str, str]) -> str:
    """Replace every `%NAME%` by the setting of that name (azure-webjobs-sdk, NameResolverExtensions.cs).

    Raises:
        ValueError: A name has no value, or a `%` is not closed.
    """

    def value_of(match: re.Match[str]) -> str:
        value = environment.get(match[1])
        if value is None:
            raise ValueError(f"'%{match[1]}%' does not resolve to a value.")
        return value

    if text.count("%") % 2:
        raise ValueError(f"The '%' at position {text.rindex('%')} does not have a closing '%'")
    return _PLACEHOLDER.sub(value_of, text)


def read_host_settings(app_dir: Path, environment: Mapping[str, str]) -> HostSettings:
    """Read host.json with its environment overrides (`AzureFunctionsJobHost__a__b`).

    Raises:
        RefusedError: The file is missing or malformed, or a value is outside of its limits.
    """
    document = _read_json(app_dir / "host.json", required=True)
    if document.get("version") != "2.0":
        raise RefusedError('host.json: "version" must be "2.0".')
    _apply_overrides(document, environment)
    http = _section(document, "extensions", "http")
    try:
        timeout = document.get("functionTimeout", "00:30:00")
        return HostSettings(
            route_prefix=str(http.get("routePrefix", "api")).strip("/"),
            custom_headers={str(k): str(v) for k, v in dict(http.get("customHeaders", {})).items()},
            function_timeout=None if str(timeout) == "-1" else parse_timespan(str(timeout)),
            functions=tuple(document["functions"]) if "functions" in document else None,
            queues=_queue_settings(_section(document, "extensions", "queues"), environment),
        )
    except (TypeError, ValueError) as error:
        raise RefusedError(f"host.json: {error}") from error


def _queue_settings(section: Mapping[str, Any], environment: Mapping[str, str]) -> QueueSettings:
    batch_size = int(section.get("batchSize", 16))
    if not 1 <= batch_size <= _MAX_BATCH:
        raise ValueError(f"queues.batchSize must be between 1 and {_MAX_BATCH}, not {batch_size}")
    # SkuUtility.cs: one processor's worth on a dynamic plan, all processors elsewhere.
    processors = 1 if environment.get("WEBSITE_SKU") == "Dynamic" else os.cpu_count() or 1
    threshold = int(section.get("newBatchThreshold", batch_size // 2 * processors))
    if threshold < 0:
        raise ValueError(f"queues.newBatchThreshold must not be negative, not {threshold}")
    attempts = int(section.get("maxDequeueCount", 5))
    if attempts < 1:
        raise ValueError(f"queues.maxDequeueCount must be at least 1, not {attempts}")
    encoding = str(section.get("messageEncoding", "base64")).lower()
    if encoding not in ("base64", "none"):
        raise ValueError(f"queues.messageEncoding must be base64 or none, not {encoding}")
    polling = parse_timespan(str(section.get("maxPollingInterval", "00:01:00")))
    if not timedelta(milliseconds=100) <= polling <= timedelta(minutes=1):
        raise ValueError("queues.maxPollingInterval must be between 00:00:00.100 and 00:01:00")
    if polling == timedelta(minutes=1) and environment.get("AZURE_FUNCTIONS_ENVIRONMENT") == "Development":
        # StorageQueuesWebJobsBuilderExtensions.cs: the default is shortened in development.
        polling = _DEVELOPMENT_POLLING
    return QueueSettings(
        batch_size=batch_size,
        new_batch_threshold=threshold,
        max_dequeue_count=attempts,
        visibility_timeout=parse_timespan(str(section.get("visibilityTimeout", "00:00:00"))),
        max_polling_interval=polling,
        message_encoding="none" if encoding == "none" else "base64",
    )


def read_local_settings(app_dir: Path) -> LocalSettings:
    """Read local.settings.json, or the defaults if there is none.

    Raises:
        RefusedError: The file is malformed or encrypted.
    """
    document = _read_json(app_dir / "local.settings.json", required=False)
    if not document:
        return LocalSettings()
    if document.get("IsEncrypted", True):  # a missing key means encrypted, as in Core Tools
        raise RefusedError('local.settings.json is encrypted. Decrypt it and set "IsEncrypted": false.')
    host = _section(document, "Host")
    port = host.get("LocalHttpPort")
    return LocalSettings(
        values={str(k): str(v) for k, v in _section(document, "Values").items()},
        connection_strings=_connection_strings(_section(document, "ConnectionStrings")),
        port=int(port) if port is not None else None,
        address=host.get("LocalHttpAddress"),
        cors=tuple(origin.strip() for origin in str(host.get("CORS", "")).split(",") if origin.strip()),
        cors_credentials=bool(host.get("CORSCredentials", False)),
    )


def apply_environment(environment: MutableMapping[str, str], local: LocalSettings, app_dir: Path, port: int) -> None:
    """Put local settings and the host's own variables in the environment (Core Tools, StartHostAction.cs).

    A variable that is already set always wins.
    """
    additions = {
        **local.values,
        **{f"ConnectionStrings:{name}": value for name, value in local.connection_strings.items()},
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "AzureWebJobsScriptRoot": str(app_dir),
        "FUNCTIONS_APPLICATION_DIRECTORY": str(app_dir),
        "FUNCTIONS_WORKER_DIRECTORY": str(Path(__file__).parent),
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "FUNCTIONS_WORKER_RUNTIME_VERSION": ".".join(platform.python_version_tuple()[:2]),
        "WEBSITE_HOSTNAME": f"localhost:{port}",
    }
    for name, value in additions.items():
        environment.setdefault(name, value)


def _read_json(path: Path, *, required: bool) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        if required:
            raise RefusedError(f"{path.name} is missing in {path.parent}.") from None
        return {}
    except ValueError as error:
        raise RefusedError(f"{path.name} is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise RefusedError(f"{path.name} must hold a JSON object.")
    return document


def _section(document: Mapping[str, Any], *path: str) -> dict[str, Any]:
    for name in path:
        document = document.get(name) or {}
        if not isinstance(document, dict):
            raise RefusedError(f'"{".".join(path)}" must be a JSON object.')
    return dict(document)


def _connection_strings(section: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: str(value["ConnectionString"] if isinstance(value, dict) else value) for name, value in section.items()
    }


def _apply_overrides(document: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Set what `AzureFunctionsJobHost__section__key` names, ignoring case as .NET configuration does."""
    for name, value in environment.items():
        if not name.lower().startswith(_OVERRIDE_PREFIX):
            continue
        node = document
        *sections, key = name[len(_OVERRIDE_PREFIX) :].split("__")
        for section in sections:
            child = node.setdefault(_spelling(node, section), {})
            if not isinstance(child, dict):
                raise RefusedError(f"{name}: {section} of host.json is not an object.")
            node = child
        node[_spelling(node, key)] = value


def _spelling(node: Mapping[str, Any], name: str) -> str:
    return next((key for key in node if key.lower() == name.lower()), name)
