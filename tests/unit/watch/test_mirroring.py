"""adapters.watch.mirroring: a change is brought in, again until it is."""

import logging

import pytest

from adapters.outgoing.deadline import remaining
from adapters.watch.health import Signs
from adapters.watch.mirroring import Mirroring
from functions.errors import (
    AmbiguousHostError,
    AuthenticationError,
    HostNotFoundError,
    HostUnsettledError,
    MaintenanceError,
    OperationsUnavailableError,
    RequestRejectedError,
    TransientError,
    VCenterUnavailableError,
)
from tests.unit.watch.doubles import Ended, World, event, host, signs, world

AWAY = OperationsUnavailableError("vRealize Operations answers with HTTP 503")


class Once(Signs):
    """Shows that it lives, and lets that be the last time."""

    def __init__(self, ended: Ended) -> None:
        super().__init__("mirroring", 60.0)
        self._ended = ended

    def show(self) -> None:
        self._ended.set()


@pytest.fixture
def both() -> World:
    """Both sides; one host has entered maintenance mode, and that was seen."""
    both = world()
    both.vcenter.enter("host-1")
    both.changes.put(event(1))
    return both


def handle(of: World, times: int = 1) -> None:
    """Take and handle a change so often, whenever it is due."""
    mirroring = Mirroring(of.changes, of.context, of.health, 12.0)
    of.clock.step = 2.0  # Whoever looks a second time has waited for long enough.
    for _ in range(times):
        of.clock.now += 100
        ended = Ended(of.clock)
        mirroring.run(Once(ended), ended)


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    return [(each.levelno, each.getMessage()) for each in caplog.records]


@pytest.fixture(autouse=True)
def everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def test_a_change_is_mirrored_and_done_with(both: World, caplog: pytest.LogCaptureFixture) -> None:
    handle(both)
    assert both.operations.maintained() == {host(1)}
    assert len(both.changes) == 0
    assert both.health.operations_success == both.time()
    [(level, text)] = lines(caplog)
    assert level == logging.INFO
    assert "esx01.lab.local" in text
    assert "entered" in text


def test_vcenter_is_asked_and_not_what_was_seen_believed(both: World) -> None:
    both.vcenter.leave("host-1")
    handle(both)
    assert both.operations.maintained() == set()


def test_it_does_not_wait_for_ever_for_a_change() -> None:
    nothing = world()
    handle(nothing)
    assert len(nothing.changes) == 0


def test_a_failure_is_told_once_and_tried_until_it_is_in(
    both: World, caplog: pytest.LogCaptureFixture
) -> None:
    both.operations.failures = [AWAY] * 20
    handle(both, 20)
    assert both.health.operations_problem == str(AWAY)
    assert len(both.changes) == 1
    assert [level for level, _ in lines(caplog)] == [logging.WARNING] + [logging.DEBUG] * 19
    handle(both)
    assert both.operations.maintained() == {host(1)}
    assert (both.health.operations_problem, len(both.changes)) == ("", 0)


def test_the_first_that_is_in_again_lets_nobody_wait_any_longer(both: World) -> None:
    both.vcenter.enter("host-2")
    both.changes.put(event(2))
    both.operations.failures = [AWAY, AWAY]
    handle(both, 3)
    assert both.operations.maintained() == {host(1)}
    both.clock.now += 1
    assert both.changes.take(0)


@pytest.mark.parametrize(
    "error",
    [
        AWAY,
        OperationsUnavailableError("HTTP 429", 3600.0),
        AuthenticationError("refused", 300.0),
        HostNotFoundError("not known yet"),
        HostUnsettledError("in and out"),
        VCenterUnavailableError("it does not answer in time"),
    ],
)
def test_what_may_pass_is_tried_again_within_a_minute(both: World, error: TransientError) -> None:
    both.operations.failures = [error] * 3
    handle(both, 4)
    assert both.operations.maintained() == {host(1)}


@pytest.mark.parametrize(
    "error",
    [RequestRejectedError("HTTP 403: no privilege"), AmbiguousHostError("2 resources fit")],
)
def test_what_cannot_succeed_is_refused_once_and_left_to_sweeps(
    both: World, caplog: pytest.LogCaptureFixture, error: MaintenanceError
) -> None:
    both.operations.failures = [error]
    handle(both, 3)
    assert len(both.changes) == 0
    assert both.operations.maintained() == set()
    assert [level for level, _ in lines(caplog)] == [logging.ERROR]


@pytest.mark.parametrize("error", [HostNotFoundError("unknown"), AmbiguousHostError("two")])
def test_whoever_knows_no_such_host_is_back(both: World, error: MaintenanceError) -> None:
    both.health.operations_problem = "away"
    both.operations.failures = [error]
    handle(both)
    assert both.health.operations_problem == ""
    assert both.health.operations_success == both.time()


@pytest.mark.parametrize(
    "error", [AWAY, AuthenticationError("refused", 300.0), RequestRejectedError("HTTP 403")]
)
def test_whoever_refuses_what_it_is_told_is_not_ready(both: World, error: MaintenanceError) -> None:
    handle(both)
    both.of_vcenter.connected_since, both.of_vcenter.swept = both.time(), True
    assert both.health.ready
    both.vcenter.leave("host-1")
    both.changes.put(event(1, mode=False))
    both.operations.failures = [error]
    handle(both)
    assert (both.health.ready, both.health.operations_problem) == (False, str(error))
    both.changes.put(event(1, mode=False))
    handle(both)
    assert both.health.ready


def test_a_vcenter_that_is_away_is_no_fault_of_vrealize_operations(both: World) -> None:
    both.vcenter.failures = [VCenterUnavailableError("it does not answer in time")]
    handle(both)
    assert both.health.operations_problem == ""


def test_a_host_that_is_never_known_is_given_up_in_the_end(
    both: World, caplog: pytest.LogCaptureFixture
) -> None:
    both.operations.failures = [HostNotFoundError("not known yet")] * 2
    handle(both)
    both.time.advance(31)
    handle(both)
    assert len(both.changes) == 0
    assert "not tried again" in lines(caplog)[-1][1]


def test_a_bug_is_told_of_and_costs_no_other_host(
    both: World, caplog: pytest.LogCaptureFixture
) -> None:
    both.operations.failures = [KeyError("MESSAGE")]  # type: ignore[list-item]
    both.vcenter.enter("host-2")
    both.changes.put(event(2))
    handle(both, 3)
    assert both.operations.maintained() == {host(1), host(2)}
    assert "this is a bug" in caplog.text


def test_a_bug_is_told_of_once_for_each_change(
    both: World, caplog: pytest.LogCaptureFixture
) -> None:
    both.operations.failures = [KeyError("MESSAGE")] * 5  # type: ignore[list-item]
    handle(both, 5)
    assert [level for level, _ in lines(caplog)] == [logging.ERROR] + [logging.DEBUG] * 4


def test_a_host_that_flaps_ends_as_vcenter_says(both: World) -> None:
    for number in range(999):
        entered = number % 2 == 0
        (both.vcenter.enter if entered else both.vcenter.leave)("host-1")
        both.changes.put(event(1, mode=not entered))
    handle(both, 2)
    assert both.operations.maintained() == {host(1)}
    assert len(both.changes) == 0


def test_a_change_has_the_deadline_of_an_event(both: World) -> None:
    left: list[float] = []
    find = both.operations.find

    def noted(wanted: object) -> object:
        left.append(remaining())
        return find(wanted)  # type: ignore[arg-type]

    both.operations.find = noted  # type: ignore[method-assign, assignment]
    handle(both)
    assert left
    assert all(0 < each <= 12 for each in left)


def test_what_is_in_hand_at_the_end_is_finished_and_nothing_more(both: World) -> None:
    both.vcenter.enter("host-2")
    both.changes.put(event(2))
    ended = Ended(both.clock)
    find = both.operations.find

    def ending(wanted: object) -> object:
        ended.set()
        return find(wanted)  # type: ignore[arg-type]

    both.operations.find = ending  # type: ignore[method-assign, assignment]
    Mirroring(both.changes, both.context, both.health, 12.0).run(signs(), ended)
    assert both.operations.maintained() == {host(1)}
    assert len(both.changes) == 1
