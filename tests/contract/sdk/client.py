"""What tables and queues have in common: how the Azure SDK connects, how long it may take, what its errors mean."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.pipeline.transport import AioHttpTransport

from registry_api.service.ports import StorageUnavailable

DEADLINE = 8.0
"""Seconds that a call may take with all its retries: a caller is told within ten that storage is away."""

RETRIES = 2

_CONNECT_WITHIN = 2.0
_READ_WITHIN = 3.0
# Azurite drops a connection after five idle seconds. A request that crosses with that is lost, and not every
# request may be sent again.
_IDLE_AT_MOST = 4.0
_REFUSED_AS_WRONG = {400, 413}

_quiet = logging.getLogger(__name__)
_quiet.setLevel(logging.WARNING)


def client_options() -> dict[str, Any]:
    """Return the options of a client. To be called in the event loop that the client will live in."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(keepalive_timeout=_IDLE_AT_MOST),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # the SDK does it
        trust_env=False,  # or every request looks for proxies in the environment and for .netrc
    )
    return {
        "transport": AioHttpTransport(session=session, connection_timeout=_CONNECT_WITHIN, read_timeout=_READ_WITHIN),
        "logger": _quiet,  # the SDK's own writes two lines per request at INFO
        "retry_total": RETRIES,
    }


def code_of(error: HttpResponseError) -> str:
    """Return the storage service's own name for an error, or its HTTP status."""
    code = getattr(error, "error_code", None) or error.status_code
    return str(getattr(code, "value", code))


@asynccontextmanager
async def bounded(service: str) -> AsyncIterator[None]:
    """Limit the time of a call, and tell the SDK's errors in words of the ports.

    Args:
        service: What is called, for messages. They repeat nothing of the SDK's, which may tell parts of requests.

    Raises:
        StorageUnavailable: If the service did not answer, or not with what was asked for.
        ValueError: If it refused the request as wrong: a fault of this program, or of a caller's continuation.
    """
    try:
        async with asyncio.timeout(DEADLINE):
            yield
    except TimeoutError as error:
        raise StorageUnavailable(f"{service} did not answer within {DEADLINE:.0f} seconds.") from error
    except HttpResponseError as error:
        if error.status_code in _REFUSED_AS_WRONG:
            raise ValueError(f"{service} refuses the request: {code_of(error)}.") from error
        raise StorageUnavailable(f"{service} cannot do it: {code_of(error)}.") from error
    except AzureError as error:
        raise StorageUnavailable(f"{service} does not answer: {type(error).__name__}.") from error
