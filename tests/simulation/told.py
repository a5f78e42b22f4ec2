"""What must be true of what subscribers were told, now that nothing is on its way any more."""

from collections.abc import Iterator, Mapping

from registry_api.domain.events import Event
from registry_api.domain.notifications import id_of, wants
from registry_api.domain.subscribers import Subscriber
from tests.simulation.world import World

_PAGE = 100


async def problems_of_letters(world: World) -> list[str]:
    """Return what is wrong: somebody was not told, was told what never happened, or out of its order."""
    if world.ports.audience is None:
        return []
    found = ["something is yet to be told"] if await world.is_outstanding() else []
    if world.notices.messages():
        found.append(f"{len(world.notices.messages())} notices are left")
    for subscriber in world.ports.audience.subscribers:
        expected = {id_of(event): event for event in _events_for(world, subscriber)}
        found += [f"'{subscriber.name}' {problem}" for problem in _of_taken(world, subscriber, expected)]
        given_up = await _given_up(world, subscriber)
        taken = {letter.id for letter in world.letters.taken[subscriber.name]}
        if missing := {*expected} - taken - given_up:
            found.append(f"'{subscriber.name}' was not told of {sorted(missing)}")
    return found


def interleaved(world: World) -> list[str]:
    """Return which letters were sent although a later one had been: never, where no process outlives its lease."""
    found = []
    for subscriber in world.ports.audience.subscribers if world.ports.audience else ():
        events = {id_of(event): event for event in _events_for(world, subscriber)}
        tried = [events[letter.id] for letter in world.letters.tried[subscriber.name] if letter.id in events]
        for incarnation in {event.incarnation for event in tried}:
            order = [event.sequence for event in tried if event.incarnation == incarnation]
            if order != sorted(order):
                found.append(f"'{subscriber.name}' was told of '{incarnation}' in the order {order}")
    return found


def _of_taken(world: World, subscriber: Subscriber, expected: Mapping[str, Event]) -> Iterator[str]:
    """Look at what a subscriber has taken, each letter when it came first."""
    latest: dict[str, int] = {}
    for letter_id in dict.fromkeys(letter.id for letter in world.letters.taken[subscriber.name]):
        event = expected.get(letter_id)
        if event is None:
            yield f"was told of {letter_id}, which never happened"
        elif latest.get(event.incarnation, 0) > event.sequence:
            yield f"was told of {letter_id} after number {latest[event.incarnation]}"
        else:
            latest[event.incarnation] = event.sequence


def _events_for(world: World, subscriber: Subscriber) -> Iterator[Event]:
    for key in world.journal.keys:
        if key.tenant == subscriber.tenant:
            for entry in world.journal.entries(key):
                yield from (event for event in entry.commit.events if wants(subscriber, event))


async def _given_up(world: World, subscriber: Subscriber) -> set[str]:
    found = set()
    for key in world.journal.keys:
        if key.tenant == subscriber.tenant:
            page = await world.truth.list_undelivered(key, _PAGE, None)
            found |= {id_of(item.event) for item in page.items if item.subscriber == subscriber.name}
    return found
