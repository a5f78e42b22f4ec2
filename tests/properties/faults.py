"""Faults of every kind that a document alone can have, each with the code and the place that it must be told with.

The rule of how faults meet, which the tests hold the service to:

- Faults at different places are all told, none twice and nothing else.
- A value is told for one fault at most, the first of: not there, wrong type, not Unicode, too long or short, not
  allowed. So at most one is planted at a value. A tag's key and its value are two places with one target.
- What stands in place of a mapping or list hides what would be in it, since it is not there.
- A key that is not Unicode is told as `InvalidValue` and left out with all that is below it, also of any count.
- A list or mapping with too many items is told as such, and all faults of its items are told as well.
- A region that is listed again is told at each later place, also when it is not supported.
- A list without the primary location is told unless the primary location, or an item of the list, names no region.
- The name in a request's path stands in for the document's: then the document's own may be left out, and is told
  only when it is of a wrong type or another name. A bad name in the path is told at the document's name.
- null in place of a field of the document means that it is not there; of a tag, that it has a wrong type; of an
  unknown field, that the field is unknown.
"""

from collections.abc import Callable, Mapping
from random import Random

from tests.properties.meanings import (
    MAX_DESCRIPTION,
    MAX_PUBLISHER,
    MAX_REGIONS,
    MAX_TAG_KEY,
    MAX_TAG_VALUE,
    MAX_TAGS,
    SUPPORTED,
    UNSUPPORTED,
    anything,
)
from tests.properties.planting import Patient, of_wrong_type
from tests.properties.trees import Leaf, Map, Node, Seq

_HALF_PAIRS = ("\ud800", "a\udc00b", "\udfff\ud800")
_NO_REGIONS = ("eastsu", "", "mars", "east-us", "eastus3", "{0}", "global", "x" * 300)
_BAD_NAMES = ("", "x", "_x1", "-ab", "a b", "é1", "a" * 33, "ab\n", "a.b", "{text}", "ab\x07")
_UNKNOWN = (
    "nmae",
    "Name",
    "replicationLocations",
    "x",
    "",
    "a b",
    "é.b",
    'q"\\',
    "0",
    "true",
    "n\x07\u2028l",
    "type",
    "__class__",
)
_BAD_TAG_KEYS = ("", "k" * (MAX_TAG_KEY + 1), "a<b", "a>b", "50%", "a&b", "a\\b", "what?", "a/b", "bell\x07", "del\x7f")
_CONTROL = ("bell\x07", "\x00", "a\x1bb", "\x7f", "\x85")


def bad_name(patient: Patient, rng: Random) -> bool:
    """Plant a name that is none, in the document or in the path."""
    if patient.path_name is None:
        return patient.put(patient.root, "name", rng.choice(_BAD_NAMES), "InvalidRegistryName")
    name = patient.root.get("name")
    if not patient.is_free(patient.root, "name") or patient.is_path_bad:
        return False
    patient.path_name, patient.is_path_bad = rng.choice(_BAD_NAMES), True
    if isinstance(name, Leaf):
        name.value = patient.path_name
    return True


def other_name(patient: Patient, rng: Random) -> bool:
    """Plant a name that is not the path's, or no name where the path has none either."""
    if patient.path_name is None:
        return patient.leave_out(patient.root, "name")
    return patient.put(patient.root, "name", rng.choice(["Other1", "_", "\x07", "x" * 300]), "NameMismatch")


def name_of_wrong_type(patient: Patient, rng: Random) -> bool:
    """Plant a name that is no text."""
    return patient.put(patient.root, "name", of_wrong_type(rng, str), "WrongType")


def _bad_location(patient: Patient, parent: Map, rng: Random) -> bool:
    match rng.choice(["unknown", "unsupported", "missing", "type"]):
        case "unknown":
            return patient.put(parent, "location", rng.choice(_NO_REGIONS), "UnknownLocation")
        case "unsupported":
            leaf = patient.written.location(rng, rng.choice(UNSUPPORTED))
            return patient.put(parent, "location", leaf, "LocationNotSupported")
        case "missing":
            return patient.leave_out(parent, "location")
        case _:
            return patient.put(parent, "location", of_wrong_type(rng, str), "WrongType")


def bad_primary(patient: Patient, rng: Random) -> bool:
    """Plant a primary location that is none."""
    return _bad_location(patient, patient.root, rng)


def bad_region(patient: Patient, rng: Random) -> bool:
    """Plant a region that is none."""
    entries = patient.entries()
    return bool(entries) and _bad_location(patient, rng.choice(entries), rng)


def bad_entry(patient: Patient, rng: Random) -> bool:
    """Plant something that is no mapping among the regions."""
    listed = patient.regions()
    if not listed or not listed.items:
        return False
    node = rng.choice([Leaf(None), of_wrong_type(rng, dict)])
    return patient.replace_entry(rng.randrange(len(listed.items)), node)


def bad_regions(patient: Patient, rng: Random) -> bool:
    """Plant something that is no list of regions."""
    return patient.put(patient.root, "replication_locations", of_wrong_type(rng, list), "WrongType")


def no_primary(patient: Patient, rng: Random) -> bool:
    """Take the primary location out of the list of regions."""
    listed, location = patient.regions(), patient.root.get("location")
    if listed is None or not isinstance(location, Leaf) or location not in patient.written.region_of:
        return False
    if rng.random() < 0.2 and patient.is_free(patient.root, "replication_locations"):
        listed.items = []
        patient.touch(listed)
        return True
    for entry in listed.items:
        leaf = entry.get("location") if isinstance(entry, Map) else None
        if isinstance(leaf, Leaf) and patient.written.region_of.get(leaf) == patient.written.region_of[location]:
            assert isinstance(entry, Map)
            return patient.put(entry, "location", patient.written.location(rng, rng.choice(SUPPORTED)))
    return False


def duplicate(patient: Patient, rng: Random) -> bool:
    """List a region again."""
    listed = patient.regions()
    names = [
        patient.written.region_of.get(leaf)
        for entry in patient.entries()
        if isinstance(leaf := entry.get("location"), Leaf)
    ]
    known = [name for name in names if name in SUPPORTED]
    if listed is None or not known:
        return False
    entry = Map()
    patient.put(entry, "location", patient.written.location(rng, rng.choice(known)))
    patient.touch(listed)
    listed.items.insert(rng.randint(0, len(listed.items)), entry)
    return True


def too_many_regions(patient: Patient, rng: Random) -> bool:
    """List more regions than there may be."""
    listed = patient.regions()
    if listed is None or rng.random() < 0.7:
        return False
    patient.touch(listed)
    while len(listed.items) <= MAX_REGIONS:
        entry = Map()
        patient.put(entry, "location", patient.written.location(rng, rng.choice(SUPPORTED)))
        listed.items.append(entry)
    return True


def bad_storage(patient: Patient, rng: Random) -> bool:
    """Plant a storage account of the caller's own, or something that is no storage_config."""
    entries = patient.entries()
    if not entries:
        return False
    return _bad_part(patient, rng.choice(entries), "storage_config", rng)


def bad_storage_option(patient: Patient, rng: Random) -> bool:
    """Plant an option of the storage that is not allowed."""
    entries = patient.entries()
    config = patient.mapping(rng.choice(entries), "storage_config") if entries else None
    if config is None:
        return False
    match rng.randrange(5):
        case 0:
            return patient.put(config, "storage_account_hns", of_wrong_type(rng, bool), "WrongType")
        case 1:
            return patient.put(config, "storage_account_type", of_wrong_type(rng, str), "WrongType")
        case 2:
            sku = rng.choice(["", "Standard_XRS", "Standard LRS", "x" * 300])
            return patient.put(config, "storage_account_type", sku, "InvalidValue")
        case 3:
            return patient.put(config, "replication_count", of_wrong_type(rng, int), "WrongType")
        case _:
            return patient.put(config, "replication_count", rng.choice([0, -1, 11, 10**30]), "InvalidValue")


def _bad_part(patient: Patient, parent: Map, name: str, rng: Random) -> bool:
    if rng.random() < 0.5:
        owned: list[Node] = [Leaf("/subscriptions/1"), Leaf(""), Seq(), Seq([Leaf("/subscriptions/1"), anything(rng)])]
        return patient.put(parent, name, rng.choice(owned), "UserOwnedResourceNotSupported")
    return patient.put(parent, name, of_wrong_type(rng, dict, str, list), "WrongType")


def bad_container_registry(patient: Patient, rng: Random) -> bool:
    """Plant a container registry of the caller's own, or one that cannot be had."""
    if rng.random() < 0.5:
        return _bad_part(patient, patient.root, "container_registry", rng)
    config = patient.mapping(patient.root, "container_registry")
    if config is None:
        return False
    if rng.random() < 0.5:
        return patient.put(config, "acr_account_sku", rng.choice(["basic", "", "premium "]), "InvalidValue")
    return patient.put(config, "acr_account_sku", of_wrong_type(rng, str), "WrongType")


def bad_publisher(patient: Patient, rng: Random) -> bool:
    """Plant an intellectual property that is none."""
    if rng.random() < 0.2:
        return patient.put(patient.root, "intellectual_property", of_wrong_type(rng, dict), "WrongType")
    parent = patient.mapping(patient.root, "intellectual_property")
    if parent is None:
        return False
    match rng.randrange(4):
        case 0:
            return patient.leave_out(parent, "publisher")
        case 1:
            return patient.put(parent, "publisher", of_wrong_type(rng, str), "WrongType")
        case 2:
            return patient.put(parent, "publisher", "é" * (MAX_PUBLISHER + 1), "ValueTooLong")
        case _:
            return patient.put(parent, "publisher", rng.choice(["", *_CONTROL]), "InvalidValue")


def bad_description(patient: Patient, rng: Random) -> bool:
    """Plant a description that is not allowed."""
    match rng.randrange(3):
        case 0:
            return patient.put(patient.root, "description", of_wrong_type(rng, str), "WrongType")
        case 1:
            return patient.put(patient.root, "description", "é" * (MAX_DESCRIPTION + 1), "ValueTooLong")
        case _:
            return patient.put(patient.root, "description", rng.choice(_CONTROL), "InvalidValue")


def bad_tags(patient: Patient, rng: Random) -> bool:
    """Plant something that is no mapping of tags."""
    return patient.put(patient.root, "tags", of_wrong_type(rng, dict), "WrongType")


def bad_tag_key(patient: Patient, rng: Random) -> bool:
    """Plant a tag whose key is not allowed, and perhaps its value neither."""
    tags = patient.mapping(patient.root, "tags")
    if tags is None:
        return False
    value, code = rng.choice([(Leaf("x"), None), (Leaf("x"), None), (Leaf(5), "WrongType"), (Leaf(None), "WrongType")])
    name = rng.choice(_BAD_TAG_KEYS)
    if not patient.put_key(tags, name, value, "InvalidTag"):
        return False
    if code is not None:
        patient.add(code, value)
    return True


def bad_tag_value(patient: Patient, rng: Random) -> bool:
    """Plant a tag whose value is not allowed."""
    tags = patient.mapping(patient.root, "tags")
    if tags is None:
        return False
    name = rng.choice([*(key.text for key, _ in tags.items), "new", "new tag"])
    match rng.randrange(4):
        case 0:
            return patient.put(tags, name, of_wrong_type(rng, str), "WrongType")
        case 1:
            return patient.put(tags, name, None, "WrongType")
        case 2:
            return patient.put(tags, name, "v" * (MAX_TAG_VALUE + 1), "ValueTooLong")
        case _:
            return patient.put(tags, name, rng.choice(_CONTROL), "InvalidValue")


def too_many_tags(patient: Patient, rng: Random) -> bool:
    """Add tags until there are too many."""
    tags = patient.mapping(patient.root, "tags")
    if tags is None or tags.get("more 0") is not None or rng.random() < 0.7:
        return False
    patient.touch(tags)
    for number in range(MAX_TAGS + 1):
        tags.put(f"more {number}", Leaf(""))
    return True


def bad_access(patient: Patient, rng: Random) -> bool:
    """Plant a network access that is not allowed."""
    if rng.random() < 0.5:
        return patient.put(patient.root, "public_network_access", of_wrong_type(rng, str), "WrongType")
    return patient.put(patient.root, "public_network_access", rng.choice(["", "maybe", "enabled "]), "InvalidValue")


def bad_switch(patient: Patient, rng: Random) -> bool:
    """Plant something that is neither true nor false."""
    name = rng.choice(["deletion_protection", "paused"])
    return patient.put(patient.root, name, of_wrong_type(rng, bool), "WrongType")


def unknown_field(patient: Patient, rng: Random) -> bool:
    """Plant a field that nobody knows, at any level, with any value."""
    parent = _any_part(patient, rng)
    names = _UNKNOWN if parent is patient.root else (*_UNKNOWN, "status", "$schema", "arm_resource_id", "name")
    return parent is not None and patient.put_key(parent, rng.choice(names), anything(rng), "UnknownField")


def half_pair_in_key(patient: Patient, rng: Random) -> bool:
    """Plant a key that is no Unicode text, at any level."""
    parent = rng.choice([_any_part(patient, rng), patient.mapping(patient.root, "tags")])
    if not patient.is_json or parent is None:
        return False
    return patient.put_key(parent, rng.choice(_HALF_PAIRS), anything(rng), "InvalidValue")


def half_pair_in_value(patient: Patient, rng: Random) -> bool:
    """Plant a value that is no Unicode text."""
    names = ["description", "location", "public_network_access", *(["name"] if patient.path_name is None else [])]
    spots: list[tuple[Map | None, str]] = [(patient.root, name) for name in names]
    spots += [(entry, "location") for entry in patient.entries()]
    spots += [
        (patient.mapping(patient.root, "tags"), "new"),
        (patient.mapping(patient.root, "intellectual_property"), "publisher"),
        (patient.mapping(patient.root, "container_registry"), "acr_account_sku"),
    ]
    parent, name = rng.choice(spots)
    if not patient.is_json or parent is None:
        return False
    return patient.put(parent, name, rng.choice(_HALF_PAIRS), "InvalidValue")


def _any_part(patient: Patient, rng: Random) -> Map | None:
    entries = patient.entries()
    parts: list[Callable[[], Map | None]] = [
        lambda: patient.root,
        lambda: patient.mapping(patient.root, "container_registry"),
        lambda: rng.choice(entries) if entries else None,
        lambda: patient.mapping(rng.choice(entries), "storage_config") if entries else None,
    ]
    return rng.choice(parts)()


KINDS: Mapping[str, Callable[[Patient, Random], bool]] = {
    plant.__name__: plant
    for plant in (
        bad_name,
        other_name,
        name_of_wrong_type,
        bad_primary,
        bad_region,
        bad_entry,
        bad_regions,
        no_primary,
        duplicate,
        too_many_regions,
        bad_storage,
        bad_storage_option,
        bad_container_registry,
        bad_publisher,
        bad_description,
        bad_tags,
        bad_tag_key,
        bad_tag_value,
        too_many_tags,
        bad_access,
        bad_switch,
        unknown_field,
        half_pair_in_key,
        half_pair_in_value,
    )
}


def plant(rng: Random, number: int) -> Patient:
    """Return a document with about this many faults; each is planted if its place is free."""
    patient = Patient.healthy(rng)
    planted = 0
    for _ in range(4 * number):
        planted += rng.choice(list(KINDS.values()))(patient, rng)
        if planted == number:
            break
    return patient
