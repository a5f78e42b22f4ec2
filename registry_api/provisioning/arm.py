"""Azure Resource Manager as the backends use it: generic calls by id, bounded in time and never repeated in place.

Nothing is retried here and no operation is waited for: the next visit looks again. Azure's SDK would sleep for ten
seconds after it has registered a resource provider, with the function held.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.core.rest import HttpRequest
from azure.mgmt.resource.resources.aio import ResourceManagementClient

from registry_api.domain.problems import Code
from registry_api.domain.resources import Failure, FailureKind
from registry_api.provisioning.arm_errors import DEFAULT_REST, NOT_REGISTERED, failure_of, is_absence, is_refusal
from registry_api.provisioning.pipeline import code_of, policies, transport
from registry_api.service.backend import BackendError
from registry_api.service.ports import Clock

CALL_SECONDS = 8.0

_log = logging.getLogger(__name__)

_PROVIDERS = "2021-04-01"

Json = dict[str, Any]


class ResourceManager:
    """Calls of Azure Resource Manager. Each of them raises `BackendError` when it cannot be done.

    Args:
        endpoint: Where it is.
        credential: Who is calling.
        clock: The time.
    """

    def __init__(self, endpoint: str, credential: AsyncTokenCredential, clock: Clock) -> None:
        self._endpoint = endpoint
        self._credential = credential
        self._clock = clock
        self._clients: dict[str, ResourceManagementClient] = {}

    async def get(self, resource_id: str, version: str, about: str) -> Json | None:
        """Return a resource as Azure shows it, or None when it is not there."""
        async with self._call(resource_id, about, changes=False) as client:
            try:
                found = await client.resources.get_by_id(resource_id, api_version=version, cls=_as_sent)
            except HttpResponseError as error:
                if not is_absence(error):
                    raise
                return None
            return cast("Json", found)

    async def put(self, resource_id: str, version: str, body: Mapping[str, Any], about: str) -> None:
        """Ask for a resource to be as described; what Azure goes on to do is not waited for."""
        async with self._call(resource_id, about) as client:
            # Its result must not be asked for: the answer may be empty, and the SDK would try to read it.
            await client.resources.begin_create_or_update_by_id(
                resource_id, dict(body), api_version=version, polling=False
            )

    async def delete(self, resource_id: str, version: str, about: str) -> None:
        """Ask for a resource to be gone; one that is not there is."""
        async with self._call(resource_id, about) as client:
            try:
                await client.resources.begin_delete_by_id(resource_id, api_version=version, polling=False)
            except HttpResponseError as error:
                if not is_absence(error):
                    raise

    async def ids_in(self, group_id: str, about: str) -> list[str]:
        """Return the ids of everything in a resource group."""
        async with self._call(group_id, about, changes=False) as client:
            group = group_id.rpartition("/")[2]
            return [str(found.id) async for found in client.resources.list_by_resource_group(group)]

    async def post(self, path: str, version: str, body: Json | None, about: str) -> None:
        """Ask for an action."""
        async with self._call(path, about) as client:
            await _post(client, self._endpoint, path, version, body)

    async def close(self) -> None:
        """Close the connections; it may still be used and opens new ones."""
        while self._clients:
            _, client = self._clients.popitem()
            await client.close()

    @asynccontextmanager
    async def _call(
        self, resource_id: str, about: str, *, changes: bool = True
    ) -> AsyncIterator[ResourceManagementClient]:
        subscription = resource_id.split("/")[2]
        client = self._client(subscription)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                try:
                    yield client
                except HttpResponseError as error:
                    if code_of(error) != NOT_REGISTERED:
                        raise
                    await self._register(client, subscription, resource_id)
                    raise BackendError(_registering(resource_id)) from error
        except (TimeoutError, AzureError) as error:
            refused = not changes or is_refusal(error)
            raise BackendError(self._failure_of(error, about), refused=refused) from error

    def _failure_of(self, error: TimeoutError | AzureError, about: str) -> Failure:
        match error:
            case TimeoutError():
                return _away(about, "Azure did not answer in time")
            case ClientAuthenticationError(response=None):  # the credential's own words are not for callers
                _log.warning("The app has got no access token.", exc_info=True)
                return _away(about, "the app has got no access token; see the log")
            case HttpResponseError():
                return failure_of(error, about, self._clock.now())
            case _:
                return _away(about, f"Azure does not answer, {type(error).__name__}")

    async def _register(self, client: ResourceManagementClient, subscription: str, resource_id: str) -> None:
        namespace = _namespace(resource_id)
        path = f"/subscriptions/{subscription}/providers/{namespace}/register"
        await _post(client, self._endpoint, path, _PROVIDERS, None)

    def _client(self, subscription: str) -> ResourceManagementClient:
        if subscription not in self._clients:
            self._clients[subscription] = ResourceManagementClient(
                self._credential,
                subscription,
                self._endpoint,
                policies=policies(self._endpoint, self._credential),
                transport=transport(CALL_SECONDS),
            )
        return self._clients[subscription]


async def _post(client: ResourceManagementClient, endpoint: str, path: str, version: str, body: Json | None) -> None:
    request = HttpRequest("POST", f"{endpoint}{path}", params={"api-version": version}, json=body)
    answer = await client.send_request(request)
    answer.raise_for_status()


def _as_sent(response: Any, deserialized: object, headers: object) -> Json:
    """Return what Azure sent, whatever the SDK's model would make of it."""
    del deserialized, headers
    body: Json = response.http_response.json()
    return body


def _namespace(resource_id: str) -> str:
    return resource_id.lower().rpartition("/providers/")[2].partition("/")[0]


def _registering(resource_id: str) -> Failure:
    return Failure(
        code=Code.REGION_UNAVAILABLE,
        message=f"The subscription did not know {_namespace(resource_id)}; it is being registered.",
        kind=FailureKind.THROTTLED,
        retry_after=DEFAULT_REST,
    )


def _away(about: str, what_happened: str) -> Failure:
    return Failure(code=Code.REGION_UNAVAILABLE, message=f"{about}: {what_happened}.")
