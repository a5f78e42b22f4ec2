"""A mixed load: clients that create, change, delete, cancel, reconcile, list and read, each in its own order."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import httpx

from tests.chaos.client import Client
from tests.chaos.ledger import MARK, Json, Subject
from tests.chaos.weather import happens

REGIONS = ("eastus", "westus", "eastus2", "westeurope", "northeurope")
_SHARED_EVERY = 6
_PAUSE = 2.5
_LONGEST_WAIT = 12.0
_POLL = 0.7
_OK, _CREATED, _ACCEPTED, _NO_CONTENT = 200, 201, 202, 204
_NOT_FOUND, _CONFLICT, _PRECONDITION_FAILED = 404, 409, 412


def subjects(number: int, chance: random.Random) -> list[Subject]:
    """Return registries to work with; nothing is sent yet."""
    return [
        Subject(
            name=f"Chaos-{index:03}",
            location=(location := chance.choice(REGIONS)),
            others=tuple(region for region in REGIONS if region != location),
            is_shared=index % _SHARED_EVERY == 0,
        )
        for index in range(number)
    ]


class Actor:
    """One client at work on one registry.

    Args:
        subject: The registry.
        client: How to send requests.
        chance: What it does is drawn from this.
        number: Tells it from all others.
        pause: For how many seconds it rests between two requests, on average.
    """

    def __init__(
        self, subject: Subject, client: Client, chance: random.Random, number: int, pause: float = _PAUSE
    ) -> None:
        self._subject = subject
        self._path = f"/registries/{subject.name}"
        self._client = client
        self._chance = chance
        self._number = number
        self._pause = pause
        self._writes = 0
        self._operation: str | None = None

    async def work(self, enough: asyncio.Event) -> None:
        """Send one request after the other until it is enough; the last one is brought to its end."""
        await happens(enough, self._chance.uniform(0, self._pause))
        while not enough.is_set():
            await self._choose()()
            if self._operation is not None and self._chance.random() < 1 / 2:
                await self._follow(self._operation, enough)
            await happens(enough, self._chance.expovariate(1 / self._pause))

    def _choose(self) -> Callable[[], Awaitable[None]]:
        if self._subject.is_deleted:
            (choice,) = self._chance.choices([self._put, self._create, self._read, self._list], [5, 3, 1, 1])
            return choice
        actions = {
            self._put: 6,
            self._patch_tags: 3,
            self._patch_regions: 4,
            self._delete: 3,
            self._cancel: 3,
            self._reconcile: 2,
            self._read: 3,
            self._list: 1,
            self._look_back: 2,
            self._rehearse: 1,
        }
        (choice,) = self._chance.choices([*actions], [*actions.values()])
        return choice

    def _document(self) -> Json:
        return {
            "location": self._subject.location,
            "description": f"by client {self._number}",
            "tags": {MARK: self._mark(), "colour": self._chance.choice(["red", "green", "blue"])},
            "replication_locations": self._regions(),
        }

    def _regions(self) -> list[Json]:
        others = self._chance.sample(self._subject.others, self._chance.choice([0, 1, 1, 2, 3]))
        return [
            # The storage options of a region can never change, so they are the region's own.
            {"location": region, "storage_config": {"replication_count": 1 + len(region) % 3}}
            for region in [self._subject.location, *others]
        ]

    def _mark(self) -> str:
        self._writes += 1
        mark = f"{self._number}-{self._writes}"
        self._subject.sent.add(mark)
        return mark

    async def _put(self) -> None:
        document, headers = self._document(), {}
        expected = {_OK, _CREATED, _CONFLICT}
        if self._subject.newest is not None and not self._subject.is_deleted and self._chance.random() < 1 / 4:
            headers = {"if-match": self._subject.newest.etag}
            expected = {_OK, _PRECONDITION_FAILED, _CONFLICT}
        else:
            self._subject.creations += 1
        answer = await self._client.ask("PUT", self._path, expected, document=document, headers=headers)
        if answer.status_code == _PRECONDITION_FAILED:
            await self._find_out(document["tags"][MARK])
        else:
            self._written(answer, document)

    async def _create(self) -> None:
        document = self._document() | {"name": self._subject.name}
        self._subject.creations += 1
        answer = await self._client.ask(
            "POST",
            "/registries",
            {_CREATED, _CONFLICT},
            document=document,
            headers={"idempotency-key": f"{self._subject.name}-{document['tags'][MARK]}"},
        )
        self._written(answer, document)

    async def _patch_tags(self) -> None:
        await self._patch({"tags": {MARK: self._mark(), "colour": self._chance.choice([None, "red", "green"])}})

    async def _patch_regions(self) -> None:
        await self._patch({"tags": {MARK: self._mark()}, "replication_locations": self._regions()})

    async def _patch(self, document: Json) -> None:
        answer = await self._client.ask("PATCH", self._path, {_OK, _CONFLICT, *self._gone()}, document=document)
        self._written(answer, document)

    def _gone(self) -> set[int]:
        """Return what may be answered because somebody has deleted the registry meanwhile."""
        return {_NOT_FOUND} if self._subject.is_shared else set()

    def _written(self, answer: httpx.Response, document: Json) -> None:
        """Remember the answer to a write, and see that it was taken as it was meant."""
        if answer.status_code not in {_OK, _CREATED}:
            return
        accepted = self._subject.accept(answer.json())
        wrong = [key for key, value in _meant(document).items() if _meant(accepted.spec).get(key) != value]
        if wrong:
            self._client.ledger.violate(f"{self._subject.name}: {document} was accepted as {accepted.spec}")
        if "operation-location" in answer.headers:
            self._operation = answer.headers["operation-location"].rpartition("/")[2]

    async def _find_out(self, mark: str) -> None:
        """Look whether a write whose answer was lost is the one that its own condition excludes now."""
        answer = await self._client.ask("GET", self._path, {_OK, _NOT_FOUND})
        if answer.status_code == _OK and answer.json()["tags"].get(MARK) == mark:
            self._subject.accept(answer.json())

    async def _delete(self) -> None:
        # Whatever the answer is, from now on it may be gone.
        self._subject.is_deleted = True
        answer = await self._client.ask("DELETE", self._path, {_ACCEPTED, _NO_CONTENT, _CONFLICT})
        self._started(answer)

    async def _reconcile(self) -> None:
        self._started(await self._client.ask("POST", f"{self._path}/reconcile", {_ACCEPTED, _CONFLICT, *self._gone()}))

    def _started(self, answer: httpx.Response) -> None:
        if answer.status_code == _ACCEPTED:
            self._operation = answer.json()["id"]
            self._subject.operations.add(self._operation)

    async def _cancel(self) -> None:
        if self._operation is None:
            return
        self._subject.canceled.add(self._operation)
        path = f"/operations/{self._operation}/cancel"
        answer = await self._client.ask("POST", path, {_OK, _CONFLICT})
        if answer.status_code == _OK and answer.json()["end_time"] is None:
            self._client.ledger.violate(f"{path} was answered, but has not ended: {answer.text}")

    async def _read(self) -> None:
        answer = await self._client.ask("GET", self._path, {_OK, _NOT_FOUND})
        newest = self._subject.newest
        if self._subject.is_shared or self._subject.is_deleted or newest is None:
            return
        if answer.status_code != _OK or answer.json()["etag"] != newest.etag:
            self._client.ledger.violate(f"{self._subject.name} was accepted as {newest} and read as {answer.text}")

    async def _list(self) -> None:
        path: str | None = "/registries?top=20"
        seen: list[str] = []
        while path is not None:
            answer = await self._client.ask("GET", path, {_OK})
            if answer.status_code != _OK:
                return
            page = answer.json()
            seen += [registry["name"] for registry in page["value"]]
            path = page.get("next_link")
        is_missing = not self._subject.is_shared and not self._subject.is_deleted and self._subject.name not in seen
        if is_missing or len(seen) != len(set(seen)):
            self._client.ledger.violate(f"{self._subject.name} is not listed once: {seen}")

    async def _look_back(self) -> None:
        """Read what is known of the past."""
        await self._client.ask("GET", f"{self._path}/revisions", {_OK, _NOT_FOUND})
        await self._client.ask("GET", f"{self._path}/operations", {_OK, _NOT_FOUND})

    async def _rehearse(self) -> None:
        document = self._document()
        self._subject.sent.discard(document["tags"][MARK])
        await self._client.ask("POST", f"{self._path}/plan", {_OK}, document=document)
        await self._client.ask("PUT", f"{self._path}?validate_only=true", {_OK, _CREATED, _CONFLICT}, document=document)

    async def _follow(self, operation: str, enough: asyncio.Event) -> None:
        """Poll an operation until it has ended, or the client loses its patience."""
        deadline = asyncio.get_running_loop().time() + self._chance.uniform(1, _LONGEST_WAIT)
        while not enough.is_set() and asyncio.get_running_loop().time() < deadline:
            answer = await self._client.ask("GET", f"/operations/{operation}", {_OK})
            if answer.status_code != HTTPStatus.OK or answer.json()["end_time"] is not None:
                return
            await happens(enough, _POLL)


def _meant(document: Json) -> dict[str, Any]:
    """Return what has to be in every registry that was made as a document says."""
    meant: dict[str, Any] = {MARK: document.get("tags", {}).get(MARK)}
    if "replication_locations" in document:
        meant["regions"] = {
            (region["location"], region["storage_config"]["replication_count"])
            for region in document["replication_locations"]
        }
    return meant
