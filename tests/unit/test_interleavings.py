"""Every order of steps of two processes and a vCenter; tests.interleavings says how."""

import pytest

from tests.interleavings import (
    CLAIMS,
    MISTAKES,
    REMAINS,
    Explorer,
    Found,
    Scenario,
    counterexample,
    explored,
    tell,
)

# How many schedules each claim is about, at least: an explorer that misses some proves nothing.
SCHEDULES = {
    "both events, shown at once": 160_000,
    "both events, shown later": 17_000_000,
    "both events, with forged words": 17_000_000,
    "the first event lost": 50,
    "the second event twice": 140_000,
    "both events, and a process dies": 16_000_000_000,
    "both events, and three changes": 17_000_000,
    "three handlers": 300_000_000_000,
    "both events and a sweep, at once": 400_000_000_000,
    "the second event and a sweep, later": 100_000_000,
    "the last event lost, then a sweep, at once": 70_000,
    "a person's, left alone with leases": 30_000,
}


@pytest.mark.parametrize("name", CLAIMS)
def test_both_sides_agree_whatever_the_order(name: str) -> None:
    found = explored(CLAIMS[name])
    assert (found.silenced, found.monitored, found.errors) == (0, 0, 0)
    assert found.schedules >= SCHEDULES[name]


@pytest.mark.parametrize(
    ("name", "silenced", "monitored"),
    [
        ("no second look", True, True),
        ("leaving skipped if it looks right", True, False),
        ("entering skipped if it looks right", False, True),
    ],
)
def test_a_mistake_is_caught_and_in_which_direction(
    name: str, silenced: bool, monitored: bool
) -> None:
    found = explored(MISTAKES[name])
    assert (found.silenced > 0, found.monitored > 0, found.errors) == (silenced, monitored, 0)
    for verdict, caught in (("silenced", silenced), ("monitored", monitored)):
        assert bool(counterexample(MISTAKES[name], verdict)) == caught


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
    ("name", "silenced", "monitored"),
    [
        ("the last event lost", True, True),
        ("the last event lost, then a sweep, later", True, False),
        ("events alone, one process, at once", False, False),
        ("events alone, one process, later", False, True),
        ("events alone, two processes, at once", True, True),
        ("events alone, two processes, later", True, True),
        ("events alone, the last one lost", True, True),
    ],
)
def test_what_remains_is_no_more_than_what_is_admitted(
    name: str, silenced: bool, monitored: bool
) -> None:
    found = explored(REMAINS[name])
    assert (found.silenced > 0, found.monitored > 0, found.errors) == (silenced, monitored, 0)


def test_the_explorer_counts_right_where_one_can_count_by_hand() -> None:
    # One change, one handler that reads, looks, writes, sees it or gives up, and looks again.
    scenario = Scenario(changes=1, handled=(1,), at_once=True)
    assert Explorer(scenario).explore() == Found(states=9, schedules=2)
    # The write may show before or after it is seen or given up, and after the last look.
    assert Explorer(Scenario(changes=1, handled=(1,))).explore().schedules == 4


def test_what_was_found_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    tell({"both": CLAIMS["both events, shown at once"]}, MISTAKES)
    printed = capsys.readouterr().out
    for name in ("both", *MISTAKES):
        assert f"\n{name} " in printed
    assert "no second look: the host is left silenced\n  vCenter     the host enters" in printed
    assert "both: " not in printed
