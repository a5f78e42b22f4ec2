"""The functions that the host calls for requests. What serves them is imported at the first request.

A cold start indexes all functions before it serves the first: everything that a request alone needs would delay it.
"""

from collections.abc import Awaitable, Callable

import azure.functions as func

from registry_api.http.route import Route
from registry_api.http.routes import ALL_ROUTES

blueprint = func.Blueprint()  # type: ignore[no-untyped-call] # the SDK's class has no annotations


def function_of(route: Route) -> Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]:
    """Return the function of a route."""

    async def serve(req: func.HttpRequest) -> func.HttpResponse:
        from registry_api.http import rim  # noqa: PLC0415 - see above

        return await rim.serve(route, req)

    return serve


for _route in ALL_ROUTES:
    blueprint.function_name(_route.name)(
        blueprint.route(route=_route.template, methods=[_route.method], auth_level=func.AuthLevel.ANONYMOUS)(
            function_of(_route)
        )
    )


# The host tries functions in the order of their names and takes the first whose route matches.
@blueprint.function_name("zz_no_such_route")
@blueprint.route(route="{*path}", auth_level=func.AuthLevel.ANONYMOUS)
async def no_such_route(req: func.HttpRequest) -> func.HttpResponse:
    """Answer what no other function takes."""
    from registry_api.http import rim  # noqa: PLC0415 - see above

    return await rim.no_such_route(req)
