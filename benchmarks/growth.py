"""What the design costs on Azure as it grows, computed from counted round trips; no figure is a measured time.

Prices are in US dollars, East US, pay as you go, for what infra/ makes, as others quoted them by 2026-11-25.
Microsoft's own pages could not be read where this was written; compare before you rely on them:
https://azure.microsoft.com/pricing/details/storage/tables, .../storage/queues and .../functions (Flex Consumption).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from benchmarks.table import as_markdown
from benchmarks.trips import Kept, Trips
from registry_api.service.resync import NET_PAGES, ROWS_PER_PAGE
from registry_api.storage.retention import KEEP_OPERATIONS

TABLE_TRANSACTION = 0.00036 / 10_000  # one for each call; a transaction of many rows is one
TABLE_GIGABYTE = 1.25 * 0.045  # a month; zone-redundant, taken as a quarter more than the quoted one
QUEUE_OPERATION = 0.004 / 10_000  # from memory, to be on the safe side; a tenth of it is quoted
EXECUTION = 0.40 / 1_000_000
GIGABYTE_SECOND = 0.000026  # of an instance that works
READY_GIGABYTE_SECOND = 0.000004  # of one that is always ready; from memory

TRANSACTIONS_PER_ACCOUNT = 20_000  # a second; https://learn.microsoft.com/azure/storage/tables/scalability-targets
ENTITIES_PER_PARTITION = 2_000  # a second
MESSAGES_PER_QUEUE = 2_000  # a second; https://learn.microsoft.com/azure/storage/queues/scalability-targets

# What is assumed of callers and of Azure: nobody has measured it.
TENANTS = 1_000
READS = 100  # of a registry in a month
PAGES = 3_000  # of a tenant in a month
CHANGES = 2  # of a registry in a month
VISITS = 8  # until a change is true on Azure, which takes minutes
MONTHS = 12  # of history
WORKING_SECONDS = 0.1  # of an instance for an execution, what others do meanwhile on the same instance left out

MONTH = timedelta(days=30)
TICK = timedelta(seconds=15)
_TICKS = MONTH // TICK
_HOURS = MONTH // timedelta(hours=1)
_INSTANCE_GIGABYTES = 2
_READY_INSTANCES = 2
_QUEUE_CALLS = 3  # for a message: it is sent, received and deleted
_BYTES_OF_A_CHARACTER = 2
_BYTES_OF_A_ROW = 300  # keys and names of columns
_GIGABYTE = 10**9


@dataclass(frozen=True, slots=True)
class Growth:
    """A service with so many registries.

    Args:
        registries: How many.
        trips: What the verbs come to, by their names.
    """

    registries: int
    trips: Mapping[str, Trips]

    @property
    def rows(self) -> int:
        """Return how many rows there are after a year."""
        return self.registries * sum(kept.rows * times for kept, times in self._kept_of_one)

    @property
    def gigabytes(self) -> float:
        """Return how much they hold."""
        characters = self.registries * sum(kept.characters * times for kept, times in self._kept_of_one)
        return (characters * _BYTES_OF_A_CHARACTER + self.rows * _BYTES_OF_A_ROW) / _GIGABYTE

    @property
    def table_calls(self) -> int:
        """Return how many calls go to the table in a month."""
        a_change = self.trips["update"].table + VISITS * self.trips["worker step"].table
        asked = self.registries * READS * self.trips["get"].table + TENANTS * PAGES * self.trips["page"].table
        return asked + self.changes * a_change + self._checks + _TICKS * self._tick_calls

    @property
    def queue_calls(self) -> int:
        """Return how many calls go to the queue in a month, those of the host for each message included."""
        return self.changes * messages_of_a_change(self.trips) * _QUEUE_CALLS

    @property
    def executions(self) -> int:
        """Return how many functions run in a month."""
        return self.registries * READS + TENANTS * PAGES + self.changes * (1 + VISITS) + _TICKS

    @property
    def changes(self) -> int:
        """Return how many changes there are in a month."""
        return self.registries * CHANGES

    @property
    def storage_money(self) -> float:
        """Return what a month of storage costs."""
        held = self.gigabytes * TABLE_GIGABYTE
        return self.table_calls * TABLE_TRANSACTION + self.queue_calls * QUEUE_OPERATION + held

    @property
    def functions_money(self) -> float:
        """Return what a month of functions costs, most of it as much of an assumption as the time that they take."""
        ready = _READY_INSTANCES * _INSTANCE_GIGABYTES * MONTH.total_seconds() * READY_GIGABYTE_SECOND
        working = self.executions * WORKING_SECONDS * _INSTANCE_GIGABYTES * GIGABYTE_SECOND
        return ready + working + self.executions * EXECUTION

    @property
    def net_walk(self) -> timedelta:
        """Return how long the resync takes to come by every registry."""
        return TICK * -(-self.registries // (NET_PAGES * ROWS_PER_PAGE))

    @property
    def drift_walk(self) -> timedelta:
        """Return how long it takes at best to look whether every registry is as it was made."""
        return max(timedelta(hours=1), TICK * -(-self.registries // ROWS_PER_PAGE))

    @property
    def retention_walk(self) -> timedelta:
        """Return how long it takes to come by every row."""
        return TICK * -(-self.rows // ROWS_PER_PAGE)

    @property
    def _kept_of_one(self) -> list[tuple[Kept, int]]:
        """Return what is kept of one registry, and how often: operations of the last month, all else of a year."""
        changes, recent = MONTHS * CHANGES, CHANGES * (KEEP_OPERATIONS // MONTH)
        creation = [(self.trips[verb].others, 1) for verb in ("create", "worker step")]
        updates = [(self.trips[verb].others, changes) for verb in ("update", "step of an update")]
        return [*creation, *updates, (self.trips["update"].operations, recent)]

    @property
    def _checks(self) -> int:
        return min(self.registries * _HOURS, _TICKS * ROWS_PER_PAGE)  # each is written down

    @property
    def _tick_calls(self) -> int:
        """Return the calls of a tick: one that ends each of its walks, and a page and a note for what goes on."""
        pages = min(NET_PAGES, -(-self.registries // ROWS_PER_PAGE))
        goes_on = self.registries > ROWS_PER_PAGE
        return self.trips["tick"].table + (pages - 1) + goes_on * (pages + 2)


def messages_of_a_change(trips: Mapping[str, Trips]) -> int:
    """Return how many messages are sent until a change is true."""
    return trips["update"].queue + VISITS * trips["worker step"].queue


def sizes(trips: Mapping[str, Trips]) -> str:
    """Return the table of what a month costs."""
    head = ("registries", "rows", "GB", "table calls", "per second", "queue calls", "storage", "functions")
    rows = [
        (
            f"{one.registries:,}",
            f"{one.rows:,}",
            f"{one.gigabytes:,.1f}",
            f"{one.table_calls / 1e6:,.1f} M",
            f"{one.table_calls / MONTH.total_seconds():,.1f}",
            f"{one.queue_calls / 1e6:,.2f} M",
            f"${one.storage_money:,.2f}",
            f"${one.functions_money:,.0f}",
        )
        for one in _all(trips)
    ]
    return as_markdown([head, *rows])


def walks(trips: Mapping[str, Trips]) -> str:
    """Return the table of how long the resync's walks take."""
    head = ("registries", "safety net", "drift", "retention")
    rows = [
        (f"{one.registries:,}", _duration(one.net_walk), _duration(one.drift_walk), _duration(one.retention_walk))
        for one in _all(trips)
    ]
    return as_markdown([head, *rows])


def limits(trips: Mapping[str, Trips]) -> str:
    """Return the table of what Azure's targets allow, the nearest first."""
    update, step = trips["update"], trips["worker step"]
    a_change = update.table + VISITS * step.table + messages_of_a_change(trips) * _QUEUE_CALLS
    entities = update.entities + VISITS * step.entities
    rows = [
        ("what", "Azure's target, a second", "allows, a second"),
        (
            "messages of one queue",
            f"{MESSAGES_PER_QUEUE:,}",
            f"{MESSAGES_PER_QUEUE // messages_of_a_change(trips):,} changes",
        ),
        (
            "transactions of an account",
            f"{TRANSACTIONS_PER_ACCOUNT:,}",
            f"{TRANSACTIONS_PER_ACCOUNT // a_change:,} changes, or {TRANSACTIONS_PER_ACCOUNT:,} reads",
        ),
        (
            "entities of a partition",
            f"{ENTITIES_PER_PARTITION:,}",
            f"{ENTITIES_PER_PARTITION // entities:,} changes of one registry, or {ENTITIES_PER_PARTITION:,} reads",
        ),
    ]
    return as_markdown(rows)


def render(trips: Mapping[str, Trips]) -> str:
    """Return all three tables."""
    return "\n\n".join((sizes(trips), walks(trips), limits(trips)))


def _all(trips: Mapping[str, Trips]) -> list[Growth]:
    return [Growth(registries, trips) for registries in (1_000, 100_000, 10_000_000)]


def _duration(time: timedelta) -> str:
    hours = time.total_seconds() / 3600
    if hours < 1:
        return f"{hours * 60:,.1f} minutes"
    return f"{hours:,.1f} hours" if hours < 48 else f"{hours / 24:,.0f} days"  # noqa: PLR2004 - two days
