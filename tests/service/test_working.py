"""What a visit does in the cloud, and for how long."""

from datetime import timedelta

import pytest

from registry_api.domain import lifecycle
from registry_api.domain.lifecycle import Acceptance
from registry_api.domain.plan import Action, Observation, Presence, Verb
from registry_api.domain.registry import CLOCK_SKEW, LEASE, Registry
from registry_api.domain.resources import Failure, FailureKind, Kind, Resource, ResourceKey
from registry_api.domain.settling import Doubt, doubted
from registry_api.domain.visits import Findings
from registry_api.service import work
from registry_api.service.backend import BackendError
from registry_api.service.leasing import KeptLease
from tests.service.world import ADA, World

PASSING = Failure(code="RegionUnavailable", message="No answer.")
TAKEN = Failure(code="NameTaken", message="Taken.", kind=FailureKind.NAME_TAKEN)


async def asked() -> tuple[World, Registry]:
    """Return a world where a registry was asked for, and the registry."""
    world = World()
    return world, (await world.put("eastus")).registry


async def worked(world: World, registry: Registry) -> Findings:
    """Return what a visit finds that has just got its lease."""
    return await work.work(registry, world.backend, world.clock, KeptLease(world.clock, world.clock.now() + LEASE))


async def test_a_look_does_nothing() -> None:
    """Looking tells what is there, what is missing and what cannot be seen, and starts nothing."""
    world, registry = await asked()
    account, home = registry.resources
    world.backend.blind = lambda resource: BackendError(PASSING) if resource.key == home.key else None
    findings = await work.look(registry, world.backend, world.clock)

    assert findings.serial == 1
    assert findings.observed == {
        account.key: Observation(Presence.ABSENT),
        home.key: Observation(Presence.CHANGING),
    }
    assert {(action.verb, action.resource.key) for action in findings.remaining} == {
        ("Create", account.key),
        ("Wait", home.key),
    }
    assert (findings.failures, world.backend.calls) == ({home.key: PASSING}, [])


async def test_what_failed_for_good_is_not_started_again() -> None:
    """A resource whose failure is final is left alone and still told; one that may pass is tried again."""
    world, registry = await asked()
    final = Failure(code="ScopeLocked", message="Locked.", kind=FailureKind.BLOCKED)
    account, home = registry.resources
    marked = (account.model_copy(update={"failure": final}), home.model_copy(update={"failure": PASSING}))
    findings = await worked(world, registry.model_copy(update={"resources": marked}))

    assert [kind for _, kind, _ in world.backend.calls] == ["ContainerRegistry"]
    assert findings.failures == {account.key: final}
    assert (findings.serial, [action.resource.key for action in findings.remaining]) == (1, [account.key])


async def test_a_failure_to_start_is_told_and_not_repeated() -> None:
    """What could not be started is not started again in the same visit."""
    world, registry = await asked()
    tried: list[str] = []

    def refuse(resource: Resource) -> BackendError | None:
        tried.append(resource.kind.value)
        return BackendError(PASSING) if resource.kind == "StorageAccount" else None

    world.backend.refuse = refuse
    findings = await worked(world, registry)

    assert sorted(tried) == ["ContainerRegistry", "StorageAccount"]
    assert findings.failures == {registry.resources[0].key: PASSING}
    assert str(BackendError(PASSING)) == "RegionUnavailable: No answer."


async def test_nothing_is_started_late_in_a_visit() -> None:
    """After ten seconds a visit starts nothing more, and after sixty it does not even look."""
    world, registry = await asked()
    observe = world.backend.observe
    pause = 10.0

    async def slow(registry: Registry, resource: Resource) -> Observation:
        seen = await observe(registry, resource)
        if resource.kind == "StorageAccount":
            world.clock.advance(pause)
        return seen

    world.backend.observe = slow  # type: ignore[method-assign]
    findings = await worked(world, registry)
    assert (world.backend.calls, len(findings.remaining), findings.failures) == ([], 2, {})

    pause = 60.0
    findings = await worked(world, registry)
    late = Failure(code="RegionUnavailable", message="There was no time left to look; it goes on soon.")
    assert findings.failures == {registry.resources[1].key: late}
    pause = 9.9
    await worked(world, registry)
    assert len(world.backend.calls) == 2


async def test_an_unforeseen_error_is_told_without_its_words() -> None:
    """What nobody foresaw is told as such; its words are for the log."""
    world, registry = await asked()

    async def fail(registry: Registry, resource: Resource) -> Observation:
        raise RuntimeError(f"secret of {registry.id}, {resource.name}")

    world.backend.observe = fail  # type: ignore[method-assign]
    findings = await work.look(registry, world.backend, world.clock)

    assert {*findings.failures.values()} == {Failure(code="InternalError", message="An unexpected error; see the log.")}


async def test_what_was_started_is_not_started_again_in_the_same_visit() -> None:
    """What does not show itself at once is left to the next visit, however much else can be started meanwhile."""
    world = World()
    asked_for = (await world.put("eastus", "westus")).registry
    original, started = world.backend.start, list[ResourceKey]()

    async def start(registry: Registry, action: Action) -> None:
        assert registry == asked_for
        started.append(action.resource.key)
        if action.resource.kind is not Kind.STORAGE_ACCOUNT:
            await original(registry, action)

    world.backend.start = start  # type: ignore[method-assign]
    findings = await worked(world, asked_for)

    assert sorted(started) == sorted(resource.key for resource in asked_for.resources)
    assert {action.resource.kind for action in findings.remaining} == {Kind.STORAGE_ACCOUNT}


@pytest.mark.parametrize("failure", [TAKEN, PASSING], ids=lambda failure: failure.code)
@pytest.mark.parametrize("wanted", [True, False])
async def test_only_what_is_not_ours_and_not_wanted_is_as_good_as_gone(failure: Failure, wanted: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """What somebody else has under our name need not be removed; anything else that cannot be seen is waited for."""
    world, registry = await asked()
    account = registry.resources[0].key
    world.backend.blind = lambda resource: BackendError(failure) if resource.key == account else None
    if not wanted:
        registry = lifecycle.delete(registry, Acceptance(ADA, world.clock.now(), "demo1.9", registry.visit))
    findings = await work.look(registry, world.backend, world.clock)

    is_gone = failure is TAKEN and not wanted
    assert findings.observed[account] == Observation(Presence.ABSENT if is_gone else Presence.CHANGING)
    assert findings.failures == ({} if is_gone else {account: failure})


@pytest.mark.parametrize("where", ["blind", "refuse"])
async def test_what_is_throttled_is_left_alone_for_the_rest_of_the_visit(where: str) -> None:
    """A resource that the cloud wants to be left alone about is not asked about again while the others are made."""
    world, registry = await asked()
    account, home = registry.resources
    slow = Failure(code="TooMany", message="Slow.", kind=FailureKind.THROTTLED, retry_after=timedelta(seconds=9))
    seen: list[ResourceKey] = []
    observe = world.backend.observe

    async def counted(registry: Registry, resource: Resource) -> Observation:
        seen.append(resource.key)
        return await observe(registry, resource)

    world.backend.observe = counted  # type: ignore[method-assign]
    setattr(world.backend, where, lambda resource: BackendError(slow) if resource.key == account.key else None)
    findings = await worked(world, registry)

    assert (seen.count(account.key), seen.count(home.key)) == (1, 2)
    assert findings.failures == {account.key: slow}
    assert findings.observed[account.key] == Observation(Presence.CHANGING)
    assert findings.doubts == {}


@pytest.mark.parametrize(
    ("kind", "refused", "is_doubtful"),
    [
        (FailureKind.TRANSIENT, None, True),
        (FailureKind.TRANSIENT, True, False),
        (FailureKind.THROTTLED, False, True),
        (FailureKind.BLOCKED, None, False),
    ],
)
async def test_a_start_that_was_not_answered_is_in_doubt(
    kind: FailureKind, *, refused: bool | None, is_doubtful: bool
) -> None:
    """What the cloud may yet do is told with the findings, and until when; what it has refused is not."""
    world, registry = await asked()
    world.backend.settling_time = timedelta(seconds=60)
    failure = Failure(code="Code", message="Message.", kind=kind)
    account, home = registry.resources
    error = BackendError(failure, refused=refused)
    world.backend.refuse = lambda resource: error if resource.key == account.key else None
    findings = await worked(world, registry)

    expected = {account.key: Doubt(Verb.CREATE, world.clock.now() + timedelta(seconds=60))}
    assert findings.doubts == (expected if is_doubtful else {})
    assert home.key not in findings.doubts


async def test_what_may_yet_appear_is_waited_for() -> None:
    """A resource that is to be gone, and is, is waited for while it may appear."""
    world, registry = await asked()
    doubt = Doubt(Verb.CREATE, world.clock.now() + timedelta(seconds=1))
    resources = tuple(doubted(resource, doubt) for resource in registry.resources)
    leaving = registry.model_copy(update={"deleting": True, "resources": resources})

    assert [action.verb for action in (await worked(world, leaving)).remaining] == ["Wait", "Wait"]
    world.clock.advance(1 + CLOCK_SKEW.total_seconds())
    assert (await worked(world, leaving)).remaining == ()


async def test_who_has_lost_the_lease_acts_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """From then on no call is made, neither to start nor to look; what was never sent leaves no doubt."""
    world, registry = await asked()
    lease, looked = KeptLease(world.clock, world.clock.now() + timedelta(seconds=5)), list[ResourceKey]()
    observe = world.backend.observe

    async def look(given: Registry, resource: Resource) -> Observation:
        looked.append(resource.key)
        if len(looked) == len(registry.resources):
            world.clock.advance(5)
        return await observe(given, resource)

    monkeypatch.setattr(world.backend, "observe", look)
    findings = await work.work(registry, world.backend, world.clock, lease)

    assert looked == [resource.key for resource in registry.resources]
    assert (world.backend.calls, findings.doubts) == ([], {})
