"""Whatever a tenant asks, with whatever it has stolen, it neither changes nor learns anything of another."""

import os
import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime

import pytest

from registry_api.domain.names import RegistryKey
from registry_api.domain.operation import Operation
from registry_api.http.routes import ROUTES
from registry_api.service.ports import Page
from registry_api.service.records import Claim
from registry_api.service.views import View
from registry_api.storage.store import RegistryStore
from registry_api.storage.views import RegistryViews
from tests.http.exchange import THEIRS
from tests.http.two_tenants import attack
from tests.service.world import World

REQUESTS = int(os.environ.get("TWO_TENANT_REQUESTS", "3000"))
AT_ONCE = 300  # after which both begin anew: twins get slow when they are full


@pytest.mark.timeout(120 + REQUESTS // 20)
async def test_a_tenant_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer is, byte by byte, that of an app in which the other tenant never was; its rows are untouched."""
    answers = Counter[tuple[str, int]]()
    while answers.total() < REQUESTS:
        answers += await attack(AT_ONCE, random.SystemRandom().getrandbits(32), monkeypatch)

    done = {name for name, status in answers if status < 400}
    assert done >= {route.name for route in ROUTES} - {"get_docs_file"}  # names that nobody guesses


class FindsOperations(RegistryStore):
    """Finds another tenant's operations."""

    async def read_operation(self, key: RegistryKey, operation_id: str) -> Operation | None:
        """Return an operation."""
        own = await super().read_operation(key, operation_id)
        return own or await super().read_operation(RegistryKey(THEIRS, key.name), operation_id)


class SharesKeys(RegistryStore):
    """Knows idempotency keys without their tenants."""

    async def claim(self, tenant: str, idempotency_key: str, claim: Claim, now: datetime) -> Claim:
        """Claim a key."""
        del tenant
        return await super().claim(THEIRS, idempotency_key, claim, now)


class SharesPages(RegistryViews):
    """Takes a continuation for whoever's it is."""

    async def list(self, tenant: str, limit: int, continuation: str | None) -> Page[View]:
        """List registries."""
        try:
            return await super().list(tenant, limit, continuation)
        except ValueError:
            return await super().list(THEIRS, limit, continuation)


def finds_operations(world: World) -> None:
    """Let operations of others be found."""
    world.store = FindsOperations(world.rows)


def shares_keys(world: World) -> None:
    """Let idempotency keys be shared."""
    world.store = SharesKeys(world.rows)


def shares_pages(world: World) -> None:
    """Let continuations be shared."""
    world.views = SharesPages(world.rows)


@pytest.mark.parametrize("leak", [finds_operations, shares_keys, shares_pages])
async def test_a_leak_would_be_noticed(monkeypatch: pytest.MonkeyPatch, leak: Callable[[World], None]) -> None:
    """With a store that does not keep tenants apart in one of its methods, the comparison fails."""
    with pytest.raises(AssertionError, match="request"):
        await attack(1500, 1, monkeypatch, leak)
