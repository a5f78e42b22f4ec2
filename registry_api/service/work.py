"""What a visit does in the cloud: look at everything, plan, start what can be started, and look again.

All of it ends in time, whatever the cloud does.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import TypeVar

from registry_api.domain.plan import Action, Observation, Presence, Verb, plan
from registry_api.domain.problems import Code
from registry_api.domain.registry import Registry
from registry_api.domain.resources import Failure, FailureKind, Resource, ResourceKey
from registry_api.domain.settling import Doubt, settled
from registry_api.domain.visits import Findings
from registry_api.service.backend import Backend, BackendError
from registry_api.service.leasing import KeptLease
from registry_api.service.ports import Clock
from registry_api.telemetry import span

WORKING_TIME = timedelta(seconds=60)
LOOKING_TIME = timedelta(seconds=10)
_STARTING_TIME = timedelta(seconds=10)  # what is started has as much again to answer
_CONCURRENT_CALLS = 16

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_NOT_REACHED = Failure(code=Code.REGION_UNAVAILABLE, message="There was no time left to look; it goes on soon.")
_TOO_SLOW = Failure(code=Code.REGION_UNAVAILABLE, message="The region did not answer in time.")
_UNFORESEEN = Failure(code=Code.INTERNAL_ERROR, message="An unexpected error; see the log.")


async def work(registry: Registry, backend: Backend, clock: Clock, lease: KeptLease) -> Findings:
    """Bring the cloud nearer to what the registry wants, and return what was found."""
    return await _Work(registry, backend, clock, clock.now() + WORKING_TIME, lease).run()


async def look(registry: Registry, backend: Backend, clock: Clock) -> Findings:
    """Return what is found, and do nothing about it."""
    return await _Work(registry, backend, clock, clock.now() + LOOKING_TIME).found()


@dataclass(frozen=True, slots=True)
class _Work:
    registry: Registry
    backend: Backend
    clock: Clock
    ends: datetime
    lease: KeptLease | None = None  # who only looks needs none
    _limit: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_CONCURRENT_CALLS))

    async def run(self) -> Findings:
        registry = self.registry
        starts_until = self.clock.now() + _STARTING_TIME
        failures = {
            resource.key: resource.failure
            for resource in registry.resources
            if resource.failure is not None and resource.failure.final
        }
        started: set[tuple[Verb, ResourceKey]] = set()
        doubts: dict[ResourceKey, Doubt] = {}
        unseen: dict[ResourceKey, Failure] = {}
        while True:
            observed, unseen = await self._look(_throttled(unseen | failures))
            remaining = self._plan(observed)
            known = unseen | failures
            to_start = {
                (action.verb, action.resource.key): action
                for action in remaining
                if action.can_start and action.resource.key not in known
            }
            new = to_start.keys() - started
            if not new or self.clock.now() >= starts_until:
                left = {action.resource.key: known.get(action.resource.key) for action in remaining}
                told = {key: failure for key, failure in left.items() if failure is not None}
                return Findings(registry.serial, observed, remaining, told, doubts)
            started |= new
            failed = await self._start([action for key, action in to_start.items() if key in new])
            until = self.clock.now() + self.backend.settling_time
            for verb, key in new:
                if key in failed and _may_yet_happen(failed[key]):
                    doubts[key] = Doubt(verb, until)
            failures |= {key: error.failure for key, error in failed.items()}

    async def found(self) -> Findings:
        observed, unseen = await self._look()
        return Findings(self.registry.serial, observed, self._plan(observed), unseen)

    def _plan(self, observed: Mapping[ResourceKey, Observation]) -> Sequence[Action]:
        """Return what is left to do; what is not looked at is waited for."""
        waited_for = {resource.key: Observation(Presence.CHANGING) for resource in self.registry.resources}
        return plan(self.registry.resources, self.registry.wanted, waited_for | {**observed})

    async def _look(
        self, throttled: Mapping[ResourceKey, Failure] = MappingProxyType({})
    ) -> tuple[dict[ResourceKey, Observation], dict[ResourceKey, Failure]]:
        """Return what is seen, and why the rest is not, but for what rests; what cannot be seen is waited for.

        Args:
            throttled: What the cloud wants to be left alone about since this visit has asked.
        """
        now = self.clock.now()
        answers = await self._ask(
            "observe",
            (
                (resource.key, partial(self.backend.observe, self.registry, resource))
                for resource in self.registry.resources
                if not resource.is_resting(now) and resource.key not in throttled
            ),
        )
        unseen, seen = {**throttled}, {}
        resources = {resource.key: resource for resource in self.registry.resources}
        for key, answer in answers.items():
            if not isinstance(answer, BackendError):
                seen[key] = settled(resources[key], answer, now, is_wanted=key in self.registry.wanted)
            elif answer.failure.kind is FailureKind.NAME_TAKEN and self._never_was(resources[key]):
                seen[key] = Observation(Presence.ABSENT)  # what is there is not ours to remove
            else:
                unseen[key] = answer.failure
        return seen | dict.fromkeys(unseen, Observation(Presence.CHANGING)), unseen

    def _never_was(self, resource: Resource) -> bool:
        """Tell whether nothing of this name was ever seen to be ours, and nothing is to be."""
        return resource.key not in self.registry.wanted and not resource.details

    async def _start(self, actions: Iterable[Action]) -> dict[ResourceKey, BackendError]:
        answers = await self._ask(
            "start",
            ((action.resource.key, partial(self.backend.start, self.registry, action)) for action in actions),
        )
        return {key: answer for key, answer in answers.items() if answer is not None}

    async def _ask(
        self, what: str, calls: Iterable[tuple[ResourceKey, Callable[[], Awaitable[_T]]]]
    ) -> Mapping[ResourceKey, _T | BackendError]:
        """Make calls side by side; the failure of one region must not hold back the others."""
        calls = list(calls)
        answers = await asyncio.gather(*(self._answer_about(what, key, call) for key, call in calls))
        return dict(zip((key for key, _ in calls), answers, strict=True))

    async def _answer_about(self, what: str, key: ResourceKey, call: Callable[[], Awaitable[_T]]) -> _T | BackendError:
        with span(what, region=key.region, resource=key.kind.value) as made:
            answer = await self._answer_of(call)
            if isinstance(answer, BackendError):
                made.ended(answer.failure.code, failed=True)
                _log.info("%s", answer)
            return answer

    async def _answer_of(self, call: Callable[[], Awaitable[_T]]) -> _T | BackendError:
        async with self._limit:
            left = self.ends - self.clock.now()
            if left <= timedelta(0) or not (self.lease is None or self.lease.is_held):
                return BackendError(_NOT_REACHED, refused=True)
            try:
                async with asyncio.timeout(left.total_seconds()):
                    return await call()
            except TimeoutError:
                return BackendError(_TOO_SLOW)
            except BackendError as error:
                return error
            except Exception:  # noqa: BLE001 - the deadline has to hold whatever a backend does
                _log.exception("The backend failed in a way that nobody foresaw.")
                return BackendError(_UNFORESEEN)


def _throttled(failures: Mapping[ResourceKey, Failure]) -> dict[ResourceKey, Failure]:
    return {key: failure for key, failure in failures.items() if failure.kind is FailureKind.THROTTLED}


def _may_yet_happen(error: BackendError) -> bool:
    """Tell whether what failed so may have been started nevertheless."""
    return not error.refused
