"""Rows in Azure Table Storage, by its SDK."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import count, takewhile
from typing import Any, cast

from azure.core import MatchConditions
from azure.core.async_paging import AsyncPageIterator
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.data.tables import TableEntity, TableErrorCode, TableTransactionError, UpdateMode
from azure.data.tables.aio import TableClient

from registry_api.service.ports import Conflict
from registry_api.storage.connection import Connection, Endpoint
from registry_api.storage.keys import end_of
from registry_api.storage.rows import Delete, Insert, Position, Replace, Row, Slice, Upsert, Write, check, stored
from tests.contract.sdk.client import DEADLINE, bounded, client_options, code_of

_SERVICE = "Table storage"
_CHUNK = 16_000  # characters; a property holds 32 Ki UTF-16 units, of which a character takes one or two
_CHUNK_OF_BYTES = 48_000
_PARTITIONS = "PartitionKey ge @first and PartitionKey lt @end and RowKey eq @key"
_KEYS = "PartitionKey eq @partition and RowKey ge @first and RowKey lt @end"
_PREFIX = "RowKey ge @first and RowKey lt @end"
_NOT_AS_READ = {
    TableErrorCode.ENTITY_ALREADY_EXISTS.value,
    TableErrorCode.UPDATE_CONDITION_NOT_SATISFIED.value,
    TableErrorCode.CONDITION_NOT_MET.value,
    TableErrorCode.RESOURCE_NOT_FOUND.value,
    TableErrorCode.ENTITY_NOT_FOUND.value,
}

_Operation = tuple[str, Mapping[str, Any], Mapping[str, Any]]


class SdkRows:
    """Rows in one table, which is made when the first row is written.

    Args:
        connection: Where the storage account is, and what lets us in.
        table: The table's name.
    """

    def __init__(self, connection: Connection, table: str) -> None:
        self._connection = connection
        self._table = table

    async def get(self, partition: str, key: str) -> Row | None:
        """Return a row, or None."""
        async with bounded(_SERVICE):
            try:
                return _row(await self._client.get_entity(partition, key))
            except ResourceNotFoundError:
                return None

    async def transact(self, partition: str, writes: Sequence[Write]) -> Sequence[str | None]:
        """Do all writes or none, and return each row's new version, None for a removed one."""
        check(partition, writes)
        operations = [_operation(partition, write) for write in writes]
        async with bounded(_SERVICE):
            try:
                return await self._submit(operations)
            except HttpResponseError as error:
                if code_of(error) != TableErrorCode.TABLE_NOT_FOUND.value:
                    raise
            with suppress(ResourceExistsError):
                await self._client.create_table()
            return await self._submit(operations)

    async def scan(self, first: str, end: str, key: str, limit: int, start: Position | None) -> Slice:
        """Return rows with one key from a range of partitions, in the order of the partitions."""
        return await self._query(_PARTITIONS, {"first": first, "end": end, "key": key}, limit, start)

    async def walk(self, limit: int, start: Position | None) -> Slice:
        """Return rows of any key from all partitions, in the order of the partitions and then the keys."""
        return await self._query("", {}, limit, start)

    async def find(self, prefix: str, limit: int, start: Position | None) -> Slice:
        """Return rows whose keys begin with a prefix, in the order of the partitions and the keys."""
        return await self._query(_PREFIX, {"first": prefix, "end": end_of(prefix)}, limit, start)

    async def range(self, partition: str, first: str, end: str, limit: int, start: Position | None) -> Slice:
        """Return rows of one partition from a range of keys, in the order of the keys."""
        return await self._query(_KEYS, {"partition": partition, "first": first, "end": end}, limit, start)

    async def _query(self, condition: str, values: Mapping[str, str], limit: int, start: Position | None) -> Slice:
        found = self._client.query_entities(condition, parameters=dict(values), results_per_page=limit)
        token = None if start is None else {"PartitionKey": start.partition, "RowKey": start.key}
        pages = cast("AsyncPageIterator[TableEntity]", found.by_page(cast("Any", token)))
        async with bounded(_SERVICE):
            try:
                rows = [_row(entity) async for entity in await anext(pages)]
            except ResourceNotFoundError:
                return Slice((), None)
        following = cast("dict[str, Any] | None", pages.continuation_token)
        if following is None:
            return Slice(rows, None)
        return Slice(rows, Position(following["PartitionKey"], following["RowKey"]))

    async def close(self) -> None:
        """Give the connections back."""
        if "_client" in vars(self):
            await self._client.close()
            del self._client

    @cached_property
    def _client(self) -> TableClient:
        options = {"retry_backoff_factor": 0.2, **client_options()}
        if isinstance(self._connection, Endpoint):
            return TableClient(self._connection.url, self._table, credential=self._connection.credential, **options)
        return TableClient.from_connection_string(self._connection, self._table, **options)

    async def _submit(self, operations: Sequence[_Operation]) -> Sequence[str | None]:
        """Send a transaction, once.

        Sent again after its answer was lost, it would conflict with itself: the caller would be told that
        somebody else was faster, of a change that was made. The SDK repeats a POST by itself when told 500 or 503.
        """
        try:
            answers = await self._client.submit_transaction(operations, retry_total=0, read_timeout=DEADLINE)
        except TableTransactionError as error:
            if code_of(error) in _NOT_AS_READ:
                raise Conflict(f"A row is not as it was read: {code_of(error)}.") from error
            raise
        return [answer.get("etag") for answer in answers]


def _operation(partition: str, write: Write) -> _Operation:
    keys = {"PartitionKey": partition, "RowKey": write.key}
    match write:
        case Insert():
            return "create", keys | _properties(write.text), {"response_preference": "return-no-content"}
        case Replace():
            options = {"mode": UpdateMode.REPLACE, **_only_if(write.version)}
            return "update", keys | _properties(write.text), options
        case Upsert():
            return "upsert", keys | _properties(write.text), {"mode": UpdateMode.REPLACE}
        case Delete():
            return "delete", keys, _only_if(write.version)


def _only_if(version: str) -> dict[str, Any]:
    return {"etag": version, "match_condition": MatchConditions.IfNotModified}


def _columns(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}{number}" for number in count(1))


def _properties(text: str) -> dict[str, str | bytes]:
    data = stored(text)
    name, size = ("data", _CHUNK) if isinstance(data, str) else ("utf8", _CHUNK_OF_BYTES)
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    return dict(zip(_columns(name), chunks, strict=False))


def _row(entity: TableEntity) -> Row:
    try:
        text = _text_in(entity)
    except (TypeError, ValueError):
        text = ""
    return Row(entity["PartitionKey"], entity["RowKey"], text, str(entity.metadata["etag"]))


def _text_in(entity: TableEntity) -> str:
    if "utf8" not in entity:
        return "".join(entity[column] for column in takewhile(entity.__contains__, _columns("data")))
    chunks = (entity[column] for column in takewhile(entity.__contains__, _columns("utf8")))
    return b"".join(chunks).decode("utf-8", "surrogatepass")
