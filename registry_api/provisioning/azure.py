"""The Azure backend: a registry's resources, made and removed through Azure Resource Manager.

Every step looks, decides and sends one request; nothing is waited for and nothing is remembered that a crash may take,
but for the time of removals, without which Azure's own failure is met and mended. What was found under one of our
names without our tags belongs to somebody else and is left alone.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from registry_api.domain.plan import Action, Observation, Presence, Verb
from registry_api.domain.problems import Code
from registry_api.domain.registry import Registry
from registry_api.domain.resources import Failure, FailureKind, Kind, Resource
from registry_api.provisioning.arm import ResourceManager
from registry_api.provisioning.arm_resources import Description, describe, details_of, is_broken, is_leaving
from registry_api.service.backend import BackendError
from registry_api.service.ports import Clock

# A replica that is made again too soon after its removal fails minutes later: azure-rest-api-specs issue 18934.
# Terraform's provider waits for five absences in a row, five seconds apart.
COOL_DOWN = timedelta(seconds=25)

_ABSENT = Observation(Presence.ABSENT)


_SETTLING_TIME = timedelta(minutes=2)  # an assumption: Azure ends a request, though not what it began, in that time


class AzureBackend:
    """Registries on Azure.

    Args:
        manager: Azure Resource Manager.
        clock: The time.
    """

    def __init__(self, manager: ResourceManager, clock: Clock) -> None:
        self._manager = manager
        self._clock = clock
        self._left_at: dict[str, datetime] = {}  # when replicas were last seen, or asked, to leave

    @property
    def settling_time(self) -> timedelta:
        """Return for how long a call may take effect yet after its caller has died, or was told that it failed."""
        return _SETTLING_TIME

    async def observe(self, registry: Registry, resource: Resource) -> Observation:
        """Tell what there is of a resource.

        Raises:
            BackendError: If it cannot be told, or what is there belongs to somebody else.
        """
        wanted = _describe(registry, resource)
        if wanted is None:
            return _ABSENT
        found = await self._find(wanted)
        if found is None:
            rest = self._cooling(wanted)
            return _ABSENT if rest is None else Observation(Presence.CHANGING, rest=rest)
        details = details_of(resource, found)
        presence = wanted.presence(found)
        if presence is Presence.CHANGING:
            if resource.kind is Kind.REPLICA and is_leaving(found) and not registry.deleting:
                return Observation(presence, details, rest=self._note_leaving(wanted))
            return Observation(presence, details)
        if resource.key not in registry.wanted:
            return Observation(Presence.READY, details)  # it is there, however it is
        if (
            presence is Presence.READY
            and resource.kind is Kind.STORAGE_ACCOUNT
            and not await self._has_container(wanted)
        ):
            presence = Presence.DIFFERENT
        return Observation(presence, details)

    async def start(self, registry: Registry, action: Action) -> None:
        """Ask for one action; doing it again does no harm.

        Raises:
            BackendError: If it cannot be done, now or at all.
        """
        resource = action.resource
        wanted = _describe(registry, resource)
        if wanted is None:
            if action.verb is Verb.DELETE:
                return
            raise _refused(f"{resource.kind} in region '{resource.region}' has no resource group to be made in.")
        found = await self._find(wanted)
        match action.verb, resource.kind:
            case Verb.DELETE, kind:
                if found is not None:
                    await self._remove(registry, kind, wanted)
            case _, Kind.REPLICA if found is not None and is_broken(found):
                await self._make_again(wanted)
            case _, Kind.STORAGE_ACCOUNT if found is not None and wanted.presence(found) is Presence.READY:
                await self._manager.put(wanted.container_id, wanted.version, {"properties": {}}, wanted.about)
            case _:
                await self._put(wanted, found)
                if found is not None and is_broken(found):
                    message = f"{wanted.about} failed on Azure; it is asked for again."
                    raise _refused(message, FailureKind.TRANSIENT)

    async def close(self) -> None:
        """Close the connections; the backend may still be used and opens new ones."""
        await self._manager.close()

    async def _find(self, wanted: Description) -> Mapping[str, Any] | None:
        """Return what there is under a name of ours.

        Raises:
            BackendError: If it is somebody else's.
        """
        found = await self._manager.get(wanted.id, wanted.version, wanted.about)
        if found is not None and not wanted.is_owned(found):
            message = f"{wanted.about} is there already and does not belong to this registry. It is left alone."
            raise _refused(message, FailureKind.NAME_TAKEN)
        return found

    async def _has_container(self, wanted: Description) -> bool:
        return await self._manager.get(wanted.container_id, wanted.version, wanted.about) is not None

    async def _put(self, wanted: Description, found: Mapping[str, Any] | None) -> None:
        try:
            await self._manager.put(wanted.id, wanted.version, wanted.merged(found), wanted.about)
        except BackendError as error:
            # It may be ourselves who have the name: an answer was lost, or Azure did not show what it was making yet.
            if error.failure.kind is not FailureKind.NAME_TAKEN or await self._find(wanted) is None:
                raise

    async def _remove(self, registry: Registry, kind: Kind, wanted: Description) -> None:
        if kind is Kind.RESOURCE_GROUP:
            await self._check_empty(wanted)
        await self._manager.delete(wanted.id, wanted.version, wanted.about)
        if kind is Kind.REPLICA and not registry.deleting:
            self._note_leaving(wanted)

    async def _check_empty(self, group: Description) -> None:
        """See that a group has nothing in it which somebody else put there: it would go with the group.

        Raises:
            BackendError: If it has.
        """
        if left := await self._manager.ids_in(group.id, group.about):
            told = ", ".join(resource_id.rpartition("/providers/")[2] for resource_id in left[:3])
            message = f"{group.about} is not empty and therefore left alone; it still has {told}."
            raise _refused(message, FailureKind.TRANSIENT)  # Azure's lists may be late

    async def _make_again(self, wanted: Description) -> None:
        """Remove a replica that Azure could not make, so that it can be made once Azure has forgotten it."""
        await self._manager.delete(wanted.id, wanted.version, wanted.about)
        self._note_leaving(wanted)
        raise BackendError(
            Failure(
                code=Code.REGION_UNAVAILABLE,
                message=f"{wanted.about} failed on Azure; it is removed and made again.",
                kind=FailureKind.THROTTLED,
                retry_after=COOL_DOWN,
            )
        )

    def _note_leaving(self, wanted: Description) -> timedelta:
        """Note that a replica is leaving, and return how long it is to be left alone."""
        now = self._clock.now()
        self._left_at = {key: left for key, left in self._left_at.items() if now - left < COOL_DOWN}
        self._left_at[wanted.id] = now
        return COOL_DOWN

    def _cooling(self, wanted: Description) -> timedelta | None:
        """Return how long a replica that has left is still to be left alone."""
        left = self._left_at.get(wanted.id)
        rest = left + COOL_DOWN - self._clock.now() if left is not None else timedelta(0)
        return rest if timedelta(0) < rest <= COOL_DOWN else None


def _describe(registry: Registry, resource: Resource) -> Description | None:
    """Return a resource as it is to be, or None when the group is gone that it was in.

    Raises:
        BackendError: If it is not for this backend.
    """
    if registry.placement is None or registry.placement.delegated:
        raise _refused("The registry was made by another backend; REGISTRY_BACKEND is azure now.")
    if resource.kind is Kind.REPLICA and resource.region == registry.spec.location:
        raise _refused("The home replica belongs to the container registry and is never touched by itself.")
    group = registry.managed_group
    return None if group is None else describe(registry, resource, registry.placement.subscription_id, group)


def _refused(message: str, kind: FailureKind = FailureKind.PERMANENT) -> BackendError:
    return BackendError(Failure(code=Code.PROVISIONING_FAILED, message=message, kind=kind), refused=True)
