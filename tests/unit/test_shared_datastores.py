"""Every order of steps of two hosts that share a datastore; tests.shared_datastores says how."""

from typing import Any

import pytest

from tests.interleavings import VERDICTS, Found, counterexample, explored, verdicts
from tests.shared_datastores import CLAIMS, MISTAKES, REMAINS, Explorer, Pair

# All that runs is the core.
pytestmark = pytest.mark.once

# How many schedules each claim is about, at least: an explorer that misses some proves nothing.
SCHEDULES = {
    "both events": 4_000_000,
    "both events, not related": 35_000_000,
    "both events, waiting to see writes": 6_000_000,
    "both events, and a process dies, at once": 1_300_000,
    "the same, later, without leases": 450_000_000,
    "the same, later, with leases and a last sweep": 1_600_000_000,
    "the same, later, if the past is always asked": 2_200_000_000,
    "three events, from one start, at once": 23_000_000_000,
    "three events, at once": 1_000_000_000_000,
    "an event and a sweep": 1_700_000_000,
    "both events and a sweep, at once": 10_000_000_000_000,
    "a watcher, at once": 1_800,
    "a watcher, later": 495_000_000,
    "two watchers, and one change": 56_000_000_000,
    "persons, while one host works": 21_000_000,
    "the same, and a sweep": 890_000,
    "a person's window, before the last one enters": 10_000_000,
    "a person's, open-ended": 340_000,
}
# What takes most of the time: from some seconds to a minute each.
LARGEST = (
    "the same, later, without leases",
    "the same, later, if the past is always asked",
    "three events, from one start, at once",
    "three events, at once",
    "both events and a sweep, at once",
    "a watcher, at once",
    "a watcher, later",
    "skipped without leases, and a process dies",
    "the past forgotten, and a person",
)


def _marked(name: str, *more: Any) -> Any:
    large = [pytest.mark.exhaustive, pytest.mark.timeout(900)]
    return pytest.param(name, *more, marks=large if name in LARGEST else [])


@pytest.mark.parametrize("name", [_marked(name) for name in CLAIMS])
def test_the_datastore_goes_with_both_hosts_whatever_the_order(name: str) -> None:
    found = explored(CLAIMS[name])
    assert verdicts(found) == set()
    assert found.schedules >= SCHEDULES[name]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        _marked("no second look", {"silenced", "monitored"}),
        _marked("the other host's mode is remembered", {"silenced", "monitored"}),
        _marked("one host in maintenance mode is enough", {"silenced"}),
        _marked("ends skipped if they look right", {"silenced"}),
        _marked("skipped at every look", {"silenced"}),
        _marked("skipped without leases, and a process dies", {"silenced"}),
        _marked("ended though the last host has entered", {"monitored"}),
        _marked("the past of one host asked for", {"silenced"}),
        _marked("the past forgotten, and a person", {"harmed"}),
    ],
)
def test_a_mistake_is_caught_and_in_which_direction(name: str, wrong: set[str]) -> None:
    assert verdicts(explored(MISTAKES[name])) == wrong
    for verdict in VERDICTS:
        assert bool(counterexample(MISTAKES[name], verdict)) == (verdict in wrong)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("both events, a process dies, later, with leases", {"silenced"}),
        ("an event lost", {"silenced", "monitored"}),
    ],
)
def test_what_remains_is_no_more_than_what_is_admitted(name: str, wrong: set[str]) -> None:
    assert verdicts(explored(REMAINS[name])) == wrong


def test_a_counterexample_can_be_read() -> None:
    assert counterexample(MISTAKES["one host in maintenance mode is enough"], "silenced") == [
        "vCenter     esx1 leaves maintenance mode",
        "process 1   reads esx1 MAINTAINED_MANUAL, the datastore MONITORED",
        "process 1   hears from vCenter: esx1 out, esx2 out",
        "process 1   writes MONITORED to esx1 and the datastore",
        "operations  now shows MONITORED to esx1 and the datastore",
        "process 1   hears from vCenter: esx1 out, esx2 out",
        "vCenter     esx2 enters maintenance mode",
        "process 2   reads esx2 MONITORED, the datastore MONITORED",
        "process 2   hears from vCenter: esx1 out, esx2 in",
        "process 2   writes MAINTAINED_MANUAL to esx2 and the datastore",
        "operations  now shows MAINTAINED_MANUAL to esx2 and the datastore",
        "process 2   hears from vCenter: esx1 out, esx2 in",
    ]


def test_the_explorer_counts_right_where_one_can_count_by_hand() -> None:
    # The host enters, both are read, looked at, written one by one, and looked at again.
    scenario = Pair(changes=(1, 0), at_once=True)
    assert Explorer(scenario).explore() == Found(states=7, schedules=1)
