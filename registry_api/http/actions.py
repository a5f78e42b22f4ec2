"""The registry door: handlers of what is done to a registry as it is, and of what a document would do to it."""

from http import HTTPStatus

from registry_api.bootstrap import App
from registry_api.domain.problems import Refusal
from registry_api.domain.registry import Registry
from registry_api.domain.validation import examine
from registry_api.http import arguments, documents, render
from registry_api.http.errors import status_of
from registry_api.http.messages import Answer, Request
from registry_api.http.registries import follow, intent_of
from registry_api.service import planning, registries
from registry_api.service.accepting import Intent

_NO_PLAN = {HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE}  # refusals that say nothing of the document


async def delete_registry(request: Request, app: App) -> Answer:
    """Start to delete a registry; it is gone when the operation has succeeded."""
    intent = intent_of(request, app)
    registry = await registries.delete(request.path["name"], intent, ports=app.ports)
    if registry is None:
        return Answer(HTTPStatus.NO_CONTENT)
    return _started(request, registry, intent)


async def reconcile_registry(request: Request, app: App) -> Answer:
    """Look at a registry again now, and do what is left to do."""
    intent = intent_of(request, app)
    return _started(request, await registries.retry(request.path["name"], intent, ports=app.ports), intent)


async def plan_registry(request: Request, app: App) -> Answer:
    """Tell what a PUT of a document would do, action by action, and what speaks against it. Writes nothing."""
    intent = Intent(request.caller, *arguments.places_of(request, app))
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


def _started(request: Request, registry: Registry, intent: Intent) -> Answer:
    headers = {"etag": registry.etag} | ({} if intent.validate_only else follow(request, registry))
    return Answer(HTTPStatus.ACCEPTED, render.operation_body(registry.operation), headers)
