"""Whether the app is there, and whether it can work."""

from http import HTTPStatus

from registry_api.bootstrap import App
from registry_api.domain.registry import RegistryKey
from registry_api.http.messages import Answer, Request
from registry_api.service.ports import StorageUnavailable


async def get_health(request: Request, app: App) -> Answer:
    """Say that the app is there. Touches nothing else, so it may be asked often and by anybody."""
    del app
    request.check_query()
    return Answer(HTTPStatus.OK, {"status": "ok"})


async def get_readiness(request: Request, app: App) -> Answer:
    """Say of each dependency whether it answers."""
    request.check_query()
    try:
        await app.store.read(RegistryKey.of("", "health"))
    except StorageUnavailable:
        return Answer(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "unavailable", "table": "unavailable"})
    return Answer(HTTPStatus.OK, {"status": "ok", "table": "ok"})
