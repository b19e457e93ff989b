"""The timer of an overlay, sent as Knative does, to a function that is set up as the overlay is."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions.events import is_timer
from lab.processes import Function, function
from simulator import Simulator
from tests import messages
from tests.deploy.knative import manifests
from tests.deploy.knative.manifests import KNATIVE, build, of_kind
from tests.deploy.knative.timers import ping, timer
from tests.documents import blocks
from tests.vcenters import Vcsim, needs_go

OVERLAYS = ("veba-0.7.0-vcenter", "veba-0.7.5-vcenter", "veba-0.8-vcenter")
pytestmark = pytest.mark.skipif(manifests.tool() is None, reason="needs kubectl or kustomize")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_the_timer_sends_is_taken_for_one(overlay: str) -> None:
    received = messages.read(ping(timer(overlay)))
    assert is_timer(received.envelope)
    assert received.envelope["source"] == (
        "/apis/v1/namespaces/vmware-functions/pingsources/maintenance-mirror-timer"
    )
    assert received.encoding == "binary json"


@pytest.fixture(scope="module")
def running(
    vcenter: Vcsim, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Function]:
    """The function with the overlay's settings, but for the addresses, accounts and CAs."""
    (settings,) = of_kind(build("veba-0.8-vcenter"), "ConfigMap").values()
    here: dict[str, str] = {
        **settings["data"],
        "VROPS_URL": simulator.url,
        "VROPS_CA_FILE": str(simulator.ca_file),
        **vcenter.variables,
    }
    log = tmp_path_factory.mktemp("timer") / "log"
    with function(log, simulator, **here) as started:
        yield started


def due(running: Function) -> bytes:
    """Let the timer send its event; returns the first line of the reply."""
    host = "maintenance-mirror.vmware-functions.svc.cluster.local"
    reply = running.send(ping(timer("veba-0.8-vcenter")).request(host=host))
    head, _, body = reply.partition(b"\r\n\r\n")
    assert body == b""
    return head.split(b"\r\n")[0]


def last_line(running: Function) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(running.output.splitlines()[-1])
    return line


@needs_go
@pytest.mark.xdist_group("vcsim")
def test_the_timer_repairs_and_the_line_that_the_readme_shows_is_written(
    running: Function, vcenter: Vcsim, simulator: Simulator
) -> None:
    missed = vcenter.hosts[0]
    vcenter.enter(missed.moref)
    assert due(running) == b"HTTP/1.1 204 NO CONTENT"
    assert simulator.states() == {
        each.name: "MAINTAINED" if each == missed else "STARTED" for each in vcenter.hosts
    }
    _, shown = [json.loads(text) for text in blocks(KNATIVE / "README.md", "json")]
    written = last_line(running)
    assert list(written) == list(shown)
    assert {**written, **{name: shown[name] for name in ("time", "duration_ms")}} == shown


@needs_go
@pytest.mark.xdist_group("vcsim")
def test_a_sweep_that_fails_is_one_that_the_timer_tries_again(
    running: Function, simulator: Simulator
) -> None:
    simulator.fault(status=503, count=100)
    assert due(running) == b"HTTP/1.1 503 SERVICE UNAVAILABLE"
    simulator.clear_faults()
    assert last_line(running)["error"] == "OperationsUnavailableError"
