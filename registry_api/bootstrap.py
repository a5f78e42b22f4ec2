"""Puts the app together: the only place that knows every room. Built at the first use, once per process."""

import gc
import logging
import os
import secrets
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from registry_api import telemetry
from registry_api.access.identity import Identity, identity_for
from registry_api.access.roles import CombinedRoles, StaticRoles
from registry_api.access.webhooks import Webhooks
from registry_api.configured import Subscription
from registry_api.domain.notifications import Subscriber
from registry_api.domain.registry import RegistryKey
from registry_api.service.audience import Audience, Courier
from registry_api.service.ports import Backend, Clock, Ports, Roles
from registry_api.settings import Settings
from registry_api.startup import SettingsError
from registry_api.storage.names import NOTICES, QUEUE, TABLE
from registry_api.storage.rows import Rows

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

    from registry_api.storage.connection import Connection

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


class App(NamedTuple):
    """Everything that a handler may need."""

    settings: Settings
    ports: Ports
    identity: Identity
    webhooks: Webhooks


@cache
def settings() -> Settings:
    """Return the settings of this process's environment.

    Raises:
        SettingsError: If the environment does not describe a working app.
    """
    found = Settings.read(os.environ)
    if found.application_insights:
        telemetry.record_with(_recorder(found.application_insights))
    if found.has_developer:
        _log.warning("Everybody is let in as 'developer', Owner of tenant %s. For development only.", found.tenant)
    return found


def _recorder(connection_string: str) -> telemetry.Recorder:
    from registry_api.opentelemetry import to_application_insights  # noqa: PLC0415 - off costs nothing

    try:
        return to_application_insights(connection_string)
    except ValueError:
        raise SettingsError(
            "APPLICATIONINSIGHTS_CONNECTION_STRING must be the connection string of an Application Insights."
        ) from None


@cache
def app() -> App:
    """Return the app for this process's environment."""
    from registry_api.storage.queues import StorageQueue  # noqa: PLC0415 - imports cost start-up time
    from registry_api.storage.store import RegistryStore  # noqa: PLC0415 - the same
    from registry_api.storage.tables import TableRows  # noqa: PLC0415 - the same

    given, clock = settings(), SystemClock()
    rows = TableRows(_storage(given.table_service), TABLE)
    gc.freeze()  # what was imported stays: no collection has to look at it
    return App(
        settings=given,
        ports=Ports(
            store=RegistryStore(rows),
            queue=StorageQueue(_storage(given.queue_service), QUEUE),
            clock=clock,
            ids=RandomIds(),
            roles=_roles(clock),
            audience=_audience(rows),
            placement=given.placement,
        ),
        identity=identity_for(settings(), clock),
        webhooks=Webhooks(settings().webhooks, clock),
    )


def _roles(clock: Clock) -> Roles:
    given = settings()
    assigned = StaticRoles(given.role_book)
    if not given.roles_from_azure:
        return assigned
    from registry_api.access.azure_authorization import AzureAuthorization  # noqa: PLC0415 - the SDKs cost start-up time
    from registry_api.access.azure_roles import AzureRoles  # noqa: PLC0415 - the same

    azure = AzureAuthorization(given.azure_endpoint, credential(), clock)
    return CombinedRoles(assigned, AzureRoles(azure, clock))


def _audience(rows: Rows) -> Audience | None:
    given = settings()
    if not given.subscriptions:
        return None
    from registry_api.storage.outbox import RegistryOutbox  # noqa: PLC0415 - needed with subscribers only
    from registry_api.storage.queues import StorageQueue  # noqa: PLC0415 - the same

    return Audience(
        subscribers=tuple(map(_subscriber, given.subscriptions)),
        outbox=RegistryOutbox(rows),
        queue=StorageQueue(_storage(given.queue_service), NOTICES),
    )


def _subscriber(given: Subscription) -> Subscriber:
    return Subscriber(name=given.name, tenant=given.tenant, types=given.types, address=given.origin)


@cache
def courier() -> Courier:
    """Return who takes letters to the subscribers; only the worker needs it."""
    from registry_api.notification.courier import HttpCourier, Mailbox  # noqa: PLC0415 - aiohttp costs start-up time

    mailboxes = {one.name: Mailbox(one.url, one.secrets) for one in settings().subscriptions}
    return HttpCourier(mailboxes, anywhere=settings().local_subscribers)


@cache
def backend() -> Backend:
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
    from azure.identity.aio import (  # noqa: PLC0415 - the same
        AzureCliCredential,
        AzureDeveloperCliCredential,
        ChainedTokenCredential,
        ManagedIdentityCredential,
    )

    given = settings()
    if given.identity_endpoint:
        return ManagedIdentityCredential(client_id=given.client_id or None)
    return ChainedTokenCredential(AzureCliCredential(), AzureDeveloperCliCredential())


def _storage(service: str) -> "Connection":
    """Return how a service of the app's own storage account is reached: with its key, or else with our identity."""
    from registry_api.storage.connection import Endpoint  # noqa: PLC0415 - the same

    return settings().storage_connection or Endpoint(service, credential())
