"""Mutation testing of the rules and the service: `make mutants`, or `python -m tests.mutants [function...]`.

mutmut plants one small fault at a time and runs the tests that reach it; what is mutated, and by which tests it must
be noticed, is in pyproject.toml. With names of functions, such as `domain.spec.x__one_of`, only those are tested again.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path

PACKAGE = "registry_api"
GOAL = 90  # percent
WORKERS = 2
FOLDER = Path("mutants")
SURVIVORS = FOLDER / "survivors.txt"

# Validators are made when their module is imported, which mutmut's workers have done before a fault is planted:
# these functions are tested once more, in a process of its own for each fault.
MADE_AT_IMPORT = ("domain.spec.x__one_of", "domain.spec.x__rule", "domain.spec.x__system_owned")
TESTS_OF_DOCUMENTS = ("tests/domain/test_messages.py", "tests/domain/test_validation.py")
_PATIENCE_SECONDS = 300


class Verdict(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    TIMEOUT = "timeout"  # the fault makes a test run for ever
    SURVIVED = "survived"
    UNTESTED = "untested"  # no test reaches it
    UNKNOWN = "unknown"


_VERDICTS = {
    **dict.fromkeys((1, 3), Verdict.KILLED),
    **dict.fromkeys((-24, 24, 36, 152, 255), Verdict.TIMEOUT),
    0: Verdict.SURVIVED,
    **dict.fromkeys((5, 33), Verdict.UNTESTED),
}


def main(functions: Iterable[str] = ()) -> int:
    """Run mutmut anew, print the scores and keep the names of the survivors; 0 if the goal is reached."""
    functions = [*functions]
    if not functions:
        shutil.rmtree(FOLDER, ignore_errors=True)
    command = [str(Path(sys.executable).with_name("mutmut")), "run", f"--max-children={WORKERS}"]
    subprocess.run([*command, *(f"{PACKAGE}.{function}__mutmut_*" for function in functions)], check=True)
    return _judge()


def _judge() -> int:
    """Test again what mutmut could not, and tell what came out."""
    verdicts = _read()
    again = [
        name
        for name, verdict in verdicts.items()
        if verdict in {Verdict.SURVIVED, Verdict.UNTESTED} and _function_of(name) in MADE_AT_IMPORT
    ]
    if again and _tested_alone("") is not Verdict.SURVIVED:
        sys.stderr.write("The tests fail without any fault.\n")
        return 1
    with ThreadPoolExecutor(WORKERS) as pool:
        verdicts.update(zip(again, pool.map(_tested_alone, again), strict=True))
    left = sorted(name for name, verdict in verdicts.items() if verdict not in {Verdict.KILLED, Verdict.TIMEOUT})
    SURVIVORS.write_text("".join(f"{verdicts[name]} {name}\n" for name in left), "utf-8")
    return 0 if _report(verdicts) else 1


def _read() -> dict[str, Verdict]:
    """Return what mutmut has found."""
    return {
        name: _VERDICTS.get(code, Verdict.UNKNOWN)
        for path in sorted(FOLDER.rglob("*.meta"))
        for name, code in json.loads(path.read_text("utf-8"))["exit_code_by_key"].items()
    }


def _tested_alone(mutant: str) -> Verdict:
    """Run the tests of documents with a mutant, or with none, in a process of its own."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    try:
        code = subprocess.run(
            [*command, *TESTS_OF_DOCUMENTS],
            cwd=FOLDER,
            env={**os.environ, "MUTANT_UNDER_TEST": mutant},
            capture_output=True,
            check=False,
            timeout=_PATIENCE_SECONDS,
        ).returncode
    except subprocess.TimeoutExpired:
        return Verdict.TIMEOUT
    return Verdict.SURVIVED if code == 0 else Verdict.KILLED


def _function_of(mutant: str) -> str:
    return mutant.removeprefix(f"{PACKAGE}.").rpartition("__mutmut_")[0]


def _report(verdicts: dict[str, Verdict]) -> bool:
    """Print a line per module and one per layer; tell whether each layer reaches the goal."""
    counts: dict[str, Counter[Verdict]] = {}
    for name, verdict in verdicts.items():
        layer, module = name.split(".")[1:3]
        for group in (layer, f"{layer}/{module}.py"):
            counts.setdefault(group, Counter())[verdict] += 1
    sys.stdout.write(f"\n{'':28}{'mutants':>9}{''.join(f'{verdict:>10}' for verdict in Verdict)}{'score':>9}\n")
    scores = {}
    for group in sorted(counts):
        count = counts[group]
        scores[group] = 100 * (count[Verdict.KILLED] + count[Verdict.TIMEOUT]) / count.total()
        columns = "".join(f"{count[verdict]:>10}" for verdict in Verdict)
        sys.stdout.write(f"{group:28}{count.total():>9}{columns}{scores[group]:>8.1f}%\n")
    sys.stdout.write(f"Survivors: {SURVIVORS}; `mutmut show NAME` tells what each is.\n")
    return all(score >= GOAL for group, score in scores.items() if "/" not in group)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
