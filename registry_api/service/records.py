"""What is kept of registries, as it is handed to storage and comes back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from registry_api.domain.delivery import Outstanding
from registry_api.domain.events import Event
from registry_api.domain.names import RegistryKey
from registry_api.domain.operation import Operation
from registry_api.domain.problems import Problem
from registry_api.domain.record import Record
from registry_api.domain.registry import Registry
from registry_api.domain.spec import RegistrySpec
from registry_api.service.showing import view_of
from registry_api.service.views import View


class Stored(NamedTuple):
    """A registry as it was read. `version` is the storage service's own tag and never leaves the service."""

    registry: Registry
    version: str


class Revision(Record):
    """A spec that was accepted once."""

    incarnation: str
    generation: int
    spec: RegistrySpec
    accepted_at: datetime
    accepted_by: str
    operation: str


class Claim(Record):
    """What an idempotency key was used for first, to notice when it is used for something else."""

    fingerprint: str
    expires_at: datetime


class Replay(Record):
    """What a request with an idempotency key led to, to be answered again: a registry, or why it was refused."""

    idempotency_key: str
    registry: Registry | None = None
    created: bool = False
    changed: bool = False
    problems: tuple[Problem, ...] = ()
    expires_at: datetime


class Progress(Record):
    """Where each walk of the resync goes on; None at the beginning."""

    net: str | None = None
    checks: str | None = None
    retention: str | None = None
    outstanding: str | None = None


@dataclass(frozen=True)
class Commit:
    """Everything that changes together. `registry` None removes the row.

    `replaces` is the version that was read, or None when there was no registry.
    """

    key: RegistryKey
    registry: Registry | None
    replaces: str | None
    operations: Sequence[Operation] = ()
    events: Sequence[Event] = ()
    outstanding: Outstanding | None = None
    revision: Revision | None = None
    replay: Replay | None = None

    @cached_property
    def view(self) -> View | None:
        """Return what callers read from then on, None if the registry is gone."""
        return None if self.registry is None else view_of(self.registry)
