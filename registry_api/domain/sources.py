"""Who may send webhooks, how each proves it, and what it may touch: as the service's operator says it."""

import binascii
from base64 import b64decode
from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from registry_api.domain.assignments import Guid
from registry_api.domain.caller import Caller
from registry_api.domain.record import Record
from registry_api.domain.scope import RESOURCE_GROUP, Scope

_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)  # as Standard Webhooks has it
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
        if self.kind is SourceKind.STANDARD and not all(len(key) in _KEY_BYTES for key in self.keys):
            raise ValueError("a secret of Standard Webhooks has 24 to 64 bytes")
        return self

    @property
    def keys(self) -> tuple[bytes, ...]:
        """Return the secrets as bytes; those of Standard Webhooks are written in base64.

        Raises:
            ValueError: If one is not.
        """
        if self.kind is not SourceKind.STANDARD:
            return tuple(secret.encode() for secret in self.secrets)
        try:
            return tuple(b64decode(secret.removeprefix(_PREFIX), validate=True) for secret in self.secrets)
        except binascii.Error:
            raise ValueError("a secret of Standard Webhooks is base64") from None

    @property
    def caller(self) -> Caller:
        """Return whom the source acts as."""
        return Caller(tenant=self.tenant, id=self.object_id, name=self.name, kind="Webhook")

    @property
    def scope(self) -> Scope:
        """Return where the registries are that the source may touch."""
        return Scope(subscription_id=self.subscription_id, resource_group=self.resource_group)
