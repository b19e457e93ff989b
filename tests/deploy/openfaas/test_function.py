"""The functions in the folders that faas-cli makes, behind the template's server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from lab.events import EXAMPLES
from lab.processes import Function
from simulator import Host, Simulator
from tests.deploy.openfaas.stack import STACK, WATCHDOG, environment, lay_out, serving
from tests.documents import blocks
from tests.messages import latest, parse

pytest.importorskip("waitress", reason="needs waitress, the template's server")

HOST = "esx01.lab.local"
NAME = "maintenance-mirror"
STATES = (("enter", "MAINTAINED_MANUAL"), ("exit", "STARTED"))
FORMATS = ("router-openfaas", "router-0.3-openfaas")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator([Host(HOST, "host-1001", "vcenter.lab.local")]) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(simulator: Simulator) -> None:
    simulator.clear_faults()
    simulator.end_maintenance(HOST)


@pytest.fixture(scope="module")
def settings(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what stack.yaml sets, but for the address, the lease and the times.

    Secrets are files.
    """
    secrets = tmp_path_factory.mktemp("secrets")
    (secrets / "vrops-username").write_text(simulator.username, encoding="utf-8")
    (secrets / "vrops-password").write_text(simulator.password, encoding="utf-8")
    (secrets / "vrops-ca").write_bytes(simulator.ca_file.read_bytes())
    home = tmp_path_factory.mktemp("image") / "home"
    lay_out(NAME, home)
    found = environment(NAME, home, secrets)
    times = {"EVENT_DEADLINE_SECONDS": "4", "healthcheck_interval": "0s"}
    here = {"VROPS_URL": simulator.url, "MAINTENANCE_LEASE_MINUTES": "", "HERE": str(home)}
    return {**found, **times, **here}


@pytest.fixture(scope="module")
def running(settings: dict[str, str]) -> Iterator[Function]:
    with serving(Path(settings["HERE"]), settings) as started:
        yield started


@pytest.fixture(scope="module")
def watched(settings: dict[str, str]) -> Iterator[Function]:
    with serving(Path(settings["HERE"]), settings, WATCHDOG) as started:
        yield started


def send(to: Function, name: str) -> tuple[int, Any]:
    """Send an example; returns the status and the JSON of the body."""
    head, _, body = to.send(latest((EXAMPLES / name).read_bytes())).partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), json.loads(body)


@pytest.mark.parametrize("name", FORMATS)
def test_enter_and_exit_are_mirrored_without_a_content_type(
    name: str, running: Function, simulator: Simulator
) -> None:
    for verb, state in STATES:
        assert b"content-type" not in (EXAMPLES / f"{name}-{verb}.http").read_bytes().lower()
        status, outcome = send(running, f"{name}-{verb}.http")
        assert (status, outcome["action"]) == (200, f"{verb}ed")
        assert simulator.state(HOST) == state


@pytest.mark.parametrize("name", FORMATS)
def test_a_host_that_is_removed_is_released(
    name: str, running: Function, simulator: Simulator
) -> None:
    simulator.maintain(HOST)
    assert b"content-type" not in (EXAMPLES / f"{name}-removed.http").read_bytes().lower()
    status, outcome = send(running, f"{name}-removed.http")
    assert (status, outcome["action"]) == (200, "exited")
    assert simulator.state(HOST) == "STARTED"


def test_the_line_that_the_readme_shows_is_written(running: Function) -> None:
    # test_timer.py compares the other one.
    shown, _ = [json.loads(text) for text in blocks(STACK.with_name("README.md"), "json")]
    send(running, "router-openfaas-enter.http")
    line = json.loads(running.output.splitlines()[-1])
    varying = ("time", "duration_ms")
    assert list(line) == list(shown)
    assert {**line, **{name: shown[name] for name in varying}} == shown


def test_a_body_in_chunks_is_taken_as_the_watchdog_sends_it(
    running: Function, simulator: Simulator
) -> None:
    for verb, state in STATES:
        body = parse(latest((EXAMPLES / f"router-openfaas-{verb}.http").read_bytes())).body
        halves = (body[:100], body[100:])
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(half), half) for half in halves)
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        reply = running.send(head + chunks + b"0\r\n\r\n")
        assert reply.startswith(b"HTTP/1.1 200 ")
        assert simulator.state(HOST) == state


def test_an_impostor_is_ignored(running: Function, simulator: Simulator) -> None:
    body = parse((EXAMPLES / "router-openfaas-enter.http").read_bytes()).body
    event = {**json.loads(body), "type": "com.vmware.event.router/eventex"}
    reply = requests.post(running.url, data=json.dumps(event), timeout=30)
    assert (reply.status_code, reply.json()["action"]) == (200, "ignored")
    assert simulator.state(HOST) == "STARTED"


def test_what_is_no_event_is_refused_for_good(running: Function) -> None:
    reply = requests.post(running.url, data=b"hello", timeout=30)
    assert (reply.status_code, reply.json()) == (400, {"error": "NotACloudEventError"})


def test_an_event_without_its_host_is_refused_for_good(running: Function) -> None:
    body = parse((EXAMPLES / "router-openfaas-enter.http").read_bytes()).body
    event = json.loads(body)
    del event["data"]["Host"]
    reply = requests.post(running.url, data=json.dumps(event), timeout=30)
    assert (reply.status_code, reply.json()) == (422, {"error": "InvalidEventError"})


def test_an_outage_means_try_again(running: Function, simulator: Simulator) -> None:
    simulator.fault(path="/maintained", status=503, count=100)
    status, body = send(running, "router-openfaas-enter.http")
    assert status == 503
    host = "host esx01.lab.local (host-1001) of vcenter.lab.local"
    assert body == {"error": "OperationsUnavailableError", "host": host}


def test_the_shared_code_is_found_by_the_path_that_is_set(
    settings: dict[str, str], running: Function
) -> None:
    without = {key: value for key, value in settings.items() if key != "PYTHONPATH"}
    with (
        pytest.raises(AssertionError, match="No module named 'adapters'"),
        serving(Path(settings["HERE"]), without),
    ):
        pass


def test_echo_shows_every_event_and_needs_no_settings(tmp_path: Path) -> None:
    home = tmp_path / "home"
    lay_out(f"{NAME}-echo", home)
    with serving(home, environment(f"{NAME}-echo", home, tmp_path)) as echo:
        status, outcome = send(echo, "router-openfaas-enter.http")
        assert (status, outcome["action"]) == (200, "echoed")
        assert "subject EnteredMaintenanceModeEvent" in echo.output
        assert "ERROR" not in echo.output


def test_the_watchdog_passes_events_and_replies_through(
    watched: Function, simulator: Simulator
) -> None:
    for verb, state in STATES:
        assert send(watched, f"router-openfaas-{verb}.http")[0] == 200
        assert simulator.state(HOST) == state
    assert requests.post(watched.url, data=b"hello", timeout=30).status_code == 400
    simulator.fault(path="/maintained", status=503, count=100)
    assert send(watched, "router-openfaas-enter.http")[0] == 503


def test_the_watchdog_is_healthy_where_the_annotation_looks(watched: Function) -> None:
    assert requests.get(f"{watched.url}/_/health", timeout=30).status_code == 200
