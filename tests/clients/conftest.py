"""A stack that serves https, as `make start TLS=1` does, and the official clients that call it."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from devstack.azurite import ACCOUNT
from devstack.settings import HOST
from registry_api.domain.scope import Scope
from registry_api.service.records import Commit
from registry_api.settings import DEVELOPMENT_KEY
from registry_api.storage.names import TABLE
from registry_api.storage.store import RegistryStore
from registry_api.storage.tables import TableRows
from tests.access.issuer import AUDIENCE, OBJECT, TENANT, Issuer
from tests.clients.histories import bodies_of
from tests.devstack.running import environment_for, running_stack
from tests.domain.registries import spec, succeeded

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PYTHON = ROOT / ".venv" / "clients" / "bin" / "python"
DOCUMENTS = [*sorted((HERE / "registries").glob("*.yml")), ROOT / "examples" / "registry.yml"]
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
LONG_SUBSCRIPTION = "66666666-7777-8888-9999-000000000000"
LONG = [f"long-{number:02}" for number in range(53)]
REGION_DOWN = "japaneast"
HISTORIES = 20
_READER, _STRANGER = (f"aaaaaaaa-0000-0000-0000-00000000000{number}" for number in (2, 3))
_WITHIN = 240


@dataclass(frozen=True)
class Live:
    """A running stack: where it is, how it is trusted, and the tokens of those who call it."""

    url: str
    certificate: Path
    tokens: dict[str, str]
    storage: str  # connection string


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Yield a stack that serves https and lets in an owner, a reader of one group, and one who may do nothing."""
    assert PYTHON.exists(), "The official clients are not installed: run `make clients`."
    folder = tmp_path_factory.mktemp("clients")
    with Issuer() as issuer:
        assignments = [
            {"tenant": TENANT, "principal": OBJECT, "role": "Owner", "scope": "/"},
            {
                "tenant": TENANT,
                "principal": _READER,
                "role": "Reader",
                "scope": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/ml",
            },
        ]
        environment = environment_for(folder) | {
            "TLS": "1",
            "REGISTRY_AUTHORITY": issuer.url,
            "REGISTRY_AUDIENCES": AUDIENCE,
            "REGISTRY_TENANTS": TENANT,
            "REGISTRY_ROLES": json.dumps({"assignments": assignments}),
            "REGISTRY_SUBSCRIPTION_ID": SUBSCRIPTION,
            "REGISTRY_RESOURCE_GROUP": "ml",
            "REGISTRY_LOCAL_REGIONS_DOWN": REGION_DOWN,
        }
        tokens = {
            "owner": issuer.token(),
            "reader": issuer.token(oid=_READER),
            "stranger": issuer.token(oid=_STRANGER),
            "forged": issuer.token() + "x",
        }
        with running_stack(environment) as stack:
            table = f"http://{HOST}:{environment['AZURITE_TABLE_PORT']}/{ACCOUNT}"
            storage = f"AccountName={ACCOUNT};AccountKey={DEVELOPMENT_KEY};TableEndpoint={table};"
            yield Live(stack.url, folder / "tls" / "cert.pem", tokens, storage)


@pytest.fixture(scope="session")
def played(live: Live, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Let the official clients play all scenes, and return what came of each."""
    folder = tmp_path_factory.mktemp("scenes")
    asyncio.run(_fill(live.storage))
    bodies = folder / "bodies.json"
    bodies.write_text(json.dumps(asyncio.run(bodies_of(HISTORIES))), "utf-8")
    settings, results = folder / "settings.json", folder / "results.json"
    settings.write_text(
        json.dumps(
            {
                "url": live.url,
                "certificate": str(live.certificate),
                "tokens": live.tokens,
                "subscription": SUBSCRIPTION,
                "long_subscription": LONG_SUBSCRIPTION,
                "documents": [str(document) for document in DOCUMENTS],
                "user_owned": str(HERE / "user-owned.yml"),
                "region_down": REGION_DOWN,
                "storage_key": DEVELOPMENT_KEY,
                "bodies": str(bodies),
            }
        ),
        "utf-8",
    )
    command = [PYTHON, HERE / "official.py", settings, results]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_WITHIN, check=False)
    assert done.returncode == 0, done.stderr
    scenes: dict[str, Any] = json.loads(results.read_text("utf-8"))
    return scenes


async def _fill(connection_string: str) -> None:
    """Store more registries than a page has, in a subscription of their own; nobody will work on them."""
    rows = TableRows(connection_string, TABLE)
    store = RegistryStore(rows)
    for name in LONG:
        registry = succeeded("eastus")
        scope = Scope(subscription_id=LONG_SUBSCRIPTION, resource_group="ml")
        stored = registry.model_copy(
            update={
                "tenant": TENANT,
                "scope": scope,
                "spec": spec("eastus", paused=True).model_copy(update={"name": name}),
                "checked_at": datetime.now(UTC),
            }
        )
        await store.commit(Commit(key=stored.key, registry=stored, replaces=None))
    await rows.close()
