"""What settings say in lists and in JSON: regions, keys for pipelines, roles, subscribers, webhooks.

What is wrong is told without the text.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
)

from registry_api.domain import regions, signing
from registry_api.domain.addresses import is_numeric, is_public
from registry_api.domain.assignments import Assigned, Guid, RoleBook
from registry_api.domain.record import Record
from registry_api.domain.scope import is_guid
from registry_api.domain.sources import WebhookSource
from registry_api.domain.subscribers import NotificationType

_INSTRUMENTATION_KEY = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_of_application_insights(given: str) -> bool:
    """Tell whether the exporter takes a connection string, by its own rules: it says so too late."""
    try:
        values = {name.lower(): value for name, value in (part.split("=") for part in given.split(";"))}
    except ValueError:  # a part has another number of =
        return False
    is_by_key = values.get("authorization", "ikey").lower() == "ikey"
    return is_by_key and _INSTRUMENTATION_KEY.fullmatch(values.get("instrumentationkey", "")) is not None


def region_names(given: object) -> object:
    """Read names of regions, separated by commas, in any spelling."""
    if not isinstance(given, str):
        return given
    spellings = [spelling.strip() for spelling in given.split(",") if spelling.strip()]
    if unknown := [spelling for spelling in spellings if regions.find(spelling) is None]:
        raise ValueError(f"names what is no region: {', '.join(unknown)}")
    return frozenset(regions.normalise(spelling) for spelling in spellings)


RegionNames = Annotated[frozenset[str], BeforeValidator(region_names)]


def words(given: object) -> object:
    """Read words that are separated by commas."""
    return tuple(word.strip() for word in given.split(",") if word.strip()) if isinstance(given, str) else given


class PipelineKey(Record):
    """A key of a pipeline, of which only the hash is known, and whom it stands for."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100)]
    tenant: Guid
    object_id: Guid
    roles: tuple[Assigned, ...] = ()
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", repr=False)]


_AT_FIRST_USE = ConfigDict(defer_build=True)


def _json(text: str) -> object:
    """Return what a JSON says.

    Raises:
        ValueError: If it is none, or has a name twice: what stands first would be lost without a word.
    """

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if _has_twice(name for name, _ in pairs):
            raise ValueError("a name stands twice in it")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=unique)
    except RecursionError:
        raise ValueError("it is too deep") from None


def _wrong(error: ValueError, *models: type[Record]) -> str:
    """Return where something is wrong and why. Where models are given, other names than theirs may be secrets."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False, include_url=False)[0]
    known = {name for model in models for name in model.model_fields}
    place = ".".join(str(step) for step in first["loc"] if isinstance(step, int) or not models or step in known)
    why = first["msg"].removeprefix("Value error, ")
    return f"{place}: {why}" if place else why


_KEYS = TypeAdapter(tuple[PipelineKey, ...], config=_AT_FIRST_USE)
_OF_NOTHING = sha256(b"").hexdigest()  # what a command prints whose key was empty


def keys(given: object) -> object:
    """Read keys written as JSON. What is wrong is told without the text, which may hold a key by mistake."""
    if not given or not isinstance(given, str):
        return given or ()
    try:
        found = _KEYS.validate_python(_json(given))
    except ValueError as error:
        fields = ", ".join(PipelineKey.model_fields)
        raise ValueError(
            f"must be a JSON list of keys with {fields}: tenant and object_id GUIDs, roles a list of role and scope, "
            f"sha256 of the key in hex; {_wrong(error, PipelineKey, Assigned)}"
        ) from None
    if any(key.sha256 == _OF_NOTHING for key in found):
        raise ValueError("has the hash of an empty key, which everybody can send")
    if _has_twice(key.sha256 for key in found):
        raise ValueError("has a key twice: whom it stands for cannot be told")
    return found


def roles(given: object) -> object:
    """Read roles and assignments written as JSON, or in a file of JSON."""
    if not isinstance(given, str) or not given.strip():
        return given or RoleBook()
    try:
        text = given if given.lstrip().startswith("{") else Path(given).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ValueError(f"must be JSON, or the path of a file of it: {type(error).__name__}") from None
    try:
        book = RoleBook.model_validate(_json(text))
    except ValueError as error:
        raise ValueError(
            "must be JSON with 'roles' (a name and its actions and not_actions) and 'assignments' (tenant, principal, "
            f"role and scope, perhaps denies); {_wrong(error)}"
        ) from None
    # With anything else nobody is meant, and what is denied would be denied to nobody.
    if not all(is_guid(one.tenant) and is_guid(one.principal) for one in book.assignments):
        raise ValueError("must have a GUID as tenant and as principal of every assignment")
    return book


def _secret(given: str) -> str:
    if not given.startswith(signing.PREFIX):
        raise ValueError(f"it has to begin with {signing.PREFIX}")
    signing.key_in(given)
    return given


class Subscription(Record):
    """A subscriber: whose registries it is told of, where, and what that is signed with."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,50}$")]
    tenant: Guid
    url: Annotated[str, Field(max_length=2000, repr=False)]
    secrets: Annotated[tuple[Annotated[str, AfterValidator(_secret)], ...], Field(min_length=1, repr=False)]
    types: Annotated[frozenset[NotificationType], Field(min_length=1)] = frozenset(NotificationType)

    @field_validator("url")
    @classmethod
    def _plain(cls, given: str) -> str:
        try:
            address = urlsplit(given)
            is_whole = bool(address.hostname) and address.port != 0
        except ValueError:  # whose words repeat what was given
            is_whole = False
        if not is_whole or address.username is not None or address.fragment or not given.isprintable():
            raise ValueError("it has to be an address without credentials and fragment")
        return given

    @property
    def origin(self) -> str:
        """Return what of the address may be shown."""
        address = urlsplit(self.url)
        return f"{address.scheme}://{address.netloc}"

    @property
    def is_public(self) -> bool:
        """Tell whether the address is encrypted and, as far as can be told without asking for it, of the internet."""
        address = urlsplit(self.url)
        host = address.hostname or ""
        return address.scheme == "https" and (is_public(host) or not is_numeric(host))

    @property
    def is_http(self) -> bool:
        """Tell whether the address is one of HTTP at all."""
        return urlsplit(self.url).scheme in {"http", "https"}


_SUBSCRIPTIONS = TypeAdapter(tuple[Subscription, ...], config=_AT_FIRST_USE)


def subscriptions(given: object) -> object:
    """Read subscriptions written as JSON. What is wrong is told without the text, which has secrets."""
    if not given or not isinstance(given, str):
        return given or ()
    try:
        return _SUBSCRIPTIONS.validate_python(_json(given))
    except ValueError as error:
        raise ValueError(
            "must be a JSON list of subscribers with name (letters, digits, _ and -), tenant (a GUID), url (without "
            "credentials and fragment), secrets (a list of whsec_ and 24 to 64 bytes in base64) and perhaps types "
            f"({', '.join(NotificationType)}); {_wrong(error, Subscription)}"
        ) from None


_WEBHOOKS = TypeAdapter(tuple[WebhookSource, ...], config=_AT_FIRST_USE)


def webhooks(given: object) -> object:
    """Read sources of webhooks written as JSON. What is wrong is told without the text, which has their secrets."""
    if not given or not isinstance(given, str):
        return given or ()
    try:
        sources = _WEBHOOKS.validate_python(_json(given))
    except ValueError as error:
        fields = ", ".join(WebhookSource.model_fields)
        raise ValueError(
            f"must be a JSON list of sources with {fields}: name in lower case, kind standard, github or azure-devops, "
            "tenant and object_id GUIDs, secrets a list of 24 characters or more each (for standard, base64 of 24 to "
            "64 bytes), hook_subscription a GUID for azure-devops alone, repository an owner/name for github alone; "
            f"{_wrong(error, WebhookSource)}"
        ) from None
    if _has_twice(source.name for source in sources):
        raise ValueError("names a source twice")
    # As text and as bytes: the same bytes may be written in several ways.
    if _has_twice(secret for source in sources for secret in source.secrets) or _has_twice(
        key for source in sources for key in source.keys
    ):
        raise ValueError("has a secret twice: a delivery to one source would do for another")
    return sources


def _has_twice(found: Iterable[str | bytes]) -> bool:
    return any(count > 1 for count in Counter(found).values())
