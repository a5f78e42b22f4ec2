"""What docs/notifications.md says is so."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from registry_api.domain.delivery import GIVE_UP_AFTER
from registry_api.domain.events import Event, EventType
from registry_api.domain.notifications import cloud_event
from registry_api.domain.operation import OperationKind
from registry_api.domain.scope import Scope
from registry_api.domain.subscribers import NotificationType
from registry_api.notification.courier import signatures
from registry_api.service.audience import Letter
from registry_api.service.delivering import DELIVERY_TIME
from registry_api.settings import Settings
from registry_api.storage.retention import KEEP_EVENTS

TEXT = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text("utf-8")
SETTING, CLOUD_EVENT = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
(VERIFIER,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_the_setting_that_is_shown_is_one() -> None:
    """The example can be copied."""
    environment = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "REGISTRY_SUBSCRIBERS": SETTING}
    assert [one.name for one in Settings.read(environment).subscriptions] == ["inventory"]


def test_every_type_is_told() -> None:
    """The table has all of them, in the order of a life."""
    assert set(re.findall(r"^\| `(registry\.\w+)`", TEXT, re.MULTILINE)) == set(NotificationType)


def test_the_cloud_event_that_is_shown_is_one() -> None:
    """With the same fields in the same order."""
    shown = json.loads(CLOUD_EVENT)
    event = Event(
        incarnation=shown["data"]["incarnation"],
        sequence=int(shown["sequence"]),
        time=datetime.fromisoformat(shown["time"]),
        type=EventType.OPERATION_SUCCEEDED,
        operation=shown["data"]["operation"],
        operation_kind=OperationKind.CREATE,
        generation=1,
        actor="registry-api",
        actor_type="Application",
        registry=shown["subject"],
        scope=Scope(subscription_id=shown["source"].split("/")[2], resource_group=shown["source"].split("/")[4]),
        state="Succeeded",
    )
    made = json.loads(cloud_event(event))

    assert made == shown
    assert [[*made], [*made["data"]]] == [[*shown], [*shown["data"]]]


def test_the_verifier_that_is_shown_verifies() -> None:
    """What the service signs is genuine to it, by either secret, and nothing else is."""
    names: dict[str, Any] = {}
    exec(VERIFIER, names)  # noqa: S102 - it is our own document
    is_genuine = names["is_genuine"]
    secret, other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + "A" * 32
    now = datetime.now(UTC)
    letter = Letter("demo1-1f-1", now, "application/cloudevents+json", b"{}")
    headers = {
        "webhook-id": letter.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signatures(letter, [other, secret]),
    }

    assert is_genuine(headers, b"{}", secret)
    assert is_genuine(headers, b"{}", other)
    assert not is_genuine(headers, b"{} ", secret)
    assert not is_genuine(headers | {"webhook-id": "another"}, b"{}", secret)
    assert not is_genuine(headers, b"{}", "whsec_" + "B" * 32)
    assert not is_genuine(headers | {"webhook-timestamp": str(int(now.timestamp()) - 301)}, b"{}", secret)


def test_the_figures_are_those_of_the_code() -> None:
    """Times that the text promises."""
    assert (GIVE_UP_AFTER.total_seconds(), DELIVERY_TIME.total_seconds(), KEEP_EVENTS.days) == (24 * 3600, 10, 400)
    assert "24 hours after it happened" in TEXT
    assert "within ten seconds" in TEXT
    assert "kept for 400 days" in TEXT
