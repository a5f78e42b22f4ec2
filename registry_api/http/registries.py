"""The registry door: handlers that parse, make one service call that changes or plans something, and render."""

from http import HTTPStatus

from registry_api.bootstrap import App
from registry_api.domain import regions
from registry_api.domain.problems import Refusal
from registry_api.domain.registry import Registry
from registry_api.domain.validation import examine
from registry_api.http import arguments, documents, render
from registry_api.http.bodies import RegionList
from registry_api.http.errors import status_of
from registry_api.http.messages import Answer, Request
from registry_api.service import planning, registries
from registry_api.service.accepting import Intent, Outcome
from registry_api.service.views import view_of

RETRY_AFTER_SECONDS = 1
_NO_PLAN = {HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE}  # refusals that say nothing of the document


async def create_registry(request: Request, app: App) -> Answer:
    """Create a registry that does not exist yet."""
    intent = _intent(request, app)
    document = documents.read(request.body, request.headers)
    with document.locating():
        outcome = await registries.create(
            examine(document.value),
            intent,
            idempotency_key=arguments.idempotency_key_of(request),
            allowed=app.settings.allowed,
            ports=app.ports,
        )
    return _written(request, outcome, intent)


async def put_registry(request: Request, app: App) -> Answer:
    """Create a registry, or change it to be as the document says."""
    intent = _intent(request, app)
    document = documents.read(request.body, request.headers)
    with document.locating():
        outcome = await registries.put(
            examine(document.value, request.path["name"]),
            intent,
            allowed=app.settings.allowed,
            ports=app.ports,
        )
    return _written(request, outcome, intent)


async def patch_registry(request: Request, app: App) -> Answer:
    """Change some fields of a registry, by a JSON merge patch (RFC 7396) of its document."""
    intent = _intent(request, app)
    document = documents.read(request.body, request.headers, documents.PATCH_TYPES)
    with document.locating():
        outcome = await registries.patch(
            request.path["name"], document.value, intent, allowed=app.settings.allowed, ports=app.ports
        )
    return _written(request, outcome, intent)


async def delete_registry(request: Request, app: App) -> Answer:
    """Start to delete a registry; it is gone when the operation has succeeded."""
    intent = _intent(request, app)
    registry = await registries.delete(request.path["name"], intent, ports=app.ports)
    if registry is None:
        return Answer(HTTPStatus.NO_CONTENT)
    return _started(request, registry, intent)


async def reconcile_registry(request: Request, app: App) -> Answer:
    """Look at a registry again now, and do what is left to do."""
    intent = _intent(request, app)
    return _started(request, await registries.retry(request.path["name"], intent, ports=app.ports), intent)


async def plan_registry(request: Request, app: App) -> Answer:
    """Tell what a PUT of a document would do, action by action, and what speaks against it. Writes nothing."""
    intent = Intent(request.caller, arguments.scope_of(request, app), arguments.within(request))
    document = documents.read(request.body, request.headers)
    try:
        preview = await planning.preview(
            examine(document.value, request.path["name"]),
            intent,
            allowed=app.settings.allowed,
            ports=app.ports,
        )
    except Refusal as refusal:
        if {status_of(problem.code) for problem in refusal.problems} & _NO_PLAN:
            raise
        preview = planning.Preview(problems=document.locate(refusal).problems)
    return Answer(HTTPStatus.OK, render.plan_body(preview))


async def list_regions(request: Request, app: App) -> Answer:
    """Read the catalogue of regions."""
    del request
    catalogue = regions.catalogue().values()
    return Answer(
        HTTPStatus.OK, RegionList(value=[render.region_body(region, app.settings.allowed) for region in catalogue])
    )


def _intent(request: Request, app: App) -> Intent:
    return Intent(
        caller=request.caller,
        scope=arguments.scope_of(request, app),
        within=arguments.within(request),
        conditions=arguments.conditions_of(request),
        origin=arguments.origin_of(request),
        traceparent=arguments.traceparent_of(request),
        validate_only=arguments.validate_only(request),
    )


def _written(request: Request, outcome: Outcome, intent: Intent) -> Answer:
    registry = outcome.registry
    view = outcome.view or view_of(registry, is_real=not (outcome.changed and intent.validate_only))
    headers = {"etag": view.etag}
    if outcome.created:
        headers["location"] = f"{request.base_url}/registries/{registry.spec.name}"
    if outcome.changed and not intent.validate_only:
        headers |= _follow(request, registry)
    status = HTTPStatus.CREATED if outcome.created else HTTPStatus.OK
    return Answer(status, headers=headers, text=f"{view.body}\n")


def _started(request: Request, registry: Registry, intent: Intent) -> Answer:
    headers = {"etag": registry.etag} | ({} if intent.validate_only else _follow(request, registry))
    return Answer(HTTPStatus.ACCEPTED, render.operation_body(registry.operation), headers)


def _follow(request: Request, registry: Registry) -> dict[str, str]:
    return {
        "operation-location": f"{request.base_url}/operations/{registry.operation.id}",
        "retry-after": str(RETRY_AFTER_SECONDS),
    }
