"""Who asks as one tenant for what another one has."""

import json
import random
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from registry_api.http.route import Route, Takes
from registry_api.http.routes import ROUTES
from tests import senders
from tests.http.exchange import (
    DELIVERIES,
    MEDIA,
    NAMES,
    OBJECT,
    OTHER_SUBSCRIPTION,
    REGIONS,
    SUBSCRIPTION,
    THEIR_NAMES,
    THEIRS,
    Ask,
    Reply,
)
from tests.http.twins import ROUTE

_PRIVATE = [route for route in ROUTES if not route.is_public]


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
