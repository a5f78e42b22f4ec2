"""Two tenants of one app, and the same app without the second: what the first is answered must be the same.

Both apps run on twins of storage, cloud and subscribers, with ids, request ids and nonces that are counted, so that
answers can be compared byte by byte.
"""

import hashlib
import json
import random
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import count
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import azure.functions as func
import pytest

from registry_api import bootstrap
from registry_api.access.roles import StaticRoles
from registry_api.access.webhooks import Webhooks
from registry_api.domain.names import RegistryKey
from registry_api.domain.sources import WebhookSource
from registry_api.http import continuations, functions, rim
from registry_api.settings import Settings
from tests import senders
from tests.courier import subscriber
from tests.http.attacker import Attacker, Loot
from tests.http.exchange import (
    DELIVERIES,
    KEYS,
    NAMES,
    OBJECT,
    OURS,
    SECRETS,
    SUBSCRIPTION,
    THEIR_NAMES,
    THEIRS,
    Ask,
    Reply,
)
from tests.http.twins import ROUTE, SETTINGS, WorldApp
from tests.service.world import CountingIds, World


class IdsByTenant(CountingIds):
    """Ids that are numbers, counted for each tenant."""

    def __init__(self) -> None:
        super().__init__()
        self._by_tenant: defaultdict[str, Iterator[int]] = defaultdict(lambda: count(1))

    def operation_id(self, key: RegistryKey, now: Any) -> str:
        """Return a new operation id."""
        del now
        return f"{key.name}.{next(self._by_tenant[key.tenant]):016x}"


class Place:
    """One app and everything behind it.

    Args:
        leak: Puts something into the world that does not keep tenants apart.
        sources: Whose webhooks it takes.
    """

    def __init__(self, leak: Callable[[World], None] = lambda _: None, sources: Sequence[str] = tuple(SECRETS)) -> None:
        keys = [
            {
                "name": name,
                "tenant": tenant,
                "object_id": OBJECT.replace("3", "4") if name == "ours-reader" else OBJECT,
                "sha256": hashlib.sha256(name.encode()).hexdigest(),
                "roles": [{"role": role, "scope": scope}],
            }
            for name, (tenant, role, scope) in KEYS.items()
        ]
        scope = {
            "REGISTRY_SUBSCRIPTION_ID": SUBSCRIPTION,
            "REGISTRY_RESOURCE_GROUP": "ml",
            "REGISTRY_KEYS": json.dumps(keys),
        }
        settings = Settings.read(SETTINGS | scope)
        self.world = World(roles=StaticRoles(settings.role_book))
        leak(self.world)
        self.world.ids = IdsByTenant()
        self.world.subscribers = (subscriber("ours", OURS), subscriber("theirs", THEIRS))
        acts = {"object_id": OBJECT, "subscription_id": SUBSCRIPTION, "resource_group": "ml"}
        webhooks = Webhooks(
            [
                WebhookSource(
                    **senders.source("standard", SECRETS[name][1], name=name, tenant=SECRETS[name][0], **acts)
                )
                for name in sources
            ],
            self.world.clock,
        )
        self.app = WorldApp(settings, self.world)
        self.app.webhooks = webhooks
        self.requests = count(1)

    async def ask(self, ask: Ask, key: str, patch: pytest.MonkeyPatch) -> Reply:
        """Send a request with one of the keys."""
        request_id = str(uuid.UUID(int=next(self.requests)))
        patch.setattr(bootstrap, "app", lambda: self.app)
        patch.setattr(rim, "uuid", SimpleNamespace(uuid4=lambda: request_id))
        patch.setattr(continuations, "os", SimpleNamespace(urandom=bytes))
        request = func.HttpRequest(
            ask.method,
            f"http://localhost:7071/api/{ask.path}" + (f"?{urlencode(ask.query)}" if ask.query else ""),
            headers={**ask.headers, "x-functions-key": key},
            params={},
            route_params={**ask.parameters},
            body=ask.body,
        )
        serve = functions.no_such_route if ask.route is None else functions.function_of(ask.route)
        answer = await serve(request)
        return Reply(answer.status_code, dict(answer.headers), answer.mimetype, answer.get_body())

    def rows(self, *, theirs: bool) -> dict[tuple[str, str], str]:
        """Return the rows of the other tenant with their versions, or all but those without."""
        return {
            key: f"{row.text} {row.version if theirs else ''}"
            for key, row in self.world.rows._rows.items()
            if (THEIRS in row.partition) == theirs
        }

    def begin(self, now: datetime) -> None:
        """Begin to count at a time, as if nothing had happened before."""
        self.world.clock.time = now
        self.world.ids._numbers = count(1)
        self.requests = count(1)


async def settle_in(place: Place, patch: pytest.MonkeyPatch, loot: Loot) -> None:
    """Let the other tenant live in a place, as everybody does; keep what is worth stealing."""

    async def do(name: str, body: Any = None, query: Mapping[str, str] | None = None, **headers: str) -> Reply:
        route, _, target = name.partition(" ")
        ask = Ask(
            ROUTE[route],
            ROUTE[route].method,
            ROUTE[route].template.format(name=target, id=target),
            {"name": target, "id": target},
            tuple((query or {}).items()),
            {header.replace("_", "-"): value for header, value in headers.items()},
            b"" if body is None else json.dumps(body).encode(),
        )
        reply = await place.ask(ask, "theirs", patch)
        assert reply.status < 400, reply.body
        loot.take(reply)
        return reply

    for number, name in enumerate((*NAMES, *THEIR_NAMES)):
        document = {"name": name, "location": "eastus", "tags": {"team": "theirs"}, "description": f"canary {name}"}
        await do("create_registry", document, idempotency_key=f"key-{number}")
        if name != "Midway1":
            await place.world.settle()
    place.world.queue._entries.clear()  # nobody works on the last one: it stays on its way
    place.world.notices._entries.clear()
    for name in (*NAMES, "Bravo1"):
        await do(f"patch_registry {name}", {"tags": {"team": "changed"}})
        await place.world.settle()
    await do("delete_registry Gone1")
    await place.world.settle()
    for number, delivery in enumerate(DELIVERIES[:4]):
        body = f"name: {NAMES[number]}\nlocation: eastus\ntags: {{team: hooked}}\n".encode()
        proof = senders.signed(
            body, secret=SECRETS["theirs"][1], delivery=delivery, timestamp=place.world.clock.now().timestamp()
        )
        route, headers = ROUTE["receive_webhook"], {**proof, "content-type": "application/yaml"}
        ask = Ask(route, "POST", "webhooks/theirs", {"source": "theirs"}, (), headers, body)
        assert (await place.ask(ask, "theirs", patch)).status == 200
        await place.world.settle()
    for name in (*NAMES, *THEIR_NAMES):
        if name != "Gone1":
            await do(f"get_registry {name}")
            await do(f"list_revisions {name}", query={"top": "1"})
        for listing in ("list_operations", "list_events"):
            await do(f"{listing} {name}", query={"top": "1"})
    await do("list_registries", query={"top": "1"})
    await do("list_registries", query={"top": "2", "tag": "team:theirs"})


async def snapshot(place: Place, patch: pytest.MonkeyPatch) -> list[tuple[int, bytes]]:
    """Return what the other tenant reads of its own."""
    replies = []
    for name in ("", *NAMES, *THEIR_NAMES):
        for route in (
            ("get_registry", "list_events", "list_operations", "list_revisions") if name else ("list_registries",)
        ):
            path = ROUTE[route].template.format(name=name)
            replies.append(await place.ask(Ask(ROUTE[route], "GET", path, {"name": name}, (), {}), "theirs", patch))
    return [(reply.status, reply.body) for reply in replies]


async def attack(
    requests: int, seed: int, patch: pytest.MonkeyPatch, leak: Callable[[World], None] = lambda _: None
) -> Counter[tuple[str, int]]:
    """Let our tenant do its worst, in a place with the other tenant and in one without; count the answers.

    Raises:
        AssertionError: If it is answered in another way, or anything of the other tenant is no longer as it was.
    """
    together, alone, loot = Place(leak), Place(leak, ["ours"]), Loot()
    await settle_in(together, patch, loot)
    assert len(loot.continuations) > 20
    seen_before = await snapshot(together, patch)
    for place in (together, alone):
        place.begin(together.world.clock.time)
    before, told = together.rows(theirs=True), len(together.world.letters.tried["theirs"])
    attacker, answers = Attacker(random.Random(seed), loot, together.world.clock.now), Counter[tuple[str, int]]()  # noqa: S311 - no secret

    for number in range(requests):
        ask, key = attacker.ask()
        reply = await together.ask(ask, key, patch)
        expected = await alone.ask(ask, key, patch)
        assert reply == expected, f"seed {seed}, request {number}: {ask}"
        if ask.route is not None and not ask.route.is_public:
            loot.take(reply)
        answers[ask.route.name if ask.route else "no_such_route", reply.status] += 1
        if number % 25 == 0:
            for place in (together, alone):
                place.world.clock.advance(1)
                await place.world.settle()

    assert together.rows(theirs=True) == before, f"seed {seed}"
    assert together.rows(theirs=False) == alone.rows(theirs=False), f"seed {seed}"
    assert together.world.queue.messages() == alone.world.queue.messages()
    assert together.world.letters.tried["ours"] == alone.world.letters.tried["ours"]
    assert len(together.world.letters.tried["theirs"]) == told
    assert await snapshot(together, patch) == seen_before, f"seed {seed}"
    return answers
