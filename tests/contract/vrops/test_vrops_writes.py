"""Writes whose answer is lost, refused, or visible late only."""

import pytest

from functions.errors import (
    HostNotFoundError,
    OperationsUnavailableError,
    RequestRejectedError,
    TransientError,
)
from functions.ports import Resource, ResourceState
from simulator import SettableClock, Simulator, Switches
from tests.contract.vrops.clients import connected, enter, esx, leave

NAME = "esx01.lab.local"


@pytest.mark.parametrize("status", [404, 500])
def test_an_end_whose_answer_was_lost_is_a_success(status: int) -> None:
    switches = Switches(delete_when_not_maintained=status)
    with Simulator(switches=switches) as simulator, connected(simulator) as vrops:
        enter(vrops, esx(1))
        simulator.fault(cut="after", method="DELETE")
        assert leave(vrops, esx(1))
        assert simulator.state(NAME) == "STARTED"


@pytest.mark.parametrize("status", [400, 404, 500])
def test_an_end_that_was_refused_is_no_success_while_maintenance_shows(
    simulator: Simulator, status: int
) -> None:
    with connected(simulator) as vrops:
        enter(vrops, esx(1))
        simulator.fault(status=status, method="DELETE")
        with pytest.raises(TransientError):
            leave(vrops, esx(1))
        assert leave(vrops, esx(1))
    assert simulator.state(NAME) == "STARTED"


def test_an_end_that_was_refused_is_no_success_while_the_state_cannot_be_read(
    simulator: Simulator,
) -> None:
    with connected(simulator) as vrops:
        enter(vrops, esx(1))
        found = vrops.find(esx(1))
        simulator.fault(status=500, count=100)
        with pytest.raises(OperationsUnavailableError):
            vrops.end_maintenance(found)


def test_an_end_that_was_refused_is_no_success_while_a_start_may_show_yet() -> None:
    clock = SettableClock()
    with (
        Simulator(switches=Switches(visible_delay=3), clock=clock) as simulator,
        connected(simulator, clock.advance, confirm_seconds=0) as hasty,
        connected(simulator, clock.advance) as patient,
    ):
        assert not enter(hasty, esx(1))
        simulator.fault(status=500, method="DELETE")
        with pytest.raises(TransientError):
            leave(patient, esx(1))
        assert leave(patient, esx(1))
        assert simulator.state(NAME) == "STARTED"


@pytest.mark.parametrize("status", [400, 404])
def test_a_resource_with_no_proper_id_is_never_taken_for_ended(status: int) -> None:
    resource = Resource("no-uuid", esx(1), ResourceState.OPEN_ENDED)
    switches = Switches(malformed_uuid=status)
    with Simulator(switches=switches) as simulator, connected(simulator) as vrops:
        with pytest.raises((RequestRejectedError, HostNotFoundError)):
            vrops.end_maintenance(resource)
        with pytest.raises((RequestRejectedError, HostNotFoundError)):
            vrops.start_maintenance(resource, None)


def test_a_window_of_no_minutes_is_not_an_open_ended_one(simulator: Simulator) -> None:
    with connected(simulator) as vrops, pytest.raises(RequestRejectedError):
        enter(vrops, esx(1), 0)
    assert simulator.state(NAME) == "STARTED"


def test_a_timed_window_is_renewed_from_now_on() -> None:
    clock = SettableClock()
    with Simulator(clock=clock) as simulator, connected(simulator) as vrops:
        enter(vrops, esx(1), 30)
        clock.advance(20 * 60)
        enter(vrops, esx(1), 30)
        clock.advance(29 * 60)
        assert simulator.state(NAME) == "MAINTAINED"
        clock.advance(60)
        assert simulator.state(NAME) == "STARTED"


def test_a_change_that_is_not_visible_in_time_is_accepted_but_unseen() -> None:
    clock = SettableClock()
    switches = Switches(visible_delay=30)
    with (
        Simulator(switches=switches, clock=clock) as simulator,
        connected(simulator, clock.advance) as vrops,
    ):
        assert not enter(vrops, esx(1))
        clock.advance(30)
        assert simulator.state(NAME) == "MAINTAINED_MANUAL"
        assert not leave(vrops, esx(1))
        clock.advance(30)
        assert simulator.state(NAME) == "STARTED"


@pytest.mark.parametrize("status", [400, 404, 500])
@pytest.mark.parametrize("confirm_seconds", [0.0, 5.0])
def test_an_end_that_was_refused_once_ends_a_start_that_did_not_show_yet(
    status: int, confirm_seconds: float
) -> None:
    clock = SettableClock()
    with (
        Simulator(switches=Switches(visible_delay=30), clock=clock) as simulator,
        connected(simulator, clock.advance, confirm_seconds=confirm_seconds) as vrops,
    ):
        enter(vrops, esx(1))
        simulator.fault(status=status, method="DELETE")
        leave(vrops, esx(1))
        clock.advance(60)
        assert simulator.state(NAME) == "STARTED"


def test_a_state_that_cannot_be_read_after_the_write_is_unseen(simulator: Simulator) -> None:
    with connected(simulator) as vrops:
        found = vrops.find(esx(1))
        simulator.fault(status=500, method="GET", count=100)
        assert not vrops.start_maintenance(found, None)
    assert simulator.state(NAME) == "MAINTAINED_MANUAL"
