"""What is really in Azurite, read past the API: containers and the bytes of image layouts."""

import asyncio
import hashlib
from collections.abc import Sequence
from urllib.parse import urlsplit

from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob.aio import ContainerClient

from registry_api.provisioning.oci import BLOBS, push_artifact
from registry_api.settings import DEVELOPMENT_KEY


def exists(url: str) -> bool:
    """Tell whether there is a container at an address."""

    async def ask() -> bool:
        async with _container(url) as container:
            return await container.exists()

    return asyncio.run(ask())


def push(url: str, reference: str, layers: Sequence[bytes]) -> str:
    """Add an artifact to the image layout at an address and return its digest."""

    async def add() -> str:
        async with _container(url) as container:
            return await push_artifact(container, reference, layers)

    return asyncio.run(add())


def content(url: str) -> dict[str, str]:
    """Read every blob of the image layout at an address and return what its bytes are, as `sha256:...`, by its name."""

    async def read() -> dict[str, str]:
        async with _container(url) as container:
            names = [name async for name in container.list_blob_names(name_starts_with=BLOBS)]
            found = {}
            for name in names:
                download = await container.download_blob(name)
                found[name] = f"sha256:{hashlib.sha256(await download.readall()).hexdigest()}"
            return found

    return asyncio.run(read())


def _container(url: str) -> ContainerClient:
    account = urlsplit(url).path.split("/")[1]
    return ContainerClient.from_container_url(
        url, credential=AzureNamedKeyCredential(account, DEVELOPMENT_KEY), use_env_settings=False
    )
