"""What is tried again, how often, and what a lost or refused answer means."""

import pytest

from adapters.outgoing.deadline import deadline
from functions.errors import (
    OperationsUnavailableError,
    RequestRejectedError,
)
from simulator import Simulator
from tests.contract.vrops.clients import asked, connected, enter, esx, leave

NAME = "esx01.lab.local"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_what_may_pass_is_tried_again(
    simulator: Simulator, pauses: list[float], status: int, method: str
) -> None:
    simulator.fault(status=status, method=method, count=3, body="html")
    with connected(simulator) as vrops:
        assert enter(vrops, esx(1))
    assert simulator.state(NAME) == "MAINTAINED_MANUAL"


def test_what_does_not_pass_is_given_up_after_five_attempts(
    simulator: Simulator, pauses: list[float]
) -> None:
    simulator.fault(status=503, path="/adapters", count=100)
    with connected(simulator) as vrops, pytest.raises(OperationsUnavailableError, match="503"):
        vrops.find(esx(1))
    assert asked(simulator).count("GET adapters") == 5


def test_a_pause_that_is_asked_for_is_made(simulator: Simulator, pauses: list[float]) -> None:
    simulator.fault(status=429, path="/adapters", retry_after=7)
    with connected(simulator) as vrops:
        vrops.find(esx(1))
    assert pauses == [7]


def test_a_pause_beyond_the_deadline_is_left_to_the_sender(
    simulator: Simulator, pauses: list[float]
) -> None:
    simulator.fault(status=429, path="/adapters", retry_after=120, count=100)
    with connected(simulator) as vrops, deadline(10):
        with pytest.raises(OperationsUnavailableError, match="429") as given_up:
            vrops.find(esx(1))
        assert given_up.value.retry_after == 120
    assert asked(simulator).count("GET adapters") == 1
    assert pauses == []


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_connection_that_is_cut_does_no_harm(simulator: Simulator, cut: str) -> None:
    with connected(simulator) as vrops:
        simulator.fault(cut=cut, method="PUT")
        assert enter(vrops, esx(1), 30)
        assert simulator.state(NAME) == "MAINTAINED"
        simulator.fault(cut=cut, method="DELETE")
        assert leave(vrops, esx(1))
        assert simulator.state(NAME) == "STARTED"


def test_a_refused_request_names_the_privilege(simulator: Simulator) -> None:
    simulator.fault(status=403, method="PUT", body="html")
    with (
        connected(simulator) as vrops,
        pytest.raises(RequestRejectedError, match="All other Read, Write APIs"),
    ):
        enter(vrops, esx(1))
    assert simulator.state(NAME) == "STARTED"


def test_a_request_that_is_wrong_is_not_sent_again(simulator: Simulator) -> None:
    simulator.fault(status=422, method="PUT", count=100)
    with connected(simulator) as vrops, pytest.raises(RequestRejectedError, match="422"):
        enter(vrops, esx(1))
    assert asked(simulator).count("PUT maintained") == 1
