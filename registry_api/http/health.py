"""Whether the app is there, and whether it can work."""

import asyncio
from collections.abc import Awaitable
from http import HTTPStatus

from registry_api.bootstrap import App
from registry_api.domain.names import RegistryKey
from registry_api.http.bodies import HealthBody, ReadinessBody
from registry_api.http.messages import Answer, Request
from registry_api.service.ports import StorageUnavailable

OK = "ok"
UNAVAILABLE = "unavailable"


async def get_health(request: Request, app: App) -> Answer:
    """Say that the app is there. Touches nothing else, so it may be asked often and by anybody."""
    del request, app
    return Answer(HTTPStatus.OK, HealthBody(status="ok"))


async def get_readiness(request: Request, app: App) -> Answer:
    """Say whether what the app depends on answers."""
    del request
    table, queue = await asyncio.gather(
        _state_of(app.ports.store.read(RegistryKey.of("", "health"))), _state_of(app.ports.queue.check())
    )
    if table == queue == OK:
        return Answer(HTTPStatus.OK, ReadinessBody(status=OK, table=table, queue=queue))
    body = ReadinessBody(status=UNAVAILABLE, table=table, queue=queue)
    return Answer(HTTPStatus.SERVICE_UNAVAILABLE, body)


async def _state_of(call: Awaitable[object]) -> str:
    try:
        await call
    except StorageUnavailable:
        return UNAVAILABLE
    return OK
