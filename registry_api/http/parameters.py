"""Query parameters and headers that a request may have: what they are called, and what they may be.

Like all that the table of routes is made of, this is imported at every cold start: it needs nothing heavy.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from registry_api.domain import scope

MAX_PAGE = 100
DEFAULT_PAGE = 50
IDEMPOTENCY_KEY_PATTERN = r"[\x21-\x7e]{1,255}"
HOST_KEY = "code"  # the Functions host's own parameter


class Parameter(NamedTuple):
    """A query parameter or header that an operation takes."""

    name: str
    description: str
    schema: Mapping[str, Any]
    example: str | None = None


TEXT = {"type": "string"}
SUBSCRIPTION = Parameter(
    "subscription_id", "Subscription of the registry.", {"type": "string", "pattern": f"^{scope.GUID}$"}
)
RESOURCE_GROUP = Parameter(
    "resource_group", "Resource group of the registry.", {"type": "string", "pattern": f"^{scope.RESOURCE_GROUP}$"}
)
SCOPE = (SUBSCRIPTION, RESOURCE_GROUP)
VALIDATE_ONLY = Parameter(
    "validate_only",
    "Answer as if, but do nothing.",
    {"type": "string", "enum": ["true", "false"], "default": "false"},
)
TOP = Parameter(
    "top",
    "How many items a page has at most.",
    {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE},
)
CONTINUATION = Parameter("continuation", "From the `next_link` of an earlier page, for the same filters.", TEXT)
PAGE = (TOP, CONTINUATION)
FILTERS = (
    Parameter("location", "The primary location.", {"$ref": "#/components/schemas/Region"}, "eastus"),
    Parameter("state", "The provisioning state.", {"$ref": "#/components/schemas/ProvisioningState"}),
    Parameter("tag", "A tag and its value, as `key:value`.", {"type": "string", "pattern": "^.[^:]*:"}, "team:ml"),
    *SCOPE,
)

_TAGS = {"type": "string", "pattern": r'^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$'}
IF_MATCH = Parameter("If-Match", "Entity tags, one of which the registry must have; or `*`.", _TAGS)
IF_NONE_MATCH = Parameter("If-None-Match", "Entity tags, none of which the registry may have; or `*`.", _TAGS)
CONDITIONS = (IF_MATCH, IF_NONE_MATCH)
IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "A new random text for each new request. A request that comes again with it within 24 hours is answered as the "
    "first time.",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": f"^{IDEMPOTENCY_KEY_PATTERN}$"},
)
