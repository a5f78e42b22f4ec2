"""Where a registry stands."""

from enum import StrEnum


class ProvisioningState(StrEnum):
    """Where a registry stands, in the words of Azure Resource Manager."""

    ACCEPTED = "Accepted"
    CREATING = "Creating"
    UPDATING = "Updating"
    DELETING = "Deleting"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"

    @property
    def is_terminal(self) -> bool:
        """Tell whether nothing is on its way."""
        return self in {self.SUCCEEDED, self.FAILED, self.CANCELED}
