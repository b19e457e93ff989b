"""adapters.clients: who needs both services logs in to both at the same time, and only once."""

import threading

import pytest

from adapters.clients import Clients
from adapters.config.settings import Settings
from functions.errors import VCenterUnavailableError
from lab.processes import environment, free_port
from simulator import Simulator
from tests.contract.vrops.clients import asked
from tests.vcenters import needs_go, vcsim


def connected(simulator: Simulator, **vcenter: str) -> Clients:
    environ = environment(simulator, **vcenter)
    return Clients(Settings.from_environ(environ), environ)


def unreachable() -> dict[str, str]:
    return {
        "VCENTER_URL": f"https://127.0.0.1:{free_port()}",
        "VCENTER_USERNAME": "reader",
        "VCENTER_PASSWORD": "hunter3",
    }


def logging_in() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "login"]


def test_before_there_is_something_to_ask_nobody_is_called(simulator: Simulator) -> None:
    clients = connected(simulator, **unreachable())
    clients.close()
    assert asked(simulator) == []


def test_who_logs_in_to_a_vcenter_logs_in_to_vrealize_operations_meanwhile(
    simulator: Simulator,
) -> None:
    clients = connected(simulator, **unreachable())
    with pytest.raises(VCenterUnavailableError):
        clients.vspheres[0].in_maintenance_mode("host-1001")
    clients.close()
    assert asked(simulator) == ["POST acquire", "POST release"]
    assert logging_in() == []


def test_a_login_that_fails_meanwhile_harms_nobody(simulator: Simulator) -> None:
    simulator.fault(status=503, path="/token/acquire")
    clients = connected(simulator, **unreachable())
    with pytest.raises(VCenterUnavailableError):
        clients.vspheres[0].in_maintenance_mode("host-1001")
    clients.close()
    assert asked(simulator) == ["POST acquire"]
    assert logging_in() == []


@needs_go
def test_of_two_who_need_the_same_login_one_waits_for_the_other(simulator: Simulator) -> None:
    with vcsim() as vcenter:
        clients = connected(simulator, **vcenter.variables)
        clients.vspheres[0].in_maintenance_mode(vcenter.hosts[0].moref)
        clients.operations.inspection().instances()
        clients.vspheres[0].in_maintenance_mode(vcenter.hosts[0].moref)
        clients.close()
    assert simulator.logins == 1
    assert asked(simulator).count("POST acquire") == 1
