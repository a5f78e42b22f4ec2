"""What the tests of the backends share."""

from collections.abc import AsyncIterator

import pytest

from devstack.azurite import Azurite
from tests.provisioning.cloud import Cloud


@pytest.fixture
async def cloud(azurite: Azurite) -> AsyncIterator[Cloud]:
    """Yield a local backend on a real Azurite."""
    async with Cloud(azurite.blob_endpoint) as cloud:
        yield cloud
