"""The implementations that the contract is for."""

import secrets
from collections.abc import AsyncIterator

import pytest

from devstack.azurite import Azurite
from registry_api.storage.memory import MemoryRows
from registry_api.storage.queues import StorageQueue
from registry_api.storage.rows import Rows
from registry_api.storage.store import RegistryStore
from registry_api.storage.tables import TableRows
from registry_api.storage.views import RegistryViews
from tests.contract.faulty import FaultyProxy
from tests.contract.receivers import AzureReceiver, MemoryReceiver, Receiver
from tests.contract.sdk.queues import SdkQueue
from tests.contract.sdk.tables import SdkRows

ROWS: dict[str, type[TableRows | SdkRows]] = {"own": TableRows, "sdk": SdkRows}
QUEUES: dict[str, type[StorageQueue | SdkQueue]] = {"own": StorageQueue, "sdk": SdkQueue}
CLIENTS = tuple(ROWS)
IMPLEMENTATIONS = ("memory", *CLIENTS)


@pytest.fixture(params=CLIENTS)
def storage_client(request: pytest.FixtureRequest) -> str:
    """Return which client of Azure Storage is tested: the app's own, or the SDK."""
    name: str = request.param
    return name


@pytest.fixture
def new_rows(storage_client: str) -> type[TableRows | SdkRows]:
    """Return the client's rows, to be made."""
    return ROWS[storage_client]


@pytest.fixture
def new_queue(storage_client: str) -> type[StorageQueue | SdkQueue]:
    """Return the client's queue, to be made."""
    return QUEUES[storage_client]


@pytest.fixture(params=IMPLEMENTATIONS)
async def rows(request: pytest.FixtureRequest) -> AsyncIterator[Rows]:
    """Yield rows of an implementation; its table is not there yet."""
    if request.param == "memory":
        yield MemoryRows()
        return
    emulator: Azurite = request.getfixturevalue("azurite")
    tables = ROWS[request.param](emulator.connection_string(), f"table{secrets.token_hex(8)}")
    yield tables
    await tables.close()


@pytest.fixture
def store(rows: Rows) -> RegistryStore:
    """Return the store on rows of an implementation."""
    return RegistryStore(rows)


@pytest.fixture
def views(rows: Rows) -> RegistryViews:
    """Return the views in the same rows."""
    return RegistryViews(rows)


@pytest.fixture(params=IMPLEMENTATIONS)
async def receiver(request: pytest.FixtureRequest) -> AsyncIterator[Receiver]:
    """Yield the receiving end of an implementation's queue, which is not there yet."""
    if request.param == "memory":
        yield MemoryReceiver()
        return
    emulator: Azurite = request.getfixturevalue("azurite")
    azure = AzureReceiver(emulator.connection_string(), f"queue-{secrets.token_hex(8)}", QUEUES[request.param])
    yield azure
    await azure.close()


@pytest.fixture
async def table_proxy(azurite: Azurite) -> AsyncIterator[FaultyProxy]:
    """Yield a proxy in front of Azurite's tables."""
    async with FaultyProxy(azurite.ports.table) as proxy:
        yield proxy


@pytest.fixture
async def queue_proxy(azurite: Azurite) -> AsyncIterator[FaultyProxy]:
    """Yield a proxy in front of Azurite's queues."""
    async with FaultyProxy(azurite.ports.queue) as proxy:
        yield proxy


@pytest.fixture
async def proxied_rows(
    azurite: Azurite, table_proxy: FaultyProxy, new_rows: type[TableRows | SdkRows]
) -> AsyncIterator[Rows]:
    """Yield rows whose table is reached through the proxy."""
    tables = new_rows(table_proxy.before(azurite.connection_string()), f"table{secrets.token_hex(8)}")
    yield tables
    await tables.close()


@pytest.fixture
def proxied_store(proxied_rows: Rows) -> RegistryStore:
    """Return a store that reaches its table through the proxy."""
    return RegistryStore(proxied_rows)


@pytest.fixture
async def proxied_queue(
    azurite: Azurite, queue_proxy: FaultyProxy, new_queue: type[StorageQueue | SdkQueue]
) -> AsyncIterator[StorageQueue | SdkQueue]:
    """Yield a queue that is reached through the proxy."""
    queue = new_queue(queue_proxy.before(azurite.connection_string()), f"queue-{secrets.token_hex(8)}")
    yield queue
    await queue.close()
