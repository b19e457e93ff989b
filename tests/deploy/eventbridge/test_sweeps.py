"""Sweeps on Lambda's runtime: what the schedule sends, a real vSphere API, and the simulator."""

import json
from collections.abc import Iterator

import pytest

from lab.emulator import Lambda, Machine
from lab.events import EXIT, EventData, lambda_event
from simulator import Simulator
from tests.deploy.eventbridge import templates
from tests.deploy.eventbridge.aws import Aws
from tests.deploy.eventbridge.templates import DEPLOYMENT
from tests.vcenters import Vcsim, needs_go

pytestmark = [
    pytest.mark.exhaustive,
    needs_go,
    pytest.mark.xdist_group("vcsim"),
    pytest.mark.timeout(300),
]

SECRET, VCENTER_SECRET = "vrops/sweeps", "vcenter/sweeps"


@pytest.fixture(scope="module")
def stack(
    vcenter: Vcsim, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The parameters of a stack with a vCenter, and one file for both CAs."""
    ca_file = tmp_path_factory.mktemp("ca") / "both-cas.pem"
    ca_file.write_bytes(simulator.ca_file.read_bytes() + vcenter.ca_file.read_bytes())
    return {
        **templates.defaults(templates.load()),
        "VropsUrl": simulator.url,
        "VropsCaFile": str(ca_file),
        "SecretId": SECRET,
        "VcenterUrl": vcenter.url,
        "VcenterCaFile": str(ca_file),
        "VcenterSecretId": VCENTER_SECRET,
    }


@pytest.fixture(scope="module")
def function(
    machine: Machine,
    aws: Aws,
    stack: dict[str, str],
    vcenter: Vcsim,
    simulator: Simulator,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Lambda]:
    for name, service in ((SECRET, simulator), (VCENTER_SECRET, vcenter)):
        aws.put_secret(name, {"username": service.username, "password": service.password})
    settings = templates.environment(templates.load(), "MirrorFunction", stack)
    log = tmp_path_factory.mktemp("sweeps") / "log"
    handler = "adapters.eventbridge.lambda_handler"
    with machine.run(handler, settings, aws.endpoint, log) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(vcenter: Vcsim, simulator: Simulator) -> None:
    simulator.clear_faults()
    for host in vcenter.hosts:
        vcenter.leave(host.moref)
        simulator.end_maintenance(host.name)


def due(stack: dict[str, str]) -> str:
    """What the schedule sends: its input, with what the Scheduler fills in."""
    schedule = templates.load()["Resources"]["SweepSchedule"]
    text: str = templates.resolved(schedule["Properties"]["Target"]["Input"], stack)
    filled = {"execution-id": "d32c5kddcf5bb8c3", "scheduled-time": "2026-03-22T18:59:43Z"}
    for name, value in filled.items():
        assert f"<aws.scheduler.{name}>" in text
        text = text.replace(f"<aws.scheduler.{name}>", value)
    assert "<" not in text
    return text


def test_what_the_schedule_sends_is_a_sweep_that_repairs(
    function: Lambda, stack: dict[str, str], vcenter: Vcsim, simulator: Simulator
) -> None:
    missed, lost = vcenter.hosts[:2]
    vcenter.enter(missed.moref)
    vcenter.enter(lost.moref)
    vcenter.leave(lost.moref)
    simulator.maintain(lost.name, minutes=600)
    answer = function.invoke(json.loads(due(stack))).answer
    assert answer["action"] == "reconciled"
    assert "3 hosts compared: 1 started, 0 renewed, 1 ended" in answer["reason"]
    assert simulator.state(missed.name) == "MAINTAINED"
    assert simulator.state(lost.name) == "STARTED"
    assert function.lines()[-1]["event_id"] == "d32c5kddcf5bb8c3"


def test_the_sweep_of_the_readme_needs_no_schedule(function: Lambda) -> None:
    sweep = json.loads((DEPLOYMENT / "sweep.json").read_text(encoding="utf-8"))
    assert function.invoke(sweep).answer["action"] == "reconciled"


def test_a_late_exit_event_changes_nothing(
    function: Lambda, vcenter: Vcsim, simulator: Simulator
) -> None:
    host = vcenter.hosts[2]
    vcenter.enter(host.moref)
    event_data = EventData(
        name=EXIT.name, host=host.name, moref=host.moref, vcenter=vcenter.address
    )
    assert function.invoke(lambda_event(event_data)).answer["action"] == "entered"
    assert simulator.state(host.name) == "MAINTAINED"


def test_a_sweep_that_fails_is_seen_by_lambda(
    function: Lambda, stack: dict[str, str], simulator: Simulator
) -> None:
    simulator.fault(status=503, count=100)
    assert function.invoke(json.loads(due(stack))).error == "OperationsUnavailableError"


def test_no_password_is_in_the_log(function: Lambda, vcenter: Vcsim, simulator: Simulator) -> None:
    assert vcenter.password not in function.output
    assert simulator.password not in function.output
