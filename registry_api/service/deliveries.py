"""What a webhook brings: documents, each of which is put once, however often the delivery comes."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from registry_api.domain.problems import Code, Problem, Refusal
from registry_api.domain.registry import Registry
from registry_api.domain.validation import Draft
from registry_api.service import registries
from registry_api.service.accepting import Intent, Outcome
from registry_api.service.once import Key, Once, Use, digest_of
from registry_api.service.ports import Ports, UnreadableError

# Longer than any sender tries again (days), and longer than a secret should live: a delivery that has no time in it
# is protected by this alone from one who has caught it.
KEEP_DELIVERIES = timedelta(days=400)

# What speaks of the moment and not of the document: the same delivery again goes on.
_PASSING = {Code.CONCURRENT_CHANGES, Code.AUTHORIZATION_UNAVAILABLE}
_REUSED = Problem(
    Code.DELIVERY_REUSED, "A delivery of this id came with another body before; take a new id for everything new."
)


class Delivered(NamedTuple):
    """One document of a delivery, and how its problems are given their places in the text."""

    draft: Draft
    locate: Callable[[Refusal], Refusal]


class Delivery(NamedTuple):
    """What a source has sent, and proven to have sent.

    `body` names the bytes. `is_id_proven` tells whether the proof covers the id: if not, somebody who has caught the
    delivery can give it another one, and it is known by its body.
    """

    source: str
    id: str
    body: str
    is_id_proven: bool
    documents: Sequence[Delivered]


class Verdict(StrEnum):
    """What became of a document."""

    CREATED = "Created"
    UPDATED = "Updated"
    UNCHANGED = "Unchanged"
    REFUSED = "Refused"


class Result(NamedTuple):
    """What became of a document: the registry as it was left, or every problem."""

    verdict: Verdict
    name: str | None  # of the registry; None if the document names none that can be
    registry: Registry | None = None
    problems: Sequence[Problem] = ()


async def deliver(
    delivery: Delivery, intent: Intent, *, allowed: frozenset[str] | None = None, ports: Ports
) -> list[Result]:
    """Put every document of a delivery, in their order, each once; one that is refused does not hold back the others.

    Raises:
        Refusal: If its id was used for something else, or something passing speaks against it.
        StorageUnavailable: If a document may or may not have been put.
        UnreadableError: If nobody can tell what a document's registry is like; all others were put.
        In all cases but the first, the same delivery again goes on where this one has stopped.
    """
    use = await _use_of(delivery, intent, ports)
    results, unreadable = list[Result](), list[UnreadableError]()
    for index, document in enumerate(delivery.documents):
        try:
            results.append(await _put(document, use, index, intent, allowed=allowed, ports=ports))
        except UnreadableError as error:
            unreadable.append(error)
    if unreadable:
        raise unreadable[0]
    return results


async def _use_of(delivery: Delivery, intent: Intent, ports: Ports) -> Use:
    now = ports.clock.now()

    async def claim(kind: str, name: str) -> Use:
        digest = digest_of("delivery", delivery.source, kind, name)
        key = Key(intent.caller.tenant, digest, delivery.body, _REUSED)
        return await key.claim(now + KEEP_DELIVERIES, now, ports.store)

    use = await claim("id", delivery.id)
    return use if delivery.is_id_proven else await claim("body", delivery.body)


async def _put(
    document: Delivered, use: Use, index: int, intent: Intent, *, allowed: frozenset[str] | None, ports: Ports
) -> Result:
    name = document.draft.name
    try:
        once = use.for_registry(registries.key_of_document(document.draft, intent, allowed), index)
    except Refusal as refusal:  # for a reason in the text, which is there the next time as well
        return Result(Verdict.REFUSED, name, problems=document.locate(refusal).problems)
    try:
        outcome = await _put_once(document, once, intent, allowed=allowed, ports=ports)
    except Refusal as refusal:
        if _PASSING & {problem.code for problem in refusal.problems}:
            raise
        return Result(Verdict.REFUSED, name, problems=refusal.problems)
    return Result(_verdict(outcome), outcome.registry.spec.name, outcome.registry)


async def _put_once(
    document: Delivered, once: Once, intent: Intent, *, allowed: frozenset[str] | None, ports: Ports
) -> Outcome:
    try:
        return await registries.put(document.draft, intent, once=once, allowed=allowed, ports=ports)
    except Refusal as refusal:
        if _PASSING & {problem.code for problem in refusal.problems}:
            raise
        return await once.keep_refusal(document.locate(refusal), ports.store)


def _verdict(outcome: Outcome) -> Verdict:
    if outcome.created:
        return Verdict.CREATED
    return Verdict.UPDATED if outcome.changed else Verdict.UNCHANGED
