"""Histories of many clients, workers and faults keep the promises, and a seed tells all of a history.

SIMULATION_SEEDS is how many are run, SIMULATION_SEED the first of them; `python -m tests.simulation` runs many.
"""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from registry_api.domain import names
from registry_api.service import accepting
from tests.simulation.mutants import plant
from tests.simulation.simulation import simulate

FIRST = int(os.environ.get("SIMULATION_SEED", "1"))
SEEDS = int(os.environ.get("SIMULATION_SEEDS", "200"))
GROUPS = 10
REPOSITORY = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(120 + SEEDS)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Let the service be silent about faults that are meant."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("group", range(GROUPS))
def test_histories_keep_every_promise(group: int) -> None:
    """Whatever the seed brings, answers fit one order, and after the last fault everything becomes true."""
    histories = (simulate(seed) for seed in range(FIRST + group, FIRST + SEEDS, GROUPS))
    told = [history.told for history in histories if history.problems]
    assert not told, "\n".join(told)


@pytest.mark.parametrize("seed", [FIRST, FIRST + 1, FIRST + 2])
def test_the_same_seed_gives_the_same_trace(seed: int) -> None:
    """A history depends on nothing but its seed, also in another process with another order of its sets."""
    first = simulate(seed)
    assert simulate(seed).digest == first.digest
    assert simulate(seed + 1000).digest != first.digest
    other = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--seed", str(seed)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONHASHSEED": str(seed + 5)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert other.stdout.split()[-1] == first.digest


@pytest.mark.parametrize(
    ("owner", "name", "old", "new"),
    [
        (accepting, "change", "stored is not None and seen is None", "False"),
        (names, "key_of", "name.lower()", "name"),
    ],
)
def test_names_that_are_not_unique_are_noticed(
    monkeypatch: pytest.MonkeyPatch, *, owner: ModuleType, name: str, old: str, new: str
) -> None:
    """A name that two registries of a tenant have, in two scopes or in two spellings, fails the histories."""
    plant(monkeypatch, owner, name, old, new)
    assert any(simulate(seed).problems for seed in range(FIRST, FIRST + 10))


def test_histories_are_eventful() -> None:
    """Clients are answered, calls fail in every way, and processes die: the promises are not kept by silence."""
    counts = [simulate(seed).counts for seed in range(FIRST, FIRST + 20)]
    for name in (
        "answers",
        "deaths",
        "ticks",
        "losses",
        "fault before",
        "fault after",
        "fault lost",
        "fault refused",
        "fault late",
        "fault left",
    ):
        assert sum(count[name] for count in counts) > 0, name
