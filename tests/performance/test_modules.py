"""Figures of the benchmarks that no noise disturbs."""

import subprocess
import sys
from pathlib import Path
from uuid import UUID

from benchmarks import cold, first
from benchmarks.emulator import environment_of
from devstack.azurite import Azurite
from devstack.child import ROOT

MODULES = 22  # one more than today; the goal is 40
OF_RECORDS = {f"registry_api.{name}" for name in ("domain.registry", "domain.spec", "service.records", "storage.store")}


def test_indexing_the_app_imports_few_modules() -> None:
    """A cold start pays for every module: none more than are known may be imported before the first request."""
    assert cold.new_modules("UseDevelopmentStorage=true") <= MODULES


def test_who_records_does_not_import_who_sends() -> None:
    """The exporter takes longer to be imported than all else that a recorded start imports; its own threads do it."""
    connection_string = f"InstrumentationKey={UUID(int=1)};IngestionEndpoint=http://127.0.0.1:1/"
    script = (
        "import os, sys; from registry_api.opentelemetry import to_application_insights; "
        f"recorder = to_application_insights('{connection_string}'); "
        "recorder.count('registry_api.requests', 1, {}); print(*sys.modules, flush=True); os._exit(0)"
    )
    asked = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {*asked.stdout.split()}

    assert "opentelemetry.sdk.trace" in imported
    assert {name for name in imported if name.startswith("azure")} == set()


def test_the_first_read_imports_no_model_of_a_record(azurite: Azurite) -> None:
    """What a GET answers is kept as it is sent, so that a cold start has no models to make for it."""
    settings = environment_of(azurite.connection_string())
    cold.First(sys.executable, str(ROOT), settings).modules("put", "first-read")
    asked = subprocess.run(
        [sys.executable, "-c", "import sys, first; first.main('get', 'first-read'); print(*sys.modules)"],
        env={"PYTHONPATH": f"{Path(first.__file__).parent}:{ROOT}", **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {*asked.stdout.split()}

    assert "registry_api.storage.views" in imported
    assert imported & OF_RECORDS == set()


def test_what_a_start_on_azure_asks_for_imports_no_sdk() -> None:
    """The app's identity, the authority's keys and role assignments are some GETs; the SDKs for them take long."""
    script = (
        "import sys; import registry_api.managed_identity, registry_api.bearer; "
        "import registry_api.access.azure_authorization, registry_api.access.azure_roles; "
        "import registry_api.access.signing_keys, registry_api.storage.tables, registry_api.storage.queues; "
        "print(*sys.modules)"
    )
    asked = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    packages = {name.partition(".")[0] for name in asked.stdout.split()}

    assert "jwt" in packages
    assert packages & {"azure", "msal", "requests", "aiohttp", "urllib3"} == set()
