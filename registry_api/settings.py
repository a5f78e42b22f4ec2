"""Every setting of the app, and the only place that reads the environment."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from registry_api import configured, startup
from registry_api.domain.assignments import Assignment, Guid, RoleBook
from registry_api.domain.placement import Placement
from registry_api.domain.record import Record
from registry_api.domain.scope import RESOURCE_GROUP
from registry_api.domain.sources import WebhookSource
from registry_api.startup import DEVELOPMENT, SettingsError
from registry_api.storage_account import Account

DEVELOPER = "developer"  # who everybody is on a developer's machine

_DEVELOPMENT_STORAGE = "UseDevelopmentStorage=true"
# Published by Microsoft: every Azurite has it.
DEVELOPMENT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
# The well-known account of Azurite. The Python SDKs do not all know the short form.
_DEVELOPMENT_CONNECTION = (
    f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={DEVELOPMENT_KEY};"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
    "TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"
)


class Settings(Record):
    """The app's settings; each is read from the environment variable that its alias names."""

    table_service: Annotated[
        str,
        Field(
            alias="AzureWebJobsStorage__tableServiceUri",
            description="Address of the account's tables, which are used with the app's own identity where there is no "
            "`AzureWebJobsStorage`.",
        ),
    ] = ""
    queue_service: Annotated[
        str,
        Field(
            alias="AzureWebJobsStorage__queueServiceUri",
            description="Address of the account's queues; the host reads it too.",
        ),
    ] = ""
    storage_connection: Annotated[
        str,
        Field(
            alias="AzureWebJobsStorage",
            repr=False,
            description="Connection string of the storage account that holds the table and the queue; empty where the "
            "two addresses above are given.",
            validate_default=True,
        ),
    ] = ""
    client_id: Annotated[
        str,
        Field(
            alias="AZURE_CLIENT_ID",
            description="Client id of the app's user-assigned identity; empty takes the one that the system assigned.",
        ),
    ] = ""
    identity_endpoint: Annotated[
        str,
        Field(
            alias="IDENTITY_ENDPOINT",
            description="Set by Azure where the app has an identity of its own; without it a developer's login is "
            "taken, of the Azure CLI or the Azure Developer CLI.",
        ),
    ] = ""
    identity_header: Annotated[
        str,
        Field(alias="IDENTITY_HEADER", repr=False, description="Set by Azure with it: what the endpoint is shown."),
    ] = ""
    application_insights: Annotated[
        str,
        Field(
            alias="APPLICATIONINSIGHTS_CONNECTION_STRING",
            repr=False,
            description="Where traces and metrics are sent, as the host sends its own; empty records none.",
        ),
    ] = ""
    environment: Annotated[
        str,
        Field(
            alias="AZURE_FUNCTIONS_ENVIRONMENT",
            description="Set by the host. `Development` lets everybody in as the developer, if nothing below lets in "
            "anybody else; on Azure the app does not start with it.",
        ),
    ] = "Production"
    backend: Annotated[
        Literal["local", "azure", "azureml"],
        Field(
            alias="REGISTRY_BACKEND",
            description="What is provisioned: `local`, on Azurite, `azure`, or, experimental, `azureml`: registries of "
            "Azure Machine Learning.",
        ),
    ] = "local"
    azure_subscription_id: Annotated[
        str,
        Field(
            alias="REGISTRY_AZURE_SUBSCRIPTION_ID",
            description="Azure backend: the subscription in which the resources of new registries are made.",
        ),
    ] = ""
    azure_resource_group: Annotated[
        str,
        Field(
            alias="REGISTRY_AZURE_RESOURCE_GROUP",
            description="Azure backend: a group that is there, for the resources of all new registries; empty makes a "
            "group for each registry.",
        ),
    ] = ""
    azure_endpoint: Annotated[
        str,
        Field(alias="REGISTRY_AZURE_ENDPOINT", description="Where Azure Resource Manager is."),
    ] = "https://management.azure.com"
    local_blob_endpoint: Annotated[
        str,
        Field(
            alias="REGISTRY_LOCAL_BLOB_ENDPOINT",
            description="Local backend: Azurite's blob endpoint, without an account.",
        ),
    ] = "http://127.0.0.1:10000"
    local_account_key: Annotated[
        str,
        Field(
            alias="REGISTRY_LOCAL_ACCOUNT_KEY",
            repr=False,
            description="Local backend: key of the regions' Azurite accounts.",
        ),
    ] = DEVELOPMENT_KEY
    local_regions_down: Annotated[
        configured.RegionNames,
        Field(
            alias="REGISTRY_LOCAL_REGIONS_DOWN",
            description="Local backend: regions that are to fail, separated by commas.",
        ),
    ] = frozenset()
    allowed_regions: Annotated[
        configured.RegionNames,
        Field(
            alias="REGISTRY_ALLOWED_REGIONS",
            description="Regions that registries may be in, separated by commas; empty allows all of the catalogue.",
        ),
    ] = frozenset()
    signing_key: Annotated[
        str,
        Field(
            alias="REGISTRY_SIGNING_KEY",
            repr=False,
            description="Seals the continuations of lists; empty takes the storage account's key, if there is one.",
            validate_default=True,
        ),
    ] = ""
    authority: Annotated[
        str,
        Field(
            alias="REGISTRY_AUTHORITY",
            description="Who gives the access tokens: `https://login.microsoftonline.com`, "
            "`https://login.microsoftonline.us` or `https://login.partner.microsoftonline.cn`.",
        ),
    ] = "https://login.microsoftonline.com"
    audiences: Annotated[
        tuple[str, ...],
        BeforeValidator(configured.words),
        Field(
            alias="REGISTRY_AUDIENCES",
            description="What access tokens may be for, separated by commas: the app's client id, its id URI; empty "
            "lets no token in.",
        ),
    ] = ()
    tenants: Annotated[
        tuple[Guid, ...],
        BeforeValidator(configured.words),
        Field(alias="REGISTRY_TENANTS", description="Ids of the tenants that are let in, separated by commas."),
    ] = ()
    keys: Annotated[
        tuple[configured.PipelineKey, ...],
        BeforeValidator(configured.keys),
        Field(
            alias="REGISTRY_KEYS",
            repr=False,
            description="Keys for pipelines, and whom they stand for: a JSON list of `name`, `tenant`, `object_id`, "
            "`roles` (a list of `role` and `scope`) and `sha256`, the key's hash in hex.",
        ),
    ] = ()
    roles: Annotated[
        RoleBook,
        BeforeValidator(configured.roles),
        Field(
            alias="REGISTRY_ROLES",
            description="Who may do what: JSON with `assignments`, a list of `tenant`, `principal` (an object id), "
            "`role` and `scope`, perhaps `denies`, and with `roles`, custom ones; or the path of a file of it.",
        ),
    ] = RoleBook()
    roles_from_azure: Annotated[
        bool,
        Field(
            alias="REGISTRY_ROLES_FROM_AZURE",
            description="Whether callers may also do what their role assignments on Azure say, where registries are in "
            "subscriptions that the app's identity may read; access.md has more.",
        ),
    ] = False
    subscriptions: Annotated[
        tuple[configured.Subscription, ...],
        BeforeValidator(configured.subscriptions),
        Field(
            alias="REGISTRY_SUBSCRIBERS",
            repr=False,
            description="Who is told what happens to registries: a JSON list of `name`, `tenant`, `url`, `secrets` and "
            "perhaps `types`; notifications.md has more.",
        ),
    ] = ()
    local_subscribers: Annotated[
        bool,
        Field(
            alias="REGISTRY_LOCAL_SUBSCRIBERS",
            description="For local use: subscribers may have addresses with http and in private networks; on Azure "
            "nothing is answered with it.",
        ),
    ] = False
    webhooks: Annotated[
        tuple[WebhookSource, ...],
        BeforeValidator(configured.webhooks),
        Field(
            alias="REGISTRY_WEBHOOKS",
            repr=False,
            description="Who may send webhooks, and whom each acts as: a JSON list of `name`, `kind`, `tenant`, "
            "`object_id`, `subscription_id`, `resource_group` and `secrets`, and a service hook's "
            "`hook_subscription` or GitHub's `repository`.",
        ),
    ] = ()
    platform_authenticates: Annotated[
        bool,
        Field(
            alias="WEBSITE_AUTH_ENABLED",
            description="Set by Azure where App Service authentication is in charge: only then its header is trusted.",
        ),
    ] = False
    tenant: Annotated[
        Guid,
        Field(alias="REGISTRY_DEVELOPER_TENANT", description="Tenant of the developer, in development."),
    ] = "00000000-0000-0000-0000-000000000001"
    subscription_id: Annotated[
        Guid,
        Field(alias="REGISTRY_SUBSCRIPTION_ID", description="Subscription of requests that do not name one."),
    ] = "00000000-0000-0000-0000-000000000000"
    resource_group: Annotated[
        str,
        Field(
            alias="REGISTRY_RESOURCE_GROUP",
            pattern=f"^{RESOURCE_GROUP}$",
            description="Resource group of requests that do not name one.",
        ),
    ] = "registries"

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Return the settings in an environment.

        Raises:
            SettingsError: If one is missing or wrong; the message names the variables, and of their values only
                what should have been a region or a role.
        """
        try:
            settings = cls.model_validate(dict(environment))
        except ValidationError as error:
            wrong = "; ".join(_told(item) for item in error.errors(include_input=False))
            raise SettingsError(f"The app's settings are wrong: {wrong}") from None
        if startup.is_on_azure(environment):
            settings.check_for_azure()
        return settings

    def check_for_azure(self) -> None:
        """Check that on Azure somebody could sign in and do something, and nothing is sent inside.

        Raises:
            SettingsError: If it were not so.
        """
        if not self.lets_somebody_in:
            raise SettingsError(startup.NOBODY_COULD_SIGN_IN)
        if self.local_subscribers:
            raise SettingsError(
                "REGISTRY_LOCAL_SUBSCRIBERS must not be set on Azure: it lets subscribers be inside of the network."
            )
        if not (self.role_book.assignments or self.roles_from_azure):
            raise SettingsError(
                "Nobody could do anything: set REGISTRY_ROLES, roles in REGISTRY_KEYS, or REGISTRY_ROLES_FROM_AZURE."
            )

    @field_validator("authority", "azure_endpoint")
    @classmethod
    def _trustworthy(cls, given: str, info: ValidationInfo) -> str:
        address = urlsplit(given)
        may_be_local = info.field_name == "authority"  # to which nothing secret is sent
        is_local = may_be_local and address.scheme == "http" and address.hostname in {"127.0.0.1", "localhost"}
        if not (address.scheme == "https" or is_local) or not address.hostname or address.path.strip("/"):
            raise ValueError("must be an https address without a path")
        return given.rstrip("/")

    @model_validator(mode="after")
    def _with_tenants(self) -> Self:
        if (self.audiences or self.platform_authenticates) and not self.tenants:
            raise ValueError("REGISTRY_TENANTS must say whose callers are let in")
        return self

    @model_validator(mode="after")
    def _with_known_roles(self) -> Self:
        for key in self.keys:
            for assigned in key.roles:
                self.roles.check(assigned)
        return self

    @model_validator(mode="after")
    def _with_subscribers(self) -> Self:
        names = [subscription.name.lower() for subscription in self.subscriptions]
        if len(names) != len(set(names)):
            raise ValueError("REGISTRY_SUBSCRIBERS must not have the same name twice")
        if not all(one.is_http if self.local_subscribers else one.is_public for one in self.subscriptions):
            raise ValueError("REGISTRY_SUBSCRIBERS must have https addresses of the public internet")
        return self

    @model_validator(mode="after")
    def _with_subscription(self) -> Self:
        if self.backend != "local" and not self.azure_subscription_id:
            raise ValueError("REGISTRY_AZURE_SUBSCRIPTION_ID must say where registries are made on Azure")
        if self.backend == "azureml" and not self.azure_resource_group:
            raise ValueError("REGISTRY_AZURE_RESOURCE_GROUP must name a group that is there for azureml")
        return self

    @field_validator("table_service", "queue_service")
    @classmethod
    def _address(cls, given: str) -> str:
        if given and urlsplit(given).scheme != "https":
            raise ValueError("must be an https address")
        return given.rstrip("/")

    @field_validator("application_insights")
    @classmethod
    def _with_instrumentation_key(cls, given: str) -> str:
        if given and not configured.is_of_application_insights(given):
            raise ValueError(
                "must be the connection string of an Application Insights: parts with one = each, InstrumentationKey "
                "among them, with no semicolon at the end"
            )
        return given

    @field_validator("signing_key")
    @classmethod
    def _there_without_a_storage_key(cls, given: str, info: ValidationInfo) -> str:
        if not given and info.data.get("storage_connection") == "":
            raise ValueError("must be set where storage is used with an identity and has no key")
        return given

    @field_validator("storage_connection")
    @classmethod
    def _full_connection_string(cls, given: str, info: ValidationInfo) -> str:
        if not given and info.data.get("table_service") and info.data.get("queue_service"):
            return given
        if given == _DEVELOPMENT_STORAGE:
            return _DEVELOPMENT_CONNECTION
        try:
            Account.parse(given)
        except ValueError:
            raise ValueError(
                "must be a storage account's connection string, with AccountName, AccountKey in base64 and, if any, "
                "addresses that can be, unless AzureWebJobsStorage__tableServiceUri and "
                "AzureWebJobsStorage__queueServiceUri are set"
            ) from None
        return given

    @property
    def role_book(self) -> RoleBook:
        """Return all roles and assignments, those of keys and of the developer as well."""
        return self.roles.with_assignments(
            [
                Assignment(tenant=key.tenant, principal=key.object_id, **assigned.model_dump())
                for key in self.keys
                for assigned in key.roles
            ]
            + [
                Assignment(tenant=self.tenant, principal=DEVELOPER, role="Owner", scope="/")
                for _ in range(self.has_developer)
            ]
        )

    @property
    def placement(self) -> Placement | None:
        """Return where the resources of new registries are made, None where the backend has no groups."""
        if self.backend == "local":
            return None
        return Placement(
            subscription_id=self.azure_subscription_id,
            resource_group=self.azure_resource_group or None,
            delegated=self.backend == "azureml",
        )

    @property
    def lets_somebody_in(self) -> bool:
        """Tell whether there is a way to prove who one is."""
        return bool(self.audiences or self.keys or self.platform_authenticates)

    @property
    def has_developer(self) -> bool:
        """Tell whether everybody is let in as the developer."""
        return self.is_development and not self.lets_somebody_in

    @property
    def is_development(self) -> bool:
        """Tell whether the app runs on a developer's machine."""
        return self.environment == DEVELOPMENT

    @property
    def allowed(self) -> frozenset[str] | None:
        """Return the regions that registries may be in, None for all."""
        return self.allowed_regions or None

    @property
    def secret(self) -> str:
        """Return what only this service knows, to sign with."""
        return self.signing_key or self.storage_connection.partition("AccountKey=")[2].partition(";")[0]


def _told(error: Any) -> str:
    """Say what is wrong with which variable."""
    name = error["loc"][0] if error["loc"] else None
    field = Settings.model_fields.get(str(name))  # a default that is wrong is told by the field, a value by the alias
    place = f"{field.alias if field else name}: " if name else ""
    return f"{place}{error['msg'].removeprefix('Value error, ')}"
