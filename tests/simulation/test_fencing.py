"""Leases and fences are proved by the crash points: a service without one of them is noticed."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from registry_api.domain import visits
from registry_api.service import leasing, reconcile
from registry_api.service.leasing import KeptLease
from tests.simulation.faults import Fault
from tests.simulation.mutants import plant, told_of


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Let the service be silent about faults that are meant."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


OTHER = "current.registry.fence != begun.registry.fence"
DUE = "registry.visit.token in {message.visit, message.follows}"


@pytest.mark.parametrize(
    ("fault", "owner", "name", "old", "new", "told"),
    [
        (Fault.PAUSED, reconcile, "_end", OTHER, "False", "does not hold it"),
        (Fault.AFTER, reconcile, "_postponement", "lease.is_held(now)", "False", "takes a lease that is held"),
        (Fault.PAUSED, leasing, "_renew", "stored.registry.fence != begun.fence", "False", "does not hold it"),
        (Fault.PAUSED, KeptLease, "is_held", "self.clock.now() < self.until", "True", "does not hold the lease"),
        (Fault.PAUSED, visits, "begin_visit", "registry.lease.epoch + 1", "registry.lease.epoch", "does not hold it"),
        (Fault.LOST, reconcile, "_is_due", DUE, "True", "unasked"),
    ],
)
async def test_a_service_without_fences_is_noticed(
    monkeypatch: pytest.MonkeyPatch, *, fault: Fault, owner: Any, name: str, old: str, new: str, told: str
) -> None:
    """Who takes a lease that is held, acts without one, ends the visit of another or comes unasked is told."""
    if name == "_renew":
        monkeypatch.setattr(leasing, "_RENEW_AFTER_SECONDS", 0)
    assert not await told_of("create", fault)
    plant(monkeypatch, owner, name, old, new)
    assert told in await told_of("create", fault)
