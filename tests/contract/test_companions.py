"""What goes with hosts, from an event to both services as they are: the calls, counted."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from functions.context import Context, Policy, VCenters
from functions.events import COMPANIONS, ENTERED, EXITED, HostEvent, HostRef
from functions.handlers import enter_maintenance_mode, exit_maintenance_mode
from tests.contract.vcenter.interceptor import intercepted
from tests.contract.vrops.clients import asked
from tests.contract.vrops.clients import connected as connected_to_vrops
from tests.vcenters import collecting, connected, needs_go, vcsim

pytestmark = needs_go

READ = "RetrievePropertiesEx"
LOGINS = ("POST acquire", "vimServiceVersions.xml", "RetrieveServiceContent", "Login")
HANDLED = {ENTERED: enter_maintenance_mode, EXITED: exit_maintenance_mode}
# What vRealize Operations and vCenter are asked for the first event of a host, and later ones.
COLD = (["GET", "GET", "GET", "PUT", "GET"], [READ] * 3)
WARM = {ENTERED: (["GET", "PUT", "GET"], [READ] * 2)}
WARM[EXITED] = (["GET", "DELETE", "GET"], [READ, "QueryEvents", READ])


@pytest.mark.parametrize("kinds", [(), ("Datastore",), tuple(COMPANIONS)], ids=len)
def test_an_event_costs_no_more_with_what_goes_with_its_host(
    kinds: tuple[str, ...], tmp_path: Path
) -> None:
    with (
        vcsim(2, datastores=[[1], [2], [1, 2]], machines=[1]) as vcenter,
        collecting(vcenter) as simulator,
        intercepted(vcenter, tmp_path) as interceptor,
        connected(vcenter, url=interceptor.url, ca_file=str(interceptor.ca_file)) as vsphere,
        connected_to_vrops(simulator, uuid_of=lambda address: vcenter.uuid) as vrops,
    ):
        context = Context(
            vrops, VCenters({vsphere.address: vsphere}), policy=Policy(60, includes=kinds)
        )
        costs = []
        for name in (ENTERED, EXITED, ENTERED, EXITED):
            (vcenter.enter if name == ENTERED else vcenter.leave)(vcenter.hosts[0].moref)
            HANDLED[name](event(name, vcenter.hosts[0], vsphere.address), context)
            methods = [call.split()[0] for call in asked(simulator) if call not in LOGINS]
            costs.append((methods, [each for each in interceptor.calls if each not in LOGINS]))
            simulator.clear_calls()
            interceptor.calls.clear()
            local = simulator.state("local01")
            assert (local == "MAINTAINED") is (name == ENTERED and "Datastore" in kinds)
            assert simulator.state("shared03") == simulator.state("local02") == "STARTED"
        cold = COLD if kinds else (COLD[0][1:], WARM[ENTERED][1])
        assert costs == [cold, WARM[EXITED], WARM[ENTERED], WARM[EXITED]]


def event(name: str, host: HostRef, address: str) -> HostEvent:
    ref = HostRef(host.moref, host.name, address)
    return HostEvent(name, ref, key=1, created=datetime.now(UTC), event_id="1")
