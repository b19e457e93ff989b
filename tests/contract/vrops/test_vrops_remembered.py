"""What is remembered of hosts and vCenters, and when that is true no more."""

import pytest

from functions.errors import (
    AmbiguousHostError,
    HostNotFoundError,
)
from functions.events import HostRef
from functions.ports import ResourceState
from simulator import Host, Simulator, Switches, VCenter
from tests.contract.vrops.clients import VCENTER, act, asked, connected, enter, esx, leave

NAME = "esx01.lab.local"


def test_a_remembered_resource_that_is_gone_is_looked_up_anew(simulator: Simulator) -> None:
    with connected(simulator) as vrops:
        found = vrops.find(esx(1))
        simulator.fault(status=404, path=f"/resources/{found.identifier}", method="GET")
        assert vrops.find(esx(1)) == found
    assert asked(simulator).count("GET resources") == 2


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_resource_that_goes_while_it_is_written_is_looked_up_anew(
    simulator: Simulator, method: str
) -> None:
    with connected(simulator) as vrops:
        found = vrops.find(esx(1))
        simulator.fault(status=404, path=found.identifier, count=2 if method == "DELETE" else 1)
        with pytest.raises(HostNotFoundError):
            act(vrops, method, found)
        simulator.clear_calls()
        enter(vrops, esx(1))
    assert "GET resources" in asked(simulator)
    assert simulator.state(NAME) == "MAINTAINED_MANUAL"


def test_a_host_that_was_added_again_is_a_new_one(simulator: Simulator) -> None:
    with connected(simulator) as vrops:
        enter(vrops, esx(1))
        simulator.remove_host(NAME)
        with pytest.raises(HostNotFoundError):
            vrops.find(esx(1))
        anew = simulator.add_host(Host(NAME, "host-2001"))
        enter(vrops, HostRef("host-2001", NAME, VCENTER))
        assert vrops.find(HostRef("", NAME, VCENTER)).identifier == anew.id


def test_a_remembered_name_does_not_stick_to_a_renamed_host(simulator: Simulator) -> None:
    by_name = HostRef("", NAME, VCENTER)
    with connected(simulator) as vrops:
        vrops.find(by_name)
        simulator.add_host(Host("renamed.lab.local", "host-1001"))
        namesake = simulator.add_host(Host(NAME, "host-2001"))
        assert vrops.find(by_name).identifier == namesake.id


def test_a_list_that_was_read_before_does_not_tell_the_state_of_now() -> None:
    hosts = [Host("old1", "host-1"), Host("old2", "host-2")]
    switches = Switches(identifiers_lookup="refused")
    with Simulator(hosts, switches=switches) as simulator, connected(simulator) as vrops:
        vrops.find(HostRef("host-1", "new1", VCENTER))
        simulator.maintain("old2")
        found = vrops.find(HostRef("host-2", "new2", VCENTER))
        assert found.state is ResourceState.OPEN_ENDED


def test_a_quiet_host_of_another_vcenter_is_not_a_stale_twin() -> None:
    hosts = [Host("esx", "host-1", "a", status="NO_DATA_RECEIVING"), Host("esx", "host-1", "b")]
    with Simulator(hosts, ["a", "b"]) as simulator, connected(simulator) as vrops:
        simulator.maintain("esx", vcenter="a")
        with pytest.raises(AmbiguousHostError):
            leave(vrops, HostRef("host-1", "esx", "unknown.lab.local"))


@pytest.mark.parametrize(
    "url",
    ["https://X.lab.local/sdk", "x.lab.local:443", "X.LAB.LOCAL", "https://x.lab.local:443/sdk/"],
)
def test_a_vcenter_is_known_by_any_form_of_its_url(url: str) -> None:
    hosts = [Host("esx", "host-1", "x"), Host("esx", "host-1", "y")]
    vcenters = [VCenter("x", url=url), VCenter("y", url="x.lab.local:8443")]
    switches = Switches(adapters_expose_vcid=False)
    with (
        Simulator(hosts, vcenters, switches=switches) as simulator,
        connected(simulator) as vrops,
    ):
        enter(vrops, HostRef("host-1", "esx", "x.lab.local"))
        assert simulator.states() == {"x/esx": "MAINTAINED_MANUAL", "y/esx": "STARTED"}


def test_a_host_found_by_its_name_only_is_noticed(
    simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(simulator) as vrops:
        enter(vrops, HostRef("", NAME, "vc.elsewhere"))
        assert "found by its name only, since its vCenter is unknown" in caplog.text
        caplog.clear()
        enter(vrops, esx(2))
        assert caplog.text == ""
