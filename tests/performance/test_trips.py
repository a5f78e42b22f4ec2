"""How often each verb goes to storage, which is most of what a request takes and costs on Azure."""

from collections.abc import Mapping

import pytest

from benchmarks.trips import GOALS, Trips


@pytest.mark.parametrize("verb", GOALS)
def test_a_verb_makes_no_more_round_trips_than_it_may(counted: Mapping[str, Trips], verb: str) -> None:
    """One to read; read, send and commit to change; and one more to work under a lease."""
    assert 0 < counted[verb].total <= GOALS[verb]


@pytest.mark.parametrize("verb", ["create", "update", "worker step"])
def test_a_change_sends_one_message_and_commits_once(counted: Mapping[str, Trips], verb: str) -> None:
    """The message that brings the next visit is the only call to the queue."""
    assert counted[verb].queue == 1


def test_nothing_is_sent_twice(counted: Mapping[str, Trips]) -> None:
    """Storage that answers is asked as often as the app means to."""
    assert {verb: trips.retries for verb, trips in counted.items()} == dict.fromkeys(counted, 0)
