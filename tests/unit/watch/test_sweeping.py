"""adapters.watch.sweeping: when a vCenter is swept, and what becomes of a sweep that fails."""

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.outgoing.deadline import remaining
from adapters.watch.sweeping import Sweeping
from functions.context import VCenters
from functions.errors import (
    AuthenticationError,
    MaintenanceError,
    OperationsUnavailableError,
    RequestRejectedError,
    VCenterUnavailableError,
)
from functions.events import HOST
from functions.ports import Resource, ResourceState
from tests.fakes import FakeVCenter
from tests.unit.watch.doubles import OTHER, World, host, signs, world

AWAY = OperationsUnavailableError("vRealize Operations does not answer in time")
LOST = VCenterUnavailableError("vCenter vcenter.lab.local does not answer in time")


class Looks(threading.Event):
    """Ends after so many looks."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._left = looks

    def is_set(self) -> bool:
        self._left -= 1
        return self._left < 0


class Waiting(threading.Event):
    """Nobody waits; time passes all the same."""

    def __init__(self, of: World) -> None:
        super().__init__()
        self._world = of

    def wait(self, timeout: float | None = None) -> bool:
        if not self.is_set():
            self._world.clock.now += timeout or 0.0
        return self.is_set()


def sweeping(of: World, interval: float = 900.0, other: FakeVCenter | None = None) -> Sweeping:
    vcenters = [of.vcenter, other] if other else [of.vcenter]
    made = Sweeping(
        of.vcenter,
        replace(of.context, vcenters=VCenters({each.address: each for each in vcenters})),
        of.health,
        of.of_vcenter,
        interval=interval,
        seconds=120.0,
        clock=of.clock,
    )
    made._asked = Waiting(of)
    return made


def run(made: Sweeping, seconds: int) -> None:
    """Let so many seconds pass; each look takes one."""
    made.run(signs(), Looks(seconds))


@pytest.fixture
def both() -> World:
    """Both sides; one host has entered maintenance mode, and nobody has told."""
    both = world()
    both.of_vcenter.connected_since = both.time()
    both.vcenter.enter("host-1")
    return both


def sweeps(made: Sweeping, first: Callable[[], None] = lambda: None) -> list[float]:
    """When sweeps begin, from now on, in seconds; at the ``first`` one that is done."""
    began: list[float] = []
    started, told = made._clock(), made._told

    def noted() -> None:
        began.append(made._clock() - started)
        if len(began) == 1:
            first()
        told()

    made._told = noted  # type: ignore[method-assign]
    return began


def test_a_sweep_that_is_asked_for_repairs_what_differs(both: World) -> None:
    made = sweeping(both)
    made.ask()
    run(made, 1)
    assert both.operations.maintained() == {host(1)}
    assert both.of_vcenter.swept
    assert both.of_vcenter.last_sweep == both.health.operations_success == both.time()


def test_nobody_asks_and_it_is_swept_all_the_same(both: World) -> None:
    made = sweeping(both)
    began = sweeps(made)
    run(made, 3600)
    assert began == [900, 1800, 2700, 3600]


def test_a_sweep_that_was_asked_for_is_followed_by_another_after_a_minute(both: World) -> None:
    made = sweeping(both)
    began = sweeps(made)
    run(made, 600)
    made.ask()
    run(made, 1000)
    assert began == [600, 660, 1560]


def test_a_thousand_wishes_are_one_sweep(both: World) -> None:
    made = sweeping(both)
    began = sweeps(made)
    for _ in range(1000):
        made.ask()
    run(made, 50)
    assert began == [0]


def test_who_asks_during_a_sweep_gets_another_one(both: World) -> None:
    made = sweeping(both)
    began = sweeps(made, made.ask)
    made.ask()
    run(made, 1)
    # What was swept before somebody asked does not count as swept.
    assert (len(began), both.of_vcenter.swept) == (1, False)
    run(made, 9)
    assert (len(began), both.of_vcenter.swept) == (2, True)


@pytest.mark.parametrize(("error", "whose"), [(AWAY, "vrops"), (LOST, "vcenter")])
def test_a_sweep_that_fails_says_why_until_one_succeeds(
    both: World, error: MaintenanceError, whose: str
) -> None:
    both.of_vcenter.swept = True
    made = sweeping(both)
    spoiled = both.operations if whose == "vrops" else both.vcenter
    spoiled.failures = [error] * 2
    made.ask()
    run(made, 1)
    told = {"vrops": both.health.operations_problem, "vcenter": both.of_vcenter.problem}
    assert told.pop(whose) == str(error)
    assert [*told.values(), both.of_vcenter.swept] == ["", False]
    run(made, 30)
    assert both.health.operations_problem == both.of_vcenter.problem == ""
    assert both.of_vcenter.swept
    assert both.operations.maintained() == {host(1)}


@pytest.mark.parametrize(
    "error", [AWAY, LOST, AuthenticationError("refused", 90), RequestRejectedError("no privilege")]
)
def test_a_sweep_that_fails_for_ever_is_tried_with_growing_pauses(
    both: World, error: MaintenanceError
) -> None:
    made = sweeping(both)
    began = sweeps(made)
    both.operations.failures = [error] * 1000
    made.ask()
    run(made, 3600)
    pauses = [later - sooner for sooner, later in itertools.pairwise(began)]
    assert 39 <= len(began) <= 65
    assert pauses[0] <= 9
    assert all(60 <= each <= 92 for each in pauses[4:])


def test_after_a_success_pauses_are_short_again(both: World) -> None:
    made = sweeping(both)
    began = sweeps(made)
    both.operations.failures = [AWAY] * 5
    made.ask()
    run(made, 2000)
    both.operations.failures = [AWAY]
    began.clear()
    made.ask()
    run(made, 20)
    assert began[1] - began[0] <= 9


def test_a_second_look_is_had_however_often_the_first_one_failed(both: World) -> None:
    made = sweeping(both)
    began = sweeps(made)
    both.operations.failures = [AWAY] * 3
    made.ask()
    run(made, 500)
    *_, succeeded, after = began
    assert (len(began), after - succeeded) == (5, 60)


def test_why_a_vcenter_is_not_watched_is_told_however_well_it_was_swept(both: World) -> None:
    both.of_vcenter.connected_since, both.of_vcenter.problem = None, "no privilege"
    made = sweeping(both)
    made.ask()
    run(made, 1)
    assert (both.of_vcenter.ready, both.of_vcenter.problem) == (False, "no privilege")


def test_a_sweep_that_is_refused_waits_for_a_person() -> None:
    both = world(60)
    for number in range(1, 58):
        both.vcenter.enter(f"host-{number}")
    made = sweeping(both)
    began = sweeps(made)
    made.ask()
    run(made, 2000)
    assert began == [0, 900, 1800]
    assert "would change 57 of 60 hosts" in both.of_vcenter.problem
    assert (both.of_vcenter.swept, both.operations.maintained()) == (False, set())


def test_a_vcenter_that_says_it_has_no_hosts_is_not_believed(both: World) -> None:
    both.operations.set_state(host(1), ResourceState.TIMED, 60)
    both.vcenter.modes.clear()
    made = sweeping(both)
    made.ask()
    run(made, 1)
    assert both.of_vcenter.problem
    assert (both.of_vcenter.swept, both.operations.maintained()) == (False, {host(1)})


def test_a_pause_is_no_longer_than_the_interval(both: World) -> None:
    made = sweeping(both, interval=60.0)
    began = sweeps(made)
    both.operations.failures = [AWAY] * 1000
    run(made, 3600)
    assert len(began) >= 55


def test_a_bug_is_told_of_and_is_no_sweep(both: World, caplog: pytest.LogCaptureFixture) -> None:
    both.of_vcenter.swept = True
    made = sweeping(both)

    both.vcenter.failures = [None, KeyError("MESSAGE")]  # type: ignore[list-item]
    made.ask()
    run(made, 1)
    assert "this is a bug" in caplog.text
    assert not both.of_vcenter.swept
    assert both.of_vcenter.problem == "a bug, see the log"


def test_it_has_a_deadline(both: World) -> None:
    left: list[float] = []
    made = sweeping(both)
    find = both.operations.resources

    def noted(vcenter: str, kind: str = HOST) -> Iterator[Resource]:
        left.append(remaining())
        return find(vcenter, kind)

    both.operations.resources = noted  # type: ignore[method-assign]
    made.ask()
    run(made, 1)
    assert left
    assert all(100 < each <= 120 for each in left)
    assert remaining() == float("inf")


def test_others_who_are_asked_who_they_are_have_their_own_time(both: World) -> None:
    left: list[float] = []

    class Slow(FakeVCenter):
        @property
        def instance_uuid(self) -> str:
            left.append(remaining())
            raise LOST

    made = sweeping(both, other=Slow(address=OTHER))
    made._seconds = 1.0
    made.ask()
    run(made, 1)
    assert left
    assert all(5 < each <= 10 for each in left)


def test_only_its_own_vcenter_is_swept(both: World) -> None:
    other = FakeVCenter([host(3, OTHER)], address=OTHER, uuid="another")
    both.operations.add(host(3, OTHER))
    other.enter("host-3")
    made = sweeping(both, other=other)
    made.ask()
    run(made, 1)
    assert both.operations.maintained() == {host(1)}


def test_another_one_that_is_down_changes_nothing(both: World) -> None:
    other = FakeVCenter(address=OTHER, uuid="another", failures=[LOST] * 9)
    made = sweeping(both, other=other)
    made.ask()
    run(made, 1)
    assert both.of_vcenter.swept
    assert both.operations.maintained() == {host(1)}


def test_a_copy_of_a_vcenter_decides_about_nothing(both: World) -> None:
    # It was asked first, before anybody has asked the one that it is a copy of.
    copy = FakeVCenter(address=OTHER)
    made = sweeping(both, other=copy)
    made.ask()
    run(made, 1)
    assert "both say that they are the vCenter" in both.of_vcenter.problem
    assert both.operations.maintained() == set()


def test_hosts_that_come_one_by_one_need_no_sweep_each(both: World) -> None:
    made = sweeping(both)
    began = sweeps(made)
    for _ in range(40):
        made.ask()
        run(made, 1)
        both.clock.now += 1
    assert began[0] <= 1
    assert all(5 <= later - sooner <= 7 for sooner, later in itertools.pairwise(began))
    assert 6 <= len(began) <= 9


@pytest.mark.parametrize(
    ("swept", "told_after", "untold"),
    [
        (True, None, 1),
        (True, -60, 1),
        (True, 60, 0),
        # What changed before all were compared once nobody could tell.
        (False, None, 0),
    ],
)
def test_a_change_that_a_sweep_finds_and_nobody_told_is_noted(
    both: World, swept: bool, told_after: int | None, untold: int
) -> None:
    known = both.of_vcenter
    known.swept, known.last_sweep = swept, both.time()
    if told_after is not None:
        known.last_update = both.time() + timedelta(seconds=told_after)
    run(sweeping(both), 1000)
    assert both.operations.maintained() == {host(1)}
    assert known.untold == untold
