"""Who is told what happens to registries, and of what."""

from enum import StrEnum

from registry_api.domain.record import Record


class NotificationType(StrEnum):
    """Everything that subscribers are told of; a closed vocabulary, part of the contract."""

    CREATED = "registry.created"
    UPDATED = "registry.updated"
    DELETED = "registry.deleted"
    PROVISIONED = "registry.provisioned"
    FAILED = "registry.failed"
    DRIFTED = "registry.drifted"


class Subscriber(Record):
    """Who is told what happens to the registries of one tenant."""

    name: str
    tenant: str
    types: frozenset[NotificationType] = frozenset(NotificationType)
    address: str  # as it may be shown: without path, query and credentials, which often are secrets
