"""The checks themselves: what is wrong is noticed."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from registry_api.domain import delivery, drift, lifecycle, registry, settling, visits
from registry_api.domain.caller import Caller
from registry_api.domain.delivery import Cursor
from registry_api.domain.events import Event
from registry_api.domain.names import RegistryKey
from registry_api.domain.operation import Operation, OperationStatus
from registry_api.domain.problems import Code
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.registry import Lease, Registry
from registry_api.domain.resources import Resource
from registry_api.domain.visits import Findings
from registry_api.service import accepting, announcing, delivering, leasing, reconcile, registries, resync, work
from registry_api.service.accepting import Outcome
from registry_api.storage.store import RegistryStore
from tests.service.world import document
from tests.simulation.faults import Fault
from tests.simulation.flows import FLOWS
from tests.simulation.model import Answer, Model, Request, View
from tests.simulation.mutants import told_of
from tests.simulation.processes import Process
from tests.simulation.rules import broken_rules
from tests.simulation.scenario import Scenario, Variant, intent
from tests.simulation.schedules import Schedule, run

DEMO = RegistryKey("tenant", "demo1")
BOB = Caller(tenant="tenant", name="bob")
EARLIER, NOW = Process("earlier"), Process("now")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Let the service be silent about faults that are meant."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


async def _say_nothing(*_: object, **__: object) -> None:
    """Announce nothing."""


def _forget_resources(registry: Registry, findings: Findings, now: Any) -> Registry | None:
    ended = _end_visit(registry, findings, now)
    return ended.model_copy(update={"resources": ended.resources[:1]}) if ended else None


def _forget_lease(registry: Registry, findings: Findings, now: Any) -> Registry | None:
    ended = _end_visit(registry, findings, now)
    return ended.model_copy(update={"lease": Lease()}) if ended else None


def _count_twice(registry: Registry, *arguments: Any) -> Registry:
    updated = _update(registry, *arguments)
    return updated.model_copy(update={"generation": updated.generation + 1})


def _skip(cursor: Cursor, event: Event, *others: Any) -> Cursor:
    return delivery.release(delivery.advance(cursor, event.sequence, others[-1]), others[-1])


def _end_happily(operation: Operation, by: Operation) -> Operation:
    return operation.model_copy(update={"status": OperationStatus.SUCCEEDED, "end_time": by.start_time})


_end_visit, _update = visits.end_visit, lifecycle.update


@pytest.mark.parametrize(
    ("flow", "owner", "name", "instead", "told"),
    [
        ("create", accepting, "announce", _say_nothing, "no message for it is on its way"),
        ("create", reconcile, "announce", _say_nothing, "no message for it is on its way"),
        ("create", visits, "end_visit", _forget_resources, "is missing"),
        ("delete", visits, "end_visit", lambda *_: None, "is gone, but not"),
        ("update", visits, "end_visit", _forget_lease, "epoch"),
        ("update", lifecycle, "update", _count_twice, "its revisions are"),
        ("supersede", lifecycle, "superseded", lambda *operations: operations[0], "is stuck at Running"),
        ("supersede", lifecycle, "superseded", _end_happily, "without being told so"),
        ("join", lifecycle, "_is_joined", lambda *_: False, "which makes it true: True"),
        ("supersede", lifecycle, "_is_joined", lambda *_: True, "which makes it true: False"),
        ("poison", reconcile, "give_up", _say_nothing, "is stuck at"),
        ("lost_queue", resync, "_tend", _say_nothing, "something is still to be done"),
        ("drift", resync, "_check", _say_nothing, "is not repaired"),
        ("fail", visits, "fail", lambda first, _, now: lifecycle.cancel(first, BOB, now), "nobody asked for it"),
        ("throttled", work, "_throttled", lambda _: {}, "before it wanted to be"),
        ("throttled", Resource, "is_resting", lambda *_: False, "before it wanted to be"),
        ("name_taken", visits, "_renamed", lambda first: first, "OperationTimedOut"),
        ("paused_drift", drift, "is_to_be_repaired", lambda _, findings: bool(findings.remaining), "is repaired"),
        ("poison_by_fault", reconcile, "_note", _say_nothing, "what has broken the visits off"),
        ("quarantine", RegistryStore, "quarantine", _say_nothing, "that nobody can read is lost"),
        ("retention", resync, "_sweep", _say_nothing, "is kept for ever"),
        ("told", announcing, "addressed", lambda events, *_: events, "was not told of"),
        ("told_again", delivery, "fail", _skip, "was not told of"),
        ("told_after_a_loss", delivering, "remind", _say_nothing, "something is yet to be told"),
        ("remove_region", lifecycle, "update", lambda *arguments: arguments[0], "what was answered"),
    ],
)
async def test_a_broken_service_is_noticed(
    monkeypatch: pytest.MonkeyPatch, *, flow: str, owner: Any, name: str, instead: Callable[..., Any], told: str
) -> None:
    """A service that forgets one of its duties fails the crash points, and they say what is wrong."""
    monkeypatch.setattr(owner, name, instead)
    assert told in "; ".join((await run(Schedule(flow))).problems)


@pytest.mark.parametrize(
    ("flow", "fault", "owner", "name", "instead", "told"),
    [
        ("supersede_by_deletion", Fault.LATE, work, "settled", lambda _, seen, *__, **___: seen, "nobody owns"),
        ("cancel_deletion", Fault.LATE, work, "settled", lambda _, seen, *__, **___: seen, "is not as it is to be"),
        ("supersede_by_deletion", Fault.LATE, work, "_may_yet_happen", lambda _: False, "nobody owns"),
        (
            "supersede_by_deletion",
            Fault.LEFT,
            settling,
            "after_lost_visit",
            lambda registry, *_: registry,
            "nobody owns",
        ),
        ("cancel_deletion", Fault.LEFT, settling, "after_lost_visit", lambda first, *_: first, "is missing"),
    ],
)
async def test_a_service_that_is_broken_by_a_fault_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
    *,
    flow: str,
    fault: Fault,
    owner: Any,
    name: str,
    instead: Callable[..., Any],
    told: str,
) -> None:
    """A service that does wrong only after a fault fails the crash points as well."""
    assert not await told_of(flow, fault)
    monkeypatch.setattr(owner, name, instead)
    assert told in await told_of(flow, fault)


async def test_a_lease_that_is_too_long_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operation that fails only because nobody came back to it in time has not ended well."""
    for owner in (visits, leasing, registry):
        monkeypatch.setattr(owner, "LEASE", timedelta(minutes=70))
    monkeypatch.setattr(registry, "_LONGEST_LEASE", timedelta(minutes=140))
    calls = (await run(Schedule("create"))).calls
    taken = next(n for n, call in enumerate(calls, 1) if str(call) == "rows.transact" and call.by.startswith("worker"))
    found = "; ".join((await run(Schedule("create", ((taken, Fault.AFTER),)))).problems)
    assert "for an untrue cause, OperationTimedOut" in found
    assert "for too long" in found


async def test_letters_out_of_order_are_noticed() -> None:
    """Whoever was told of the end before the beginning is found, and who was told of what never was."""
    world = Scenario({}, Variant())
    await FLOWS["told"](world)
    assert await world.problems() == []
    (name,) = world.letters.taken
    world.letters.tried[name].reverse()
    assert ["in the order" in problem for problem in await world.problems()] == [True]
    world.letters.taken[name].reverse()
    assert any("after number" in problem for problem in await world.problems())
    world.letters.taken[name][0] = world.letters.taken[name][0]._replace(id="another")
    found = "; ".join(await world.problems())
    assert ("which never happened" in found, "was not told of" in found) == (True, True)


async def _world() -> tuple[Scenario, Model]:
    """Return a world in which a registry was created and changed twice, and a model of it."""
    world = Scenario({}, Variant())
    for text in ("a", "b", "c"):
        draft = document("eastus", description=text)
        await world.ask(lambda draft=draft: registries.put(draft, intent(), ports=world.ports))  # type: ignore[misc]
    return world, Model(world.journal)


READ = Request("read", DEMO)
PUT = Request("put", DEMO, lambda _: View(("eastus",), "c"))
CONDITIONAL = replace(PUT, if_match='"another"')


@pytest.mark.parametrize(
    ("request_", "began", "answer", "told"),
    [
        (READ, 3, "old", "never was so meanwhile"),
        (READ, 1, "old", ""),
        (READ, 3, "new", ""),
        (READ, 3, None, "there always was one"),
        (READ, 0, None, ""),
        (PUT, 3, Outcome, "never so meanwhile"),
        (PUT, 2, Code.CONCURRENT_CHANGES, "which was never so"),
        (PUT, 2, Code.REGISTRY_BEING_DELETED, "which was never so"),
        (PUT, 2, Code.PRECONDITION_FAILED, "which was never so"),
        (CONDITIONAL, 2, Code.PRECONDITION_FAILED, ""),
        (PUT, 2, Code.INTERNAL_ERROR, "which was never so"),
        (READ, 3, Code.REGISTRY_NOT_FOUND, "which was never so"),
    ],
)
async def test_an_untrue_answer_is_noticed(request_: Request, began: int, answer: Any, told: str) -> None:
    """What was not so between a request and its answer is told, and nothing else."""
    world, model = await _world()
    old, new = world.journal.versions(DEMO, 1, 1)[0], world.journal.versions(DEMO, 3, 3)[0]
    assert old is not None
    answers = {"old": Answer(old), "new": Answer(new), None: Answer(), Outcome: Answer(Outcome(old))}
    given = Answer(code=answer) if isinstance(answer, Code) else answers[answer]
    found = "; ".join(model.judge(request_, began, NOW, given))
    assert (told in found) if told else not found


async def test_a_change_that_was_not_asked_for_is_noticed() -> None:
    """A request that wrote something else, under another etag, twice or after a refusal is told."""
    world, model = await _world()
    entry = world.journal.entries(DEMO)[-1]
    wrong = replace(CONDITIONAL, wish=lambda _: View(("westus",), None), if_absent=True)
    found = "; ".join(model.judge(wrong, 0, entry.by, Answer(is_missing=True)))
    for told in ("not the one in If-Match", "If-None-Match excludes", "it has stored"):
        assert told in found
    assert "has changed something" in "; ".join(model.judge(PUT, 0, entry.by, Answer(code=Code.PRECONDITION_FAILED)))


async def test_an_idempotency_key_that_creates_twice_is_noticed() -> None:
    """Two answers of two creations under one key are told."""
    world, model = await _world()
    registry = world.journal.latest(DEMO)
    assert registry is not None
    once = Request("create", DEMO, idempotency_key="key")
    other = registry.model_copy(update={"incarnation": "another"})
    assert not model.judge(once, 3, EARLIER, Answer(Outcome(registry, created=True, changed=True)))
    (told,) = model.judge(once, 3, NOW, Answer(Outcome(other, created=True, changed=True)))
    assert "has made another registry" in told
    later = registry.model_copy(update={"generation": 77})
    (told,) = model.judge(once, 3, NOW, Answer(Outcome(later, created=True, changed=True)))
    assert "is told otherwise than the first time" in told
    (told,) = model.judge(once, 3, NOW, Answer(Outcome(registry, created=False, changed=True)))
    assert "that it has created a registry" in told


async def test_a_list_that_never_was_is_noticed() -> None:
    """A list in another order, without a registry or with an old one is told."""
    world, model = await _world()
    old, new = world.journal.versions(DEMO, 1, 1)[0], world.journal.latest(DEMO)
    assert old is not None
    assert new is not None
    assert not model.judge_list(READ, {DEMO: 3}, [new])
    assert model.judge_list(READ, {DEMO: 3}, [old])
    assert model.judge_list(READ, {DEMO: 3}, [])
    assert model.judge_list(READ, {DEMO: 3}, [new, new])
    assert not model.judge_list(replace(READ, key=RegistryKey("another", "")), {}, [])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"generation": 9}, "becomes 9"),
        ({"observed_generation": 7}, "is reached before"),
        ({"incarnation": "another"}, "another registry"),
        ({"serial": 9}, "becomes 9"),
        ({"state": ProvisioningState.SUCCEEDED}, "its operation NotStarted"),
        ({}, ""),
    ],
)
async def test_a_commit_that_breaks_a_rule_is_noticed(change: dict[str, Any], told: str) -> None:
    """What a commit may not do to a registry is told by what was before and after."""
    world, _ = await _world()
    entry = world.journal.entries(DEMO)[-1]
    assert entry.after is not None
    broken = replace(entry, after=entry.after.model_copy(update=change))
    found = "; ".join(broken_rules(broken))
    assert (told in found) if told else not found
