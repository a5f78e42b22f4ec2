"""Spans and figures, recorded by OpenTelemetry itself in memory; and that nothing of it is there without a recorder."""

import logging
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest
from azure.monitor.opentelemetry.exporter.export.metrics._exporter import APPLICATION_INSIGHTS_METRIC_TEMPORALITIES
from opentelemetry.sdk.metrics import Counter, Histogram

from registry_api import opentelemetry, telemetry
from registry_api.domain.caller import Caller, service_of
from registry_api.domain.drift import CHECK_INTERVAL
from registry_api.domain.operation import DEADLINE
from registry_api.domain.resources import Failure, FailureKind, Kind, Resource
from registry_api.service import history, reconcile, registries
from registry_api.service.accepting import Intent, Outcome
from registry_api.service.backend import BackendError
from registry_api.service.messages import Message
from registry_api.telemetry import span
from tests.recorded import CALLER, Recorded
from tests.service.listening import BUSY, listening
from tests.service.world import ADA, SCOPE, World, document


async def asked_for(world: World, *regions: str) -> Outcome:
    """Ask for a registry as the rim does, for the caller's trace."""
    with span("request", CALLER):
        intent = Intent(ADA, SCOPE, traceparent=telemetry.traceparent())
        return await registries.put(document(*regions), intent, ports=world.ports)


async def test_one_trace_spans_request_visits_and_calls(recorded: Recorded) -> None:
    """The trace goes through the message, and every call has the facts that tell it from others."""
    world = World()
    outcome = await asked_for(world, "eastus", "westus")
    await world.settle()

    ended = recorded.spans.get_finished_spans()
    assert {one.name for one in ended} >= {"request", "announce", "commit", "provision", "visit", "observe", "start"}
    assert {f"{one.context.trace_id:032x}" for one in ended} == {CALLER.split("-")[1]}
    for call in recorded.of("start"):
        facts = {key.removeprefix("registry_api."): value for key, value in (call.attributes or {}).items()}
        assert facts["registry"] == "Demo1"
        assert facts["operation"] == outcome.registry.operation.id
        assert {"region", "resource", "epoch", "attempt"} <= facts.keys()
    (point,) = recorded.points("registry_api.operation.duration")
    assert dict(point.attributes) == {"kind": "Create", "outcome": "Succeeded"}
    assert recorded.points("registry_api.queue.age")[0].count == len(recorded.of("visit"))


async def test_a_failure_is_the_outcome_of_its_call(recorded: Recorded) -> None:
    """The call that failed has the code as its status, and not the cloud's words. What is final is no retry."""
    refused = Failure(code="ProvisioningFailed", message="hunter2", kind=FailureKind.BLOCKED)

    def refuse(resource: Resource) -> BackendError | None:
        return BackendError(refused) if resource.key == (Kind.STORAGE_ACCOUNT, "westus", 0) else None

    world = World()
    world.backend.refuse = refuse
    await world.put("eastus", "westus")
    await world.settle()

    assert [one.status.description for one in recorded.of("start") if not one.status.is_ok] == ["ProvisioningFailed"]
    assert recorded.points("registry_api.retries") == []
    assert all("hunter2" not in one.to_json() for one in recorded.spans.get_finished_spans())


async def test_a_failure_that_is_tried_again_is_a_retry(recorded: Recorded) -> None:
    """It is counted by its kind, once for each visit that met it; the one beside it that is final is not."""
    kinds = {"eastus": [FailureKind.TRANSIENT, FailureKind.TRANSIENT], "westus": [FailureKind.BLOCKED]}

    def refuse(resource: Resource) -> BackendError | None:
        left = kinds[resource.region] if resource.kind is Kind.STORAGE_ACCOUNT else []
        return BackendError(Failure(code="ProvisioningFailed", message="no", kind=left.pop())) if left else None

    world = World()
    world.backend.refuse = refuse
    await world.put("eastus", "westus")
    await world.settle()

    (retries,) = recorded.points("registry_api.retries")
    assert (dict(retries.attributes), retries.value) == ({"failure": "Transient"}, 2)


async def test_a_name_that_is_taken_is_a_retry_for_as_long_as_there_is_another(recorded: Recorded) -> None:
    """The last one is not, as the operation ends with it."""
    world = World()
    taken = Failure(code="NameNotAvailable", message="no", kind=FailureKind.NAME_TAKEN)
    world.backend.refuse = lambda resource: BackendError(taken) if resource.kind is Kind.STORAGE_ACCOUNT else None
    await world.put("eastus")
    await world.settle()
    met = [one for one in recorded.of("start") if not one.status.is_ok]

    (retries,) = recorded.points("registry_api.retries")
    assert (await world.read()).state == "Failed"
    assert (dict(retries.attributes), retries.value) == ({"failure": "NameTaken"}, len(met) - 1)


async def test_drift_is_counted_when_it_is_found_and_when_it_is_repaired(recorded: Recorded) -> None:
    """The repair belongs to the trace of the check that found it."""
    world = World()
    await world.put("eastus", "westus")
    await world.settle()
    world.backend.lose("westus")
    world.clock.advance(CHECK_INTERVAL.total_seconds())
    await world.tick()
    await world.settle()

    assert [point.value for point in recorded.points("registry_api.drift.found")] == [2]
    assert [point.value for point in recorded.points("registry_api.drift.repaired")] == [1]
    check = recorded.of("check")[-1]
    assert recorded.of("visit")[-1].context.trace_id == check.context.trace_id


async def test_only_what_had_drifted_is_counted_as_repaired(recorded: Recorded) -> None:
    """Whatever the one who asks is called; and whoever asks, as for a registry that was paused when it drifted."""
    world, service = World(), Caller(tenant=ADA.tenant, name=service_of(ADA.tenant).name)
    await world.put("eastus", "westus", paused=True)
    await world.settle()
    await registries.retry("Demo1", Intent(service, SCOPE), ports=world.ports)
    await world.settle()
    assert recorded.points("registry_api.drift.repaired") == []

    world.backend.lose("westus")
    world.clock.advance(CHECK_INTERVAL.total_seconds())
    await world.tick()
    await world.put("eastus", "westus")
    await world.settle()
    assert [point.value for point in recorded.points("registry_api.drift.repaired")] == [1]


async def test_drift_that_stays_is_counted_once(recorded: Recorded) -> None:
    """A paused registry is looked at every hour; it is right again when somebody has mended it by hand."""
    world = World()
    await world.put("eastus", "westus", paused=True)
    await world.settle()
    there = dict(world.backend.there)
    world.backend.lose("westus")
    for _ in range(3):
        world.clock.advance(CHECK_INTERVAL.total_seconds())
        await world.tick()
    assert [point.value for point in recorded.points("registry_api.drift.found")] == [2]
    assert recorded.points("registry_api.drift.repaired") == []

    world.backend.there = there
    world.clock.advance(CHECK_INTERVAL.total_seconds())
    await world.tick()
    assert [point.value for point in recorded.points("registry_api.drift.repaired")] == [1]


async def _ended_well(world: World) -> None:
    await world.settle()


async def _failed(world: World) -> None:
    blocked = Failure(code="ProvisioningFailed", message="no", kind=FailureKind.BLOCKED)
    world.backend.refuse = lambda _: BackendError(blocked)
    await world.settle()


async def _superseded(world: World) -> None:
    await world.put("eastus", "westus")


async def _canceled(world: World) -> None:
    await history.cancel((await world.read()).operation.id, Intent(ADA, SCOPE), ports=world.ports)
    await world.settle()


async def _overdue(world: World) -> None:
    world.clock.advance(DEADLINE.total_seconds())
    await world.settle()


async def _forgotten(world: World) -> None:
    world.clock.advance(2 * DEADLINE.total_seconds())
    await world.tick()
    await world.settle()


async def _poisoned(world: World) -> None:
    message = Message.model_validate_json(world.queue.messages()[0])
    for _ in range(2):
        await reconcile.give_up(message, ports=world.ports)


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (_ended_well, "Succeeded"),
        (_failed, "Failed"),
        (_superseded, "Canceled"),
        (_canceled, "Canceled"),
        (_overdue, "Failed"),
        (_forgotten, "Failed"),
        (_poisoned, "Failed"),
    ],
)
async def test_however_an_operation_ends_it_is_measured_once(
    recorded: Recorded, caplog: pytest.LogCaptureFixture, end: Callable[[World], Awaitable[None]], outcome: str
) -> None:
    """Whether a visit, the resync, a newer request or its caller has ended it; and the log has a line of it."""
    caplog.set_level(logging.INFO, "registry_api")
    world = World()
    await world.put("eastus")
    await end(world)

    (point,) = recorded.points("registry_api.operation.duration")
    assert (dict(point.attributes), point.count) == ({"kind": "Create", "outcome": outcome}, 1)
    assert [record.msg for record in caplog.records].count("The operation has ended.") == 1


async def test_a_visit_that_was_reminded_of_is_as_late_as_it_is(recorded: Recorded) -> None:
    """The age of the queue counts from when the visit was due first, however often the resync has reminded of it."""
    world = World()
    await world.put("eastus")
    for _ in range(4):
        world.clock.advance(30)
        await world.tick()
    await world.work_once()

    (point,) = recorded.points("registry_api.queue.age")
    assert (point.count, point.sum) == (1, 119)


async def test_every_attempt_to_tell_a_subscriber_is_a_span_of_the_trace(recorded: Recorded) -> None:
    """The trace goes through the notice, and through the one for the next attempt."""
    failures = [BUSY]
    world = listening()
    world.letters.trouble = lambda *_: failures.pop() if failures else None
    await asked_for(world, "eastus")
    while (await world.read()).state != "Succeeded" or world.notices.messages():
        world.clock.advance(1)
        await world.work_once()
        await world.notify_once()

    attempts = recorded.of("deliver")
    assert len(attempts) == len(world.letters.tried["inventory"]) == 3
    assert [(one.status.is_ok, (one.attributes or {})["registry_api.attempt"]) for one in attempts] == [
        (False, 1),
        (True, 2),
        (True, 1),
    ]
    assert {(one.attributes or {})["registry_api.subscriber"] for one in attempts} == {"inventory"}
    assert {f"{one.context.trace_id:032x}" for one in attempts} == {CALLER.split("-")[1]}
    carried = [(letter.traceparent or "").split("-")[2] for letter in world.letters.tried["inventory"]]
    assert carried == [f"{one.context.span_id:016x}" for one in attempts]
    notified = {one.context.span_id for one in recorded.of("notify")}
    assert {one.parent.span_id for one in attempts if one.parent} <= notified


@pytest.mark.parametrize("given", [None, "nonsense", "00-" + "0" * 32 + "-b7ad6b7169203331-01", 7, {"a": []}])
def test_no_traceparent_can_poison_a_message(recorded: Recorded, given: object) -> None:
    """A message can be read whatever stands there, and its work is a trace of its own."""
    content = {"tenant": "t", "name": "n", "visit": "v", "serial": 1, "announced_at": "2026-01-01T00:00:00Z"}
    message = Message.model_validate({**content, "traceparent": given})
    with span("provision", message.traceparent):
        pass

    assert Message.model_validate(content).traceparent is None
    assert recorded.of("provision")[0].parent is None


def test_what_is_raised_is_named_and_not_quoted(recorded: Recorded) -> None:
    """An exception's text may have secrets in it; its class has none."""
    with pytest.raises(ValueError, match="hunter2"), span("visit"):
        raise ValueError("hunter2")
    (ended,) = recorded.of("visit")

    assert ended.status.description == "ValueError"
    assert "hunter2" not in ended.to_json()


def test_off_imports_nothing_of_it() -> None:
    """Neither the function app nor the app behind it imports OpenTelemetry without the setting."""
    code = (
        "import sys, function_app; from registry_api import bootstrap; bootstrap.app();"
        "print([name for name in sys.modules if 'opentelemetry' in name or name.startswith('azure.monitor')])"
    )
    environment = {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_figures_are_counted_as_the_exporter_wants_them() -> None:
    """It would say so itself, but is not there yet when counting begins."""
    ours = opentelemetry._Figures("")._preferred_temporality

    assert ours == {kind: APPLICATION_INSIGHTS_METRIC_TEMPORALITIES[kind] for kind in (Counter, Histogram)}
