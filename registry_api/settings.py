"""Every setting of the app, and the only place that reads the environment."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from registry_api.domain import regions

TABLE = "registries"
QUEUE = "provisioning"

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


class SettingsError(Exception):
    """The environment does not describe a working app."""


def _region_names(given: object) -> object:
    """Read names of regions, separated by commas, in any spelling."""
    if not isinstance(given, str):
        return given
    spellings = [spelling.strip() for spelling in given.split(",") if spelling.strip()]
    if unknown := [spelling for spelling in spellings if regions.find(spelling) is None]:
        raise ValueError(f"names what is no region: {', '.join(unknown)}")
    return frozenset(regions.normalise(spelling) for spelling in spellings)


RegionNames = Annotated[frozenset[str], BeforeValidator(_region_names)]


class Settings(BaseModel):
    """The app's settings; each is read from the environment variable that its alias names."""

    model_config = ConfigDict(frozen=True)

    storage_connection: Annotated[
        str,
        Field(
            alias="AzureWebJobsStorage",
            repr=False,
            description="Connection string of the storage account that holds the table and the queue.",
        ),
    ]
    environment: Annotated[
        str,
        Field(
            alias="AZURE_FUNCTIONS_ENVIRONMENT",
            description="Set by the host. Only `Development` lets callers in without identity, as the developer.",
        ),
    ] = "Production"
    backend: Annotated[
        Literal["local"],
        Field(alias="REGISTRY_BACKEND", description="What is provisioned: `local`, on Azurite."),
    ] = "local"
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
        RegionNames,
        Field(
            alias="REGISTRY_LOCAL_REGIONS_DOWN",
            description="Local backend: regions that are to fail, separated by commas.",
        ),
    ] = frozenset()
    allowed_regions: Annotated[
        RegionNames,
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
            description="Seals the continuations of lists; empty takes the storage account's key.",
        ),
    ] = ""
    tenant: Annotated[
        str, Field(alias="REGISTRY_DEVELOPER_TENANT", description="Tenant of the developer, in development.")
    ] = "00000000-0000-0000-0000-000000000001"
    subscription_id: Annotated[
        str,
        Field(alias="REGISTRY_SUBSCRIPTION_ID", description="Subscription of requests that do not name one."),
    ] = "00000000-0000-0000-0000-000000000000"
    resource_group: Annotated[
        str,
        Field(alias="REGISTRY_RESOURCE_GROUP", description="Resource group of requests that do not name one."),
    ] = "registries"

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Return the settings in an environment.

        Raises:
            SettingsError: If one is missing or wrong; the message names the variables, never their values.
        """
        try:
            settings = cls.model_validate(dict(environment))
        except ValidationError as error:
            wrong = "; ".join(f"{item['loc'][0]}: {item['msg']}" for item in error.errors(include_input=False))
            raise SettingsError(f"The app's settings are wrong: {wrong}") from None
        return settings

    @field_validator("storage_connection")
    @classmethod
    def _full_connection_string(cls, given: str) -> str:
        if given == _DEVELOPMENT_STORAGE:
            return _DEVELOPMENT_CONNECTION
        parts = {part.partition("=")[0] for part in given.split(";")}
        if not {"AccountName", "AccountKey"} <= parts:
            raise ValueError("must be a storage account's connection string, with AccountName and AccountKey")
        return given

    @property
    def is_development(self) -> bool:
        """Tell whether the app runs on a developer's machine."""
        return self.environment == "Development"

    @property
    def allowed(self) -> frozenset[str] | None:
        """Return the regions that registries may be in, None for all."""
        return self.allowed_regions or None

    @property
    def secret(self) -> str:
        """Return what only this service knows, to sign with."""
        return self.signing_key or self.storage_connection.partition("AccountKey=")[2].partition(";")[0]
