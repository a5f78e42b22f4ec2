"""The function app as the host sees it: what it indexes, and which function gets a request."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from registry_api.domain.problems import Code
from registry_api.http import bodies
from registry_api.http.route import PREFIX
from registry_api.http.routes import ALL_ROUTES, ROUTES, methods_of

ROOT = Path(__file__).parents[2]
INDEX = """
import json, sys, function_app
print(json.dumps({
    "functions": sorted(function.get_function_name() for function in function_app.app.get_functions()),
    "modules": sorted(sys.modules),
}))
"""


@pytest.fixture(scope="module")
def indexed() -> dict[str, list[str]]:
    """Index the app in a process of its own, as the worker does."""
    result: dict[str, list[str]] = json.loads(_index().stdout)
    return result


def _index(**environment: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "AzureWebJobsStorage": "UseDevelopmentStorage=true", **environment}
    command = [sys.executable, "-c", INDEX]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("variable", ["WEBSITE_INSTANCE_ID", "WEBSITE_SITE_NAME", "WEBSITE_POD_NAME"])
@pytest.mark.parametrize("environment", ["Development", "Production"])
def test_the_app_does_not_start_on_azure_without_identities(variable: str, environment: str) -> None:
    """Where the platform says that it is Azure, neither a developer nor nobody at all may be who is let in."""
    indexed = _index(**{variable: "x", "AZURE_FUNCTIONS_ENVIRONMENT": environment})

    assert indexed.returncode == 1
    assert indexed.stderr.splitlines()[-1].startswith("registry_api.startup.SettingsError: ")
    cause = "must not be Development" if environment == "Development" else "Nobody could sign in"
    assert cause in indexed.stderr


def test_the_developer_is_announced() -> None:
    """That everybody is let in is said when the app starts, and only where it is so."""
    assert "Everybody is let in as 'developer'" in _index(AZURE_FUNCTIONS_ENVIRONMENT="Development").stderr
    assert "Everybody is let in" not in _index().stderr


def test_the_catch_all_is_the_last_function(indexed: dict[str, list[str]]) -> None:
    """The host tries functions by name, so the one that takes every path must come last."""
    assert max(indexed["functions"], key=str.lower) == "zz_no_such_route"


def test_every_route_is_a_function(indexed: dict[str, list[str]]) -> None:
    """The table of routes and the worker's functions are all that there is."""
    of_queues = {"provision", "provision_poison", "notify", "notify_poison"}
    expected = {route.name for route in ALL_ROUTES} | of_queues | {"resync", "zz_no_such_route"}

    assert set(indexed["functions"]) == expected


@pytest.mark.parametrize(
    "heavy",
    [
        "azure.data.tables",
        "azure.storage.queue",
        "azure.storage.blob",
        "aiohttp",
        "yaml",
        "cryptography",
        "jwt",
        "requests",
        "pydantic",
    ],
)
def test_heavy_packages_wait_for_their_first_use(heavy: str, indexed: dict[str, list[str]]) -> None:
    """Indexing the app, which every cold start does, imports no storage SDK and no parser."""
    assert heavy not in indexed["modules"]


def test_every_route_has_a_handler_and_its_models() -> None:
    """What the table names is there: handlers are loaded at the first request, and must not fail then."""
    for route in ALL_ROUTES:
        assert route.load().__name__ == route.name
        assert route.load_check().__name__ == "check_query"
        models = [content for content in route.answers.values() if isinstance(content, str)]
        assert all(issubclass(getattr(bodies, model), bodies.Body) for model in models)


def test_no_two_routes_overlap() -> None:
    """No request could be taken by two functions: the host knows no precedence but the functions' names."""
    for route in ALL_ROUTES:
        sample = route.template.replace("{name}", "some-name").replace("{id}", "some-name.0a")
        taken = [other.name for other in ALL_ROUTES if other.method == route.method and other.matches(sample)]
        assert taken == [route.name]


def test_wrong_methods_know_the_right_ones() -> None:
    """A path knows its methods, whatever its case; an unknown path has none."""
    assert methods_of("registries") == ["GET", "POST"]
    assert methods_of("Registries/abc/") == ["DELETE", "GET", "PATCH", "PUT"]
    assert methods_of("registries/abc/def") == []
    assert methods_of("registries/abc/plan") == ["POST"]


def test_whatever_is_about_registries_may_be_forbidden() -> None:
    """Every route of a registry or of its past says that the caller may not be allowed to take it."""
    for route in ROUTES:
        if route.template.startswith(("registries", "operations")):
            assert {Code.AUTHORIZATION_FAILED, Code.AUTHORIZATION_UNAVAILABLE} <= {*route.codes}
        assert Code.INVALID_HEADER in route.codes


def test_the_prefix_is_the_hosts() -> None:
    """Links are made with the prefix that host.json sets."""
    host = json.loads((ROOT / "host.json").read_text("utf-8"))

    assert host["extensions"]["http"]["routePrefix"] == PREFIX


def test_the_host_hides_failed_messages_before_it_tries_again() -> None:
    """Every value of the queue is written down: the host's defaults depend on the machine, or retry at once."""
    queues = json.loads((ROOT / "host.json").read_text("utf-8"))["extensions"]["queues"]

    assert set(queues) == {
        "batchSize",
        "newBatchThreshold",
        "maxDequeueCount",
        "visibilityTimeout",
        "maxPollingInterval",
        "messageEncoding",
    }
    assert queues["messageEncoding"] == "none"  # or what is not base64 would never reach our quarantine
    assert queues["visibilityTimeout"] > "00:00:00"
