"""What the verbs come to, counted once."""

from collections.abc import Mapping

import pytest

from benchmarks import trips
from benchmarks.trips import Trips
from devstack.azurite import Azurite


@pytest.fixture(scope="session")
def counted(azurite: Azurite) -> Mapping[str, Trips]:
    """Return what the verbs come to, as storage sees them."""
    return trips.count(azurite)
