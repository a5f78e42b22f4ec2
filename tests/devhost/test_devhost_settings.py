"""host.json, local.settings.json and the environment."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devhost.refusal import RefusedError
from devhost.settings import (
    LocalSettings,
    apply_environment,
    parse_timespan,
    read_host_settings,
    read_local_settings,
    resolve_placeholders,
)


def _write(folder: Path, name: str, document: Any) -> Path:
    (folder / name).write_text(json.dumps(document))
    return folder


def test_host_json_has_the_real_defaults(tmp_path: Path) -> None:
    """A minimal host.json gets the defaults of the storage extension."""
    settings = read_host_settings(_write(tmp_path, "host.json", {"version": "2.0"}), {"WEBSITE_SKU": "Dynamic"})
    assert settings.route_prefix == "api"
    assert settings.function_timeout == timedelta(minutes=30)
    queues = settings.queues
    assert (queues.batch_size, queues.new_batch_threshold, queues.max_dequeue_count) == (16, 8, 5)
    assert (queues.visibility_timeout, queues.max_polling_interval) == (timedelta(0), timedelta(minutes=1))
    assert queues.message_encoding == "base64"


def test_development_polls_every_two_seconds(tmp_path: Path) -> None:
    """In Development the default polling interval is 2 s; another value is kept."""
    environment = {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"}
    _write(tmp_path, "host.json", {"version": "2.0"})
    assert read_host_settings(tmp_path, environment).queues.max_polling_interval == timedelta(seconds=2)
    environment["AzureFunctionsJobHost__extensions__queues__maxPollingInterval"] = "00:00:30"
    assert read_host_settings(tmp_path, environment).queues.max_polling_interval == timedelta(seconds=30)


def test_the_environment_overrides_host_json(tmp_path: Path) -> None:
    """`AzureFunctionsJobHost__a__b` replaces a value, ignoring case."""
    document = {"version": "2.0", "extensions": {"queues": {"batchSize": 4}}}
    environment = {
        "AZUREFUNCTIONSJOBHOST__EXTENSIONS__QUEUES__BATCHSIZE": "3",
        "AzureFunctionsJobHost__extensions__http__routePrefix": "",
    }
    settings = read_host_settings(_write(tmp_path, "host.json", document), environment)
    assert (settings.queues.batch_size, settings.route_prefix) == (3, "")


@pytest.mark.parametrize(
    ("queues", "problem"),
    [
        ({"batchSize": 33}, "batchSize"),
        ({"batchSize": 0}, "batchSize"),
        ({"newBatchThreshold": -1}, "newBatchThreshold"),
        ({"maxDequeueCount": 0}, "maxDequeueCount"),
        ({"maxPollingInterval": "00:02:00"}, "maxPollingInterval"),
        ({"messageEncoding": "utf8"}, "messageEncoding"),
        ({"visibilityTimeout": "soon"}, "time span"),
    ],
)
def test_values_outside_of_their_limits_are_refused(queues: dict[str, Any], problem: str, tmp_path: Path) -> None:
    """host.json is checked against the extension's limits."""
    document = {"version": "2.0", "extensions": {"queues": queues}}
    with pytest.raises(RefusedError, match=problem):
        read_host_settings(_write(tmp_path, "host.json", document), {})


@pytest.mark.parametrize(
    ("text", "problem"), [(None, "missing"), ("{", "not valid JSON"), ("[]", "JSON object"), ("{}", "version")]
)
def test_a_malformed_host_json_is_refused(text: str | None, problem: str, tmp_path: Path) -> None:
    """Without a valid host.json nothing starts."""
    if text is not None:
        (tmp_path / "host.json").write_text(text)
    with pytest.raises(RefusedError, match=problem):
        read_host_settings(tmp_path, {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00:00:30", timedelta(seconds=30)),
        ("1.02:03:04", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("00:00:00.100", timedelta(milliseconds=100)),
        ("01:30", timedelta(hours=1, minutes=30)),
        ("2", timedelta(days=2)),
    ],
)
def test_time_spans(text: str, expected: timedelta) -> None:
    """Time spans are written as in .NET."""
    assert parse_timespan(text) == expected


def test_placeholders_are_replaced() -> None:
    """Every `%NAME%` becomes the setting of that name."""
    assert resolve_placeholders("a-%X%-%Y%", {"X": "1", "Y": "2"}) == "a-1-2"


def test_local_settings_are_read(tmp_path: Path) -> None:
    """Values, connection strings and the host section are understood."""
    document = {
        "IsEncrypted": False,
        "Values": {"A": "1"},
        "ConnectionStrings": {"Db": {"ConnectionString": "db"}},
        "Host": {"LocalHttpPort": 7999, "CORS": "http://a, http://b", "CORSCredentials": True},
    }
    assert read_local_settings(_write(tmp_path, "local.settings.json", document)) == LocalSettings(
        values={"A": "1"},
        connection_strings={"Db": "db"},
        port=7999,
        cors=("http://a", "http://b"),
        cors_credentials=True,
    )


@pytest.mark.parametrize("document", [{"IsEncrypted": True, "Values": {}}, {"Values": {}}])
def test_encrypted_local_settings_are_refused(document: dict[str, Any], tmp_path: Path) -> None:
    """Encrypted settings are refused, and a missing flag means encrypted."""
    with pytest.raises(RefusedError, match="encrypted"):
        read_local_settings(_write(tmp_path, "local.settings.json", document))


def test_no_local_settings_are_fine(tmp_path: Path) -> None:
    """The file is optional."""
    assert read_local_settings(tmp_path) == LocalSettings()


def test_real_variables_win_over_local_settings(tmp_path: Path) -> None:
    """A variable of the environment is never overridden; the host's own are added."""
    environment = {"A": "real"}
    local = LocalSettings(values={"A": "local", "B": "local"}, connection_strings={"Db": "db"})
    apply_environment(environment, local, tmp_path, 7071)
    assert environment["A"] == "real"
    assert environment["B"] == "local"
    assert environment["ConnectionStrings:Db"] == "db"
    assert environment["AZURE_FUNCTIONS_ENVIRONMENT"] == "Development"
    assert environment["WEBSITE_HOSTNAME"] == "localhost:7071"
    assert environment["AzureWebJobsScriptRoot"] == str(tmp_path)
