"""How Azure's SDK reaches Azure Resource Manager, and what its errors are called.

Nothing is retried here. Azure's SDK would sleep for as long as a `Retry-After` says, with the function held.
Importing this imports the SDK: do it where Azure is first asked.
"""

from typing import Any

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import (
    ContentDecodePolicy,
    DistributedTracingPolicy,
    RequestIdPolicy,
    UserAgentPolicy,
)
from azure.core.pipeline.transport import AioHttpTransport
from azure.mgmt.core.policies import AsyncARMChallengeAuthenticationPolicy

_CONNECT_WITHIN = 3.0


def policies(endpoint: str, credential: AsyncTokenCredential) -> list[Any]:
    """Return what is done to every request and answer.

    Args:
        endpoint: Where Azure Resource Manager is.
        credential: Who is calling.
    """
    return [
        RequestIdPolicy(),
        UserAgentPolicy(base_user_agent="registry-api"),
        ContentDecodePolicy(),
        AsyncARMChallengeAuthenticationPolicy(credential, f"{endpoint}/.default"),
        DistributedTracingPolicy(),
    ]


def transport(seconds: float) -> AioHttpTransport:
    """Return new connections, on which an answer is waited for so long."""
    return AioHttpTransport(session=_session(), connection_timeout=_CONNECT_WITHIN, read_timeout=seconds)


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # the SDK does it
        trust_env=False,
    )


def code_of(error: HttpResponseError) -> str:
    """Return Azure's own name for an error, or what stands for its status."""
    code = getattr(error.error, "code", None)
    return code if isinstance(code, str) and code else f"HTTP {error.status_code}"
