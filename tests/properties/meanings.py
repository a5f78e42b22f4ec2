"""What registry documents can mean, and the many ways to write each meaning down."""

from dataclasses import dataclass, field, replace
from random import Random

from registry_api.domain.regions import catalogue
from registry_api.domain.spec import STORAGE_ACCOUNT_TYPES
from tests.properties.trees import Key, Leaf, Map, Node, Seq, tree_of

# The limits as the contract says them: were they taken from the code, a change of it would go unseen.
MAX_DESCRIPTION = 4096
MAX_PUBLISHER = 256
MAX_TAGS = 50
MAX_TAG_KEY = 512
MAX_TAG_VALUE = 256
MAX_REGIONS = 58

SUPPORTED = [region.name for region in catalogue().values() if region.missing_service is None]
UNSUPPORTED = [region.name for region in catalogue().values() if region.missing_service is not None]

_TEXTS = (
    "",
    "a",
    "Ödön & Søn",
    "yes",
    "12",
    "null",
    "~",
    "1.5",
    "2026-01-01",
    "text: with, [all] {kinds} #of 'signs' \"and\" \\ / & * ! | > % @ `",
    "two\nlines",
    "three\n\nlines, tab\tand end\n",
    " space around ",
    "日本語 🗺",
    "- dash",
    "e\u0301 \u200f \u2028 \u00a0",
    "<<",
)
_KEYS = (
    "a",
    "team",
    "cost center",
    "größe",
    "🗺",
    "status",
    "no",
    "12",
    "a.b",
    'a"b',
    "a[0]",
    "x:y",
    " ",
    "-",
    "Tag",
    "tag",
)
_IGNORED = ("$schema", "status", "etag", "identity", "kind", "sku", "managed_resource_group", "mlflow_registry_uri")
_READ_ONLY = ("id", "subscription_id", "resource_group", "system_data")
_ANYTHING: tuple[object, ...] = (None, True, 0, -1.5, "text", [], {}, [1, [None]], {"a": {"b": "c"}, "location": 5})


@dataclass(frozen=True)
class Storage:
    """How the storage of a region is made."""

    hns: bool = False
    sku: str = "Standard_LRS"
    count: int = 1


@dataclass(frozen=True)
class Meaning:
    """What a document says about a registry, however it is written."""

    name: str
    location: str
    description: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    others: dict[str, Storage] = field(default_factory=dict)
    primary: Storage = Storage()
    access: str = "enabled"
    publisher: str | None = None
    deletion_protection: bool = False
    paused: bool = False

    def canonical(self) -> dict[str, object]:
        """Return the values that the spec must have."""
        regions = [(self.location, self.primary), *sorted(self.others.items())]
        return {
            "name": self.name,
            "description": self.description,
            "tags": dict(sorted(self.tags.items())),
            "location": self.location,
            "replication_locations": [
                {
                    "location": location,
                    "storage_config": {
                        "storage_account_hns": storage.hns,
                        "storage_account_type": storage.sku,
                        "replication_count": storage.count,
                    },
                }
                for location, storage in regions
            ],
            "public_network_access": self.access,
            "intellectual_property": None if self.publisher is None else {"publisher": self.publisher},
            "deletion_protection": self.deletion_protection,
            "paused": self.paused,
        }


def random_meaning(rng: Random) -> Meaning:
    """Return something that a valid document can mean."""
    location, *others = rng.sample(SUPPORTED, rng.choice([1, 2, 2, 3, 4, 8]))
    return Meaning(
        name=_name(rng),
        location=location,
        description=_description(rng),
        tags=_tags(rng),
        others={other: _storage(rng) for other in others},
        primary=_storage(rng),
        access=rng.choice(["enabled", "disabled"]),
        publisher=rng.choice([None, "contoso", "Ödön", "x" * MAX_PUBLISHER, "true"]),
        deletion_protection=rng.random() < 0.3,
        paused=rng.random() < 0.3,
    )


def changed(meaning: Meaning, rng: Random) -> Meaning:
    """Return another meaning that differs in one thing."""
    region = rng.choice(sorted(set(SUPPORTED) - {meaning.location, *meaning.others}))
    access = "disabled" if meaning.access == "enabled" else "enabled"
    return rng.choice(
        [
            replace(meaning, name=meaning.name[:-1] + ("x" if meaning.name[-1] != "x" else "y")),
            replace(meaning, name=meaning.name.swapcase() if meaning.name.upper() != meaning.name.lower() else "Ab"),
            replace(meaning, description="" if meaning.description is None else None),
            replace(meaning, description=(meaning.description or "")[1:] + "?"),
            replace(meaning, tags={**dict(list(meaning.tags.items())[: MAX_TAGS - 1]), "one more": ""}),
            replace(meaning, tags={**dict(list(meaning.tags.items())[1:]), "one else": "x"}),
            replace(meaning, location=region),
            replace(meaning, others={**meaning.others, region: Storage()}),
            replace(meaning, primary=replace(meaning.primary, count=meaning.primary.count % 10 + 1)),
            replace(meaning, primary=replace(meaning.primary, hns=not meaning.primary.hns)),
            replace(meaning, access=access),
            replace(meaning, publisher=(meaning.publisher or "")[1:] + "!"),
            replace(meaning, deletion_protection=not meaning.deletion_protection),
            replace(meaning, paused=not meaning.paused),
        ]
    )


def _name(rng: Random) -> str:
    first, *rest = (rng.choice("abcXYZ019") for _ in range(rng.choice([2, 9, 32])))
    return first + "".join(rng.choice([character, character, "_", "-"]) for character in rest)


def _description(rng: Random) -> str | None:
    if rng.random() < 0.02:
        return "é" * MAX_DESCRIPTION
    return rng.choice([None, *_TEXTS])


def _tags(rng: Random) -> dict[str, str]:
    if rng.random() < 0.01:
        return {f"t{number}": "x" for number in range(MAX_TAGS)}
    tags = {key: rng.choice(_TEXTS) for key in rng.sample(_KEYS, rng.choice([0, 1, 2, 5]))}
    if rng.random() < 0.02:
        tags["ü" * MAX_TAG_KEY] = "v" * MAX_TAG_VALUE
    return tags


def _storage(rng: Random) -> Storage:
    if rng.random() < 0.5:
        return Storage()
    return Storage(rng.random() < 0.3, rng.choice(STORAGE_ACCOUNT_TYPES), rng.choice([1, 1, 2, 10]))


def spell_region(rng: Random, name: str) -> str:
    """Return one of the ways to write a region."""
    shown = catalogue()[name].display_name
    return rng.choice([name, name, name.upper(), name.title(), shown, shown.lower(), f" {shown.replace(' ', '  ')}\t"])


def anything(rng: Random) -> Node:
    """Return a value of any type."""
    return tree_of(rng.choice(_ANYTHING))


@dataclass
class Written:
    """A document: its tree, and which region each spelling in it means."""

    root: Map
    region_of: dict[Leaf, str]

    def location(self, rng: Random, name: str) -> Leaf:
        """Return a new leaf that names a region."""
        leaf = Leaf(spell_region(rng, name))
        self.region_of[leaf] = name
        return leaf


def write_down(meaning: Meaning, rng: Random) -> Written:
    """Return a document of this meaning, in any spelling and order and with defaults said or left out."""
    written = Written(Map(), {})
    items: list[tuple[str, Node | None]] = [
        ("name", Leaf(meaning.name)),
        ("location", written.location(rng, meaning.location)),
        ("description", _or_default(rng, Leaf(meaning.description), is_default=meaning.description is None)),
        ("tags", _or_default(rng, _tags_tree(meaning, rng), is_default=not meaning.tags)),
        ("replication_locations", _regions_tree(meaning, rng, written)),
        (
            "public_network_access",
            _or_default(rng, Leaf(_any_case(rng, meaning.access)), is_default=meaning.access == "enabled"),
        ),
        ("container_registry", rng.choice([None, None, Leaf(None), Map(), _sku_tree(rng)])),
        (
            "intellectual_property",
            _or_default(rng, tree_of({"publisher": meaning.publisher}), is_default=False)
            if meaning.publisher is not None
            else rng.choice([None, Leaf(None)]),
        ),
        (
            "deletion_protection",
            _or_default(rng, Leaf(meaning.deletion_protection), is_default=not meaning.deletion_protection),
        ),
        ("paused", _or_default(rng, Leaf(meaning.paused), is_default=not meaning.paused)),
        *((field, anything(rng)) for field in rng.sample(_IGNORED + _READ_ONLY, rng.choice([0, 0, 1, 3]))),
    ]
    rng.shuffle(items)
    written.root.items = [(Key(name), node) for name, node in items if node is not None]
    return written


def _or_default(rng: Random, node: Node, *, is_default: bool) -> Node | None:
    """Return a value, which may be left out or be null if it is the default."""
    return rng.choice([node, Leaf(None), None]) if is_default else node


def _any_case(rng: Random, text: str) -> str:
    return rng.choice([text, text.lower(), text.upper(), text.title(), text.swapcase()])


def _tags_tree(meaning: Meaning, rng: Random) -> Map:
    items = list(meaning.tags.items())
    rng.shuffle(items)
    return Map([(Key(key), Leaf(value)) for key, value in items])


def _sku_tree(rng: Random) -> Map:
    return tree_map(("acr_account_sku", rng.choice([Leaf(None), Leaf(_any_case(rng, "Premium"))])))


def _regions_tree(meaning: Meaning, rng: Random, written: Written) -> Node | None:
    regions = [(meaning.location, meaning.primary), *meaning.others.items()]
    if regions == [(meaning.location, Storage())] and rng.random() < 0.5:
        return rng.choice([None, Leaf(None)])
    rng.shuffle(regions)
    return Seq([_entry(written.location(rng, name), storage, rng) for name, storage in regions])


def _entry(location: Leaf, storage: Storage, rng: Random) -> Map:
    default = Storage()
    options = [
        ("storage_account_hns", Leaf(storage.hns), storage.hns == default.hns),
        ("storage_account_type", Leaf(_any_case(rng, storage.sku)), storage.sku == default.sku),
        ("replication_count", Leaf(storage.count), storage.count == default.count),
    ]
    rng.shuffle(options)
    config = tree_map(*((name, _or_default(rng, leaf, is_default=is_default)) for name, leaf, is_default in options))
    items = [("location", location), ("storage_config", _or_default(rng, config, is_default=storage == default))]
    rng.shuffle(items)
    return tree_map(*items)


def tree_map(*items: tuple[str, Node | None]) -> Map:
    """Return a mapping of the items that are there."""
    return Map([(Key(name), node) for name, node in items if node is not None])
