"""How much the client asks for: each call is load on a server that others need, too."""

import threading
from datetime import UTC, datetime

import pytest

from adapters.vrops import Vrops
from functions.context import Context
from functions.events import HostEvent, HostRef
from functions.handlers import enter_maintenance_mode, exit_maintenance_mode
from simulator import Simulator, Switches
from tests.contract.vrops.clients import VCENTER, asked, connected, enter, esx, leave


def event(host: HostRef) -> HostEvent:
    return HostEvent("SomeEvent", host, key=1, created=datetime.now(UTC), event_id="1")


@pytest.mark.parametrize("vcid_upper_case", [False, True])
def test_the_first_event_of_a_process_costs_five_calls(vcid_upper_case: bool) -> None:
    switches = Switches(vcid_upper_case=vcid_upper_case)
    with Simulator(switches=switches) as simulator, connected(simulator) as vrops:
        enter_maintenance_mode(event(esx(1)), Context(vrops))
        assert asked(simulator) == [
            "POST acquire",
            "GET adapters",
            "GET resources",
            "PUT maintained",
            f"GET {simulator.resource('esx01.lab.local').id}",
        ]


def test_a_renamed_host_costs_no_more_where_identifiers_are_looked_up(
    simulator: Simulator,
) -> None:
    with connected(simulator) as vrops:
        enter(vrops, HostRef("host-1001", "renamed.lab.local", VCENTER))
        assert len(simulator.calls) == 5


def test_every_later_event_of_a_host_costs_three_calls(simulator: Simulator) -> None:
    with connected(simulator) as vrops:
        enter(vrops, esx(1))
        for handle in (exit_maintenance_mode, enter_maintenance_mode, exit_maintenance_mode):
            simulator.clear_calls()
            handle(event(esx(1)), Context(vrops))
            assert len(simulator.calls) == 3


def test_entering_a_host_that_is_in_maintenance_costs_one_call(simulator: Simulator) -> None:
    with connected(simulator) as vrops:
        enter(vrops, esx(1))
        simulator.clear_calls()
        assert enter_maintenance_mode(event(esx(1)), Context(vrops)).action == "unchanged"
        assert len(simulator.calls) == 1


def test_all_events_share_one_connection_and_one_login(simulator: Simulator) -> None:
    with connected(simulator) as vrops:
        for number in (1, 2, 3) * 4:
            enter(vrops, esx(number))
            leave(vrops, esx(number))
    assert (simulator.connections, simulator.logins) == (1, 1)


def test_threads_that_start_together_log_in_once(simulator: Simulator) -> None:
    with connected(simulator) as vrops:
        _together(16, vrops)
        assert simulator.logins == 1
        assert simulator.state("esx01.lab.local") == "MAINTAINED_MANUAL"


def test_the_token_is_released_in_the_end(simulator: Simulator) -> None:
    with connected(simulator) as vrops:
        enter(vrops, esx(1))
    assert asked(simulator)[-1] == "POST release"


def test_a_client_that_did_nothing_calls_nobody(simulator: Simulator) -> None:
    with connected(simulator):
        pass
    assert simulator.connections == 0


def _together(count: int, vrops: Vrops) -> None:
    barrier = threading.Barrier(count)

    def run() -> None:
        barrier.wait()
        enter(vrops, esx(1))

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
