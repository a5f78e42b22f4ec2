"""Faults of known kind and place, planted in valid documents, are told exactly: all of them and nothing else.

`FAULT_DOCUMENTS` says how many documents there are and `FAULT_SEED` with which seed the first one is made; the
n-th has the seed `FAULT_SEED + n`, so that `FAULT_SEED=<seed> FAULT_DOCUMENTS=1` makes a failing one again.
"""

import json
import os
from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest

from registry_api.domain.problems import Refusal
from registry_api.domain.validation import examine
from registry_api.http.documents import read
from tests.properties.faults import KINDS, plant
from tests.properties.json_writer import JsonWriter, Sheet
from tests.properties.planting import Patient, Problem
from tests.properties.trees import Node
from tests.properties.yaml_writer import YamlWriter

DOCUMENTS = int(os.environ.get("FAULT_DOCUMENTS", "4000"))
FIRST_SEED = int(os.environ.get("FAULT_SEED", "1"))
BATCHES = 8
MOST_FAULTS = 12
_JSON_TYPES: Sequence[str] = ("application/json", "application/json; charset=utf-8")
_YAML_TYPES: Sequence[str] = ("application/yaml", "text/yaml", "application/x-yaml; charset=utf-8")
_BYTE_ORDER_MARK = "\ufeff"


def written(root: Node, rng: Random, *, is_json: bool) -> tuple[Sheet, bytes, dict[str, str]]:
    """Return a document in any style of JSON or YAML, as it is sent."""
    if is_json:
        sheet, types = JsonWriter(rng).write(root), _JSON_TYPES
    else:
        writer = JsonWriter(rng, for_yaml=True) if rng.random() < 0.2 else YamlWriter(rng)
        sheet, types = writer.write(root), _YAML_TYPES
    mark = _BYTE_ORDER_MARK if rng.random() < 0.05 else ""
    return sheet, (mark + sheet.text).encode(), {"content-type": rng.choice(types)}


def problems_of(body: bytes, headers: dict[str, str], path_name: str | None) -> list[Problem]:
    """Return code, target and place of every problem that is told, on the way that a request takes."""
    document = read(body, headers)
    told = document.locate(Refusal(*examine(document.value, path_name).problems)).problems
    for problem in told:
        json.dumps([problem.target, problem.message], ensure_ascii=False).encode()  # an answer can carry it
    return sorted((problem.code.value, problem.target, (problem.line or 0, problem.column or 0)) for problem in told)


def check(seed: int) -> list[Problem]:
    """Plant faults and return them, after comparing them with what is told."""
    rng = Random(seed)  # noqa: S311 - faults need not be secret
    patient = plant(rng, rng.randint(0, MOST_FAULTS))
    sheet, body, headers = written(patient.root, rng, is_json=patient.is_json)
    expected = patient.expected(sheet.places)
    try:
        told = problems_of(body, headers, patient.path_name)
    except Exception as error:  # noqa: BLE001 - whatever it is, the seed must be told
        pytest.fail(f"FAULT_SEED={seed} FAULT_DOCUMENTS=1: {error!r}\n{_shown(patient, body)}")
    if told != expected:
        missed, invented = Counter(expected) - Counter(told), Counter(told) - Counter(expected)
        pytest.fail(
            f"FAULT_SEED={seed} FAULT_DOCUMENTS=1\nnot told: {[*missed.elements()]}\n"
            f"told without a cause: {[*invented.elements()]}\n{_shown(patient, body)}"
        )
    return expected


def _shown(patient: Patient, body: bytes) -> str:
    return f"name in the path: {patient.path_name!r}\n{body.decode('utf-8', 'replace')[:3000]}"


@pytest.mark.parametrize("batch", range(BATCHES))
def test_planted_faults_are_told_exactly(batch: int) -> None:
    """Every document's problems are the planted ones, each at its line and column, none missed and none invented."""
    for seed in range(FIRST_SEED + batch, FIRST_SEED + DOCUMENTS, BATCHES):
        check(seed)


def test_every_kind_is_planted_and_every_code_earned() -> None:
    """The generator leaves no kind of fault out, and documents have from none to many faults."""
    codes = Counter[str]()
    sizes = set()
    for seed in range(600):
        expected = check(seed)
        codes.update(code for code, _, _ in expected)
        sizes.add(min(len(expected), MOST_FAULTS))

    assert set(codes) == {
        "DuplicateLocation",
        "InvalidRegistryName",
        "InvalidTag",
        "InvalidValue",
        "LocationNotSupported",
        "MissingField",
        "NameMismatch",
        "PrimaryLocationNotReplicated",
        "TooManyItems",
        "UnknownField",
        "UnknownLocation",
        "UserOwnedResourceNotSupported",
        "ValueTooLong",
        "WrongType",
    }
    assert sizes == set(range(MOST_FAULTS + 1))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_alone(kind: str) -> None:
    """Each kind of fault is told exactly when it is planted alone, in many documents and styles."""
    planted = 0
    for seed in range(40):
        rng = Random(seed)  # noqa: S311 - faults need not be secret
        patient = Patient.healthy(rng)
        planted += KINDS[kind](patient, rng)
        sheet, body, headers = written(patient.root, rng, is_json=patient.is_json)
        assert problems_of(body, headers, patient.path_name) == patient.expected(sheet.places), f"seed {seed}: {body!r}"
    assert planted
