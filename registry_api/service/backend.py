"""The cloud, as a Protocol. Every implementation must pass the contract tests."""

from datetime import timedelta
from typing import Protocol

from registry_api.domain.plan import Action, Observation
from registry_api.domain.registry import Registry
from registry_api.domain.resources import Failure, FailureKind, Resource


class BackendError(Exception):
    """An action that a backend could not start, and what that means.

    Args:
        failure: The cause, for people; final when trying again is pointless until somebody acts.
        refused: Whether the cloud has done nothing, and will not; False when nobody knows. Where it is not said, only a
            transient failure leaves that open.
    """

    def __init__(self, failure: Failure, *, refused: bool | None = None) -> None:
        super().__init__(f"{failure.code}: {failure.message}")
        self.failure = failure
        self.refused = failure.kind is not FailureKind.TRANSIENT if refused is None else refused


class Backend(Protocol):
    """The cloud, or what stands in for it. Nothing here waits for long-running work."""

    @property
    def settling_time(self) -> timedelta:
        """Return for how long a call may take effect yet after its caller has died, or was told that it failed."""

    async def observe(self, registry: Registry, resource: Resource) -> Observation:
        """Tell what there is of a resource.

        Raises:
            BackendError: If it cannot be told.
        """

    async def start(self, registry: Registry, action: Action) -> None:
        """Start one action; doing it again does no harm. What was started is seen from then on.

        Raises:
            BackendError: If it could not be started. Unless it was refused, it may yet be, within the settling time.
        """
