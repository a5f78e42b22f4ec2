"""The registry door: the catalogue of regions."""

from http import HTTPStatus

from registry_api.bootstrap import App
from registry_api.domain import regions
from registry_api.http import render
from registry_api.http.bodies import RegionList
from registry_api.http.messages import Answer, Request


async def list_regions(request: Request, app: App) -> Answer:
    """Read the catalogue of regions."""
    del request
    catalogue = regions.catalogue().values()
    return Answer(
        HTTPStatus.OK, RegionList(value=[render.region_body(region, app.settings.allowed) for region in catalogue])
    )
