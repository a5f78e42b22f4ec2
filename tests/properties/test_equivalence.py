"""Documents that mean the same are the same registry, however they are written; those that do not are not.

Each meaning, and everything about how it is written, comes from a seed, which a failure tells.
"""

from collections.abc import Iterator
from random import Random

from registry_api.domain import lifecycle
from registry_api.domain.problems import Refusal
from registry_api.domain.scope import Scope
from registry_api.domain.spec import STORED, RegistrySpec
from registry_api.domain.validation import Draft, examine
from registry_api.http.documents import read
from tests.contract.records import acceptance
from tests.properties.faults import plant
from tests.properties.meanings import Meaning, changed, random_meaning, write_down
from tests.properties.test_planted_faults import written

PAIRS = 800
SCOPE = Scope(subscription_id="s1", resource_group="rg1")


def meanings() -> Iterator[tuple[int, Meaning, Random]]:
    """Yield seeds, what a document may mean, and the source of everything else that is random."""
    for seed in range(PAIRS):
        rng = Random(seed)  # noqa: S311 - documents need not be secret
        yield seed, random_meaning(rng), rng


def valid(meaning: Meaning, rng: Random, *, is_json: bool) -> Draft:
    """Return what is understood when a meaning is written down and sent."""
    _, body, headers = written(write_down(meaning, rng).root, rng, is_json=is_json)
    return examine(read(body, headers).value)


def spec_of(meaning: Meaning, rng: Random) -> RegistrySpec:
    """Return the spec of a meaning, written down in any way."""
    return valid(meaning, rng, is_json=rng.random() < 0.5).spec


def test_yaml_and_json_of_one_meaning_are_one_spec() -> None:
    """Spelling, order, defaults, layout and language of a document change nothing, not even a byte that is stored."""
    for seed, meaning, rng in meanings():
        from_json = valid(meaning, rng, is_json=True).spec
        from_yaml = valid(meaning, rng, is_json=False).spec

        assert from_json.model_dump() == from_yaml.model_dump(), f"seed {seed}"
        assert from_json == from_yaml, f"seed {seed}"
        assert from_json.model_dump_json() == from_yaml.model_dump_json(), f"seed {seed}"
        assert from_json.model_dump(mode="json") == meaning.canonical(), f"seed {seed}"


def test_stored_specs_come_back_as_they_were() -> None:
    """What is stored is read as the same spec, by the rules for stored and for new ones, and stored the same again."""
    for seed, meaning, rng in meanings():
        spec = spec_of(meaning, rng)
        text = spec.model_dump_json()

        assert RegistrySpec.model_validate_json(text, context=STORED) == spec, f"seed {seed}"
        assert RegistrySpec.model_validate_json(text, context=STORED).model_dump_json() == text, f"seed {seed}"
        assert examine(spec.model_dump(mode="json")).spec == spec, f"seed {seed}"


def test_places_tell_where_the_document_lists_each_region() -> None:
    """The index of a region is the one in the caller's own list."""
    for seed, meaning, rng in meanings():
        document = write_down(meaning, rng)
        _, body, headers = written(document.root, rng, is_json=seed % 2 == 0)
        value = read(body, headers).value
        assert isinstance(value, dict)
        listed = value.get("replication_locations") or []
        spellings = {document.region_of[leaf]: leaf.value for leaf in document.region_of}

        regions = examine(value).regions
        for region in regions if listed else ():
            _, index, _ = region.path
            assert "".join(listed[int(index)]["location"].split()).lower() == region.name, f"seed {seed}"
        assert len(regions) == max(len(listed), 1), f"seed {seed}"
        assert set(spellings) == {meaning.location, *meaning.others}, f"seed {seed}"


def test_entity_tags_are_equal_if_and_only_if_specs_are() -> None:
    """The same meaning, created or arrived at by an update, has the same tag; one that differs in one thing another."""
    for seed, meaning, rng in meanings():
        other = changed(meaning, rng) if rng.random() < 0.7 else meaning
        created = lifecycle.create(spec_of(meaning, rng), SCOPE, acceptance("op-1", "t1"))
        updated = lifecycle.update(created, spec_of(other, rng), acceptance("op-2", "t1"))
        back = lifecycle.update(updated, spec_of(meaning, rng), acceptance("op-3", "t1"))
        stranger = lifecycle.create(spec_of(meaning, rng), SCOPE, acceptance("op-4", "t1"))

        assert (updated.etag == created.etag) is (updated.spec == created.spec) is (other == meaning), f"seed {seed}"
        assert back.etag == created.etag, f"seed {seed}"
        assert stranger.etag != created.etag, f"seed {seed}"


def test_problems_have_one_order() -> None:
    """The same document gives the same problems in the same order, as JSON and as YAML, field by field as written."""
    for seed in range(400):
        rng = Random(seed)  # noqa: S311 - faults need not be secret
        patient = plant(rng, 8)
        sheets = [written(patient.root, rng, is_json=is_json) for is_json in {True, patient.is_json}]
        told = [_told(body, headers, patient.path_name) for _, body, headers in sheets for _ in range(2)]

        assert all(problems == told[0] for problems in told), f"seed {seed}"
        order = [key.text for key, _ in patient.root.items]
        # What is missing from the document as a whole is told where the document begins.
        positions = [order.index(str(path[0])) if path[0] in order else -1 for _, _, path in told[0]]
        assert positions == sorted(positions), f"seed {seed}"


def _told(body: bytes, headers: dict[str, str], name: str | None) -> list[tuple[str, str, tuple[str | int, ...]]]:
    document = read(body, headers)
    refusal = document.locate(Refusal(*examine(document.value, name).problems))
    return [(problem.code.value, problem.message, problem.path) for problem in refusal.problems]


def test_read_only_fields_are_handed_on_in_the_order_of_the_document() -> None:
    """What the service says about a registry comes back as it was sent, in an order that no hash decides."""
    for seed, meaning, rng in meanings():
        document = write_down(meaning, rng)
        _, body, headers = written(document.root, rng, is_json=True)
        value = read(body, headers).value
        assert isinstance(value, dict)
        fields = {"id", "subscription_id", "resource_group", "system_data"}
        names = [name for name in value if name in fields and value[name] is not None]

        assert list(examine(value).read_only.items()) == [(name, value[name]) for name in names], f"seed {seed}"
