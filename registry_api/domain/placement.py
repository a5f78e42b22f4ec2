"""Where in the cloud the resources of registries are made."""

from registry_api.domain.record import Record


class Placement(Record):
    """Where a registry's resources are made. Chosen when the registry is created, and kept.

    `resource_group` is one that is there already and shared with others; None asks for one of the registry's own.
    `delegated` asks for one registry of Azure Machine Learning, which makes, names and removes all the rest.
    """

    subscription_id: str
    resource_group: str | None = None
    delegated: bool = False
