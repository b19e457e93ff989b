"""What of-watchdog does to the functions: to their log, and when they are told to stop."""

import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from lab.events import EXAMPLES, HTTP_FORMATS, EventData
from lab.processes import TIMEOUT_SECONDS, Function, free_port, started
from simulator import Host, Simulator
from tests.deploy.openfaas.stack import STACK, WATCHDOG, environment, lay_out, serving
from tests.documents import blocks
from tests.messages import latest, parse

pytest.importorskip("waitress", reason="needs waitress, the template's server")

HOST = "esx01.lab.local"
LIMITED = {"log_buffer_size": str(64 * 1024), "healthcheck_interval": "0s"}
# A function that writes one line that is too long, and then one for each call.
TALKER = """
import http.server, os, sys
sys.stdout.write("x" * 70_000 + "\\n")
sys.stdout.flush()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_OPTIONS(self):
        self.send_response(200)
        self.end_headers()
    def do_POST(self):
        sys.stdout.write("y" * 60_000 + "\\n")
        sys.stdout.flush()
        self.do_OPTIONS()
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator([Host(HOST, "host-1001", "vcenter.lab.local")]) as running:
        yield running


@pytest.fixture
def settings(simulator: Simulator, tmp_path: Path) -> dict[str, str]:
    """What stack.yaml sets, with the simulator's address and a watchdog that leaves soon."""
    for name, text in (("username", simulator.username), ("password", simulator.password)):
        (tmp_path / f"vrops-{name}").write_text(text, encoding="utf-8")
    (tmp_path / "vrops-ca").write_bytes(simulator.ca_file.read_bytes())
    lay_out("maintenance-mirror", tmp_path / "home")
    found = environment("maintenance-mirror", tmp_path / "home", tmp_path)
    return {**found, "VROPS_URL": simulator.url, "healthcheck_interval": "5s"}


def post(to: Function, body: bytes, timeout: float = 30) -> requests.Response:
    return requests.post(to.url, data=body, timeout=timeout)


def enter() -> bytes:
    return parse(latest((EXAMPLES / "router-openfaas-enter.http").read_bytes())).body


def until(simulator: Simulator, path: str) -> None:
    ends = time.monotonic() + TIMEOUT_SECONDS
    while not any(call.path.endswith(path) for call in simulator.calls):
        assert time.monotonic() < ends, f"nobody has called {path}"
        time.sleep(0.01)


def talking(tmp_path: Path, size: str) -> Any:
    port, upstream = free_port(), free_port()
    script = tmp_path / "talker.py"
    script.write_text(TALKER, encoding="utf-8")
    environ = {
        "port": str(port),
        "fprocess": f"{sys.executable} {script} {upstream}",
        "upstream_url": f"http://127.0.0.1:{upstream}",
        "log_buffer_size": size,
        "exec_timeout": "2s",
        "healthcheck_interval": "0s",
    }
    return started(
        WATCHDOG,
        port,
        tmp_path / "log",
        environ=environ,
        answers=lambda url: requests.options(url, timeout=30).ok,
    )


@pytest.mark.exhaustive
def test_a_line_that_is_too_long_stops_a_function_for_good_unless_it_is_unlimited(
    tmp_path: Path,
) -> None:
    # This is about the watchdog: it has to do to functions what the real one does.
    with talking(tmp_path, str(64 * 1024)) as running:
        statuses = [post(running, b"x").status_code for _ in range(3)]
        assert statuses[-1] == 504
        assert requests.get(f"{running.url}/_/health", timeout=30).status_code == 200
    with talking(tmp_path, "-1") as running:
        assert [post(running, b"x").status_code for _ in range(5)] == [200] * 5


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_largest_event_does_not_stop_echo_even_where_lines_are_limited(
    form: str, tmp_path: Path
) -> None:
    name = "maintenance-mirror-echo"
    lay_out(name, tmp_path / "home")
    found = {**environment(name, tmp_path / "home", tmp_path), **LIMITED, "LOG_FORMAT": form}
    largest = HTTP_FORMATS["router-openfaas"](EventData(message="x" * 1_000_000)).body
    with serving(tmp_path / "home", found, WATCHDOG) as echo:
        assert [post(echo, largest).status_code for _ in range(3)] == [200] * 3
        assert post(echo, enter()).status_code == 200
        echo.said("Host esx01.lab.local in Lab has entered maintenance mode")
        assert "characters more)" in echo.output


@pytest.mark.exhaustive
def test_lines_are_those_of_the_readme_and_the_watchdog_adds_its_own(
    settings: dict[str, str], tmp_path: Path
) -> None:
    with serving(tmp_path / "home", settings, WATCHDOG) as running:
        assert post(running, enter()).status_code == 200
        line = json.loads(running.said('"action": "entered"'))
        shown, _ = [json.loads(text) for text in blocks(STACK.with_name("README.md"), "json")]
        assert list(line) == list(shown)
        running.said("POST / - 200 OK - ContentLength")


@pytest.mark.parametrize(
    "wrapper",
    [
        pytest.param((), id="alone"),
        pytest.param(WATCHDOG, id="watchdog", marks=pytest.mark.exhaustive),
    ],
)
def test_on_sigterm_what_is_in_flight_is_finished_and_what_is_new_refused(
    wrapper: tuple[str, ...], settings: dict[str, str], simulator: Simulator, tmp_path: Path
) -> None:
    simulator.fault(path="/maintained", delay=3.0)
    with (
        serving(tmp_path / "home", settings, wrapper) as running,
        ThreadPoolExecutor() as pool,
    ):
        reply = pool.submit(post, running, enter())
        until(simulator, "/adapters")
        running.process.terminate()
        running.said("told to stop")
        refused = post(running, enter())
        assert (refused.status_code, refused.json()) == (503, {"error": "ShuttingDownError"})
        assert (reply.result().status_code, reply.result().json()["action"]) == (200, "entered")
        assert running.process.wait(30) == 0
    assert simulator.state(HOST) == "MAINTAINED"
    assert simulator.calls[-1].path.endswith("/auth/token/release")
    assert simulator.calls[-1].status == 200


def test_health_and_metrics_are_passed_on_and_are_no_events(
    settings: dict[str, str], simulator: Simulator, tmp_path: Path
) -> None:
    with serving(tmp_path / "home", {**settings, "METRICS": "true"}, WATCHDOG) as running:
        assert post(running, enter()).status_code == 200
        metrics = requests.get(f"{running.url}/metrics", timeout=30)
        assert metrics.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert 'maintenance_mirror_build_info{door="openfaas"' in metrics.text
        assert 'maintenance_mirror_logins_total{party="vrops"} 1.0' in metrics.text
        health = requests.get(f"{running.url}/healthz", timeout=30).json()
        assert (health["alive"], health["problem"]) == (True, "")
        assert "ERROR" not in running.output


def test_without_an_event_in_flight_it_ends_and_releases(
    settings: dict[str, str], simulator: Simulator, tmp_path: Path
) -> None:
    with serving(tmp_path / "home", settings) as running:
        assert post(running, enter()).status_code == 200
        assert running.stop() == 0
    assert simulator.calls[-1].path.endswith("/auth/token/release")


@pytest.mark.exhaustive
def test_after_sigterm_the_watchdog_is_not_healthy(
    settings: dict[str, str], tmp_path: Path
) -> None:
    with serving(tmp_path / "home", settings, WATCHDOG) as running:
        assert requests.get(f"{running.url}/_/health", timeout=30).status_code == 200
        running.process.terminate()
        running.said("SIGTERM: no new connections")
        assert requests.get(f"{running.url}/_/health", timeout=30).status_code == 503
