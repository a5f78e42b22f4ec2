"""Who may send webhooks, how each proves it, and what it may touch: as the service's operator says it."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from registry_api.domain.assignments import Guid
from registry_api.domain.caller import Caller
from registry_api.domain.record import Record
from registry_api.domain.scope import RESOURCE_GROUP, Scope
from registry_api.domain.signing import key_in

MOST_SECRETS = 5  # of a source, while they are changed
_SHORTEST = 24  # characters of a secret of another kind

Secret = Annotated[str, Field(min_length=_SHORTEST, max_length=256)]


class SourceKind(StrEnum):
    """In which way a source proves who it is, and where in what it sends its documents are."""

    STANDARD = "standard"
    GITHUB = "github"
    AZURE_DEVOPS = "azure-devops"


class WebhookSource(Record):
    """A sender of webhooks. It acts as its principal, within one resource group, and has no rights of its own."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    kind: SourceKind
    tenant: Guid
    object_id: Guid
    subscription_id: Guid
    resource_group: Annotated[str, Field(pattern=f"^{RESOURCE_GROUP}$")]
    secrets: Annotated[tuple[Secret, ...], Field(min_length=1, max_length=MOST_SECRETS, repr=False)]
    hook_subscription: Guid | None = None
    repository: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}$")] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.kind is SourceKind.AZURE_DEVOPS) != (self.hook_subscription is not None):
            raise ValueError("hook_subscription goes with azure-devops, and with nothing else")
        if (self.kind is SourceKind.GITHUB) != (self.repository is not None):
            raise ValueError("repository goes with github, and with nothing else")
        if self.kind is SourceKind.STANDARD:
            _ = self.keys  # raises what is wrong with one
        return self

    @property
    def keys(self) -> tuple[bytes, ...]:
        """Return the secrets as bytes.

        Raises:
            ValueError: If one is none.
        """
        key_of = key_in if self.kind is SourceKind.STANDARD else str.encode
        return tuple(map(key_of, self.secrets))

    @property
    def caller(self) -> Caller:
        """Return whom the source acts as."""
        return Caller(tenant=self.tenant, id=self.object_id, name=self.name, kind="Webhook")

    @property
    def scope(self) -> Scope:
        """Return where the registries are that the source may touch."""
        return Scope(subscription_id=self.subscription_id, resource_group=self.resource_group)
