"""An authority, and what takes its tokens."""

from collections.abc import Iterator

import pytest

from registry_api.access.tokens import AccessTokens
from tests.access.issuer import AUDIENCE, CLIENT, TENANT, Issuer
from tests.service.world import ManualClock


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """Serve keys on loopback."""
    with Issuer() as issuer:
        yield issuer


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands still."""
    return ManualClock()


@pytest.fixture
def tokens(issuer: Issuer, clock: ManualClock) -> AccessTokens:
    """Return what takes the authority's tokens."""
    return AccessTokens(issuer.url, [AUDIENCE, CLIENT], [TENANT], clock)
