"""The image, as Knative runs it: confined, and mirroring into the simulator over real TLS."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from lab.events import EXAMPLES, EXIT, HTTP_FORMATS
from lab.processes import Function
from simulator import Host, Simulator, VCenter
from tests.deadletters import given_up
from tests.deploy.knative import image, manifests
from tests.deploy.knative.image import Containers, account
from tests.deploy.knative.timers import ping, timer
from tests.messages import latest
from tests.vcenters import needs_go, vcsim

HOST = "esx01.lab.local"
# Printed from within the image, by its own Python.
LOOK_AROUND = """
import importlib.util, json, os, pathlib, shutil
status = pathlib.Path("/proc/self/status").read_text()
sources = [f for d in ("/app", "/opt/venv/lib") for f in pathlib.Path(d).rglob("*.py")]
compiled = lambda f: pathlib.Path(importlib.util.cache_from_source(str(f))).exists()
print(json.dumps({
    "user": os.getuid(),
    "capabilities": status.partition("CapEff:")[2].split()[0],
    "writable": [d for d in ("/", "/app", "/opt/venv", "/tmp") if os.access(d, os.W_OK)],
    "tools": [t for t in "pip pip3 gcc cc make uv wheel".split() if shutil.which(t)],
    "installers": [
        m for m in "pip setuptools wheel ensurepip".split() if importlib.util.find_spec(m)
    ],
    "sources": len(sources),
    "not compiled": [str(f) for f in sources if not compiled(f)],
    "files": sorted(os.listdir("/app")),
    "optional": [m for m in ("pyVmomi", "boto3", "rich") if importlib.util.find_spec(m)],
    "command line": pathlib.Path("/app/adapters/cli").exists(),
}))
"""
pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(image.missing() is not None, reason=str(image.missing())),
    # The first one makes the base and the image, which takes minutes.
    pytest.mark.timeout(600),
    # Once is enough, however many processes run the tests.
    pytest.mark.xdist_group("image"),
]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator([Host(HOST, "host-1001", "vcenter.lab.local")]) as running:
        yield running


@pytest.fixture(scope="module")
def running(
    built: Containers, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Function]:
    folder = tmp_path_factory.mktemp("mirroring") / "account"
    settings = {**account(folder, simulator, "VROPS"), "THREADS": "8"}
    with image.running(built, folder.with_name("log"), settings, folder) as started:
        yield started


def test_it_is_healthy_on_the_port_it_is_given(running: Function) -> None:
    assert requests.get(f"{running.url}/healthz", timeout=30).status_code == 200


@pytest.mark.parametrize(
    ("name", "encoding"), [("router-binary", "binary json"), ("vspheresource-xml", "binary xml")]
)
def test_it_mirrors_enter_and_exit(
    name: str, encoding: str, running: Function, simulator: Simulator
) -> None:
    for verb, state in (("enter", "MAINTAINED_MANUAL"), ("exit", "STARTED")):
        reply = running.send(latest((EXAMPLES / f"{name}-{verb}.http").read_bytes()))
        assert reply.startswith(b"HTTP/1.1 204 ")
        assert simulator.state(HOST) == state
    assert running.said('"action": "exited"', f'"encoding": "{encoding}"')


@needs_go
@pytest.mark.skipif(manifests.tool() is None, reason="needs kubectl or kustomize")
def test_it_asks_a_vcenter_when_the_timer_says_so(built: Containers, tmp_path: Path) -> None:
    with vcsim(1) as vcenter:
        (host,) = vcenter.hosts
        vcenter.enter(host.moref)
        known = VCenter("vc", vcenter.address, vcenter.uuid)
        with Simulator([Host(host.name, host.moref, "vc")], [known]) as operations:
            ours, theirs = tmp_path / "account", tmp_path / "vcenter-account"
            settings = account(ours, operations, "VROPS") | account(theirs, vcenter, "VCENTER")
            with image.running(built, tmp_path / "log", settings, ours, theirs) as asking:
                reply = asking.send(ping(timer("veba-0.8-vcenter")).request())
            assert reply.startswith(b"HTTP/1.1 204 ")
            assert operations.state(host.name) == "MAINTAINED_MANUAL"


@pytest.fixture(scope="module")
def event_data(built: Containers) -> dict[str, Any]:
    event_data: dict[str, Any] = json.loads(built.say("python", "-c", LOOK_AROUND))
    return event_data


def test_it_is_nobody_in_particular_and_can_write_nothing(event_data: dict[str, Any]) -> None:
    assert event_data["user"] == 65532
    assert event_data["capabilities"] == "0000000000000000"
    assert event_data["writable"] == []


def test_it_holds_no_tool_to_build_or_install_with(event_data: dict[str, Any]) -> None:
    assert event_data["tools"] == []
    assert event_data["installers"] == []


def test_everything_is_compiled(event_data: dict[str, Any]) -> None:
    assert event_data["sources"] > 100
    assert event_data["not compiled"] == []


def test_it_holds_the_function_and_no_more_of_the_project(event_data: dict[str, Any]) -> None:
    assert event_data["files"] == ["LICENSE", "adapters", "functions"]
    assert not event_data["command line"]


def test_a_vcenter_needs_no_other_image(event_data: dict[str, Any]) -> None:
    assert event_data["optional"] == ["pyVmomi"]


def test_it_says_what_it_is_and_runs_as_a_number(built: Containers) -> None:
    title = '{{index .Config.Labels "org.opencontainers.image.title"}}'
    assert built.inspect(title) == "maintenance-mirror"
    assert built.inspect("{{.Config.User}}") == "65532:65532"


def test_it_adds_less_than_40_megabytes_to_its_base(built: Containers) -> None:
    ours, base = (int(built.inspect("{{.Size}}", name)) for name in (image.IMAGE, image.BASE))
    assert ours - base < 40_000_000


def test_it_does_not_start_without_its_configuration(built: Containers) -> None:
    with pytest.raises(AssertionError, match="VROPS_URL is missing"):
        built.say("functions-framework", "--source", "adapters/knative.py")


def test_the_same_image_is_the_echo_function(built: Containers, tmp_path: Path) -> None:
    settings = {"FUNCTION_TARGET": "echo", "LOG_FORMAT": "json"}
    with image.running(built, tmp_path / "log", settings) as echo:
        reply = echo.send((EXAMPLES / "another-event.http").read_bytes())
        assert reply.startswith(b"HTTP/1.1 204 ")
        assert echo.said('"subject": "HostConnectionLostEvent"')
        # One line and nothing else: no complaint of the server about the read-only root.
        assert json.loads(echo.output)["data"]["Key"] == 51300


def test_the_same_image_keeps_dead_letters_and_sends_them_again(
    built: Containers, running: Function, simulator: Simulator, tmp_path: Path
) -> None:
    simulator.maintain(HOST)
    exit_event = latest(given_up(HTTP_FORMATS["router-binary"](EXIT)).request())
    settings = {"FUNCTION_TARGET": "dead_letters", "LOG_FORMAT": "json"}
    with image.running(built, tmp_path / "log", settings) as sink:
        assert sink.send(exit_event).startswith(b"HTTP/1.1 204 ")
        line = sink.said('"action": "given up"')
    command = built.command(
        *("-m", "adapters.redrive", running.url), options=("-i", "--entrypoint", "python")
    )
    done = subprocess.run(command, input=line, capture_output=True, encoding="utf-8", timeout=120)
    assert (done.returncode, done.stdout[-20:]) == (0, "HTTP 204 NO CONTENT\n"), done.stderr
    assert simulator.state(HOST) == "STARTED"


def test_it_ends_well_when_it_is_told_to(running: Function, simulator: Simulator) -> None:
    running.send(latest((EXAMPLES / "router-binary-exit.http").read_bytes()))
    assert running.stop() == 0
    # The token is given back, which takes a signal that reaches the server.
    assert simulator.calls[-1].path.endswith("/auth/token/release")
