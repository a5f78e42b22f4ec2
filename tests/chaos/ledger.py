"""What clients asked for and were answered, kept to be compared with what has become of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

SPEC = (
    "name",
    "description",
    "tags",
    "location",
    "replication_locations",
    "public_network_access",
    "intellectual_property",
    "deletion_protection",
    "paused",
)
MARK = "write"  # the tag that tells every write from all others


def spec_of(body: Mapping[str, Any]) -> Json:
    """Return the part of a registry's body that its owner wrote."""
    return {key: body[key] for key in SPEC if key in body}


@dataclass(frozen=True, slots=True)
class Accepted:
    """A write that was answered with what it led to."""

    incarnation: str  # the time at which it was created tells a registry from an earlier one of its name
    generation: int
    spec: Json
    etag: str


@dataclass
class Subject:
    """One registry, as its clients know it.

    Args:
        name: Its name.
        location: Its primary region.
        others: The regions that it may have besides.
        is_shared: Whether several clients change it at once.
    """

    name: str
    location: str
    others: tuple[str, ...]
    is_shared: bool
    sent: set[str] = field(default_factory=set)  # the marks of all writes
    creations: int = 0  # requests that may have created it, not counting their repetitions
    accepted: list[Accepted] = field(default_factory=list)
    operations: set[str] = field(default_factory=set)
    canceled: set[str] = field(default_factory=set)  # operations that somebody asked to cancel
    newest: Accepted | None = None
    is_deleted: bool = True  # as far as is known; a deletion that was accepted may be under way

    def accept(self, body: Json) -> Accepted:
        """Remember the answer to a write that was carried out."""
        accepted = Accepted(
            body["system_data"]["created_at"], body["status"]["generation"], spec_of(body), body["etag"]
        )
        self.accepted.append(accepted)
        self.newest = accepted
        self.is_deleted = False
        self.operations.add(body["status"]["operation"].rpartition("/")[2])
        return accepted


@dataclass
class Ledger:
    """Everything that was answered, and everything that was wrong."""

    answers: Counter[str] = field(default_factory=Counter)
    broken: int = 0  # connections that broke or got no answer
    slowest: float = 0.0
    violations: list[str] = field(default_factory=list)
    ended: Counter[str] = field(default_factory=Counter)
    revisions: int = 0

    def violate(self, what: str) -> None:
        """Note that a promise was not kept, once."""
        if what not in self.violations:
            self.violations.append(what)
