"""What a user may write about a registry.

The keys, defaults and allowed values are those of the official registry YAML (azure-ai-ml, schema `registry`),
plus `description`, `deletion_protection` and `paused`. A spec is canonical: two documents that mean the same
give equal specs, whatever their spelling, order or left-out defaults.
"""

import re
from collections.abc import Callable
from types import MappingProxyType
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from registry_api.domain import names, regions
from registry_api.domain.problems import Code, is_unicode, quote
from registry_api.domain.record import Record
from registry_api.domain.suggestions import similar

MAX_DESCRIPTION = 4096
MAX_PUBLISHER = 256
MAX_TAGS = 50
MAX_TAG_KEY = 512
MAX_TAG_VALUE = 256
MAX_REGIONS = 58
MAX_REPLICATION_COUNT = 10
STORAGE_ACCOUNT_TYPES = (
    "Standard_LRS",
    "Standard_GRS",
    "Standard_RAGRS",
    "Standard_ZRS",
    "Standard_GZRS",
    "Standard_RAGZRS",
    "Premium_LRS",
    "Premium_ZRS",
)

# Control characters but tab and line ends.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_EXACT = 2**53  # larger floating-point numbers stand for several whole ones
_FORBIDDEN_IN_TAG_KEY = "<>%&\\?/"

# The rules of texts in words that every reader of JSON Schema understands.
_CONTROLS = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"
_PLAIN_TEXT = {"pattern": f"^[^{_CONTROLS}]*$"}
_TAG_KEY = {"pattern": rf"^[^<>%&\\?/{_CONTROLS}]{{1,{MAX_TAG_KEY}}}$"}

# A stored spec was valid when it was accepted. Rules that change later, such as a region that leaves the catalogue,
# must not make it unreadable: pass this as the context of the validation.
STORED = MappingProxyType({"stored": True})


def _rule(check: Callable[[str], str]) -> AfterValidator:
    """Return a validator for what callers write, which lets what is stored pass."""

    def validate(text: str, info: ValidationInfo) -> str:
        if info.context is STORED:
            return text
        if not is_unicode(text):
            raise _error(Code.INVALID_VALUE, "A text must be valid Unicode, but this one has half of a surrogate pair.")
        return check(text)

    return AfterValidator(validate)


def _error(code: Code, message: str, hint: Callable[[], str] = str) -> PydanticCustomError:
    # The message goes in as a value, so that braces in a caller's text are not taken for placeholders.
    return PydanticCustomError(code.value, "{text}", {"text": message, "hint": hint})


def _one_of(*allowed: str) -> Callable[[object], object]:
    """Return a validator that finds the allowed value which equals the given text but for its case."""
    canonical = {value.lower(): value for value in allowed}

    def choose(given: object) -> object:
        if not isinstance(given, str):
            return given
        if (value := canonical.get(given.lower())) is not None:
            return value

        def hint() -> str:
            near = similar(given.lower(), canonical)
            return f" Did you mean '{canonical[near[0]]}'?" if near else ""

        raise _error(Code.INVALID_VALUE, f"{quote(given)} is not allowed; must be one of {', '.join(allowed)}.", hint)

    return choose


def _no_control_characters(text: str) -> str:
    if (found := _CONTROL.search(text)) is not None:
        raise _error(
            Code.INVALID_VALUE,
            "A text may not contain control characters, but this one has "
            f"U+{ord(found[0]):04X} at position {found.start() + 1}.",
        )
    return text


def _registry_name(text: str) -> str:
    if not names.is_registry_name(text):
        raise _error(Code.INVALID_REGISTRY_NAME, f"{quote(text)} is not a registry name: it {names.RULE}.")
    return text


def _known_region(given: str) -> str:
    region = regions.find(given)
    if region is None:

        def hint() -> str:
            near = " or ".join(f"'{name}'" for name in regions.suggest(given))
            return f" Did you mean {near}?" if near else " The catalogue of regions, /api/regions, has all."

        raise _error(Code.UNKNOWN_LOCATION, f"{quote(given)} is not an Azure region.", hint)
    if region.missing_service is not None:
        raise _error(
            Code.LOCATION_NOT_SUPPORTED,
            f"'{region.name}' cannot hold a registry: it does not offer {region.missing_service}.",
        )
    return region.name


def _tag_key(text: str) -> str:
    if not 1 <= len(text) <= MAX_TAG_KEY:
        raise _error(Code.INVALID_TAG, f"A tag's key must be 1 to {MAX_TAG_KEY} characters long, not {len(text)}.")
    if any(character in text for character in _FORBIDDEN_IN_TAG_KEY) or _CONTROL.search(text):
        raise _error(
            Code.INVALID_TAG,
            f"A tag's key may not contain control characters or any of {' '.join(_FORBIDDEN_IN_TAG_KEY)}",
        )
    return text


def _whole(given: object) -> object:
    """Take 3.0 for 3, as JSON Schema does."""
    return int(given) if isinstance(given, float) and given.is_integer() and abs(given) <= _EXACT else given


def _system_owned(kind: str, instead: str) -> Callable[[object], object]:
    """Return a validator that refuses references to resources that the user made."""

    def check(given: object) -> object:
        if isinstance(given, str | list):
            raise _error(
                Code.USER_OWNED_RESOURCE_NOT_SUPPORTED,
                f"An existing {kind} cannot be used; the registry makes its own. "
                f"Write {instead}, or leave the field out.",
            )
        return given

    return check


Description = Annotated[
    str, Field(max_length=MAX_DESCRIPTION, json_schema_extra=_PLAIN_TEXT), _rule(_no_control_characters)
]
Publisher = Annotated[
    str, Field(min_length=1, max_length=MAX_PUBLISHER, json_schema_extra=_PLAIN_TEXT), _rule(_no_control_characters)
]
RegistryName = Annotated[str, Field(json_schema_extra={"pattern": f"^{names.PATTERN.pattern}$"}), _rule(_registry_name)]
RegionName = Annotated[str, _rule(_known_region)]
TagKey = Annotated[str, Field(json_schema_extra=_TAG_KEY), _rule(_tag_key)]
TagValue = Annotated[str, Field(max_length=MAX_TAG_VALUE, json_schema_extra=_PLAIN_TEXT), _rule(_no_control_characters)]


class Part(Record):
    """A part of a document: immutable, closed to unknown fields, and with null meaning 'the default'."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _null_means_default(cls, given: Any) -> Any:
        if isinstance(given, dict) and None in given.values():
            return {key: value for key, value in given.items() if value is not None or key not in cls.model_fields}
        return given


class StorageConfig(Part):
    """How the blob storage accounts of one region are made. Never changes once the region exists."""

    storage_account_hns: Annotated[
        StrictBool, Field(description="Whether the accounts have a hierarchical namespace.")
    ] = False
    storage_account_type: Annotated[
        str,
        BeforeValidator(_one_of(*STORAGE_ACCOUNT_TYPES)),
        Field(description="The accounts' SKU.", json_schema_extra={"enum": list(STORAGE_ACCOUNT_TYPES)}),
    ] = "Standard_LRS"
    replication_count: Annotated[
        StrictInt,
        Field(ge=1, le=MAX_REPLICATION_COUNT, description="How many accounts the region has."),
        BeforeValidator(_whole),
    ] = 1


class ReplicationLocation(Part):
    """One region that the registry is available in."""

    location: Annotated[RegionName, Field(description="An Azure region, such as `eastus` or `East US`.")]
    storage_config: Annotated[
        StorageConfig,
        BeforeValidator(_system_owned("storage account", "storage_account_type and storage_account_hns")),
        Field(description="How the region's storage accounts are made."),
    ] = StorageConfig()


class IntellectualProperty(Part):
    """Whose intellectual property the registry's assets are."""

    publisher: Annotated[Publisher, Field(description="The publisher's name.")]


class ContainerRegistryConfig(Part):
    """How the container registry is made; geo-replication leaves no choice."""

    acr_account_sku: Annotated[
        str,
        BeforeValidator(_one_of("Premium")),
        Field(description="The container registry's SKU.", json_schema_extra={"enum": ["Premium"]}),
    ] = "Premium"


class RegistrySpec(Part):
    """A registry as its owner wants it."""

    name: Annotated[RegistryName, Field(description=f"The registry's name; {names.RULE}.")]
    description: Annotated[Description | None, Field(description="What the registry is for.")] = None
    tags: Annotated[
        dict[TagKey, TagValue],
        Field(description="Names and values to find it by.", json_schema_extra={"maxProperties": MAX_TAGS}),
    ] = {}  # noqa: RUF012 - pydantic copies it
    location: Annotated[RegionName, Field(description="The primary region. Never changes.")]
    replication_locations: Annotated[
        tuple[ReplicationLocation, ...],
        Field(
            description="All regions, the primary one included.",
            json_schema_extra={"maxItems": MAX_REGIONS, "uniqueItems": True},
        ),
    ] = ()
    public_network_access: Annotated[
        str,
        BeforeValidator(_one_of("enabled", "disabled")),
        Field(
            description="Whether its accounts and its container registry may be reached from the internet, on Azure.",
            json_schema_extra={"enum": ["enabled", "disabled"]},
        ),
    ] = "enabled"
    container_registry: Annotated[
        ContainerRegistryConfig,
        BeforeValidator(_system_owned("container registry", "acr_account_sku: premium")),
        Field(exclude=True, description="The container registry; only `acr_account_sku: premium` is allowed."),
    ] = ContainerRegistryConfig()
    intellectual_property: Annotated[
        IntellectualProperty | None, Field(description="Whose intellectual property the assets are.")
    ] = None
    deletion_protection: Annotated[
        StrictBool, Field(description="Whether DELETE is refused until this is false again.")
    ] = False
    paused: Annotated[StrictBool, Field(description="Whether drift is reported only, not repaired.")] = False

    @model_validator(mode="after")
    def _canonical_regions(self) -> Self:
        """Put the primary region first and the others in the order of their names."""
        given = self.replication_locations or (ReplicationLocation(location=self.location),)
        ordered = tuple(sorted(given, key=lambda region: (region.location != self.location, region.location)))
        object.__setattr__(self, "replication_locations", ordered)
        object.__setattr__(self, "tags", dict(sorted(self.tags.items())))
        return self

    @property
    def region_names(self) -> tuple[str, ...]:
        """Return the names of all regions, the primary one first."""
        return tuple(region.location for region in self.replication_locations)
