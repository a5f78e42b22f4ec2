"""From what a caller sent to a spec, or to every problem of it at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from registry_api.domain import regions
from registry_api.domain.names import is_registry_name, key_of
from registry_api.domain.problems import Code, Path, Problem, Refusal, is_unicode, quote, write_path
from registry_api.domain.spec import (
    MAX_REGIONS,
    MAX_TAGS,
    ContainerRegistryConfig,
    IntellectualProperty,
    RegistrySpec,
    ReplicationLocation,
    StorageConfig,
)

# `$schema` is for editors, `status` and `etag` are what the service last said, and the others are the fields
# that the official client writes but never reads (azure-ai-ml, RegistrySchema, dump_only).
IGNORED = frozenset(
    {
        "$schema",
        "status",
        "etag",
        "identity",
        "kind",
        "sku",
        "managed_resource_group",
        "mlflow_registry_uri",
        "discovery_url",
    }
)
READ_ONLY = frozenset({"id", "subscription_id", "resource_group", "system_data"})

_MOST_HINTS = (
    100  # of a document: who has more faults than that has not mistyped a name, and looking for one takes long
)

_TYPE_NAMES = {
    "string_type": "a string; if it looks like a number or a boolean, write it in quotes",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "tuple_type": "a list",
    "dict_type": "a mapping of names to values",
    "model_type": "a mapping of names to values",
}


class ListedRegion(NamedTuple):
    """A region as a document names it: where, and with which of its storage options that can be read."""

    name: str
    path: Path
    storage_options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """What a document says, as far as it can be understood, and everything that is wrong with it by itself.

    What is stored may still speak against it, also where other parts of it are wrong.
    """

    problems: Sequence[Problem]
    name: str | None = None  # of the registry, if it can be one
    location: str | None = None
    regions: Sequence[ListedRegion] = ()  # all that can be read
    lists_all: bool = False  # whether there is a list, and all of it can be read
    read_only: Mapping[str, Any] = field(default_factory=dict)
    whole: RegistrySpec | None = None

    @property
    def spec(self) -> RegistrySpec:
        """Return the spec.

        Raises:
            Refusal: With every problem of the document.
        """
        if self.problems or self.whole is None:
            raise Refusal(*self.problems)
        return self.whole


def examine(document: object, name: str | None = None) -> Draft:
    """Return what a document says.

    Args:
        document: What the caller sent, parsed: mappings, lists, strings, numbers, booleans and None.
        name: The name in the request's path. The document may leave its own name out or must agree.
    """
    if not isinstance(document, dict):
        return Draft([Problem(Code.INVALID_DOCUMENT, "The document must be a mapping of field names to values.")])
    problems: list[Problem] = []
    fields = _without_broken_keys(
        {key: value for key, value in document.items() if key not in IGNORED | READ_ONLY}, (), problems
    )
    if name is not None:
        problems += _name_mismatch(fields.get("name"), name)
        fields["name"] = name
    problems += _count_problems(fields)
    problems += _location_problems(fields)
    whole = None
    try:
        whole = RegistrySpec.model_validate(fields)
    except ValidationError as error:
        problems += _field_problems(error)
    listed = _listed_regions(fields)
    given = fields.get("replication_locations")
    return Draft(
        problems,
        name=fields["name"] if _is_name(fields.get("name")) else None,
        location=_region_of(fields.get("location")),
        regions=listed,
        lists_all=isinstance(given, list) and len(given) == len(listed),
        read_only={name: value for name, value in document.items() if name in READ_ONLY and value is not None},
        whole=whole,
    )


class _Regions(BaseModel):
    replication_locations: tuple[ReplicationLocation, ...]


def examine_regions(listed: object) -> tuple[ListedRegion, ...]:
    """Return the regions in a list of them.

    Raises:
        Refusal: With everything that is wrong with the list.
    """
    try:
        found = _Regions.model_validate({"replication_locations": listed}).replication_locations
    except ValidationError as error:
        raise Refusal(*_field_problems(error)) from None
    return tuple(
        ListedRegion(region.location, ("replication_locations", index, "location"), {})
        for index, region in enumerate(found)
    )


def _without_broken_keys(given: Any, path: Path, problems: list[Problem]) -> Any:
    """Return what was given without the keys that are no Unicode text, each of which becomes a problem."""
    if isinstance(given, list):
        return [_without_broken_keys(item, (*path, index), problems) for index, item in enumerate(given)]
    if not isinstance(given, dict):
        return given
    problems += (
        Problem(
            Code.INVALID_VALUE,
            f"{quote(key)} is not valid Unicode text: it has half of a surrogate pair.",
            (*path, key),
        )
        for key in given
        if not is_unicode(key)
    )
    return {key: _without_broken_keys(value, (*path, key), problems) for key, value in given.items() if is_unicode(key)}


def _name_mismatch(written: object, name: str) -> Iterator[Problem]:
    if isinstance(written, str) and key_of(written) != key_of(name):
        yield Problem(
            Code.NAME_MISMATCH,
            f"The document names {quote(written)}, the request's path {quote(name)}; they must be the same.",
            ("name",),
        )
    elif not isinstance(written, str | None):
        yield Problem(Code.WRONG_TYPE, f"'name' must be {_TYPE_NAMES['string_type']}.", ("name",))


def _count_problems(fields: Mapping[str, Any]) -> Iterator[Problem]:
    """Count items here: the model would stop at the first one too many, or not count at all if one is not valid."""
    for name, kind, most in (("tags", dict, MAX_TAGS), ("replication_locations", list, MAX_REGIONS)):
        given = fields.get(name)
        if isinstance(given, kind) and len(given) > most:
            yield Problem(Code.TOO_MANY_ITEMS, f"'{name}' may have at most {most} items, not {len(given)}.", (name,))


def _location_problems(fields: Mapping[str, Any]) -> Iterator[Problem]:
    """Check the rules that span several fields, as far as the fields can be read at all."""
    given = fields.get("replication_locations")
    if not isinstance(given, list):
        return
    primary = _region_of(fields.get("location"))
    first_at: dict[str, int] = {}
    unreadable = False
    for index, item in enumerate(given):
        region = _region_of(item.get("location")) if isinstance(item, dict) else None
        if region is None:
            unreadable = True
        elif region in first_at:
            yield Problem(
                Code.DUPLICATE_LOCATION,
                f"'{region}' is already given at replication_locations[{first_at[region]}].",
                ("replication_locations", index, "location"),
            )
        else:
            first_at[region] = index
    # An entry that cannot be read may be a misspelled primary: say that first.
    if primary is not None and primary not in first_at and not unreadable:
        yield Problem(
            Code.PRIMARY_LOCATION_NOT_REPLICATED,
            f"'replication_locations' must contain the primary location '{primary}', or be left out to have it alone.",
            ("replication_locations",),
        )


def _listed_regions(fields: Mapping[str, Any]) -> Sequence[ListedRegion]:
    given, primary = fields.get("replication_locations"), _region_of(fields.get("location"))
    if given is None:
        return () if primary is None else [ListedRegion(primary, ("location",), StorageConfig().model_dump())]
    items = enumerate(given if isinstance(given, list) else ())
    return [
        ListedRegion(region, ("replication_locations", index, "location"), _storage_options(item.get("storage_config")))
        for index, item in items
        if isinstance(item, dict) and (region := _region_of(item.get("location"))) is not None
    ]


def _storage_options(given: object) -> Mapping[str, Any]:
    """Return the options that can be read, each by itself."""
    if not isinstance(given, dict | None):
        return {}
    options: dict[str, Any] = {}
    for option in StorageConfig.model_fields:
        with suppress(ValidationError):
            options[option] = getattr(StorageConfig.model_validate({option: (given or {}).get(option)}), option)
    return options


def _is_name(given: object) -> bool:
    return isinstance(given, str) and is_registry_name(given)


def _region_of(spelling: object) -> str | None:
    region = regions.find(spelling) if isinstance(spelling, str) else None
    return region.name if region else None


def _field_problems(error: ValidationError) -> Iterator[Problem]:
    for number, item in enumerate(error.errors(include_url=False)):
        # A tag's key is told as the last step of three; a key of that very name may stand anywhere else.
        path = item["loc"][:-1] if item["loc"][0] == "tags" and item["loc"][2:] == ("[key]",) else item["loc"]
        hinting = number < _MOST_HINTS
        yield Problem(*_describe(item["type"], item["msg"], item.get("ctx", {}), path, hinting=hinting), path)


def _describe(kind: str, message: str, context: Mapping[str, Any], path: Path, *, hinting: bool) -> tuple[Code, str]:
    field = write_path(path)
    if kind in Code.__members__.values():
        return Code(kind), message + (context["hint"]() if hinting else "")
    if kind in _TYPE_NAMES:
        return Code.WRONG_TYPE, f"'{field}' must be {_TYPE_NAMES[kind]}."
    match kind:
        case "missing":
            answer = Code.MISSING_FIELD, f"'{field}' is required."
        case "extra_forbidden":
            answer = Code.UNKNOWN_FIELD, _unknown_field(path, hinting=hinting)
        case "string_too_long":
            answer = Code.VALUE_TOO_LONG, f"'{field}' may have at most {context['max_length']} characters."
        case "string_too_short":
            answer = Code.INVALID_VALUE, f"'{field}' must have at least {context['min_length']} characters."
        case "greater_than_equal" | "less_than_equal":
            bound = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
            answer = Code.INVALID_VALUE, f"'{field}' must be {bound}."
        case "string_unicode":
            answer = Code.INVALID_VALUE, f"'{field}' is not valid Unicode text."
        case _:
            answer = Code.INVALID_VALUE, f"'{field}' is not valid: {message}."
    return answer


def _unknown_field(path: Path, *, hinting: bool) -> str:
    known = _known_fields(path[:-1])
    others = () if path[:-1] else (*IGNORED, *READ_ONLY)
    near = get_close_matches(str(path[-1]).lower(), [*known, *others], n=1) if hinting else []
    hint = f" Did you mean '{near[0]}'?" if near else f" Known fields are {', '.join(sorted(known))}."
    return f"'{write_path(path)}' is not a known field.{hint}"


def _known_fields(parent: Path) -> Iterable[str]:
    parts: dict[str | int, type[BaseModel]] = {
        "storage_config": StorageConfig,
        "container_registry": ContainerRegistryConfig,
        "intellectual_property": IntellectualProperty,
    }
    if not parent:
        return RegistrySpec.model_fields
    return parts.get(parent[-1], ReplicationLocation).model_fields
