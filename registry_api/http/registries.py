"""The registry door: handlers that parse a document, make one service call that stores it, and answer."""

from http import HTTPStatus

from registry_api.bootstrap import App
from registry_api.domain.registry import Registry
from registry_api.domain.validation import examine
from registry_api.http import arguments, documents
from registry_api.http.messages import Answer, Request
from registry_api.service import registries
from registry_api.service.accepting import Intent, Outcome
from registry_api.service.showing import view_of
from registry_api.service.views import etag_of

RETRY_AFTER_SECONDS = 1


async def create_registry(request: Request, app: App) -> Answer:
    """Create a registry that does not exist yet."""
    intent = intent_of(request, app)
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
    intent = intent_of(request, app)
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
    intent = intent_of(request, app)
    document = documents.read(request.body, request.headers, documents.PATCH_TYPES)
    with document.locating():
        outcome = await registries.patch(
            request.path["name"], document.value, intent, allowed=app.settings.allowed, ports=app.ports
        )
    return _written(request, outcome, intent)


def intent_of(request: Request, app: App) -> Intent:
    """Return who asks for a change, and under which conditions."""
    return Intent(
        request.caller,
        *arguments.places_of(request, app),
        conditions=arguments.conditions_of(request),
        origin=arguments.origin_of(request),
        traceparent=arguments.traceparent_of(request),
        validate_only=arguments.validate_only(request),
    )


def _written(request: Request, outcome: Outcome, intent: Intent) -> Answer:
    registry = outcome.registry
    view = outcome.view or view_of(registry, is_real=not (outcome.changed and intent.validate_only))
    headers = {"etag": etag_of(view)}
    if outcome.created:
        headers["location"] = f"{request.base_url}/registries/{registry.spec.name}"
    if outcome.changed and not intent.validate_only:
        headers |= follow(request, registry)
    status = HTTPStatus.CREATED if outcome.created else HTTPStatus.OK
    return Answer(status, headers=headers, text=f"{view}\n")


def follow(request: Request, registry: Registry) -> dict[str, str]:
    """Return the headers that tell how to follow a registry's operation."""
    return {
        "operation-location": f"{request.base_url}/operations/{registry.operation.id}",
        "retry-after": str(RETRY_AFTER_SECONDS),
    }
