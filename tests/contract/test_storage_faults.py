"""What happens when storage is away, slow, or loses an answer."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from devstack.azurite import Azurite
from registry_api.service.ports import Conflict, StorageUnavailable
from registry_api.settings import DEVELOPMENT_KEY
from registry_api.storage import service
from registry_api.storage.queues import StorageQueue
from registry_api.storage.rows import Rows
from registry_api.storage.store import RegistryStore
from registry_api.storage.tables import TableRows
from registry_api.storage.views import RegistryViews
from tests.contract.faulty import Fault, FaultyProxy
from tests.contract.records import ELSEWHERE, acceptance_of, message, new, updated
from tests.contract.sdk import client
from tests.contract.sdk.queues import SdkQueue
from tests.contract.sdk.tables import SdkRows

AT_ONCE = timedelta(0)
OTHER_KEY = "A" * 86 + "=="
NOBODY_LISTENS = 1

LOST = [Fault.ANSWER_LOST, Fault.ANSWER_RESET, Fault.ANSWER_TRUNCATED, Fault.FAILS_AFTERWARDS]
NOT_DONE = [Fault.SERVER_BUSY, Fault.SERVER_FAILS, Fault.THROTTLED, Fault.REQUEST_RESET]

Queue = StorageQueue | SdkQueue
NewRows = type[TableRows | SdkRows]
NewQueue = type[Queue]
Call = Callable[[Rows, Queue], Awaitable[object]]
CALLS: dict[str, Call] = {
    "read": lambda rows, _: RegistryStore(rows).read(ELSEWHERE),
    "read_operation": lambda rows, _: RegistryStore(rows).read_operation(ELSEWHERE, "x.1"),
    "list": lambda rows, _: RegistryStore(rows).list("t1", 10, None),
    "commit": lambda rows, _: RegistryStore(rows).commit(acceptance_of(new())),
    "read_view": lambda rows, _: RegistryViews(rows).read(ELSEWHERE),
    "list_views": lambda rows, _: RegistryViews(rows).list("t1", 10, None),
    "send": lambda _, queue: queue.send(message(), AT_ONCE),
}


async def fails(call: Call, connection_string: str, new_rows: NewRows, new_queue: NewQueue) -> StorageUnavailable:
    """Return the error of a call."""
    tables = new_rows(connection_string, "registries")
    queue = new_queue(connection_string, "provisioning")
    try:
        with pytest.raises(StorageUnavailable) as caught:
            await call(tables, queue)
    finally:
        await tables.close()
        await queue.close()
    return caught.value


@pytest.mark.parametrize("call", CALLS)
async def test_storage_that_is_away_is_told_in_time(
    azurite: Azurite, new_rows: NewRows, new_queue: NewQueue, call: str
) -> None:
    """When nobody listens, every call says so well before a caller's ten seconds are over, and why."""
    connection_string = azurite.connection_string()
    for port in azurite.ports:
        connection_string = connection_string.replace(f":{port}/", f":{NOBODY_LISTENS}/")
    begin = time.monotonic()
    error = await fails(CALLS[call], connection_string, new_rows, new_queue)
    assert time.monotonic() - begin < service.DEADLINE
    assert error.__cause__ is not None


@pytest.mark.parametrize("call", CALLS)
async def test_a_wrong_key_is_told_without_any_key(
    azurite: Azurite, new_rows: NewRows, new_queue: NewQueue, call: str
) -> None:
    """Storage that refuses the app is unavailable to it; the message holds no secret."""
    connection_string = azurite.connection_string().replace(DEVELOPMENT_KEY, OTHER_KEY)
    error = await fails(CALLS[call], connection_string, new_rows, new_queue)
    assert OTHER_KEY not in str(error)
    assert "storage cannot do it: A" in str(error)


async def test_an_account_that_is_not_there_is_no_conflict(
    azurite: Azurite, new_rows: NewRows, new_queue: NewQueue
) -> None:
    """A commit to nowhere is unavailable storage, not somebody else's change."""
    await fails(CALLS["commit"], azurite.connection_string("nobody"), new_rows, new_queue)


@pytest.mark.parametrize("fault", LOST)
async def test_a_lost_answer_to_a_commit_is_told_and_not_asked_for_again(
    proxied_store: RegistryStore, table_proxy: FaultyProxy, fault: Fault
) -> None:
    """The change was made, the caller does not know: sent again it would conflict with itself."""
    version = await proxied_store.commit(acceptance_of(new()))
    table_proxy.methods.clear()
    table_proxy.faults.append(fault)
    with pytest.raises(StorageUnavailable):
        await proxied_store.commit(acceptance_of(updated(new()), version))
    assert table_proxy.methods == ["POST"]

    stored = await proxied_store.read(new().key)
    assert stored is not None
    assert stored.registry == updated(new())
    with pytest.raises(Conflict):
        await proxied_store.commit(acceptance_of(updated(new()), version))


@pytest.mark.parametrize("fault", NOT_DONE)
async def test_a_commit_that_storage_fails_at_is_sent_once(
    proxied_store: RegistryStore, table_proxy: FaultyProxy, fault: Fault
) -> None:
    """A 5xx answer does not tell whether the change was made either."""
    table_proxy.faults.append(fault)
    with pytest.raises(StorageUnavailable):
        await proxied_store.commit(acceptance_of(new()))
    assert table_proxy.methods == ["POST"]


@pytest.mark.parametrize("fault", LOST + NOT_DONE)
async def test_a_read_is_repeated(proxied_store: RegistryStore, table_proxy: FaultyProxy, fault: Fault) -> None:
    """A passing fault is not noticed by who reads or lists."""
    await proxied_store.commit(acceptance_of(new()))
    table_proxy.faults.append(fault)
    assert await proxied_store.read(new().key) is not None
    table_proxy.faults.append(fault)
    assert len((await proxied_store.list("t1", 10, None)).items) == 1


# Of 429 the SDK for queues makes an error at once; the service itself answers 503 when it is busy.
@pytest.mark.parametrize("fault", [fault for fault in LOST + NOT_DONE if fault is not Fault.THROTTLED])
async def test_a_message_is_sent_again(proxied_queue: Queue, queue_proxy: FaultyProxy, fault: Fault) -> None:
    """A passing fault is not noticed by who sends: a second message would do no harm."""
    await proxied_queue.send(message(), AT_ONCE)
    queue_proxy.methods.clear()
    queue_proxy.faults.append(fault)
    await proxied_queue.send(message(), AT_ONCE)
    assert queue_proxy.methods == ["POST", "POST"]


async def test_storage_that_falls_silent_is_given_up(
    proxied_rows: Rows,
    proxied_queue: Queue,
    table_proxy: FaultyProxy,
    queue_proxy: FaultyProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A call that gets no answer ends at the deadline, whatever it is."""
    for module in (service, client):
        monkeypatch.setattr(module, "DEADLINE", 0.2)
    table_proxy.faults.extend([Fault.SILENCE] * len(CALLS))
    queue_proxy.faults.append(Fault.SILENCE)
    for call in CALLS.values():
        begin = time.monotonic()
        with pytest.raises(StorageUnavailable, match="did not answer within"):
            await call(proxied_rows, proxied_queue)
        assert time.monotonic() - begin < 2


async def test_it_recovers_by_itself(
    proxied_store: RegistryStore,
    proxied_rows: Rows,
    proxied_queue: Queue,
    table_proxy: FaultyProxy,
    queue_proxy: FaultyProxy,
) -> None:
    """When storage is back, the same store and queue work again."""
    version = await proxied_store.commit(acceptance_of(new()))
    await proxied_queue.send(message(), AT_ONCE)
    await table_proxy.stop()
    await queue_proxy.stop()
    for call in CALLS.values():
        with pytest.raises(StorageUnavailable):
            await call(proxied_rows, proxied_queue)
    await table_proxy.start()
    await queue_proxy.start()
    await proxied_store.commit(acceptance_of(updated(new()), version))
    await proxied_queue.send(message(), AT_ONCE)


async def test_a_call_is_one_request(
    proxied_store: RegistryStore,
    proxied_queue: Queue,
    table_proxy: FaultyProxy,
    queue_proxy: FaultyProxy,
) -> None:
    """Once table and queue are there, nothing is asked for or looked at beside the call itself."""
    version = await proxied_store.commit(acceptance_of(new()))
    await proxied_queue.send(message(), AT_ONCE)
    table_proxy.methods.clear()
    queue_proxy.methods.clear()
    await proxied_store.commit(acceptance_of(updated(new()), version))
    await proxied_store.read(new().key)
    await proxied_store.list("t1", 10, None)
    await proxied_queue.send(message(), AT_ONCE)
    assert table_proxy.methods == ["POST", "GET", "GET"]
    assert queue_proxy.methods == ["POST"]


async def test_several_may_write_first(
    azurite: Azurite, storage_client: str, new_rows: NewRows, new_queue: NewQueue
) -> None:
    """Who finds table or queue made by somebody else meanwhile goes on as if it had been there."""
    tables = [new_rows(azurite.connection_string(), f"madeatonce{storage_client}") for _ in range(4)]
    queues = [new_queue(azurite.connection_string(), f"made-at-once-{storage_client}") for _ in range(4)]
    stores = [RegistryStore(rows) for rows in tables]
    await asyncio.gather(
        *(store.commit(acceptance_of(new(f"demo{number}"))) for number, store in enumerate(stores)),
        *(queue.send(message(), AT_ONCE) for queue in queues),
    )
    assert len((await stores[0].list("t1", 10, None)).items) == 4
    await asyncio.gather(*(rows.close() for rows in tables), *(queue.close() for queue in queues))


async def test_a_closed_store_opens_again(azurite: Azurite, new_rows: NewRows, new_queue: NewQueue) -> None:
    """Closing gives connections back and is harmless before, twice, and in between."""
    tables = new_rows(azurite.connection_string(), "closedandopened")
    queue = new_queue(azurite.connection_string(), "closed-and-opened")
    for _ in range(2):
        await tables.close()
        await queue.close()
        assert await RegistryStore(tables).read(ELSEWHERE) is None
        await queue.send(message(), AT_ONCE)
    await tables.close()
    await tables.close()
    await queue.close()


def test_storage_costs_no_sdk() -> None:
    """Neither the Azure SDK nor an HTTP client of somebody else is imported for the sake of storage."""
    program = (
        "import sys, registry_api.storage.store, registry_api.storage.tables, registry_api.storage.queues;"
        "print(sorted({'azure', 'aiohttp', 'requests', 'cryptography'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
