"""Rows in Azure Table Storage."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import takewhile
from typing import Any
from urllib.parse import quote

from registry_api.connections import NoAnswerError
from registry_api.service.ports import Conflict, ContinuationError
from registry_api.storage import batch
from registry_api.storage.connection import Connection
from registry_api.storage.keys import end_of
from registry_api.storage.rows import (
    MOST_BYTES_OF_A_ROW,
    Delete,
    Insert,
    Position,
    Replace,
    Row,
    Slice,
    Upsert,
    Write,
    check,
    stored,
)
from registry_api.storage.service import Service, StorageError

_VERSION = "2019-02-02"
_CHUNK = 16_000  # characters; a property holds 32 Ki UTF-16 units, of which a character takes one or two
_CHUNK_OF_BYTES = 48_000  # a property holds 64 Ki
_MOST_COLUMNS = MOST_BYTES_OF_A_ROW // _CHUNK
# The columns of a text that is stored as such, and of one that is stored as bytes.
_TEXT, _UTF_8 = ((name, *(f"{name}{number}" for number in range(1, _MOST_COLUMNS))) for name in ("data", "utf8"))
_JSON = {"Content-Type": "application/json"}
_PLAIN = {"Accept": "application/json;odata=nometadata"}
_WITH_ETAGS = {"Accept": "application/json;odata=minimalmetadata"}
_TABLE_NOT_FOUND = "TableNotFound"
_NOT_THERE = {_TABLE_NOT_FOUND, "ResourceNotFound", "EntityNotFound"}
_NOT_AS_READ = {
    "EntityAlreadyExists",
    "UpdateConditionNotSatisfied",
    "ConditionNotMet",
    "ResourceNotFound",
    "EntityNotFound",
}


class TableRows:
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
        async with self._service.bounded():
            try:
                answer = await self._service.ask("GET", self._path(partition, key), headers=_PLAIN)
            except StorageError as error:
                if error.code not in _NOT_THERE:
                    raise
                return None
            with _understood():
                row = _row(json.loads(answer.body), answer.headers["etag"])
            if (row.partition, row.key) != (partition, key):
                raise NoAnswerError("the answer is another row")
            return row

    async def transact(self, partition: str, writes: Sequence[Write]) -> Sequence[str | None]:
        """Do all writes or none, and return each row's new version, None for a removed one."""
        check(partition, writes)
        parts = [self._part(partition, write) for write in writes]
        async with self._service.bounded():
            try:
                return await self._submit(parts)
            except StorageError as error:
                if error.code != _TABLE_NOT_FOUND:
                    raise
            body = json.dumps({"TableName": self._table}).encode()
            headers = _JSON | _PLAIN | {"Prefer": "return-no-content"}
            await self._service.ask("POST", "/Tables", headers=headers, body=body, expected={201, 204, 409})
            return await self._submit(parts)

    async def scan(self, first: str, end: str, key: str, limit: int, start: Position | None) -> Slice:
        """Return rows with one key from a range of partitions, in the order of the partitions."""
        condition = f"PartitionKey ge {_text(first)} and PartitionKey lt {_text(end)} and RowKey eq {_text(key)}"
        return await self._query(condition, limit, start)

    async def walk(self, limit: int, start: Position | None) -> Slice:
        """Return rows of any key from all partitions, in the order of the partitions and then the keys."""
        return await self._query("", limit, start)

    async def find(self, prefix: str, limit: int, start: Position | None) -> Slice:
        """Return rows whose keys begin with a prefix, in the order of the partitions and the keys."""
        return await self._query(f"RowKey ge {_text(prefix)} and RowKey lt {_text(end_of(prefix))}", limit, start)

    async def range(self, partition: str, first: str, end: str, limit: int, start: Position | None) -> Slice:
        """Return rows of one partition from a range of keys, in the order of the keys."""
        condition = f"PartitionKey eq {_text(partition)} and RowKey ge {_text(first)} and RowKey lt {_text(end)}"
        return await self._query(condition, limit, start)

    async def close(self) -> None:
        """Give the connections back."""
        if "_service" in vars(self):
            await self._service.close()
            del self._service

    @cached_property
    def _service(self) -> Service:
        return Service("table", self._connection, _VERSION)

    async def _query(self, condition: str, limit: int, start: Position | None) -> Slice:
        query = {"$top": str(limit)} | ({"$filter": condition} if condition else {})
        if start is not None:
            query["NextPartitionKey"] = start.partition
            if start.key is not None:
                query["NextRowKey"] = start.key
        try:
            async with self._service.bounded():
                try:
                    answer = await self._service.ask("GET", f"/{self._table}()", query=query, headers=_WITH_ETAGS)
                except StorageError as error:
                    if error.code != _TABLE_NOT_FOUND:
                        raise
                    return Slice((), None)
                with _understood():
                    rows = [_row(entity, entity["odata.etag"]) for entity in json.loads(answer.body)["value"]]
        except ValueError as error:
            if start is None:
                raise
            raise ContinuationError("The table does not go on there.") from error
        partition = answer.headers.get("x-ms-continuation-nextpartitionkey")
        if partition is None:
            return Slice(rows, None)
        return Slice(rows, Position(partition, answer.headers.get("x-ms-continuation-nextrowkey")))

    async def _submit(self, parts: Sequence[bytes]) -> Sequence[str | None]:
        """Send a transaction, once.

        Sent again after its answer was lost, it would conflict with itself: the caller would be told that
        somebody else was faster, of a change that was made.
        """
        content_type, body = batch.pack(parts)
        headers = {"Content-Type": content_type, "Accept": "application/json", "DataServiceVersion": "3.0"}
        answer = await self._service.ask("POST", "/$batch", headers=headers, body=body, expected={202}, once=True)
        try:
            return batch.etags(answer, len(parts))
        except StorageError as error:
            if error.code in _NOT_AS_READ:
                raise Conflict(f"A row is not as it was read: {error.code}.") from error
            raise

    def _part(self, partition: str, write: Write) -> bytes:
        url = self._service.url + self._path(partition, write.key)
        match write:
            case Insert():
                entity = {"PartitionKey": partition, "RowKey": write.key, **_properties(write.text)}
                headers = _JSON | {"Prefer": "return-no-content"}
                return batch.part("POST", f"{self._service.url}/{self._table}", headers, json.dumps(entity).encode())
            case Replace():
                body = json.dumps(_properties(write.text)).encode()
                return batch.part("PUT", url, _JSON | {"If-Match": write.version}, body)
            case Upsert():
                return batch.part("PUT", url, _JSON, json.dumps(_properties(write.text)).encode())
            case Delete():
                return batch.part("DELETE", url, {"If-Match": write.version})

    def _path(self, partition: str, key: str) -> str:
        return f"/{self._table}(PartitionKey={_encoded(partition)},RowKey={_encoded(key)})"


@contextmanager
def _understood() -> Iterator[None]:
    """Read an answer, which is none if it is not what was asked for."""
    try:
        yield
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise NoAnswerError("the answer is not what was asked for") from error


def _text(value: str) -> str:
    """Return a text as it stands in a condition."""
    return "'" + value.replace("'", "''") + "'"


def _encoded(value: str) -> str:
    return quote(_text(value), safe="':=~")


def _properties(text: str) -> dict[str, str]:
    data = stored(text)
    if isinstance(data, str):
        return {_TEXT[start // _CHUNK]: data[start : start + _CHUNK] for start in range(0, len(data), _CHUNK)}
    properties: dict[str, str] = {}
    for start in range(0, len(data), _CHUNK_OF_BYTES):
        column, chunk = _UTF_8[start // _CHUNK_OF_BYTES], data[start : start + _CHUNK_OF_BYTES]
        properties |= {column: b64encode(chunk).decode(), f"{column}@odata.type": "Edm.Binary"}
    return properties


def _row(entity: Mapping[str, Any], version: str) -> Row:
    """Return a row; what somebody else has put into its columns is no text, which whoever reads it will notice."""
    try:
        text = _text_in(entity)
    except (TypeError, ValueError):
        text = ""
    return Row(entity["PartitionKey"], entity["RowKey"], text, version)


def _text_in(entity: Mapping[str, Any]) -> str:
    if _UTF_8[0] not in entity:
        return "".join(_chunks(entity, _TEXT))
    return b"".join(map(b64decode, _chunks(entity, _UTF_8))).decode("utf-8", "surrogatepass")


def _chunks(entity: Mapping[str, Any], columns: Sequence[str]) -> Iterator[Any]:
    return map(entity.__getitem__, takewhile(entity.__contains__, columns))
