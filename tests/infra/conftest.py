"""What these tests take from those of the Azure backend."""

from tests.azure.conftest import azure, running_azure, world

__all__ = ["azure", "running_azure", "world"]
