"""What the log tells of the work: which registry, operation, epoch, attempt and region, and figures that add up."""

import itertools
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from registry_api import telemetry
from registry_api.domain.drift import CHECK_INTERVAL
from registry_api.domain.resources import Failure, FailureKind, Kind, Resource
from registry_api.service.backend import BackendError
from registry_api.service.ports import StorageUnavailable
from registry_api.telemetry import about
from tests.service.world import World


@pytest.fixture(autouse=True)
def _installed(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    before = logging.getLogRecordFactory()
    telemetry.install()
    caplog.set_level(logging.INFO, "registry_api")
    yield
    logging.setLogRecordFactory(before)


def told(caplog: pytest.LogCaptureFixture, text: str) -> list[dict[str, Any]]:
    """Return the facts of every line that begins with a text."""
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith(text)]
    return [json.loads(line[line.index("{") :]) for line in lines]


async def test_every_visit_is_told_with_its_facts(caplog: pytest.LogCaptureFixture) -> None:
    """Epochs and attempts count up, and the end of the operation tells its duration."""
    world = World(looks=2)
    outcome = await world.put("eastus", "westus")
    await world.settle()
    visits = told(caplog, "Visited.")
    (end,) = told(caplog, "The operation has ended.")

    assert [visit["epoch"] for visit in visits] == [*range(1, len(visits) + 1)]
    assert [visit["attempt"] for visit in visits] == [*range(1, len(visits) + 1)]
    assert {(visit["registry"], visit["operation"]) for visit in visits} == {("Demo1", outcome.registry.operation.id)}
    assert visits[-1]["left"] == 0
    assert all(visit["late_seconds"] >= 0 for visit in visits)
    assert (end["status"], end["kind"]) == ("Succeeded", "Create")
    assert end["duration_seconds"] > 0


READ, FOUND = {"registry", "tenant"}, {"registry", "tenant", "operation", "attempt"}


@pytest.mark.parametrize(
    ("call", "number", "known"),
    [("read", 1, READ), ("commit", 1, FOUND), ("commit", 2, FOUND | {"epoch"})],
    ids=["before it is read", "before the lease", "under the lease"],
)
async def test_every_line_of_a_visit_has_what_is_known_by_then(
    call: str, number: int, known: set[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also the one that says that the visit goes no further, as storage is away; one about a region names it."""
    world, calls = World(), itertools.count(1)
    refused = Failure(code="ProvisioningFailed", message="no")
    world.backend.refuse = lambda _: BackendError(refused)
    await world.put("eastus")
    world.clock.advance(1)
    whole = getattr(world.store, call)

    async def away(*arguments: Any) -> Any:
        if next(calls) == number:
            raise StorageUnavailable("It is away.")
        return await whole(*arguments)

    monkeypatch.setattr(world.store, call, away)
    await world.work_once()
    lines = [record.__dict__["facts"] for record in caplog.records]

    assert lines[-1].keys() == known
    assert all(line.keys() >= known for line in lines)
    assert {line["region"] for line in lines[:-1]} == ({"eastus"} if "epoch" in known else set())
    assert lines[-1].get("attempt", 1) == lines[-1].get("epoch", 1) == 1


async def test_a_failure_is_told_with_its_region_and_counted_by_kind(caplog: pytest.LogCaptureFixture) -> None:
    """What the backend refuses is in the log with place and cause, and the visit counts it."""
    refused = Failure(code="ProvisioningFailed", message="100% locked", kind=FailureKind.BLOCKED)

    def refuse(resource: Resource) -> BackendError | None:
        return BackendError(refused) if resource.key == (Kind.STORAGE_ACCOUNT, "westus", 0) else None

    world = World()
    world.backend.refuse = refuse
    await world.put("eastus", "westus")
    await world.settle()
    (failure,) = told(caplog, "ProvisioningFailed: 100% locked")

    assert (failure["region"], failure["resource"], failure["registry"]) == ("westus", "StorageAccount", "Demo1")
    assert told(caplog, "Visited.")[-1]["failures"] == {"Blocked": 1}
    assert told(caplog, "The operation has ended.")[0]["status"] == "Failed"


async def test_a_deletion_and_drift_are_told(caplog: pytest.LogCaptureFixture) -> None:
    """The end of a deletion has no registry any more, but its figures; drift says how much differs."""
    world = World()
    await world.put("eastus", "westus")
    await world.settle()
    world.backend.lose("westus")
    world.clock.advance(CHECK_INTERVAL.total_seconds())
    await world.tick()
    await world.settle()
    await world.delete()
    await world.settle()

    assert [drift["drifted"] for drift in told(caplog, "The cloud is not as it was made.")] == [2]
    ends = told(caplog, "The operation has ended.")
    assert [(end["kind"], end["status"]) for end in ends] == [
        ("Create", "Succeeded"),
        ("Reconcile", "Succeeded"),
        ("Delete", "Succeeded"),
    ]


def test_only_our_lines_have_facts(caplog: pytest.LogCaptureFixture) -> None:
    """Lines of others, and lines outside, stay as they are; inner facts come on top of outer ones."""
    ours, theirs = logging.getLogger("registry_api.x"), logging.getLogger("azure.x")
    with about(registry="a", region="b"), about(region="c"):
        ours.warning("inside %s", "100%")
        theirs.warning("inside")
    ours.warning("outside")

    assert [record.getMessage() for record in caplog.records] == [
        'inside 100% {"registry": "a", "region": "c"}',
        "inside",
        "outside",
    ]
