"""Every order of steps of two processes and a vCenter; tests.interleavings says how."""

from typing import Any

import pytest

from tests.interleavings import (
    CLAIMS,
    MISTAKES,
    REMAINS,
    VERDICTS,
    Explorer,
    Found,
    Scenario,
    counterexample,
    explored,
    tell,
    verdicts,
)

# All that runs is the core, and it takes a fifth of the time of all unit and contract tests.
pytestmark = pytest.mark.once

# How many schedules each claim is about, at least: an explorer that misses some proves nothing.
SCHEDULES = {
    "both events, shown at once": 460_000,
    "both events, shown later": 55_000_000,
    "both events, with forged words": 55_000_000,
    "the first event lost": 60,
    "the second event twice": 390_000,
    "both events, and a process dies": 95_000_000_000,
    "both events, and three changes": 50_000_000,
    "three handlers": 6_000_000_000_000,
    "both events and a sweep, at once": 10_700_000_000_000,
    "the second event and a sweep, later": 470_000_000,
    "the last event lost, then a sweep, at once": 390_000,
    "a person's, left alone with leases": 160_000,
    "persons, and events of long ago or forged": 100_000,
    "an old event, while the host enters": 500_000_000_000,
    "an old event, and a process dies": 24_000_000,
    "persons, and a sweep": 4_000,
    "the same, its sides read the other way": 4_000,
    "the second event and such a sweep, later": 420_000_000,
    "the last event lost, then such a sweep": 380_000,
    "a person's window, before the host enters": 30_000,
    "a watcher, from any state": 2_600_000,
    "a watcher that dies, and begins anew, at once": 9_700,
    "the same, later, with its second sweep": 1_200_000_000,
    "two watchers, and one change": 1_700_000_000_000,
    "two watchers": 10_000_000_000_000_000_000,
    "a watcher and the second event": 1_270_000_000_000,
    "the same, and a sweep": 1_600_000_000,
}


# What takes most of the time: from some seconds to some minutes.
LARGEST = (
    "a watcher, from any state",
    "watching after the sweep",
    "both events and a sweep, at once",
    "three handlers",
    "two watchers",
    "a watcher and the second event",
    "the same, later, with its second sweep",
)


def _marked(name: str, *more: Any) -> Any:
    large = [pytest.mark.exhaustive, pytest.mark.timeout(900)]
    return pytest.param(name, *more, marks=large if name in LARGEST else [])


@pytest.mark.parametrize("name", [_marked(name) for name in CLAIMS])
def test_both_sides_agree_whatever_the_order(name: str) -> None:
    found = explored(CLAIMS[name])
    assert verdicts(found) == set()
    assert found.schedules >= SCHEDULES[name]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        _marked("no second look", {"silenced", "monitored"}),
        _marked("leaving skipped if it looks right", {"silenced"}),
        _marked("entering skipped if it looks right", {"monitored"}),
        _marked("watching without a sweep", {"silenced", "monitored"}),
        _marked("watching after the sweep", {"silenced", "monitored"}),
        _marked("the past not asked for, events", {"harmed"}),
        _marked("the past not asked for, sweeps", {"harmed"}),
        _marked("the past not asked for, entering", {"harmed"}),
    ],
)
def test_a_mistake_is_caught_and_in_which_direction(name: str, wrong: set[str]) -> None:
    assert verdicts(explored(MISTAKES[name])) == wrong
    for verdict in VERDICTS:
        assert bool(counterexample(MISTAKES[name], verdict)) == (verdict in wrong)


def test_a_counterexample_can_be_read() -> None:
    assert counterexample(MISTAKES["leaving skipped if it looks right"], "silenced") == [
        "vCenter     the host enters maintenance mode",
        "process 1   reads MONITORED",
        "process 1   hears from vCenter: in maintenance mode",
        "process 1   writes MAINTAINED_MANUAL",
        "process 1   gives up waiting to see it",
        "process 1   hears from vCenter: in maintenance mode",
        "vCenter     the host leaves maintenance mode",
        "process 2   reads MONITORED",
        "operations  now shows MAINTAINED_MANUAL",
        "process 2   hears from vCenter: not in maintenance mode",
        "process 2   hears from vCenter: not in maintenance mode",
    ]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("the last event lost", {"silenced", "monitored"}),
        ("the last event lost, then a sweep, later", {"silenced"}),
        pytest.param(
            "a watcher that dies, and begins anew, later",
            {"silenced"},
            marks=pytest.mark.exhaustive,
        ),
        ("events alone, one process, at once", set()),
        ("events alone, one process, later", {"monitored"}),
        ("events alone, two processes, at once", {"silenced", "monitored"}),
        ("events alone, two processes, later", {"silenced", "monitored"}),
        ("events alone, the last one lost", {"silenced", "monitored"}),
        ("persons, of a host that enters and leaves", {"silenced", "harmed"}),
        ("persons, events alone", {"silenced", "harmed"}),
    ],
)
def test_what_remains_is_no_more_than_what_is_admitted(name: str, wrong: set[str]) -> None:
    assert verdicts(explored(REMAINS[name])) == wrong


def test_the_explorer_counts_right_where_one_can_count_by_hand() -> None:
    # One change, one handler that reads, looks, writes, sees it or gives up, and looks again.
    scenario = Scenario(changes=1, handled=(1,), at_once=True)
    assert Explorer(scenario).explore() == Found(states=9, schedules=2)
    # The write may show before or after it is seen or given up, and after the last look.
    assert Explorer(Scenario(changes=1, handled=(1,))).explore().schedules == 4


def test_what_was_found_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    mistakes = {each: MISTAKES[each] for each in ("no second look", "watching without a sweep")}
    tell({"both": CLAIMS["both events, shown at once"]}, mistakes)
    printed = capsys.readouterr().out
    for name in ("both", *mistakes):
        assert f"\n{name} " in printed
    assert "no second look: the host is left silenced\n  vCenter     the host enters" in printed
    assert "both: " not in printed
