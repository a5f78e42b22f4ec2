"""Clients that ask for everything there is, at random, and have every answer judged."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import Random
from typing import Any

from registry_api.domain.caller import Caller
from registry_api.domain.conditions import UNCONDITIONAL, Conditions
from registry_api.domain.filters import ALL, Filter
from registry_api.domain.names import RegistryKey
from registry_api.domain.operation import Operation
from registry_api.domain.problems import Code, Refusal
from registry_api.domain.registry import Registry
from registry_api.domain.validation import examine
from registry_api.service import history, reading, registries
from registry_api.service.accepting import Intent
from registry_api.service.ports import StorageUnavailable
from tests.service.world import SCOPE
from tests.simulation.chaos import REQUEST, Chaos, Trace
from tests.simulation.model import Answer, Model, Request, Version, View
from tests.simulation.processes import Died, origin, process, running
from tests.simulation.weather import REGIONS, Weather
from tests.simulation.world import World

SCOPES = (SCOPE, replace(SCOPE, resource_group="another"))
_PATIENCE = 3  # times that a client asks again without an answer
_PAGE = 3


class Client:
    """Somebody who asks for this and that.

    Args:
        caller: Who it is.
        world: Where it asks.
        weather: How often, and for which registries.
        random: Chooses.
        model: Judges the answers.
        chaos: Is told how many requests are under way.
        trace: Where every answer is written down.
    """

    def __init__(
        self,
        caller: Caller,
        *,
        world: World,
        weather: Weather,
        random: Random,
        model: Model,
        chaos: Chaos,
        trace: Trace,
    ) -> None:
        self._caller = caller
        self._world = world
        self._weather = weather
        self._random = random
        self._model = model
        self._chaos = chaos
        self._trace = trace
        self._home = random.choice(SCOPES)  # where its registries are, should a request not say so
        self._requests = 0
        self._etags: dict[str, str] = {}
        self._operations: list[str] = []

    async def live(self) -> None:
        """Ask for one thing after the other."""
        verbs = (
            self._put,
            self._patch,
            self._create,
            self._delete,
            self._cancel,
            self._reconcile,
            self._read,
            self._list,
        )
        for _ in range(self._weather.requests):
            await asyncio.sleep(self._random.uniform(0, self._weather.haste))
            (verb,) = self._random.choices(verbs, self._weather.verbs)
            await verb()

    async def _put(self) -> None:
        name, wish = self._name(), self._view()
        spelling = self._random.choice((name, name.upper()))
        conditions, expected = self._conditions(name)
        if_absent = expected is None and self._random.random() < 0.1
        if if_absent:
            conditions = Conditions(if_none_match=frozenset({"*"}))
        request = self._request("put", name, lambda _: wish, if_match=expected, if_absent=if_absent)
        draft, ports = examine(_document(spelling, wish)), self._world.ports
        await self._ask(request, lambda intent: registries.put(draft, intent, ports=ports), conditions)

    async def _create(self) -> None:
        name, wish = self._name(), self._view()
        key = f"{self._caller.name} {self._requests}" if self._random.random() < 0.5 else None
        request = self._request("create", name, lambda _: wish, idempotency_key=key)
        draft, ports = examine(_document(name, wish)), self._world.ports
        await self._ask(request, lambda intent: registries.create(draft, intent, idempotency_key=key, ports=ports))

    async def _patch(self) -> None:
        name, text = self._name(), f"text {self._random.randrange(4)}"
        conditions, expected = self._conditions(name)

        def wish(before: Version) -> View | None:
            return None if before is None else View(View.of(before.spec).regions, text)

        request = self._request("patch", name, wish, if_match=expected)
        patch, ports = {"description": text}, self._world.ports
        await self._ask(request, lambda intent: registries.patch(name, patch, intent, ports=ports), conditions)

    async def _delete(self) -> None:
        name = self._name()
        conditions, expected = self._conditions(name)
        request = self._request("delete", name, if_match=expected)
        ports = self._world.ports
        await self._ask(request, lambda intent: registries.delete(name, intent, ports=ports), conditions)

    async def _reconcile(self) -> None:
        name, ports = self._name(), self._world.ports
        request = self._request("reconcile", name)
        await self._ask(request, lambda intent: registries.retry(name, intent, ports=ports))

    async def _cancel(self) -> None:
        if not self._operations:
            return
        operation_id = self._random.choice(self._operations[-3:])
        request = self._request("cancel", operation_id.partition(".")[0], operation_id=operation_id)

        def cancel(intent: Intent) -> Awaitable[Operation]:
            running().cancels.add(operation_id)
            return history.cancel(operation_id, intent, ports=self._world.ports)

        await self._ask(request, cancel)

    async def _read(self) -> None:
        name, ports = self._name(), self._world.ports
        request = self._request("read", name)
        await self._ask(request, lambda intent: reading.read(name, intent, ports=ports))

    async def _list(self) -> None:
        keys = [self._key(name) for name in self._weather.names]
        began = {key: self._model.now(key) for key in keys}
        request = self._request("list", "")
        found: list[Registry] = []
        continuation = None
        try:
            with process(self._process_name()):
                while True:
                    page = await reading.list_page(_PAGE, continuation, self._intent(request), ports=self._world.ports)
                    found += page.items
                    continuation = page.continuation
                    if continuation is None:
                        break
        except (Died, StorageUnavailable):
            return
        except Refusal as refusal:
            if refusal.problems[0].code is not Code.AUTHORIZATION_UNAVAILABLE:
                self._world.violations.append(f"a list is refused: {refusal}")
            return
        self._world.violations += self._model.judge_list(request, began, found)

    async def _ask(
        self, request: Request, call: Callable[[Intent], Awaitable[Any]], conditions: Conditions = UNCONDITIONAL
    ) -> None:
        """Ask, and perhaps again when there is no answer."""
        for _ in range(self._random.randint(1, _PATIENCE)):
            answer = await self._answer(request, call, conditions)
            if not answer.is_missing:
                self._remember(answer.value)
                return
            await asyncio.sleep(self._random.uniform(0, self._weather.haste))

    async def _answer(
        self, request: Request, call: Callable[[Intent], Awaitable[Any]], conditions: Conditions
    ) -> Answer:
        began = self._model.now(request.key)
        with process(self._process_name(), self._caller) as handler:
            self._chaos.requests += 1
            try:
                answer = Answer(await call(self._intent(request, conditions)))
            except (Died, StorageUnavailable):
                answer = Answer(is_missing=True)
            except Refusal as refusal:
                code = refusal.problems[0].code
                answer = Answer(is_missing=True) if code is Code.AUTHORIZATION_UNAVAILABLE else Answer(code=code)
            finally:
                self._chaos.requests -= 1
        self._trace.add(
            f"{handler.name} {request.kind} {request.key.name} {answer.code or type(answer.value).__name__}"
        )
        self._trace.counts["requests"] += 1
        self._trace.counts["answers"] += not answer.is_missing
        self._world.violations += self._model.judge(request, began, handler, answer)
        return answer

    def _remember(self, value: object) -> None:
        self._world.note_told(value)
        registry = getattr(value, "registry", value)
        if isinstance(registry, Registry):
            self._etags[registry.key.name] = registry.etag
            self._operations.append(registry.operation.id)

    def _process_name(self) -> str:
        self._requests += 1
        return f"{REQUEST} {self._caller.name} {self._requests}"

    def _conditions(self, name: str) -> tuple[Conditions, str | None]:
        expected = self._etags.get(self._key(name).name)
        if expected is None or self._random.random() < 0.6:
            return UNCONDITIONAL, None
        return Conditions(if_match=frozenset({expected})), expected

    def _name(self) -> str:
        return self._random.choice(self._weather.names)

    def _key(self, name: str) -> RegistryKey:
        return RegistryKey(self._caller.tenant, name.lower())

    def _request(
        self, kind: str, name: str, wish: Callable[[Version], View | None] = lambda _: None, **fields: Any
    ) -> Request:
        """Return a request that mostly names a scope, and mostly the same one."""
        scope = self._random.choice((self._home, self._home, self._home, None, *SCOPES))
        return Request(kind, self._key(name), wish, scope=scope, **fields)

    def _intent(self, request: Request, conditions: Conditions = UNCONDITIONAL) -> Intent:
        scope = request.scope
        within = Filter(subscription_id=scope.subscription_id, resource_group=scope.resource_group) if scope else ALL
        return Intent(self._caller, scope or self._home, within, conditions, origin())

    def _view(self) -> View:
        others = self._random.sample(REGIONS[1:], self._random.choice((0, 0, 1, 1, 2)))
        return View((REGIONS[0], *sorted(others)), f"text {self._random.randrange(4)}")


def _document(name: str, view: View) -> dict[str, Any]:
    locations = [{"location": region} for region in reversed(view.regions)]
    return {
        "name": name,
        "location": view.regions[0],
        "description": view.description,
        "replication_locations": locations,
    }
