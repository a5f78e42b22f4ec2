"""Puts the app together: the only place that knows every room. Built at the first use, once per process."""

import gc
import logging
import os
import secrets
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING

from registry_api import telemetry
from registry_api.access.identity import Identity, identity_for
from registry_api.access.roles import CombinedRoles, StaticRoles
from registry_api.domain.names import RegistryKey
from registry_api.service.ports import Clock, Ports, Roles, Views
from registry_api.settings import Settings
from registry_api.storage.names import NOTICES, QUEUE, TABLE
from registry_api.storage.rows import Rows
from registry_api.storage.tables import TableRows
from registry_api.storage.views import RegistryViews

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

    from registry_api.access.webhooks import Webhooks
    from registry_api.service.audience import Audience, Courier
    from registry_api.service.backend import Backend
    from registry_api.service.ports import WorkQueue
    from registry_api.storage.connection import Connection
    from registry_api.storage.queues import StorageQueue

_log = logging.getLogger(__name__)

_LATEST_MILLISECOND = 10**14  # year 5138


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.now(UTC)


class RandomIds:
    """Random names, long enough not to meet twice."""

    def operation_id(self, key: RegistryKey, now: datetime) -> str:
        """Return `{registry}.{hex}`; the ids of one registry sort from the newest to the oldest."""
        age = _LATEST_MILLISECOND - int(now.timestamp() * 1000)
        return f"{key.name}.{age:012x}{secrets.token_hex(4)}"

    def visit_token(self) -> str:
        """Return a new name for one visit."""
        return secrets.token_hex(8)


class App:
    """Everything that a handler may need. Each part is made when it is first asked for: whoever reads needs few models.

    Args:
        settings: What the app is to be like.
        clock: The time.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self._clock = clock

    @cached_property
    def identity(self) -> Identity:
        """Return who tells who is calling."""
        return identity_for(self.settings, self._clock)

    @cached_property
    def roles(self) -> Roles:
        """Return who tells what callers may do."""
        assigned = StaticRoles(self.settings.role_book)
        if not self.settings.roles_from_azure:
            return assigned
        from registry_api.access.azure_authorization import AzureAuthorization  # noqa: PLC0415 - imports cost time
        from registry_api.access.azure_roles import AzureRoles  # noqa: PLC0415 - the same

        azure = AzureAuthorization(self.settings.azure_endpoint, credential(), self._clock)
        return CombinedRoles(assigned, AzureRoles(azure, self._clock))

    @cached_property
    def views(self) -> Views:
        """Return what callers read."""
        return RegistryViews(self.rows)

    @cached_property
    def webhooks(self) -> "Webhooks":
        """Return who tells whether a webhook comes from whom it says."""
        from registry_api.access.webhooks import Webhooks  # noqa: PLC0415 - the same

        return Webhooks(self.settings.webhooks, self._clock)

    @cached_property
    def ports(self) -> Ports:
        """Return what reads and changes records."""
        from registry_api.storage.store import RegistryStore  # noqa: PLC0415 - the same

        return Ports(
            store=RegistryStore(self.rows),
            queue=self.queue,
            clock=self._clock,
            ids=RandomIds(),
            roles=self.roles,
            audience=self._audience,
            placement=self.settings.placement,
        )

    @cached_property
    def rows(self) -> Rows:
        """Return the table."""
        return TableRows(_storage(self.settings.table_service), TABLE)

    @cached_property
    def queue(self) -> "WorkQueue":
        """Return where visits are announced."""
        return self._queue(QUEUE)

    @property
    def _audience(self) -> "Audience | None":
        given = self.settings.subscriptions
        if not given:
            return None
        from registry_api.domain.subscribers import Subscriber  # noqa: PLC0415 - needed with subscribers only
        from registry_api.service.audience import Audience  # noqa: PLC0415 - the same
        from registry_api.storage.outbox import RegistryOutbox  # noqa: PLC0415 - the same

        subscribers = tuple(
            Subscriber(name=one.name, tenant=one.tenant, types=one.types, address=one.origin) for one in given
        )
        return Audience(subscribers, RegistryOutbox(self.rows), self._queue(NOTICES))

    def _queue(self, name: str) -> "StorageQueue":
        from registry_api.storage.queues import StorageQueue  # noqa: PLC0415 - imports cost time

        return StorageQueue(_storage(self.settings.queue_service), name)


@cache
def settings() -> Settings:
    """Return the settings of this process's environment.

    Raises:
        SettingsError: If the environment does not describe a working app.
    """
    found = Settings.read(os.environ)
    if found.application_insights:
        from registry_api.opentelemetry import to_application_insights  # noqa: PLC0415 - off costs nothing

        telemetry.record_with(to_application_insights(found.application_insights))
    if found.has_developer:
        _log.warning("Everybody is let in as 'developer', Owner of tenant %s. For development only.", found.tenant)
    return found


@cache
def app() -> App:
    """Return the app for this process's environment."""
    gc.freeze()  # what was imported stays: no collection has to look at it
    return App(settings(), SystemClock())


@cache
def courier() -> "Courier":
    """Return who takes letters to the subscribers; only the worker needs it."""
    from registry_api.notification.courier import HttpCourier, Mailbox  # noqa: PLC0415 - aiohttp costs start-up time

    mailboxes = {one.name: Mailbox(one.url, one.secrets) for one in settings().subscriptions}
    return HttpCourier(mailboxes, anywhere=settings().local_subscribers)


@cache
def backend() -> "Backend":
    """Return the cloud that the settings name; only the worker needs it."""
    given = settings()
    if given.backend != "local":
        from registry_api.provisioning.arm import ResourceManager  # noqa: PLC0415 - the SDKs cost start-up time
        from registry_api.provisioning.azure import AzureBackend  # noqa: PLC0415 - the same
        from registry_api.provisioning.azureml import MachineLearningBackend  # noqa: PLC0415 - the same

        clock = SystemClock()
        manager = ResourceManager(given.azure_endpoint, credential(), clock)
        return AzureBackend(manager, clock) if given.backend == "azure" else MachineLearningBackend(manager, clock)
    from registry_api.provisioning.local import LocalBackend  # noqa: PLC0415 - the same

    return LocalBackend(given.local_blob_endpoint, given.local_account_key, given.local_regions_down)


@cache
def credential() -> "AsyncTokenCredential":
    """Return who the app is to Azure: its own identity there, and a developer's login elsewhere."""
    given = settings()
    if given.identity_endpoint:
        from registry_api.managed_identity import ManagedIdentity  # noqa: PLC0415 - the same

        return ManagedIdentity(given.identity_endpoint, given.identity_header, given.client_id)
    from azure.identity.aio import (  # noqa: PLC0415 - the same
        AzureCliCredential,
        AzureDeveloperCliCredential,
        ChainedTokenCredential,
    )

    return ChainedTokenCredential(AzureCliCredential(), AzureDeveloperCliCredential())


def _storage(service: str) -> "Connection":
    """Return how a service of the app's own storage account is reached: with its key, or else with our identity."""
    from registry_api.storage.connection import Endpoint  # noqa: PLC0415 - the same

    return settings().storage_connection or Endpoint(service, credential())
