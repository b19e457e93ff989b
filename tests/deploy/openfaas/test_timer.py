"""The functions of stack-vcenter.yaml, called as the cron-connector and VEBA's router do."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from lab.events import EXIT, HTTP_FORMATS, EventData
from lab.processes import Function
from simulator import Simulator
from tests.deploy.openfaas.stack import STACK, VCENTER_STACK, environment, lay_out, serving
from tests.documents import blocks
from tests.vcenters import Vcsim, needs_go

pytest.importorskip("waitress", reason="needs waitress, the template's server")
pytestmark = [needs_go, pytest.mark.xdist_group("vcsim")]


@pytest.fixture(autouse=True)
def _fresh(vcenter: Vcsim, simulator: Simulator) -> None:
    simulator.clear_faults()
    for host in vcenter.hosts:
        vcenter.leave(host.moref)
        simulator.end_maintenance(host.name)


@pytest.fixture(scope="module")
def secrets(vcenter: Vcsim, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secrets")
    for name, service in (("vrops", simulator), ("vcenter", vcenter)):
        (folder / f"{name}-username").write_text(service.username, encoding="utf-8")
        (folder / f"{name}-password").write_text(service.password, encoding="utf-8")
        (folder / f"{name}-ca").write_bytes(service.ca_file.read_bytes())
    return folder


def serve(
    name: str, home: Path, secrets: Path, vcenter: Vcsim, simulator: Simulator
) -> Iterator[Function]:
    lay_out(name, home, VCENTER_STACK)
    found = environment(name, home, secrets, VCENTER_STACK)
    here = {**found, "VROPS_URL": simulator.url, "VCENTER_URL": vcenter.url}
    with serving(home, here) as running:
        yield running


@pytest.fixture(scope="module")
def timed(
    secrets: Path,
    vcenter: Vcsim,
    simulator: Simulator,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Function]:
    home = tmp_path_factory.mktemp("timed") / "home"
    yield from serve("maintenance-mirror-reconcile", home, secrets, vcenter, simulator)


@pytest.fixture(scope="module")
def mirroring(
    secrets: Path,
    vcenter: Vcsim,
    simulator: Simulator,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Function]:
    home = tmp_path_factory.mktemp("mirroring") / "home"
    yield from serve("maintenance-mirror", home, secrets, vcenter, simulator)


def due(timed: Function) -> requests.Response:
    """Call it as the cron-connector does, by a POST of nothing."""
    return requests.post(timed.url, data=b"", headers={"Content-Type": "text/plain"}, timeout=30)


def test_the_timer_repairs_and_the_line_that_the_readme_shows_is_written(
    timed: Function, vcenter: Vcsim, simulator: Simulator
) -> None:
    missed = vcenter.hosts[0]
    vcenter.enter(missed.moref)
    reply = due(timed)
    assert (reply.status_code, reply.json()["action"]) == (200, "reconciled")
    assert simulator.states() == {
        each.name: "MAINTAINED" if each == missed else "STARTED" for each in vcenter.hosts
    }
    _, shown = [json.loads(text) for text in blocks(STACK.with_name("README.md"), "json")]
    line = json.loads(timed.output.splitlines()[-1])
    varying = ("time", "duration_ms", "event_id")
    assert list(line) == list(shown)
    assert {**line, **{name: shown[name] for name in varying}} == shown


def test_what_is_sent_to_the_timers_function_is_no_event(
    timed: Function, vcenter: Vcsim, simulator: Simulator
) -> None:
    host = vcenter.hosts[1]
    event_data = EventData(host=host.name, moref=host.moref, vcenter=vcenter.address)
    body = HTTP_FORMATS["router-openfaas"](event_data).body
    assert requests.post(timed.url, data=body, timeout=30).json()["action"] == "reconciled"
    assert set(simulator.states().values()) == {"STARTED"}


def test_a_sweep_that_fails_says_so(timed: Function, simulator: Simulator) -> None:
    simulator.fault(status=503, count=100)
    reply = due(timed)
    assert (reply.status_code, reply.json()) == (503, {"error": "OperationsUnavailableError"})


def test_a_late_exit_event_changes_nothing(
    mirroring: Function, vcenter: Vcsim, simulator: Simulator
) -> None:
    host = vcenter.hosts[2]
    vcenter.enter(host.moref)
    event_data = EventData(
        name=EXIT.name, host=host.name, moref=host.moref, vcenter=vcenter.address
    )
    body = HTTP_FORMATS["router-openfaas"](event_data).body
    assert requests.post(mirroring.url, data=body, timeout=30).json()["action"] == "entered"
    assert simulator.state(host.name) == "MAINTAINED"
