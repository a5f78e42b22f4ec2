"""What is told is true: a service that says something else of who did what, and why it ended so, is noticed."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from registry_api.domain import events, lifecycle
from registry_api.service import accepting, history, recording
from tests.simulation.mutants import plant
from tests.simulation.schedules import Schedule, run

COMMIT = "await commit(commit_of(stored, canceled, caller, now, intent.origin), ports)"
ANOTHER = "outcome.registry.model_copy(update={'generation': 77})"


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Let the service be silent about faults that are meant."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize(
    ("schedule", "owner", "name", "old", "new", "told"),
    [
        ("cancel", history, "cancel", COMMIT, "pass", "was told that it is Canceled"),
        ("create", events, "events_of", "actor=by.name", "actor='somebody'", "is said to have done what 'ada' did"),
        ("create", events, "events_of", "request_id=origin.request_id", "request_id='x'", "request 'x' is said"),
        (
            "fail",
            events,
            "_happened",
            "operation.error.message if operation.error else None",
            "None",
            "what is told is",
        ),
        (
            "delete",
            recording,
            "commit_of",
            "if registry is not None:",
            "if events.clear() or registry is not None:",
            "what is told is",
        ),
        ("overdue", lifecycle, "time_out", "{_broken_off(registry) or told}", "nothing", "does not say"),
        (
            "poison",
            lifecycle,
            "give_up",
            "{_broken_off(registry) or _UNKNOWN_CAUSE}",
            "nothing",
            "does not say",
        ),
        ("delete", lifecycle, "gone", '"percent_complete": 100', '"percent_complete": 3', "succeeds at 3 %"),
        ("create_once", accepting, "change", "created=stored is None", "created=stored is not None", "is new: False"),
        (
            "create_once repeats",
            accepting,
            "change",
            "replay(outcome)",
            f"replay(outcome._replace(registry={ANOTHER}))",
            "never was so",
        ),
    ],
)
async def test_a_service_that_tells_lies_is_noticed(
    monkeypatch: pytest.MonkeyPatch, *, schedule: str, owner: Any, name: str, old: str, new: str, told: str
) -> None:
    """What was canceled, who did it, from where, why it ended and what was made: each has to be told as it was."""
    if schedule == "create_once repeats":
        calls = [str(call) for call in (await run(Schedule("create_once"))).calls]
        schedule = f"create_once {calls.index('rows.transact', calls.index('queue.send')) + 1}:lost repeats"
    plant(monkeypatch, owner, name, old, new)
    assert told in "; ".join((await run(Schedule.parse(schedule))).problems)
