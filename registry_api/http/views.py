"""The registry door: what is read most often is sent as it is kept."""

import json
from http import HTTPStatus

from registry_api.bootstrap import App
from registry_api.http import arguments
from registry_api.http.continuations import next_link, open_continuation, resuming
from registry_api.http.messages import Answer, Request
from registry_api.service import reading


async def get_registry(request: Request, app: App) -> Answer:
    """Read a registry: what is wanted, and under `status` what is true."""
    conditions = arguments.conditions_of(request)
    inquiry = arguments.inquiry_of(request, app)
    view = await reading.read_view(request.path["name"], inquiry, views=app.views, roles=app.roles)
    conditions.check_match(view.etag)
    headers = {"etag": view.etag}
    if conditions.excludes(view.etag):
        return Answer(HTTPStatus.NOT_MODIFIED, headers=headers)
    return Answer(HTTPStatus.OK, headers=headers, text=f"{view.body}\n")


async def list_registries(request: Request, app: App) -> Answer:
    """Read the registries of the caller's tenant, page by page. A page may be short and still lead on."""
    wanted, top = arguments.filter_of(request), arguments.top_of(request)
    listed = f"registries {wanted}"
    continuation, inquiry = open_continuation(request, app, listed), arguments.inquiry_of(request, app)
    with resuming():
        page = await reading.list_views(wanted, top, continuation, inquiry, views=app.views, roles=app.roles)
    value = ",".join(view.body for view in page.items)
    following = next_link(page.continuation, request, app, listed, "registries")
    rest = "".join(f",{json.dumps(name)}:{json.dumps(link)}" for name, link in following.items())
    return Answer(HTTPStatus.OK, text=f'{{"value":[{value}]{rest}}}\n')
