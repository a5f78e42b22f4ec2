"""What messages in queues say."""

from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator

from registry_api.domain.names import RegistryKey
from registry_api.domain.record import Record

Traceparent = Annotated[str | None, BeforeValidator(lambda given: given if isinstance(given, str) else None)]
"""Of a message: whatever stands there, the message can be read."""


class Message(Record):
    """The content of a queue message: which registry to visit, and nothing of what to do there.

    `visit` is the token of the visit that it announces. `follows` is the token of the visit during which it was
    sent, should that one have died before it could write the new token down; None when a request sent it.
    """

    tenant: str
    name: str
    visit: str
    follows: str | None = None
    serial: int
    announced_at: AwareDatetime
    traceparent: Traceparent = None

    @property
    def key(self) -> RegistryKey:
        """Return the key of the registry to visit."""
        return RegistryKey(self.tenant, self.name)


class Notice(Record):
    """The content of a message: that there is something to tell of a registry, up to which event.

    One that announces another attempt names the subscriber, and when the attempt is due.
    """

    tenant: str
    name: str
    incarnation: str
    sequence: int
    announced_at: AwareDatetime
    subscriber: str | None = None
    due: AwareDatetime | None = None
    traceparent: Traceparent = None

    @property
    def key(self) -> RegistryKey:
        """Return the key of the registry."""
        return RegistryKey(self.tenant, self.name)
