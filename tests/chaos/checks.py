"""Whether everything has ended right: what clients were answered against what is stored and what is there."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from registry_api.domain.names import RegistryKey
from registry_api.domain.problems import Code
from registry_api.service.records import Revision
from registry_api.settings import Settings
from registry_api.storage.names import TABLE
from registry_api.storage.store import RegistryStore
from registry_api.storage.tables import TableRows
from tests.chaos.client import Client
from tests.chaos.cloud import Place, told, wanted
from tests.chaos.ledger import MARK, Accepted, Json, Ledger, Subject, spec_of

_OK, _NOT_FOUND = 200, 404
_AT_ONCE = 6
_TENANT = str(Settings.model_fields["tenant"].default)


@dataclass(frozen=True)
class Found:
    """One registry after the storm: None when it is gone; all its operations, the newest first."""

    subject: Subject
    body: Json | None
    operations: Sequence[Json]

    @property
    def last_end(self) -> tuple[datetime, datetime] | None:
        """Return when the newest operation began and ended."""
        if not self.operations or self.operations[0]["end_time"] is None:
            return None
        newest = self.operations[0]
        return datetime.fromisoformat(newest["start_time"]), datetime.fromisoformat(newest["end_time"])


async def look(subjects: Sequence[Subject], client: Client) -> list[Found]:
    """Read all registries with all their operations."""
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(subject: Subject) -> Found:
        async with limit:
            path = f"/registries/{subject.name}"
            answer = await client.ask("GET", path, {_OK, _NOT_FOUND})
            operations = await _pages(client, f"{path}/operations?top=100")
            return Found(subject, answer.json() if answer.status_code == _OK else None, operations)

    return list(await asyncio.gather(*(one(subject) for subject in subjects)))


async def _pages(client: Client, path: str | None) -> list[Json]:
    items: list[Json] = []
    while path is not None:
        answer = await client.ask("GET", path, {_OK, _NOT_FOUND})
        if answer.status_code != _OK:
            break
        page = answer.json()
        items += page["value"]
        path = page.get("next_link")
    return items


def check_operations(found: Found, ledger: Ledger) -> None:
    """See that every operation has ended, and rightly."""
    name, subject = found.subject.name, found.subject
    ids = {operation["id"] for operation in found.operations}
    if lost := subject.operations - ids:
        ledger.violate(f"{name}: operations that were answered are gone: {sorted(lost)}")
    for operation in found.operations:
        error = operation["error"] or {}
        told_as = f"{name}: operation {operation}"
        match operation["status"], error.get("code"):
            case "Succeeded", None:
                pass
            case "Canceled", Code.SUPERSEDED_BY_NEWER_REQUEST.value:
                if not any(newer in error["message"] for newer in ids - {operation["id"]}):
                    ledger.violate(f"{told_as} was superseded by none of {sorted(ids)}")
            case "Canceled", Code.OPERATION_CANCELED.value:
                if operation["id"] not in subject.canceled:
                    ledger.violate(f"{told_as} was canceled by nobody")
            case _:
                ledger.violate(f"{told_as} has not ended right")
        if operation["end_time"] is None:
            ledger.violate(f"{told_as} has no end")


def check_state(found: Found, ledger: Ledger) -> None:
    """See that a registry is what its newest accepted write and its newest operation say."""
    subject, body = found.subject, found.body
    newest = found.operations[0] if found.operations else None
    if not subject.is_shared and not subject.is_deleted and subject.newest is not None:
        if body is None:
            ledger.violate(f"{subject.name} is lost: {subject.newest} was accepted, and there is none")
        elif body["etag"] != subject.newest.etag:
            ledger.violate(f"{subject.name}: {subject.newest} was accepted last, and it is {body}")
    if body is None:
        if newest is not None and (newest["kind"] not in {"Delete", "Reconcile"} or newest["status"] != "Succeeded"):
            ledger.violate(f"{subject.name} is gone after {newest}")
        return
    status = body["status"]
    if newest is None or status["operation"].rpartition("/")[2] != newest["id"]:
        ledger.violate(f"{subject.name}: its newest operation is {newest}, but it tells {status['operation']}")
    elif status["provisioning_state"] != newest["status"]:
        ledger.violate(f"{subject.name} is {status['provisioning_state']} after {newest}")
    if status["provisioning_state"] == "Succeeded":
        ready: Json = next((condition for condition in status["conditions"] if condition["type"] == "Ready"), {})
        if status["observed_generation"] != status["generation"] or ready.get("status") != "True":
            ledger.violate(f"{subject.name} has succeeded, but tells {status}")


def check_cloud(found: Sequence[Found], there: Mapping[Place, str], ledger: Ledger) -> None:
    """See that the containers are exactly those that the registries tell of."""
    owned: set[Place] = set()
    for one in found:
        if one.body is None:
            continue
        places = told(one.body)
        everything = set[Place]().union(*places.values())
        owned |= everything
        if missing := places.get("Ready", set()) - there.keys():
            ledger.violate(f"{one.subject.name} tells of containers that are not there: {sorted(missing)}")
        if one.body["status"]["provisioning_state"] == "Succeeded":
            counts = Counter(place.region for place in everything & there.keys())
            if counts != wanted(one.body):
                ledger.violate(f"{one.subject.name} has {dict(counts)}, and is to have {wanted(one.body)}")
    for place, registry in there.items():
        if place not in owned:
            ledger.violate(f"An orphan of '{registry}': {place}")


async def check_revisions(found: Sequence[Found], connection_string: str, ledger: Ledger) -> None:
    """See that the revisions of every incarnation have no gap and hold all that was accepted, once."""
    tables = TableRows(connection_string, TABLE)
    store = RegistryStore(tables)
    try:
        ledger.revisions = 0
        for one in found:
            incarnations = {}
            for operation in one.operations:
                if operation["kind"] == "Create":
                    created = datetime.fromisoformat(operation["start_time"])
                    revisions = await _revisions(store, one.subject.name, operation["id"])
                    incarnations[created] = revisions
                    ledger.revisions += len(revisions)
            _check_history(one.subject, incarnations, ledger)
    finally:
        await tables.close()


async def _revisions(store: RegistryStore, name: str, incarnation: str) -> list[Revision]:
    """Return the revisions of an incarnation, the oldest first."""
    key, continuation, revisions = RegistryKey.of(_TENANT, name), None, list[Revision]()
    while True:
        page = await store.list_revisions(key, incarnation, 100, continuation)
        revisions += page.items
        continuation = page.continuation
        if continuation is None:
            return revisions[::-1]


def _check_history(subject: Subject, incarnations: Mapping[datetime, Sequence[Revision]], ledger: Ledger) -> None:
    if len(incarnations) > subject.creations:
        ledger.violate(f"{subject.name} was created {len(incarnations)} times, asked for {subject.creations} times")
    marks = Counter[str]()
    for created, revisions in incarnations.items():
        generations = [revision.generation for revision in revisions]
        if generations != list(range(1, len(revisions) + 1)):
            ledger.violate(f"{subject.name}, created {created}, has a gap in its revisions: {generations}")
        marks.update(revision.spec.tags.get(MARK, "none") for revision in revisions)
    if invented := marks.keys() - subject.sent:
        ledger.violate(f"{subject.name} has revisions that nobody wrote: {sorted(invented)}")
    if not subject.is_shared and (twice := [mark for mark, count in marks.items() if count > 1]):
        ledger.violate(f"{subject.name} has writes that were done twice: {twice}")
    for accepted in subject.accepted:
        if not _is_kept(accepted, incarnations):
            ledger.violate(f"{subject.name}: {accepted} was accepted and is in no revision")


def _is_kept(accepted: Accepted, incarnations: Mapping[datetime, Sequence[Revision]]) -> bool:
    revisions = incarnations.get(datetime.fromisoformat(accepted.incarnation), ())
    return any(
        revision.generation == accepted.generation
        and spec_of(revision.spec.model_dump(mode="json", exclude_none=True)) == accepted.spec
        for revision in revisions
    )
