"""A valid document to plant faults in, and what the answer to it must be."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from tests.properties.meanings import MAX_REGIONS, MAX_TAGS, Written, random_meaning, write_down
from tests.properties.trees import Key, Leaf, Map, Node, Place, Seq, target_of, tree_of, walk

Problem = tuple[str, str | None, Place]  # code, target, line and column


@dataclass(frozen=True)
class Fault:
    """A code, and the value or key that it is about or, for a field that is not there, that it is missing in."""

    code: str
    at: Node | Key
    missing: str | None = None


@dataclass
class Patient:
    """A document that was valid before faults were planted."""

    rng: Random
    is_json: bool
    path_name: str | None
    written: Written
    faults: list[Fault] = field(default_factory=list)
    is_path_bad: bool = False
    _taken: set[tuple[Map, str]] = field(default_factory=set)
    _touched: set[Node | Key] = field(default_factory=set)

    @classmethod
    def healthy(cls, rng: Random) -> "Patient":
        """Return a valid document, to be sent as JSON or YAML, with a name in the path or without."""
        meaning = random_meaning(rng)
        written = write_down(meaning, rng)
        path_name = rng.choice([None, meaning.name, meaning.name.swapcase()])
        if path_name is not None and rng.random() < 0.3:
            written.root.remove("name")
        return cls(rng, rng.random() < 0.5, path_name, written)

    @property
    def root(self) -> Map:
        """Return the document."""
        return self.written.root

    def mapping(self, parent: Map, name: str) -> Map | None:
        """Return the mapping below a key, made if there is none, or None if a fault stands in its place."""
        node = parent.get(name)
        if isinstance(node, Map):
            return node
        if (parent, name) in self._taken or not (node is None or (isinstance(node, Leaf) and node.value is None)):
            return None
        made = Map([(Key("publisher"), Leaf("contoso"))] if name == "intellectual_property" else [])
        parent.put(name, made)
        return made

    def entries(self) -> list[Map]:
        """Return the regions that are mappings, and make the list if there is none."""
        listed = self.regions()
        return [item for item in listed.items if isinstance(item, Map)] if listed is not None else []

    def regions(self) -> Seq | None:
        """Return the list of regions, made if there is none, or None if a fault stands in its place."""
        node = self.root.get("replication_locations")
        if isinstance(node, Seq):
            return node
        location = self.root.get("location")
        if (
            (self.root, "replication_locations") in self._taken
            or (self.root, "location") in self._taken
            or not isinstance(location, Leaf)
        ):
            return None
        entry = Map([(Key("location"), self.written.location(self.rng, self.written.region_of[location]))])
        made = Seq([entry])
        self.root.put("replication_locations", made)
        return made

    def is_free(self, parent: Map, name: str) -> bool:
        """Tell whether there is no fault at a key or below it."""
        node = parent.get(name)
        below = {part for part, _ in walk(node)} if node is not None else set()
        return (parent, name) not in self._taken and not below & self._touched

    def put(self, parent: Map, name: str, value: Node | str | float | None, *codes: str) -> bool:
        """Put a value at a key, if no fault is there, and expect these codes of it."""
        if not self.is_free(parent, name):
            return False
        node = value if isinstance(value, Leaf | Seq | Map) else Leaf(value)
        parent.put(name, node)
        self._mark(parent, name, node)
        self.faults += [Fault(code, node) for code in codes]
        return True

    def put_key(self, parent: Map, name: str, value: Node, code: str) -> bool:
        """Add a key, if there is none of this name, and expect this code of the key."""
        if parent.get(name) is not None or not self.is_free(parent, name):
            return False
        key = Key(name)
        parent.items.insert(self.rng.randint(0, len(parent.items)), (key, value))
        self._mark(parent, name, value)
        self.faults.append(Fault(code, key))
        return True

    def add(self, code: str, at: Node | Key) -> None:
        """Expect one more code at a part that has just been planted."""
        self.faults.append(Fault(code, at))

    def leave_out(self, parent: Map, name: str) -> bool:
        """Take a required key away or make its value null, if no fault is there."""
        if not self.is_free(parent, name):
            return False
        if self.rng.random() < 0.5:
            return self.put(parent, name, None, "MissingField")
        parent.remove(name)
        self._mark(parent, name, parent)
        self.faults.append(Fault("MissingField", parent, name))
        return True

    def replace_entry(self, index: int, node: Node) -> bool:
        """Put another value in place of a region, if no fault is there, and expect that it has a wrong type."""
        listed = self.regions()
        if listed is None or {part for part, _ in walk(listed.items[index])} & self._touched:
            return False
        listed.items[index] = node
        self.touch(listed, node)
        self.faults.append(Fault("WrongType", node))
        return True

    def touch(self, *parts: Node | Key) -> None:
        """Keep the faults in or at these parts from being replaced by another."""
        self._touched.update(parts)

    def _mark(self, parent: Map, name: str, node: Node) -> None:
        self._taken.add((parent, name))
        self.touch(parent, node)

    def expected(self, places: dict[Node | Key, Place]) -> list[Problem]:
        """Return what must be answered, when every part stands at its place."""
        paths = dict(walk(self.root))
        return sorted(
            (
                fault.code,
                target_of(paths[fault.at] + ((fault.missing,) if fault.missing is not None else ())),
                places[fault.at],
            )
            for fault in [*self.faults, *self._faults_of_path(), *self._faults_between_fields()]
        )

    def _faults_of_path(self) -> Sequence[Fault]:
        if not self.is_path_bad:
            return ()
        name = self.root.get("name")
        code = "InvalidRegistryName"
        return [Fault(code, self.root, "name") if name is None else Fault(code, name)]

    def _faults_between_fields(self) -> list[Fault]:
        """Return the faults that follow from several fields together, whatever they were planted for."""
        faults = []
        tags, listed = self.root.get("tags"), self.root.get("replication_locations")
        if isinstance(tags, Map) and sum(_is_unicode(key.text) for key, _ in tags.items) > MAX_TAGS:
            faults.append(Fault("TooManyItems", tags))
        if not isinstance(listed, Seq):
            return faults
        if len(listed.items) > MAX_REGIONS:
            faults.append(Fault("TooManyItems", listed))
        leaves = [item.get("location") if isinstance(item, Map) else None for item in listed.items]
        regions = [self._region(leaf) for leaf in leaves]
        faults += [
            Fault("DuplicateLocation", leaf)
            for index, leaf in enumerate(leaves)
            if leaf is not None and regions[index] is not None and regions[index] in regions[:index]
        ]
        primary = self._region(self.root.get("location"))
        if primary is not None and primary not in regions and None not in regions:
            faults.append(Fault("PrimaryLocationNotReplicated", listed))
        return faults

    def _region(self, node: Node | None) -> str | None:
        return self.written.region_of.get(node) if isinstance(node, Leaf) else None


def of_wrong_type(rng: Random, *right: type) -> Node:
    """Return a value of none of these types."""
    values: list[object] = [12, 0, 10**30, -1.5, 1.5e300, True, False, "text", "", [], ["a"], {}, {"a": 1}]
    return tree_of(rng.choice([value for value in values if type(value) not in right]))


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
