"""What a call may do yet whose outcome nobody knows: its caller has died, or was told that nothing answers.

A backend promises that such a call takes effect within its settling time or not at all. Until then what was to be
made may yet appear, and what was to be removed may yet vanish.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from registry_api.domain.plan import Observation, Presence, Verb
from registry_api.domain.registry import CLOCK_SKEW, Registry
from registry_api.domain.resources import Resource

LONGEST_SETTLING = timedelta(minutes=10)  # what is in doubt for longer was noted by a clock that is wrong


class Doubt(NamedTuple):
    """A call about a resource, and until when it may take effect."""

    verb: Verb
    until: datetime


def doubted(resource: Resource, doubt: Doubt) -> Resource:
    """Return a resource with note of a call whose outcome nobody knows."""
    field = "may_vanish_until" if doubt.verb is Verb.DELETE else "may_appear_until"
    before = getattr(resource, field)
    return resource.model_copy(update={field: max(doubt.until, before or doubt.until)})


def after_lost_visit(registry: Registry, settling_time: timedelta, now: datetime) -> Registry:
    """Return a registry with note of what its last visit may have started, if that never gave its lease back."""
    if registry.lease.expires is None:
        return registry
    until = min(registry.lease.expires, now) + settling_time
    wanted, is_same = registry.wanted, registry.leased_for == registry.serial

    def verbs(resource: Resource) -> Iterable[Verb]:
        """Return what the visit may have started; only those of the same request wanted the same."""
        if not is_same:
            return Verb.CREATE, Verb.DELETE
        return (Verb.CREATE if resource.key in wanted else Verb.DELETE,)

    resources = []
    for resource in registry.resources:
        noted = resource
        for verb in verbs(resource):
            noted = doubted(noted, Doubt(verb, until))
        resources.append(noted)
    return registry.model_copy(update={"resources": tuple(resources)})


def settled(resource: Resource, seen: Observation, now: datetime, *, is_wanted: bool) -> Observation:
    """Return what is seen of a resource, as changing while a call may yet undo what is wanted of it.

    What is gone stays for as long as it may vanish once more: its name may be used again.
    """
    may_vanish = _is_pending(resource.may_vanish_until, now)
    if is_wanted:
        is_changing = seen.presence is Presence.READY and may_vanish
    else:
        is_changing = seen.presence is Presence.ABSENT and (may_vanish or may_appear(resource, now))
    return seen._replace(presence=Presence.CHANGING) if is_changing else seen


def may_appear(resource: Resource, now: datetime) -> bool:
    """Tell whether a call whose outcome nobody knows may yet make a resource."""
    return _is_pending(resource.may_appear_until, now)


def _is_pending(until: datetime | None, now: datetime) -> bool:
    return until is not None and now - CLOCK_SKEW < until <= now + LONGEST_SETTLING
