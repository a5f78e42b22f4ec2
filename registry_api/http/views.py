"""The registry door: what is read most often is sent as it is kept."""

import json
from http import HTTPStatus

from registry_api.bootstrap import App
from registry_api.http import arguments
from registry_api.http.continuations import next_link, open_continuation, resuming
from registry_api.http.messages import Answer, Request
from registry_api.service import reading
from registry_api.service.views import etag_of


async def get_registry(request: Request, app: App) -> Answer:
    """Read a registry: what is wanted, and under `status` what is true."""
    conditions = arguments.conditions_of(request)
    inquiry = arguments.inquiry_of(request, app)
    view = await reading.read_view(request.path["name"], inquiry, views=app.views, roles=app.roles)
    etag = etag_of(view)
    conditions.check_match(etag)
    headers = {"etag": etag}
    if conditions.excludes(etag):
        return Answer(HTTPStatus.NOT_MODIFIED, headers=headers)
    return Answer(HTTPStatus.OK, headers=headers, text=f"{view}\n")


async def list_registries(request: Request, app: App) -> Answer:
    """Read the registries of the caller's tenant, page by page. A page may be short and still lead on."""
    inquiry, top = arguments.inquiry_of(request, app), arguments.top_of(request)
    wanted = arguments.filter_of(request, inquiry.within)
    listed = f"registries {wanted}"
    continuation = open_continuation(request, app, listed)
    with resuming():
        page = await reading.list_views(wanted, top, continuation, inquiry, views=app.views, roles=app.roles)
    following = next_link(page.continuation, request, app, listed, "registries")
    rest = f",{json.dumps(following)[1:]}" if following else "}"
    return Answer(HTTPStatus.OK, text=f'{{"value":[{",".join(page.items)}]{rest}\n')
