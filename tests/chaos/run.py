"""A whole run: rounds of storm and calm until enough workers were killed, and what was found."""

import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from tests.chaos import checks, cloud
from tests.chaos.client import Client, NoAnswerError
from tests.chaos.killer import Killer, Kills
from tests.chaos.ledger import Ledger, Subject
from tests.chaos.load import REGIONS, Actor, subjects
from tests.chaos.stack import Stack, running

RECOVERED_WITHIN = timedelta(seconds=45)
"""How long after the last fault every registry is terminal."""

_STUCK_AFTER = 4 * RECOVERED_WITHIN
_TERMINAL = {"Succeeded", "Failed", "Canceled"}
_RATES = (0.0, 0.01, 0.03, 0.06, 0.1, 0.2)
_POLL = 0.5
_TOLD = 20


@dataclass(frozen=True)
class Plan:
    """How much of what there is to be.

    Args:
        kills: After how many kills it is enough.
        seconds: After what time it is enough, however many kills there were.
        registries: How many registries there are.
        storm: For how many seconds the faults of a round last.
        killing: For how many seconds of them workers are killed as well.
        workers: How many workers there are.
        pause: For how many seconds a client rests between two requests, on average.
        rates: The shares of storage calls that fail, one of them in each round.
        kills_server: Whether the process that serves HTTP is killed as well.
    """

    kills: int = 500
    seconds: float = 3600.0
    registries: int = 60
    storm: float = 60.0
    killing: float = 60.0
    workers: int = 2
    pause: float = 2.5
    rates: Sequence[float] = _RATES
    kills_server: bool = True


@dataclass
class Report:
    """What a run has found."""

    seed: int
    plan: Plan
    ledger: Ledger = field(default_factory=Ledger)
    kills: Kills = field(default_factory=Kills)
    recoveries: list[float] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    storage_calls: int = 0
    rounds: int = 0
    seconds: float = 0.0
    given_up: int = 0
    fenced: int = 0
    retried: dict[str, int] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """Return where everything is that the app has written; it is kept when something was wrong."""
        return Path(tempfile.gettempdir()) / f"chaos-{self.seed}.log"

    @property
    def violations(self) -> Sequence[str]:
        """Return what was wrong."""
        return self.ledger.violations

    def __str__(self) -> str:
        kills, ledger = self.kills, self.ledger
        longest = f"median {median(self.recoveries or [0]):.1f} s, maximum {max(self.recoveries, default=0):.1f} s"
        work = f"{kills.with_message} with a message in work, {kills.in_visit} in a visit, {kills.starting} starting"
        others = f"{kills.servers} kills of HTTP, {kills.frozen} workers frozen"
        answered = f"{sum(ledger.answers.values())}, the slowest after {ledger.slowest:.1f} s"
        lines = [
            f"seed {self.seed}: {self.rounds} rounds, {self.plan.registries} registries, {self.seconds:.0f} s",
            f"kills: {kills.total} of workers, {work}; {kills.visits} visits broken off; {others}",
            f"faults: {sum(self.faults.values())} in {self.storage_calls} storage calls: {_told(self.faults)}",
            f"answers: {answered}, and {ledger.broken} broken connections: {_told(ledger.answers)}",
            f"operations: {sum(ledger.ended.values())}: {_told(ledger.ended)}; {ledger.revisions} revisions",
            f"visits: failed and came again: {_told(self.retried)}; fenced off as too late: {self.fenced}",
            f"messages given up as poison: {self.given_up}",
            f"recovery: {len(self.recoveries)} registries were under way when the faults stopped; {longest}",
            f"violations: {len(self.violations)}",
            *self.violations[:_TOLD],
            *([f"the app's log: {self.log}"] if self.violations else ()),
        ]
        return "\n".join(lines)


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


async def run(plan: Plan, seed: int) -> Report:
    """Run rounds until it is enough, and return what was found."""
    report, chance = Report(seed, plan), random.Random(seed)  # noqa: S311 - it has to be repeatable
    began = time.monotonic()
    report.log.unlink(missing_ok=True)
    async with running(chance, plan.workers, report.log) as stack, _client(stack, report.ledger, chance) as client:
        everything = subjects(plan.registries, chance)
        while not report.rounds or (
            report.kills.total < plan.kills and time.monotonic() - began < plan.seconds and not report.violations
        ):
            report.rounds += 1
            try:
                await _round(_Round(plan, report, chance, stack, client, everything))
            except* NoAnswerError as errors:
                report.ledger.violate(f"{len(errors.exceptions)} clients had no definite answer: {errors.exceptions}")
            report.seconds = time.monotonic() - began
            report.faults, report.storage_calls = dict(stack.weather.faults), stack.weather.requests
            report.given_up, report.fenced = stack.log.given_up, stack.log.fenced
            report.retried = dict(stack.log.retried)
            for what, count in stack.log.unforeseen.items():
                report.ledger.violate(f"{count} times in the log: {what}")
    if not report.violations:
        report.log.unlink()
    return report


@dataclass(frozen=True)
class _Round:
    plan: Plan
    report: Report
    chance: random.Random
    stack: Stack
    client: Client
    subjects: Sequence[Subject]

    async def storm(self) -> datetime:
        """Let everything happen at once until all clients were answered; return when the last fault was."""
        plan, chance, stack = self.plan, self.chance, self.stack
        calm, enough = asyncio.Event(), asyncio.Event()
        deadline = time.monotonic() + plan.killing
        killer = Killer(
            chance,
            self.report.kills,
            may_kill=lambda: time.monotonic() < deadline and self.report.kills.total < plan.kills,
        )
        numbers = iter(range(self.report.rounds * 1000, (self.report.rounds + 1) * 1000))
        stack.weather.rate = chance.choice(plan.rates)
        loop = asyncio.get_running_loop()
        loop.call_later(plan.storm, calm.set)
        async with asyncio.TaskGroup() as clients:
            for subject in self.subjects:
                for _ in range(1 + subject.is_shared):
                    actor = Actor(subject, self.client, chance, next(numbers), plan.pause)
                    clients.create_task(actor.work(enough))
            async with asyncio.TaskGroup() as troubles:
                troubles.create_task(stack.weather.outages(stack.proxies, calm))
                for worker in stack.workers:
                    troubles.create_task(killer.haunt_worker(worker, calm))
                if plan.kills_server and self.report.rounds % 2:
                    troubles.create_task(killer.haunt_server(stack.server, calm))
                await calm.wait()
            enough.set()
            stack.weather.rate = 0.0
            return datetime.now(UTC)

    async def recover(self, last_fault: datetime) -> None:
        """Wait until every registry is terminal, and note how long it took."""
        names = {subject.name for subject in self.subjects}
        while pending := await self._pending(names):
            if datetime.now(UTC) - last_fault > _STUCK_AFTER:
                self.report.ledger.violate(f"{_STUCK_AFTER} after the last fault these are not terminal: {pending}")
                return
            await asyncio.sleep(_POLL)

    async def _pending(self, names: set[str]) -> list[str]:
        path: str | None = "/registries?top=100"
        pending = []
        while path is not None:
            page = (await self.client.ask("GET", path, {200})).json()
            for body in page["value"]:
                status = body["status"]
                if body["name"] in names and status["provisioning_state"] not in _TERMINAL:
                    pending.append(f"{body['name']} {status['provisioning_state']} {status['conditions']}")
            path = page.get("next_link")
        return pending

    async def check(self, last_fault: datetime | None) -> list[checks.Found]:
        """Compare everything with everything."""
        ledger = self.report.ledger
        found = await checks.look(self.subjects, self.client)
        for one in found:
            checks.check_operations(one, ledger)
            checks.check_state(one, ledger)
            if last_fault is not None:
                self._time(one, last_fault)
        checks.check_cloud(found, await cloud.containers(self.stack.azurite, REGIONS), ledger)
        await checks.check_revisions(found, self.stack.azurite.connection_string(), ledger)
        ledger.ended.clear()
        for one in found:
            for operation in one.operations:
                reason = f" {operation['error']['code']}" if operation["error"] else ""
                ledger.ended[f"{operation['status']}{reason}"] += 1
        return found

    def _time(self, one: checks.Found, last_fault: datetime) -> None:
        if one.last_end is None or one.last_end[1] <= last_fault:
            return
        began, ended = one.last_end
        took = ended - max(began, last_fault)
        self.report.recoveries.append(took.total_seconds())
        if took > RECOVERED_WITHIN:
            self.report.ledger.violate(f"{one.subject.name} took {took} to recover: {one.operations[0]}")

    async def settle(self, found: Sequence[checks.Found]) -> None:
        """Have registries that were canceled or have failed go on to where they were going."""
        for one in found:
            if one.body is not None and one.body["status"]["provisioning_state"] != "Succeeded":
                answer = await self.client.ask("POST", f"/registries/{one.subject.name}/reconcile", {202})
                one.subject.operations.add(answer.json()["id"])


async def _round(this: _Round) -> None:
    last_fault = await this.storm()
    await this.recover(last_fault)
    found = await this.check(last_fault)
    if this.report.violations:
        return
    await this.settle(found)
    again = datetime.now(UTC)
    await this.recover(again)
    for one in await this.check(None):
        if one.body is not None and one.body["status"]["provisioning_state"] != "Succeeded":
            this.report.ledger.violate(f"{one.subject.name} does not go on: {one.body['status']}")


@asynccontextmanager
async def _client(stack: Stack, ledger: Ledger, chance: random.Random) -> AsyncIterator[Client]:
    client = Client(stack.url, ledger, chance)
    try:
        yield client
    finally:
        await client.close()
