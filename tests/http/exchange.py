"""What two tenants are called and have, and what goes in and out of their app."""

from collections.abc import Mapping
from typing import NamedTuple

from registry_api.http.route import Route
from tests import senders

OURS, THEIRS = "aaaaaaaa-0000-0000-0000-000000000001", "bbbbbbbb-0000-0000-0000-000000000002"
OBJECT = "cccccccc-0000-0000-0000-000000000003"  # the same in both tenants
SUBSCRIPTION = "abcdef11-2222-3333-4444-555555555555"
OTHER_SUBSCRIPTION = "abcdef11-2222-3333-4444-666666666666"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/ml"
KEYS = {"ours": (OURS, "Owner", "/"), "ours-reader": (OURS, "Reader", GROUP), "theirs": (THEIRS, "Owner", "/")}
SECRETS = {"ours": (OURS, senders.SECRET), "theirs": (THEIRS, senders.OTHER_SECRET)}  # of webhooks
DELIVERIES = [f"msg_{number}" for number in range(9)]  # of both
NAMES = ("Demo1", "Demo2", "demo3", "Demo4")  # of both
THEIR_NAMES = ("Bravo1", "Bravo2", "Bravo3", "Gone1", "Midway1")
REGIONS = ("eastus", "westus", "northeurope")
MEDIA = ("application/json", "application/yaml", "application/merge-patch+json", "text/plain")


class Reply(NamedTuple):
    """An answer as it goes out."""

    status: int
    headers: Mapping[str, str]
    media_type: str
    body: bytes


class Ask(NamedTuple):
    """A request as it comes in."""

    route: Route | None  # None for what no route takes
    method: str
    path: str
    parameters: Mapping[str, str]
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes = b""
