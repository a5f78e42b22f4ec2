"""The door for webhooks: verifies who sent the bytes, finds the documents in them, tells what became of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from registry_api.access.webhooks import is_delivery_id, unknown_sender
from registry_api.bootstrap import App
from registry_api.domain.filters import Filter
from registry_api.domain.problems import Code, Path, refuse, write_path
from registry_api.domain.sources import SourceKind, WebhookSource
from registry_api.domain.validation import examine
from registry_api.http import arguments, documents, render
from registry_api.http.documents import JSON_TYPES, MAX_DOCUMENTS, Document
from registry_api.http.messages import Answer, Request
from registry_api.service import deliveries
from registry_api.service.accepting import Intent
from registry_api.service.deliveries import Delivered, Delivery, Verdict

_PING, _DISPATCH = "ping", "repository_dispatch"
_BUILD = "build.complete"
_FIELDS = ("registry", "registries")


@dataclass(frozen=True, slots=True)
class _Payload:
    """What a source has sent, in words that all kinds of sources share."""

    id: str
    is_id_proven: bool
    documents: list[Document]


async def receive_webhook(request: Request, app: App) -> Answer:
    """Create or change the registries whose documents a source of the settings sends and signs; each delivery once.

    200 tells that all documents were accepted, 422 that at least one was refused; the others are applied all the same.
    A delivery that comes again is answered as the first time, and has no second effect. Events of GitHub and of
    Azure DevOps carry their documents in them; what is described here is the body of a source that signs by Standard
    Webhooks.
    """
    documents.check_length(request.body, request.headers)
    source = app.webhooks.verify(request.path["source"], request.headers, request.body)
    payload = _READERS[source.kind](source, request)
    results = await deliveries.deliver(
        Delivery(
            source=source.name,
            id=payload.id,
            body=sha256(request.body).hexdigest(),
            is_id_proven=payload.is_id_proven,
            documents=[Delivered(examine(document.value), document.locate) for document in payload.documents],
        ),
        Intent(
            caller=source.caller,
            scope=source.scope,
            within=Filter(subscription_id=source.subscription_id, resource_group=source.resource_group),
            origin=arguments.origin_of(request),
            traceparent=arguments.traceparent_of(request),
        ),
        allowed=app.settings.allowed,
        ports=app.ports,
    )
    is_refused = any(result.verdict is Verdict.REFUSED for result in results)
    return Answer(
        HTTPStatus.UNPROCESSABLE_ENTITY if is_refused else HTTPStatus.OK,
        render.delivery_body(payload.id, results, request.base_url),
    )


def _read_standard(source: WebhookSource, request: Request) -> _Payload:
    del source
    found = documents.read_all(request.body, request.headers)
    return _Payload(request.headers["webhook-id"], is_id_proven=True, documents=found)


def _read_github(source: WebhookSource, request: Request) -> _Payload:
    """Read an event of GitHub, whose signature covers the body alone."""
    event, found = request.headers.get("x-github-event"), list[Document]()
    if event not in {_PING, _DISPATCH}:
        raise refuse(Code.INVALID_HEADER, f"X-GitHub-Event must be {_PING} or {_DISPATCH}.", "X-GitHub-Event")
    if event == _DISPATCH:
        dispatch = documents.read(request.body, request.headers, JSON_TYPES)
        _check_repository(source, dispatch.value)
        found = _carried(dispatch, ("client_payload",))
    return _Payload(request.headers["x-github-delivery"], is_id_proven=False, documents=found)


def _check_repository(source: WebhookSource, event: Any) -> None:
    """Refuse what comes from elsewhere: one secret of an app signs for every repository where it is installed."""
    fields = event.get("repository") if isinstance(event, dict) else None
    name = fields.get("full_name") if isinstance(fields, dict) else None
    if not isinstance(name, str) or name.lower() != str(source.repository).lower():
        raise unknown_sender()


def _read_azure_devops(source: WebhookSource, request: Request) -> _Payload:
    """Read an event of Azure DevOps: that a run has ended, whose parameters have the documents."""
    event = documents.read(request.body, request.headers, JSON_TYPES)
    fields = event.value if isinstance(event.value, dict) else {}
    subscription, delivery, kind = (fields.get(name) for name in ("subscriptionId", "id", "eventType"))
    if not isinstance(subscription, str) or subscription.lower() != source.hook_subscription:
        raise unknown_sender()
    if not isinstance(delivery, str) or not is_delivery_id(delivery):
        message = "'id' must be the event's id: 1 to 255 visible ASCII characters without a full stop."
        raise refuse(Code.WRONG_TYPE, message, "id")
    if kind != _BUILD:
        raise refuse(Code.INVALID_VALUE, f"'eventType' must be {_BUILD}.", "eventType")
    resource = _mapping_at(event, ("resource",))
    found = list[Document]()
    if resource.get("result") == "succeeded":
        found = _carried_by_run(event, resource)
    return _Payload(delivery, is_id_proven=True, documents=found)


def _carried_by_run(event: Document, resource: Mapping[str, Any]) -> list[Document]:
    """Return the documents in the parameters of a run, or, as older pipelines have them, in its variables as text."""
    variables = resource.get("parameters")
    if "templateParameters" in resource or not isinstance(variables, str):
        return _carried(event, ("resource", "templateParameters"))
    from registry_api.http import json_documents  # noqa: PLC0415 - each parser is imported at first use

    return _carried(json_documents.parse(variables), ())


def _carried(event: Document, path: Path) -> list[Document]:
    """Return the documents in a field of an event: one or a list, each of them an object or a text."""
    fields = _mapping_at(event, path)
    name = next((name for name in _FIELDS if name in fields), None)
    if name is None:
        places = " or ".join(f"'{write_path((*path, name))}'" for name in _FIELDS)
        raise refuse(Code.MISSING_FIELD, f"{places} is required: a document, or several.", *path)
    found = list(_spread(event.part(*path, name)))
    if len(found) > MAX_DOCUMENTS:
        raise refuse(
            Code.TOO_MANY_ITEMS,
            f"A delivery may have at most {MAX_DOCUMENTS} documents; this one has {len(found)}.",
            *path,
            name,
        )
    return found


def _spread(document: Document) -> list[Document]:
    match document.value:
        case str() as text:
            return documents.read_stream(text)
        case list() as items:
            return [one for index in range(len(items)) for one in _spread(document.part(index))]
    return [document]


def _mapping_at(event: Document, path: Path) -> Mapping[str, Any]:
    try:
        found = event.part(*path).value
    except (LookupError, TypeError):
        found = None
    if not isinstance(found, dict):
        raise refuse(
            Code.WRONG_TYPE, f"'{write_path(path) or 'parameters'}' must be a mapping of names to values.", *path
        )
    return found


_READERS: Mapping[SourceKind, Callable[[WebhookSource, Request], _Payload]] = {
    SourceKind.STANDARD: _read_standard,
    SourceKind.GITHUB: _read_github,
    SourceKind.AZURE_DEVOPS: _read_azure_devops,
}
