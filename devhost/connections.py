"""Storage connection settings, as triggers name them."""

from __future__ import annotations

from collections.abc import Mapping

DEVELOPMENT_STORAGE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    # The account and key of every storage emulator; they are public.
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
    "TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"
)


def resolve_connection(name: str, environment: Mapping[str, str]) -> str:
    """Return the connection string behind a `connection=` (azure-webjobs-sdk, IConfigurationExtensions.cs).

    Args:
        name: The setting's name, with or without the `AzureWebJobs` in front.
        environment: Where settings are looked up.

    Raises:
        ValueError: There is no such setting, or it is a section that names an identity.
    """
    for candidate in (f"AzureWebJobs{name}", name):
        for key in (f"ConnectionStrings:{candidate}", f"ConnectionStrings__{candidate}", candidate):
            value = environment.get(key)
            if value:
                return expand(value)
        if any(key.startswith(f"{candidate}__") for key in environment):
            raise ValueError(f"The connection '{name}' names an identity, which this host does not model.")
    raise ValueError(f"Storage account connection string 'AzureWebJobs{name}' or '{name}' does not exist.")


def expand(connection_string: str) -> str:
    """Replace `UseDevelopmentStorage=true` by the emulator's well-known connection string."""
    parts = [part.strip().lower() for part in connection_string.split(";")]
    return DEVELOPMENT_STORAGE if "usedevelopmentstorage=true" in parts else connection_string
