"""Deliveries of webhooks have one effect, and are answered as the first time, whatever happens in between.

DELIVERY_REPLAYS says how many replays a history has.
"""

import asyncio
import os
import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from registry_api.domain.caller import Caller
from registry_api.domain.names import RegistryKey
from registry_api.domain.permissions import BUILT_IN, Grant, Permissions
from registry_api.domain.problems import Code, Refusal, refuse
from registry_api.domain.scope import Scope
from registry_api.domain.validation import examine
from registry_api.service import deliveries, registries
from registry_api.service.accepting import Intent
from registry_api.service.deliveries import KEEP_DELIVERIES, Delivery
from registry_api.service.ports import UnreadableError
from registry_api.storage.rows import ANY_VERSION, Delete, Upsert
from tests.service.sending import (
    ACCEPTED,
    CI,
    accepted,
    change_as_ada,
    code_of,
    deliver,
    delivery,
    intent,
    one,
    told,
    verdicts,
)
from tests.service.world import ADA, SCOPE, World

REPLAYS = int(os.environ.get("DELIVERY_REPLAYS", "500"))
ELSEWHERE = Scope(subscription_id="sub", resource_group="elsewhere")

pytestmark = pytest.mark.timeout(1800 if REPLAYS > 500 else 120)


async def test_every_document_has_its_own_result() -> None:
    """Documents are put in their order, one that is refused does not hold back the others, and each is told."""
    world = World()
    first = await deliver(world, delivery(one("Demo1", "eastus"), one("Demo2", "westus"), id="d1"))
    second = await deliver(
        world,
        delivery(
            one("Demo1", "eastus"),
            one("Demo1", "eastus", "westus"),
            one("Demo2", "eastus"),
            one("_", "eastus"),
            one("Demo3", "eastsu", zzz=1),
            7,
            one("DEMO2", "westus", tags={"a": "b"}),
            id="d2",
        ),
    )

    assert verdicts(first) == ["Created", "Created"]
    assert verdicts(second) == [
        "Unchanged",
        "Updated",
        "PrimaryLocationImmutable",
        "InvalidRegistryName",
        "UnknownLocation",
        "InvalidDocument",
        "Updated",
    ]
    assert [result.name for result in second] == ["Demo1", "Demo1", "Demo2", None, "Demo3", None, "Demo2"]
    assert {problem.code for problem in second[4].problems} == {Code.UNKNOWN_LOCATION, Code.UNKNOWN_FIELD}


async def test_a_registry_that_cannot_be_read_holds_no_other_document_back() -> None:
    """The sender is told of a fault; once that is mended, the same delivery puts what is left."""
    world = World()
    await world.rows.transact("tenant:demo1", [Upsert("registry", "garbage")])
    sent = delivery(one("Demo1", "eastus"), one("Demo2", "westus"), id="d1")

    for _ in range(2):
        with pytest.raises(UnreadableError, match="demo1"):
            await deliver(world, sent)
        other = await world.store.read(RegistryKey("tenant", "demo2"))
        assert other is not None
        assert other.registry.generation == 1

    await world.rows.transact("tenant:demo1", [Delete("registry", ANY_VERSION)])
    assert verdicts(await deliver(world, sent)) == ["Created", "Created"]


async def test_a_replay_is_answered_as_the_first_time() -> None:
    """Whatever became of a document is told again, word for word, after others have changed the registry."""
    world = World()
    await change_as_ada(world, "Same1")
    await change_as_ada(world, "Other1")
    given = delivery(
        one("New1", "eastus"),
        one("Same1", "eastus"),
        one("Other1", "eastus", "westus"),
        one("Bad1", "eastsu", **{"\ud800": 1}),
        one("New1", "westus"),
        one("_", "eastus"),
    )
    first = await deliver(world, given)
    for name in ("New1", "Same1", "Other1", "Bad1"):
        await change_as_ada(world, name, description="of Ada")
    before = [await world.store.read(RegistryKey("tenant", name)) for name in ("new1", "same1", "other1", "bad1")]
    world.clock.advance((KEEP_DELIVERIES - timedelta(seconds=1)).total_seconds())
    again = await deliver(world, given)

    assert verdicts(first)[:3] == ["Created", "Unchanged", "Updated"]
    assert told(again) == told(first)
    assert before == [
        await world.store.read(RegistryKey("tenant", name)) for name in ("new1", "same1", "other1", "bad1")
    ]


async def test_a_refusal_is_kept_with_its_place() -> None:
    """What is told of a refused document has its line, the first time and again."""
    world = World()

    def locate(refusal: Refusal) -> Refusal:
        return Refusal(*(replace(problem, line=7, column=3) for problem in refusal.problems))

    given = delivery(one("Bad1", "eastsu"))
    given = given._replace(documents=[given.documents[0]._replace(locate=locate)])
    first, again = await deliver(world, given), await deliver(world, given)

    assert [(problem.line, problem.column) for problem in first[0].problems] == [(7, 3), (7, 3)]
    assert told(again) == told(first)


async def test_a_refusal_with_more_problems_than_a_row_holds_is_kept() -> None:
    """What fits is told, with how many more there are, the first time as every time."""
    world, given = (
        World(),
        delivery(one("Demo1", "eastus") | {f"unknown {'x' * 200} {number}": 1 for number in range(7_900)}),
    )
    (first,) = await deliver(world, given)
    assert len(first.problems) > 100
    left = 7_900 - len(first.problems) + 1
    assert first.problems[-1].message == f"There are {left} more problems, too many to be kept."
    assert await deliver(world, given) == [first]


async def test_an_id_belongs_to_its_body() -> None:
    """A delivery whose id came with another body is refused, and does nothing; another source has ids of its own."""
    world = World()
    await deliver(world, delivery(one("Demo1", "eastus")))

    assert await code_of(deliver(world, delivery(one("Demo2", "eastus")))) == "DeliveryReused"
    assert await world.store.read(RegistryKey("tenant", "demo2")) is None
    assert verdicts(await deliver(world, delivery(one("Demo2", "eastus"), source="another"))) == ["Created"]


async def test_where_the_id_proves_nothing_the_body_counts() -> None:
    """A caught delivery that comes under a new id is a replay, if its proof does not cover the id."""
    world = World()
    given = delivery(one("Demo1", "eastus"), is_id_proven=False)
    first = await deliver(world, given)
    await change_as_ada(world, "Demo1", description="of Ada")
    again = await deliver(world, given._replace(id="another"))

    assert told(again) == told(first)
    assert await accepted(world, "Demo1") == 1
    other = delivery(one("Demo2", "eastus"), id="another", is_id_proven=False)
    assert await code_of(deliver(world, other)) == "DeliveryReused"
    new = given._replace(body="f00d", id="new")
    assert verdicts(await deliver(world, new)) == ["Updated"]


async def test_an_id_is_free_again_after_its_time() -> None:
    """When a delivery was kept for long enough its id may be used anew, whether it was swept away or not."""
    world = World()
    await deliver(world, delivery(one("Demo1", "eastus")))
    await change_as_ada(world, "Demo1", description="of Ada")
    world.clock.advance(KEEP_DELIVERIES.total_seconds())

    assert verdicts(await deliver(world, delivery(one("Demo1", "eastus")))) == ["Updated"]
    assert verdicts(await deliver(world, delivery(one("Demo1", "eastus")))) == ["Updated"]
    assert await accepted(world, "Demo1") == 2


async def test_equal_deliveries_at_once_have_one_effect() -> None:
    """Of many that are under way together one acts, and all are answered the same."""
    world = World()
    given = delivery(one("Demo1", "eastus"), one("Demo2", "eastus"), one("Bad1", "eastsu"))
    answers = await asyncio.gather(*(deliver(world, given) for _ in range(8)))

    assert all(told(answer) == told(answers[0]) for answer in answers)
    assert [await accepted(world, name) for name in ("Demo1", "Demo2", "Bad1")] == [1, 1, 0]


@pytest.mark.parametrize("seed", range(20))
async def test_equal_deliveries_among_changes_have_one_effect(seed: int) -> None:
    """So do they while others change the registry, at whichever moment."""
    rand, world = random.Random(seed), World()  # noqa: S311 - a seed makes it the same again
    given = delivery(one("Demo1", "eastus"))

    async def later(act: Any) -> Any:
        for _ in range(rand.randrange(12)):
            await asyncio.sleep(0)
        return await act

    acts = [later(deliver(world, given)) for _ in range(4)]
    acts += [later(change_as_ada(world, "Demo1", description=f"{number}")) for number in range(3)]
    answers = [answer for answer in await asyncio.gather(*acts) if answer is not None]

    assert all(told(answer) == told(answers[0]) for answer in answers)
    assert await accepted(world, "Demo1") == (answers[0][0].verdict != "Unchanged")


class _Roles:
    """Everybody may do what one assignment says, or nothing can be told."""

    def __init__(self, *grants: tuple[str, str], is_away: bool = False) -> None:
        self.grants = grants
        self.is_away = is_away

    async def permissions_of(self, caller: Caller, subscription_id: str) -> Permissions:
        """Return what a caller may do."""
        del subscription_id
        if self.is_away:
            raise refuse(Code.AUTHORIZATION_UNAVAILABLE, "Not now.")
        return Permissions([Grant(BUILT_IN[role], scope) for role, scope in self.grants if caller == CI])


@pytest.mark.parametrize(
    ("grants", "expected"),
    [
        ([], "AuthorizationFailed"),
        ([("Reader", "/")], "AuthorizationFailed"),
        ([("Owner", ELSEWHERE.id)], "AuthorizationFailed"),
        ([("Contributor", SCOPE.id)], "Created"),
    ],
)
async def test_a_source_can_do_no_more_than_its_principal(grants: list[tuple[str, str]], expected: str) -> None:
    """Its signature proves who it is; what it may do its roles say, and a refusal is kept like any other."""
    roles = _Roles(*grants)
    world = World(roles=roles)
    first = await deliver(world, delivery(one("Demo1", "eastus")))
    roles.grants = (("Owner", "/"),)

    assert verdicts(first) == [expected]
    assert told(await deliver(world, delivery(one("Demo1", "eastus")))) == told(first)


async def test_a_source_keeps_to_its_scope() -> None:
    """Registries of another scope are not changed, whatever the principal may do there, and the name stays theirs."""
    world = World()
    draft = examine(one("Demo1", "eastus"))
    other = (await registries.put(draft, Intent(ADA, ELSEWHERE), ports=world.ports)).registry
    named = one("Demo2", "eastus", resource_group=ELSEWHERE.resource_group)

    assert verdicts(await deliver(world, delivery(one("Demo1", "eastus", "westus"), named))) == [
        "RegistryNameTaken",
        "ReadOnlyField",
    ]
    stored = await world.store.read(RegistryKey("tenant", "demo1"))
    assert stored is not None
    assert stored.registry == other


async def test_tenants_have_nothing_in_common() -> None:
    """A source of one tenant neither changes nor sees another's registry, under the same name and delivery id."""
    world = World()
    eve = intent(Caller(tenant="another", id="c1", name="ci", kind="Webhook"))
    first = await deliver(world, delivery(one("Demo1", "eastus")))
    theirs = await deliver(world, delivery(one("Demo1", "westus")), eve)

    assert (verdicts(first), verdicts(theirs)) == (["Created"], ["Created"])
    assert (await world.read()).spec.location == "eastus"


async def test_what_passes_is_not_kept() -> None:
    """If it cannot be told now what the principal may do, nothing is; the same delivery goes on later."""
    roles = _Roles(("Owner", "/"), is_away=True)
    world = World(roles=roles)
    given = delivery(one("Demo1", "eastus"))
    assert await code_of(deliver(world, given)) == "AuthorizationUnavailable"
    roles.is_away = False

    assert verdicts(await deliver(world, given)) == ["Created"]


async def test_replays_have_no_second_effect() -> None:
    """In a random history of deliveries, replays and others' changes, each document has one effect at most."""
    rand, world = random.Random(1), World()  # noqa: S311 - a seed makes it the same again
    names = ["Demo1", "Demo2", "Demo3"]
    sent: list[tuple[Delivery, list[tuple[Any, ...]]]] = []
    effects = Counter[str]()
    replays = 0
    while replays < REPLAYS:
        match rand.choices(("new", "replay", "change"), (1, 20, 4))[0]:
            case "new" if len(sent) < 1000:
                regions = ["eastus", *rand.sample(["westus", "eastus2"], rand.randrange(3))]
                values = [
                    one(rand.choice([*names, "_"]), *regions, tags={"n": str(rand.randrange(3))})
                    for _ in range(rand.randint(1, 3))
                ]
                given = delivery(*values, id=f"d{len(sent)}", is_id_proven=rand.random() < 0.5)
                results = await deliver(world, given)
                known = [other.body for other, _ in sent if not other.is_id_proven]
                new = given.is_id_proven or given.body not in known
                effects.update(
                    result.name
                    for result in results
                    if new and result.name and result.verdict in {"Created", "Updated"}
                )
                sent.append((given, told(results)))
            case "replay" if sent:
                given, answer = rand.choice(sent)
                caught = given if given.is_id_proven else given._replace(id=rand.choice([given.id, f"r{replays}"]))
                before = [await world.store.read(RegistryKey.of("tenant", name)) for name in names]
                assert told(await deliver(world, caught)) == answer
                assert before == [await world.store.read(RegistryKey.of("tenant", name)) for name in names]
                replays += 1
            case "change":
                await change_as_ada(world, rand.choice(names), description=str(rand.randrange(99)))
    assert {name: await _accepted_ever(world, name) for name in names} == {name: effects[name] for name in names}


async def _accepted_ever(world: World, name: str) -> int:
    stored = await world.store.read(RegistryKey.of("tenant", name))
    if stored is None:
        return 0
    found, continuation = 0, None
    while True:
        page = await world.store.list_events(RegistryKey.of("tenant", name), 100, continuation)
        found += sum(event.type in ACCEPTED and event.actor == "ci" for event in page.items)
        if (continuation := page.continuation) is None:
            return found


async def test_a_delivery_keeps_to_the_allowed_regions() -> None:
    """A source may ask for no region that the service is not allowed to use."""
    world = World()
    given = delivery(one("Demo1", "eastus", "westus"))
    (result,) = await deliveries.deliver(given, intent(), allowed=frozenset({"eastus"}), ports=world.ports)

    assert [problem.code for problem in result.problems] == [Code.LOCATION_NOT_SUPPORTED]
    assert await world.store.read(RegistryKey("tenant", "demo1")) is None
