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
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

import azure.functions as func
import pytest

from registry_api import bootstrap
from registry_api.access.identity import identity_for
from registry_api.access.roles import StaticRoles
from registry_api.access.webhooks import Webhooks
from registry_api.bootstrap import App
from registry_api.domain.registry import RegistryKey
from registry_api.domain.sources import WebhookSource
from registry_api.http import continuations, functions, rim
from registry_api.http.route import Route, Takes
from registry_api.http.routes import ROUTES
from registry_api.settings import Settings
from registry_api.storage.store import RegistryStore
from tests import senders
from tests.courier import subscriber
from tests.http.twins import ROUTE, SETTINGS
from tests.service.world import CountingIds, World

OURS, THEIRS = "aaaaaaaa-0000-0000-0000-000000000001", "bbbbbbbb-0000-0000-0000-000000000002"
OBJECT = "cccccccc-0000-0000-0000-000000000003"  # the same in both tenants
SUBSCRIPTION = "abcdef11-2222-3333-4444-555555555555"
OTHER_SUBSCRIPTION = "abcdef11-2222-3333-4444-666666666666"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/ml"
KEYS = {"ours": (OURS, "Owner", "/"), "ours-reader": (OURS, "Reader", GROUP), "theirs": (THEIRS, "Owner", "/")}
SECRETS = {"ours": (OURS, senders.SECRET), "theirs": (THEIRS, senders.OTHER_SECRET)}  # of webhooks
DELIVERIES = [f"msg_{number}" for number in range(9)]  # of both
NAMES = ("Demo1", "Demo2", "demo3", "Demo4")  # of both
THEIR_NAMES = ("Bravo1", "Bravo2", "Bravo3", "Gone1", "Midway1")
REGIONS = ("eastus", "westus", "northeurope")
_PRIVATE = [route for route in ROUTES if not route.is_public]
MEDIA = ("application/json", "application/yaml", "application/merge-patch+json", "text/plain")


class Reply(NamedTuple):
    """An answer as it goes out."""

    status: int
    headers: Mapping[str, str]
    media_type: str
    body: bytes


class Ask(NamedTuple):
    """A request as it comes in."""

    route: Route | None  # None for what no route takes
    method: str
    path: str
    parameters: Mapping[str, str]
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes = b""


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
        store: How storage is used.
        sources: Whose webhooks it takes.
    """

    def __init__(self, store: type[RegistryStore] = RegistryStore, sources: Sequence[str] = tuple(SECRETS)) -> None:
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
        self.world.store = store(self.world.rows)
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
        self.app = App(settings, self.world.ports, identity_for(settings, self.world.clock), webhooks)
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


class Loot:
    """What the other tenant has, and what our own requests have brought so far."""

    def __init__(self) -> None:
        self.operations: list[str] = ["nothing.1"]
        self.continuations: list[str] = ["AAAA"]
        self.links: list[str] = []
        self.etags: list[str] = ["*", '"x"']
        self.keys: list[str] = ["key-1", "key-2", "key-3", "own-1", "own-2", "own-3", "own-4"]
        self.texts: list[str] = ["ml", SUBSCRIPTION, THEIRS, OBJECT, "team:theirs", "Succeeded"]

    def take(self, reply: Reply) -> None:
        """Keep what an answer tells."""
        self._add(self.etags, reply.headers.get("etag"))
        location = reply.headers.get("operation-location")
        self._add(self.operations, location and location.rpartition("/")[2])
        if reply.body:
            self._walk(json.loads(reply.body))

    def _walk(self, value: Any, name: str = "") -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                self._walk(item, key)
        elif isinstance(value, list):
            for item in value[:20]:
                self._walk(item)
        elif isinstance(value, str):
            if name == "next_link":
                self._add(self.links, value)
                self._add(self.continuations, dict(parse_qsl(urlsplit(value).query)).get("continuation"))
            elif name in {"id", "operation"}:
                self._add(self.operations, value.rpartition("/")[2])
            elif len(value) < 100:
                self._add(self.texts, value)

    @staticmethod
    def _add(kept: list[str], value: str | None) -> None:
        if value and value not in kept:
            kept.append(value)
            if len(kept) > 300:  # the newest of ours, and the oldest: theirs
                del kept[150]


class Attacker:
    """Makes up requests of our tenant, out of what was stolen and what it was told.

    Args:
        dice: Decides.
        loot: What there is to use.
        now: Tells the time, which deliveries have to be of.
    """

    def __init__(self, dice: random.Random, loot: Loot, now: Callable[[], datetime]) -> None:
        self._dice = dice
        self._loot = loot
        self._now = now

    def ask(self) -> tuple[Ask, str]:
        """Return a request, and the key that it is sent with."""
        key = "ours" if self._dice.random() < 0.85 else "ours-reader"
        if self._dice.random() < 0.01:
            path = f"registries/{self._name()}/secrets"
            return Ask(None, self._dice.choice(("GET", "POST", "TRACE")), path, {"path": path}, (), {}), key
        if self._dice.random() < 0.1:
            return self._follow(self._dice.choice(self._loot.links)), key
        route = self._dice.choice(ROUTES if self._dice.random() < 0.1 else _PRIVATE)
        if route.takes is Takes.DELIVERY and self._dice.random() < 0.9:
            return self._deliver(route), key
        parameters = {
            name: value
            for name, value in (
                ("name", self._name()),
                ("id", self._operation()),
                ("file", self._text()),
                ("source", self._text()),
            )
            if f"{{{name}}}" in route.template
        }
        return Ask(
            route,
            route.method,
            route.template.format(**parameters),
            parameters,
            tuple(self._query(route)),
            self._headers(),
            self._body(route, parameters.get("name")),
        ), key

    def _follow(self, link: str) -> Ask:
        address = urlsplit(link)
        path = address.path.removeprefix("/api/")
        (route,) = (route for route in ROUTES if route.method == "GET" and route.matches(path))
        name = path.split("/")[1] if "/" in path else ""
        return Ask(route, "GET", path, {"name": name}, tuple(parse_qsl(address.query)), {})

    def _deliver(self, route: Route) -> Ask:
        """Return a delivery of our source, or one in the name of the other's."""
        documents = [self._body(ROUTE["put_registry"], None) for _ in range(self._dice.randrange(1, 3))]
        named = [{"name": self._name(), **json.loads(document)} for document in documents if document[:1] == b"{"]
        body = "\n---\n".join(map(json.dumps, named)).encode()
        delivery = self._dice.choice((*DELIVERIES, f"msg_{self._dice.random()}".replace(".", "")))
        source = self._dice.choice(("ours", "ours", "ours", "theirs", self._text()))
        proof = senders.signed(body, delivery=delivery, timestamp=self._now().timestamp())
        path = route.template.format(source=source)
        return Ask(route, "POST", path, {"source": source}, (), {**proof, "content-type": "application/yaml"}, body)

    def _name(self) -> str:
        name = self._dice.choice((*NAMES, *NAMES, *THEIR_NAMES))
        return self._dice.choice((name, name, name, name.upper(), self._text()))

    def _text(self) -> str:
        return self._dice.choice(self._loot.texts)

    def _operation(self) -> str:
        return self._dice.choice(self._loot.operations)

    def _query(self, route: Route) -> Iterator[tuple[str, str]]:
        makers: dict[str, Callable[[], str]] = {
            "continuation": lambda: self._dice.choice(self._loot.continuations),
            "top": lambda: self._dice.choice(("1", "2", "100", "0")),
            "subscription_id": lambda: self._dice.choice(
                (SUBSCRIPTION, SUBSCRIPTION, SUBSCRIPTION.upper(), OTHER_SUBSCRIPTION, "x y")
            ),
            "resource_group": lambda: self._dice.choice(("ml", "ml", "other", "theirs")),
            "validate_only": lambda: self._dice.choice(("true", "false", "maybe")),
            "location": lambda: self._dice.choice((*REGIONS, "nowhere")),
            "state": lambda: self._dice.choice(("Succeeded", "Accepted", "Deleting")),
            "tag": lambda: self._dice.choice(("team:theirs", "team:ours", "team")),
        }
        for parameter in route.query:
            if self._dice.random() < 0.25:
                yield parameter.name, makers[parameter.name]()
        if self._dice.random() < 0.02:
            yield self._dice.choice(("tenant", "tenant_id", "code", "top")), THEIRS

    def _headers(self) -> dict[str, str]:
        makers: dict[str, Callable[[], str]] = {
            "if-match": lambda: self._dice.choice(self._loot.etags),
            "if-none-match": lambda: self._dice.choice(self._loot.etags),
            "idempotency-key": lambda: self._dice.choice(self._loot.keys),
            "content-type": lambda: self._dice.choice(MEDIA),
            "x-forwarded-for": lambda: "192.0.2.1, 198.51.100.2",
            "traceparent": lambda: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "x-ms-client-principal": lambda: THEIRS,
            "x-ms-tenant-id": lambda: THEIRS,
        }
        odds = {"content-type": 0.05, "idempotency-key": 0.4}
        return {name: make() for name, make in makers.items() if self._dice.random() < odds.get(name, 0.1)}

    def _body(self, route: Route, name: str | None) -> bytes:
        if route.takes is Takes.NOTHING:
            return b""
        if self._dice.random() < 0.03:
            return self._text().encode()
        fields: dict[str, Any] = {"tags": {"team": self._dice.choice(("ours", self._text()))}}
        if self._dice.random() < 0.3:
            fields["description"] = self._text()
        if self._dice.random() < 0.05:
            fields[self._dice.choice(("id", "system_data", "tenant", "status", "etag"))] = self._text()
        if route.takes is Takes.DOCUMENT:
            number = self._dice.randrange(1, 4)
            fields["location"] = REGIONS[0]
            fields["replication_locations"] = [{"location": region} for region in REGIONS[:number]]
            if name is None or self._dice.random() < 0.1:
                fields["name"] = self._name()
        return json.dumps(fields).encode()


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
    requests: int, seed: int, patch: pytest.MonkeyPatch, store: type[RegistryStore] = RegistryStore
) -> Counter[tuple[str, int]]:
    """Let our tenant do its worst, in a place with the other tenant and in one without; count the answers.

    Raises:
        AssertionError: If it is answered in another way, or anything of the other tenant is no longer as it was.
    """
    together, alone, loot = Place(store), Place(store, ["ours"]), Loot()
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
