"""Senders of webhooks: what their settings are, and how they prove what they send."""

import hmac
import json
import time
import uuid
from base64 import b64decode, b64encode
from typing import Any

import requests
from requests.auth import AuthBase

TENANT = "00000000-0000-0000-0000-000000000001"  # of the developer
PRINCIPAL = "00000000-0000-0000-0000-0000000000c1"
SUBSCRIPTION, GROUP = "00000000-0000-0000-0000-000000000000", "registries"
REPOSITORY = "Contoso/registries"
HOOK_SUBSCRIPTION = "4f6e6328-0251-4814-a009-c01dfa368e3f"
SECRET = "whsec_" + b64encode(b"canary-of-the-standard-source").decode()
OTHER_SECRET = "whsec_" + b64encode(b"canary-of-the-standard-other!").decode()
GITHUB_SECRET = "canary-of-the-github-source"  # noqa: S105 - of tests alone
HOOK_SECRET = "canary-of-the-service-hook-source"  # noqa: S105 - the same


def source(kind: str, *secrets: str, **fields: Any) -> dict[str, Any]:
    """Return the settings of a source, which is called by its kind."""
    pin = {"azure-devops": {"hook_subscription": HOOK_SUBSCRIPTION}, "github": {"repository": REPOSITORY}}
    return {
        "name": kind,
        "kind": kind,
        "tenant": TENANT,
        "object_id": PRINCIPAL,
        "subscription_id": SUBSCRIPTION,
        "resource_group": GROUP,
        "secrets": list(secrets),
        **pin.get(kind, {}),
        **fields,
    }


SOURCES = (
    source("standard", SECRET),
    source("github", GITHUB_SECRET),
    source("azure-devops", HOOK_SECRET),
)


def settings(*sources: dict[str, Any], **roles: str) -> dict[str, str]:
    """Return the settings of an app with these sources, whose principal is Contributor; or has other roles by group."""
    assignments = [
        {
            "tenant": TENANT,
            "principal": PRINCIPAL,
            "role": role,
            "scope": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}",
        }
        for group, role in (roles or {GROUP: "Contributor"}).items()
    ]
    return {
        "REGISTRY_WEBHOOKS": json.dumps(sources or SOURCES),
        "REGISTRY_ROLES": json.dumps({"assignments": assignments}),
    }


def signed(
    body: bytes, *, secret: str = SECRET, delivery: str | None = None, timestamp: float | None = None
) -> dict[str, str]:
    """Return the headers of a delivery that is signed by Standard Webhooks."""
    delivery = delivery or f"msg_{uuid.uuid4().hex}"
    at = str(int(time.time() if timestamp is None else timestamp))
    digest = hmac.digest(b64decode(secret.removeprefix("whsec_")), f"{delivery}.{at}.".encode() + body, "sha256")
    return {
        "webhook-id": delivery,
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{b64encode(digest).decode()}",
    }


def by_github(
    body: bytes, event: str = "repository_dispatch", *, secret: str = GITHUB_SECRET, delivery: str | None = None
) -> dict[str, str]:
    """Return the headers of a delivery of GitHub's."""
    return {
        "content-type": "application/json",
        "x-github-event": event,
        "x-github-delivery": delivery or str(uuid.uuid4()),
        "x-hub-signature-256": f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}",
    }


def dispatch(repository: str = REPOSITORY, **payload: Any) -> bytes:
    """Return an event of GitHub's with a payload of a workflow's."""
    event = {"action": "publish", "branch": "main", "client_payload": payload, "repository": {"full_name": repository}}
    return json.dumps(event).encode()


def run_ended(
    parameters: Any, *, delivery: str = "33433986-7f56-4969-bfd4-3e59774c75ad", result: str = "succeeded", **fields: Any
) -> bytes:
    """Return an event of Azure DevOps, as learn.microsoft.com/azure/devops/service-hooks/events shows it."""
    event = {
        "subscriptionId": HOOK_SUBSCRIPTION,
        "notificationId": 1,
        "id": delivery,
        "eventType": "build.complete",
        "publisherId": "tfs",
        "message": {"text": "Build 20241202.1 succeeded"},
        "detailedMessage": {"text": "Build 20241202.1 succeeded"},
        "resource": {"id": 2727068, "status": "completed", "result": result, "templateParameters": parameters},
        "resourceVersion": "2.0",
        "createdDate": "2024-12-02T16:11:38.3100000Z",
    }
    return json.dumps(event | fields).encode()


class Signing(AuthBase):
    """Signs a request of the `requests` package when its body is known."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the headers."""
        body = request.body or b""
        if not isinstance(body, str | bytes):
            raise TypeError("What comes in pieces is not signed here.")
        request.headers.update(signed(body.encode() if isinstance(body, str) else body))
        return request
