"""The function on its real server, mirroring into the simulator over real TLS."""

import contextlib
import gzip
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from lab.events import EXAMPLES, HTTP_FORMATS, EventData, HttpMessage, example_files
from lab.processes import ROOT, Function, command, environment, free_port, function
from simulator import Host, Simulator
from tests.messages import SAMPLES, latest, next_moment, parse
from tests.mislabelled import MISLABELLED

VCENTER = "vcenter.lab.local"
HEALTH = {"alive", "last_event", "last_sweep", "problem"}
BINARY_HEADERS = HTTP_FORMATS["router-binary"](EventData()).headers
HOSTS = [
    Host("esx01.lab.local", "host-1001", VCENTER),
    Host("esx1", "host-1", VCENTER),
    Host("esx10", "host-10", VCENTER),
]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(HOSTS) as running:
        yield running


@pytest.fixture(scope="module")
def running(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    log = tmp_path_factory.mktemp("function") / "log"
    with function(log, simulator, LOG_LEVEL="DEBUG") as started:
        yield started


@pytest.fixture(autouse=True)
def _fresh(simulator: Simulator) -> None:
    simulator.clear_faults()
    simulator.clear_calls()
    for name in simulator.states():
        simulator.end_maintenance(name)


def event(name: str, host: str = "esx01.lab.local", moref: str = "host-1001") -> bytes:
    event_data = EventData(name=f"{name}MaintenanceModeEvent", host=host, moref=moref)
    return latest(HTTP_FORMATS["router-binary"](event_data).request())


def status(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1])


def lines(running: Function) -> list[dict[str, Any]]:
    return [json.loads(line) for line in running.output.splitlines()]


@pytest.mark.parametrize("name", HTTP_FORMATS)
def test_enter_and_exit_are_mirrored_in_every_format(
    name: str, running: Function, simulator: Simulator
) -> None:
    reply = running.send(latest((EXAMPLES / f"{name}-enter.http").read_bytes()))
    assert status(reply) == 204
    assert simulator.states() == {
        "esx01.lab.local": "MAINTAINED_MANUAL",
        "esx1": "STARTED",
        "esx10": "STARTED",
    }
    assert status(running.send(latest((EXAMPLES / f"{name}-exit.http").read_bytes()))) == 204
    assert set(simulator.states().values()) == {"STARTED"}


@pytest.mark.parametrize("name", HTTP_FORMATS)
def test_a_host_that_is_removed_is_released_in_every_format(
    name: str, running: Function, simulator: Simulator
) -> None:
    simulator.maintain("esx01.lab.local")
    simulator.maintain("esx1")
    reply = running.send(latest((EXAMPLES / f"{name}-removed.http").read_bytes()))
    assert status(reply) == 204
    assert simulator.state("esx01.lab.local") == "STARTED"
    assert simulator.state("esx1") == "MAINTAINED_MANUAL"


def test_a_reply_is_empty_and_no_event(running: Function) -> None:
    for request in example_files().values():
        if not request.startswith(b"POST"):
            continue
        head, _, body = running.send(request).partition(b"\r\n\r\n")
        assert body == b""
        assert b"ce-" not in head.lower()
        assert b"content-type" not in head.lower()


@pytest.mark.parametrize(
    ("host", "moref", "other"), [("esx1", "host-1", "esx10"), ("esx10", "host-10", "esx1")]
)
@pytest.mark.parametrize("tells_moref", [True, False])
def test_a_host_is_never_taken_for_one_whose_name_only_begins_like_it(
    host: str, moref: str, other: str, tells_moref: bool, running: Function, simulator: Simulator
) -> None:
    moref = moref if tells_moref else ""
    assert status(running.send(event("Entered", host, moref))) == 204
    assert simulator.state(host) == "MAINTAINED_MANUAL"
    assert simulator.state(other) == "STARTED"
    assert status(running.send(event("Exit", host, moref))) == 204
    assert simulator.state(host) == "STARTED"


@pytest.mark.parametrize("name", ["esx1", "esx10", "esx"])
def test_a_host_that_was_added_again_waits_until_it_is_discovered(
    name: str, running: Function, simulator: Simulator
) -> None:
    assert status(running.send(latest(event("Entered", name, "host-77")))) == 503
    assert lines(running)[-1]["error"] == "HostNotFoundError"
    assert set(simulator.states().values()) == {"STARTED"}


@pytest.mark.parametrize("name", MISLABELLED)
def test_an_event_that_is_labelled_wrong_or_packed_is_mirrored(
    name: str, running: Function, simulator: Simulator
) -> None:
    for verb, state in (("Entered", "MAINTAINED_MANUAL"), ("Exit", "STARTED")):
        event_data = EventData(f"{verb}MaintenanceModeEvent", created=f"{next_moment()}Z")
        assert status(running.send(MISLABELLED[name](event_data).request())) == 204
        assert simulator.state("esx01.lab.local") == state
        assert lines(running)[-1]["encoding"] == name


def test_gzip_that_holds_too_much_gets_413_and_what_is_damaged_400(
    running: Function, simulator: Simulator
) -> None:
    packed = {**BINARY_HEADERS, "Content-Encoding": "gzip"}
    bomb = gzip.compress(b"[" * 64 * 1024 * 1024)
    for body, expected in ((bomb, 413), (bomb[:-9], 413), (gzip.compress(b"{}")[:-9], 400)):
        assert status(running.send(HttpMessage(packed, body).request())) == expected
    assert simulator.calls == []


def test_another_event_changes_nothing_and_is_one_info_line(
    running: Function, simulator: Simulator
) -> None:
    before = len(lines(running))
    assert status(running.send((EXAMPLES / "another-event.http").read_bytes())) == 204
    new = [line for line in lines(running)[before:] if line["level"] != "DEBUG"]
    assert [line["level"] for line in new] == ["INFO"]
    assert new[0]["message"] == "ignored: not a maintenance event"
    assert simulator.calls == []


def test_an_impostor_changes_nothing_and_is_a_warning(
    running: Function, simulator: Simulator
) -> None:
    assert status(running.send((EXAMPLES / "impostor.http").read_bytes())) == 204
    assert lines(running)[-1]["level"] == "WARNING"
    assert simulator.calls == []


def test_an_event_without_a_host_is_an_error_that_names_event_and_field(
    running: Function, simulator: Simulator
) -> None:
    assert status(running.send((EXAMPLES / "no-host.http").read_bytes())) == 422
    last = lines(running)[-1]
    assert (last["level"], last["error"]) == ("ERROR", "InvalidEventError")
    assert last["event_id"] in last["message"]
    assert "data.Host.Name" in last["message"]
    assert simulator.calls == []


@pytest.mark.parametrize(
    "message",
    [
        HttpMessage({}, b""),
        HttpMessage({}, b"hello"),
        HttpMessage({"Content-Type": "application/json"}, b"{}"),
        HttpMessage({"Content-Type": "application/cloudevents-batch+json"}, b"[]"),
        HttpMessage({"Ce-Specversion": "1.0"}, b"{}"),
        HttpMessage({**BINARY_HEADERS, "Ce-Specversion": "9"}, b"{}"),
        HttpMessage({**BINARY_HEADERS, "Ce-Extensions": "x"}, b"{"),
        HttpMessage({"Authorization": "Bearer hunter2"}, b"<script>"),
    ],
)
def test_what_is_no_cloudevent_gets_400_and_no_echo(
    message: HttpMessage, running: Function
) -> None:
    reply = running.send(message.request())
    assert status(reply) == 400
    assert reply.partition(b"\r\n\r\n")[2] == b""
    assert b"hunter2" not in reply


def test_a_body_over_the_limit_gets_413(running: Function) -> None:
    assert status(running.send(HttpMessage({}, b"[" * (1024 * 1024 + 1)).request())) == 413


def test_a_chunked_body_is_read_and_limited_alike(running: Function, simulator: Simulator) -> None:
    message = parse(latest(HTTP_FORMATS["router-openfaas"](EventData()).request()))
    sent = requests.post(
        running.url, data=iter([message.body[:100], message.body[100:]]), timeout=30
    )
    assert sent.status_code == 204
    assert simulator.state("esx01.lab.local") == "MAINTAINED_MANUAL"
    endless = (b"[" * 65536 for _ in range(64))
    assert requests.post(running.url, data=endless, timeout=30).status_code == 413


CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
ENTER = HTTP_FORMATS["router-binary"](EventData()).request()


@pytest.mark.parametrize(
    "request_", [CHUNKED + b"zz\r\n", CHUNKED + b"8\r\n{\r\n", ENTER[:-100]], ids=range(3)
)
def test_an_event_that_breaks_off_is_asked_for_again(
    request_: bytes, running: Function, simulator: Simulator
) -> None:
    with socket.create_connection(("127.0.0.1", running.port), 30) as connection:
        connection.sendall(request_)
        connection.shutdown(socket.SHUT_WR)
        reply = b"".join(iter(lambda: connection.recv(65536), b""))
    assert status(reply) == 503
    assert reply.partition(b"\r\n\r\n")[2] == b""
    assert lines(running)[-1]["error"] == "EventInterruptedError"
    assert simulator.calls == []


def test_health_is_answered_without_a_call(running: Function, simulator: Simulator) -> None:
    reply = requests.get(f"{running.url}/healthz", timeout=30)
    assert (reply.status_code, reply.json().keys()) == (200, HEALTH)
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.json()["alive"] is True
    head = requests.head(f"{running.url}/healthz", timeout=30)
    assert (head.status_code, head.content) == (200, b"")
    assert simulator.calls == []


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("PUT", "/"), ("DELETE", "/"), ("GET", "/metrics")]
)
def test_there_is_nothing_else_to_ask_for(method: str, path: str, running: Function) -> None:
    reply = requests.request(method, running.url + path, timeout=30)
    assert (reply.status_code, reply.content) == (405, b"")


def test_an_appliance_that_is_down_means_try_again(tmp_path: Path) -> None:
    with Simulator(HOSTS) as simulator:
        settings = {"VROPS_URL": f"https://127.0.0.1:{free_port()}", "EVENT_DEADLINE_SECONDS": "2"}
        with function(tmp_path / "log", simulator, **settings) as running:
            reply = running.send(event("Entered"))
            assert status(reply) == 503
            assert b"\r\nRetry-After: " in reply
            assert reply.partition(b"\r\n\r\n")[2] == b""
            assert lines(running)[-1]["error"] == "OperationsUnavailableError"


def test_a_certificate_of_somebody_else_means_no_password(tmp_path: Path) -> None:
    with Simulator(HOSTS) as simulator, Simulator([]) as other:
        settings = {"VROPS_CA_FILE": str(other.ca_file)}
        with function(tmp_path / "log", simulator, **settings) as running:
            assert status(running.send(event("Entered"))) == 503
            assert "certificate" in lines(running)[-1]["message"]
            assert simulator.calls == []


def test_insecure_tls_works_and_warns_at_start(tmp_path: Path) -> None:
    with Simulator(HOSTS) as simulator:
        settings = {"VROPS_CA_FILE": "", "VROPS_INSECURE_TLS": "true"}
        with function(tmp_path / "log", simulator, **settings) as running:
            assert lines(running)[0]["level"] == "WARNING"
            assert "VROPS_INSECURE_TLS" in lines(running)[0]["message"]
            assert status(running.send(event("Entered"))) == 204
            assert simulator.state("esx01.lab.local") == "MAINTAINED_MANUAL"


def test_a_lease_makes_a_timed_window_and_leaves_a_persons_alone(tmp_path: Path) -> None:
    with (
        Simulator(HOSTS) as simulator,
        function(tmp_path / "log", simulator, MAINTENANCE_LEASE_MINUTES="30") as running,
    ):
        running.send(event("Entered"))
        assert simulator.state("esx01.lab.local") == "MAINTAINED"
        running.send(event("Exit"))
        assert simulator.state("esx01.lab.local") == "STARTED"
        simulator.maintain("esx01.lab.local")
        assert status(running.send(event("Exit"))) == 204
        assert simulator.state("esx01.lab.local") == "MAINTAINED_MANUAL"
        assert (lines(running)[-1]["action"], lines(running)[-1]["level"]) == ("left", "WARNING")


def test_nothing_of_password_or_token_is_ever_written(tmp_path: Path) -> None:
    with Simulator(HOSTS, password="hunter2-Pa$$word") as simulator:
        with function(tmp_path / "log", simulator, LOG_LEVEL="DEBUG") as running:
            running.send(event("Entered"))
            simulator.revoke_tokens()
            running.send(event("Exit"))
            simulator.fault(status=500)
            running.send(event("Entered"))
            assert running.stop() == 0
        assert "acquire" in running.output
        assert "hunter2" not in running.output
        # A token is two UUIDs with a double colon between them; nothing else here looks like it.
        assert "::" not in running.output


def test_the_token_is_released_at_the_end(tmp_path: Path) -> None:
    with Simulator(HOSTS) as simulator, function(tmp_path / "log", simulator) as running:
        running.send(event("Entered"))
        assert running.stop() == 0
        assert simulator.calls[-1].path.endswith("/auth/token/release")
        assert simulator.calls[-1].status == 200


def test_an_event_in_flight_is_finished_when_the_server_is_told_to_stop(tmp_path: Path) -> None:
    with (
        Simulator(HOSTS) as simulator,
        function(tmp_path / "log", simulator) as running,
        ThreadPoolExecutor() as pool,
    ):
        simulator.fault(path="/maintained", delay=1.0)
        reply = pool.submit(running.send, event("Entered"))
        while not any(call.path.endswith("/adapters") for call in simulator.calls):
            pass
        assert running.stop() == 0
        assert status(reply.result()) == 204
        assert simulator.state("esx01.lab.local") == "MAINTAINED_MANUAL"


def test_killed_in_the_middle_and_delivered_again_ends_well(tmp_path: Path) -> None:
    with Simulator(HOSTS) as simulator:
        with function(tmp_path / "first", simulator) as running, ThreadPoolExecutor() as pool:
            simulator.fault(path="/maintained", delay=1.0)
            lost = pool.submit(_send_and_forget, running, event("Entered"))
            while not any(call.path.endswith("/adapters") for call in simulator.calls):
                pass
            _kill(running)
            lost.result()
        simulator.clear_faults()
        with function(tmp_path / "second", simulator) as running:
            assert status(running.send(event("Entered"))) == 204
            assert simulator.state("esx01.lab.local") == "MAINTAINED_MANUAL"
            assert status(running.send(event("Exit"))) == 204
            assert simulator.state("esx01.lab.local") == "STARTED"


def test_a_wrong_configuration_ends_in_one_line() -> None:
    result = subprocess.run(
        command("handle", free_port()),
        cwd=ROOT,
        env=environment(VROPS_URL="vrops.lab", LOG_LEVEL="loud"),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert result.returncode != 0
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "maintenance-mirror: wrong configuration: "
        "VROPS_URL is not of the form https://host[:port]; VROPS_USERNAME is missing; "
        "VROPS_PASSWORD is missing; LOG_LEVEL is none of DEBUG, INFO, WARNING, ERROR"
    ]


def test_a_target_that_is_not_there_is_said_plainly() -> None:
    result = subprocess.run(
        command("enter", free_port()),
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
    )
    assert result.returncode != 0
    assert "'enter'" in result.stderr


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample events are not beside the project")
def test_the_samples_change_their_host(tmp_path: Path) -> None:
    name = "esx02.cl.vmweventbroker.io"
    hosts = [Host(name, "host-1012", "vcsa.vmweventbroker.io"), *HOSTS]
    with Simulator(hosts) as simulator, function(tmp_path / "log", simulator) as running:
        for stem in ("router-knative-binary", "router-openfaas-connector"):
            for verb, state in (("entered", "MAINTAINED_MANUAL"), ("exit", "STARTED")):
                request = latest((SAMPLES / f"derived-{stem}-{verb}.http").read_bytes())
                assert status(running.send(request)) == 204
                assert simulator.state(name) == state
                assert set(simulator.states().values()) - {state} <= {"STARTED"}


def test_echo_shows_every_event_and_masks_secrets(tmp_path: Path) -> None:
    with function(tmp_path / "log", target="echo") as running:
        assert status(running.send((EXAMPLES / "another-event.http").read_bytes())) == 204
        assert running.output.startswith("CloudEvent\n  source  https://vcenter.lab.local/sdk\n")
        assert '"UserName": "LAB\\\\alice"' in running.output
        assert (
            status(running.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")) == 400
        )


def test_echo_as_json_is_one_line_for_each_event(tmp_path: Path) -> None:
    with function(tmp_path / "log", target="echo", LOG_FORMAT="json") as running:
        for name in ("another-event.http", "vspheresource-xml-enter.http"):
            assert status(running.send((EXAMPLES / name).read_bytes())) == 204
        shown = lines(running)
        assert [list(line) for line in shown] == [["source", "type", "subject", "id", "data"]] * 2
        assert shown[1]["data"]["Host"]["Host"]["Value"] == "host-1001"


def _send_and_forget(running: Function, request: bytes) -> None:
    with contextlib.suppress(OSError):
        running.send(request)


def _kill(running: Function) -> None:
    # The worker that serves is a child of the process that was started.
    pid = running.process.pid
    workers = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    for each in (pid, *map(int, workers)):
        os.kill(each, signal.SIGKILL)
    running.process.wait(30)
