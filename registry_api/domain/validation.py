"""From what a caller sent to a spec, or to every problem of it at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
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
from registry_api.domain.suggestions import similar

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
_NOT_OF_THE_SPEC = IGNORED | READ_ONLY

_MOST_HINTS = (
    100  # of a document: who has more faults than that has not mistyped a name, and looking for one takes long
)

_MOST_ITEMS = (("tags", dict, MAX_TAGS), ("replication_locations", list, MAX_REGIONS))

_TYPE_NAMES = {
    "string_type": "a string; if it looks like a number or a boolean, write it in quotes",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "tuple_type": "a list",
    "dict_type": "a mapping of names to values",
    "model_type": "a mapping of names to values",
}


class ListedRegion(NamedTuple):
    """A region as a document names it: where, and what is written of its storage."""

    name: str
    path: Path
    storage_config: object = None

    @property
    def storage_options(self) -> Mapping[str, Any]:
        """Return the storage options that can be read; what is left out is as it is by default."""
        if not isinstance(self.storage_config, dict | None):
            return {}
        written = {option: (self.storage_config or {}).get(option) for option in StorageConfig.model_fields}
        unreadable: set[str] = set()
        try:
            StorageConfig.model_validate(written)
        except ValidationError as error:
            unreadable = {str(item["loc"][0]) for item in error.errors()}
        readable = {option: value for option, value in written.items() if option not in unreadable}
        return StorageConfig.model_validate(readable).model_dump(exclude=unreadable)


class Draft(NamedTuple):
    """What a document says, as far as it can be understood, and everything that is wrong with it by itself.

    What is stored may still speak against it, also where other parts of it are wrong.
    """

    problems: Sequence[Problem]
    document: Mapping[str, Any] = MappingProxyType({})
    fields: Mapping[str, Any] = MappingProxyType({})  # all that are to be a spec
    location: str | None = None
    region_names: Sequence[str | None] = ()  # of every entry in its list; None where it cannot be read
    whole: RegistrySpec | None = None

    @property
    def name(self) -> str | None:
        """Return the name of the registry, if it can be one."""
        name = self.fields.get("name")
        return name if isinstance(name, str) and is_registry_name(name) else None

    @property
    def read_only(self) -> Mapping[str, Any]:
        """Return what only the service sets."""
        return {key: value for key, value in self.document.items() if key in READ_ONLY and value is not None}

    @property
    def regions(self) -> Sequence[ListedRegion]:
        """Return all regions that can be read."""
        given = self.fields.get("replication_locations")
        if given is None:
            return () if self.location is None else [ListedRegion(self.location, ("location",))]
        return [
            ListedRegion(name, ("replication_locations", index, "location"), given[index].get("storage_config"))
            for index, name in enumerate(self.region_names)
            if name is not None
        ]

    @property
    def lists_all(self) -> bool:
        """Tell whether there is a list of regions, and all of it can be read."""
        return isinstance(self.fields.get("replication_locations"), list) and None not in self.region_names

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
    fields = {key: value for key, value in document.items() if key not in _NOT_OF_THE_SPEC}
    if name is not None:
        problems += _name_mismatch(_without_broken_keys(fields.get("name"), ("name",), problems), name)
        fields["name"] = name
    whole = None
    try:
        whole = RegistrySpec.model_validate(fields)
    except ValidationError:
        # The model refuses a key that is no text, but cannot say where it is.
        fields = _without_broken_keys(fields, (), problems)
    problems += _count_problems(fields)
    location = _region_of(fields.get("location"))
    given = fields.get("replication_locations")
    if isinstance(given, list):
        names = [_region_of(item.get("location")) if isinstance(item, dict) else None for item in given]
        problems += _location_problems(names, location)
    else:
        names = []
    if whole is None:
        problems += _field_problems(RegistrySpec, fields)
    return Draft(problems, document, fields, location, names, whole)


class _Regions(BaseModel):
    replication_locations: tuple[ReplicationLocation, ...]


def examine_regions(listed: object) -> tuple[ListedRegion, ...]:
    """Return the regions in a list of them.

    Raises:
        Refusal: With everything that is wrong with the list.
    """
    fields = {"replication_locations": listed}
    if problems := [*_field_problems(_Regions, fields)]:
        raise Refusal(*problems)
    return tuple(
        ListedRegion(region.location, ("replication_locations", index, "location"))
        for index, region in enumerate(_Regions.model_validate(fields).replication_locations)
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
    for name, kind, most in _MOST_ITEMS:
        given = fields.get(name)
        if isinstance(given, kind) and len(given) > most:
            yield Problem(Code.TOO_MANY_ITEMS, f"'{name}' may have at most {most} items, not {len(given)}.", (name,))


def _location_problems(listed: Sequence[str | None], primary: str | None) -> Iterator[Problem]:
    """Check the rules that span several regions, as far as they can be read."""
    first_at: dict[str, int] = {}
    for index, region in enumerate(listed):
        if region is not None and first_at.setdefault(region, index) != index:
            yield Problem(
                Code.DUPLICATE_LOCATION,
                f"'{region}' is already given at replication_locations[{first_at[region]}].",
                ("replication_locations", index, "location"),
            )
    # An entry that cannot be read may be a misspelled primary: say that first.
    if primary is not None and primary not in first_at and None not in listed:
        yield Problem(
            Code.PRIMARY_LOCATION_NOT_REPLICATED,
            f"'replication_locations' must contain the primary location '{primary}', or be left out to have it alone.",
            ("replication_locations",),
        )


def _region_of(spelling: object) -> str | None:
    region = regions.find(spelling) if isinstance(spelling, str) else None
    return region.name if region else None


def _field_problems(model: type[BaseModel], fields: Mapping[str, Any]) -> Iterator[Problem]:
    try:
        model.model_validate(fields)
    except ValidationError as error:
        found = error.errors(include_url=False)
    else:
        return
    for number, item in enumerate(found):
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
    near = similar(str(path[-1]).lower(), [*known, *others]) if hinting else []
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
