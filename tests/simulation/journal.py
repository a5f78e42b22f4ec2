"""What was really stored, in order, whatever its writers were told."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime

from registry_api.domain.names import RegistryKey
from registry_api.domain.registry import Registry
from registry_api.service.ports import Clock
from registry_api.service.records import Commit
from registry_api.storage.memory import MemoryRows
from registry_api.storage.rows import Rows, Write
from registry_api.storage.store import RegistryStore
from tests.simulation.processes import Process, running

_committing: ContextVar[Commit | None] = ContextVar("commit", default=None)


@dataclass(frozen=True, slots=True)
class Entry:
    """One commit that took effect."""

    before: Registry | None
    after: Registry | None
    commit: Commit
    by: Process
    at: datetime


class Journal:
    """Every commit that took effect, by registry.

    Args:
        clock: Tells when.
        on_entry: Called with each, before anything else happens.
    """

    def __init__(self, clock: Clock, on_entry: Callable[[Entry], None]) -> None:
        self._clock = clock
        self._on_entry = on_entry
        self._entries: defaultdict[RegistryKey, list[Entry]] = defaultdict(list)

    @property
    def keys(self) -> Sequence[RegistryKey]:
        """Return the keys of all registries that ever were."""
        return list(self._entries)

    def entries(self, key: RegistryKey) -> Sequence[Entry]:
        """Return what was committed for a registry."""
        return self._entries.get(key, [])

    def latest(self, key: RegistryKey) -> Registry | None:
        """Return a registry as it is stored now."""
        entries = self.entries(key)
        return entries[-1].after if entries else None

    def versions(self, key: RegistryKey, first: int, last: int) -> list[Registry | None]:
        """Return what was stored after the `first` to after the `last` commit, none being the 0th."""
        states = [None, *(entry.after for entry in self.entries(key))]
        return states[first : last + 1]

    def note(self, commit: Commit) -> None:
        """Add a commit that has just taken effect."""
        entry = Entry(self.latest(commit.key), commit.registry, commit, running(), self._clock.now())
        self._entries[commit.key].append(entry)
        self._on_entry(entry)


class JournaledRows(MemoryRows):
    """Rows in memory that note each commit in the moment it takes effect."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    async def transact(self, partition: str, writes: Sequence[Write]) -> Sequence[str | None]:
        """Do all writes or none, and return each row's new version, None for a removed one."""
        versions = await super().transact(partition, writes)
        if (commit := _committing.get()) is not None:
            self._journal.note(commit)
        return versions


class JournaledStore(RegistryStore):
    """A store that tells its rows which commit they are about to make."""

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows)

    async def commit(self, commit: Commit) -> str | None:
        """Change everything or nothing; return the registry's new version, None when it is gone."""
        token = _committing.set(commit)
        try:
            return await super().commit(commit)
        finally:
            _committing.reset(token)
