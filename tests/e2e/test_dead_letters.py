"""What a broker gave up: written down by the real server, sent again by hand, and mirrored."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.events import ENTER, EXIT, HTTP_FORMATS, REMOVED, EventData, HttpMessage
from lab.processes import ROOT, Function, environment, free_port, function
from simulator import Host, Simulator
from tests.deadletters import DESTINATION, NO_ANSWER, given_up
from tests.messages import latest

README = ROOT / "deploy" / "knative" / "README.md"
HOST = "esx01.lab.local"
HOSTS = [Host(HOST, "host-1001", "vcenter.lab.local")]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(HOSTS) as running:
        yield running


@pytest.fixture(scope="module")
def mirror(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    with function(tmp_path_factory.mktemp("mirror") / "log", simulator) as running:
        yield running


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    log = tmp_path_factory.mktemp("sink") / "log"
    with function(log, target="dead_letters", LOG_FORMAT="json") as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(simulator: Simulator) -> None:
    for name in simulator.states():
        simulator.end_maintenance(name)
    simulator.clear_calls()


def written(sink: Function, *requests: bytes) -> str:
    """Return what the sink writes of what it is sent, which it must take."""
    before = len(sink.output)
    for request in requests:
        reply = sink.send(request)
        assert reply.startswith(b"HTTP/1.1 204 ")
        assert reply.partition(b"\r\n\r\n")[2] == b""
    return sink.output[before:]


def read(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def redrive(log: str, *arguments: str, port: int = 8080) -> "subprocess.CompletedProcess[str]":
    """Run what the README lets kubectl run in the function's container: its Python, its PORT."""
    [shown] = re.findall(r" -- python (.+)$", README.read_text(encoding="utf-8"), re.MULTILINE)
    return subprocess.run(
        [sys.executable, *shlex.split(shown), *arguments],
        cwd=ROOT,
        env=environment(PORT=str(port)),
        input=log,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )


def fresh(name: str, event_data: EventData) -> bytes:
    """Return what a dispatcher sends after all its tries of an event that is newer than all."""
    return latest(given_up(HTTP_FORMATS[name](event_data)).request())


# RabbitMQ's dispatcher sends binary mode, whatever it was given; others may send it as it came.
SENT = [name for name in HTTP_FORMATS if "Ce-Specversion" in HTTP_FORMATS[name](EXIT).headers]


@pytest.mark.parametrize("name", [*SENT, "vspheresource-structured-xml"])
def test_what_was_given_up_is_mirrored_when_it_is_sent_again(
    name: str, sink: Function, mirror: Function, simulator: Simulator
) -> None:
    simulator.maintain(HOST)
    log = written(sink, fresh(name, ENTER), fresh(name, EXIT))
    assert [line["error_code"] for line in read(log)] == ["503", "503"]
    assert [line["destination"] for line in read(log)] == [DESTINATION] * 2
    done = redrive(log, port=mirror.port)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(": HTTP 204 NO CONTENT\n")
    assert done.stdout.count("\n") == 1
    assert simulator.state(HOST) == "STARTED"
    told = json.loads(mirror.output.splitlines()[-1])
    identifier = read(log)[1]["cloudevent"]["id"]
    assert (told["action"], told["event_id"]) == ("exited", identifier)


def test_the_same_log_twice_changes_nothing_more(
    sink: Function, mirror: Function, simulator: Simulator
) -> None:
    log = written(sink, fresh("router-binary", EXIT), fresh("router-binary", REMOVED))
    simulator.maintain(HOST)
    for _ in range(2):
        assert redrive(log, mirror.url).returncode == 0
        assert simulator.state(HOST) == "STARTED"
    # An enter event that came since is newer than all of them.
    again = replace(ENTER, key=REMOVED.key + 1)
    mirror.send(latest(HTTP_FORMATS["router-binary"](again).request()))
    assert redrive(log, mirror.url).returncode == 0
    assert simulator.state(HOST) == "MAINTAINED_MANUAL"


def test_an_enter_event_waits_for_a_person(
    sink: Function, mirror: Function, simulator: Simulator
) -> None:
    log = written(sink, fresh("router-binary", ENTER))
    assert redrive(log, mirror.url).returncode == 0
    assert simulator.state(HOST) == "STARTED"
    assert redrive(log, "--enter", mirror.url).returncode == 0
    assert simulator.state(HOST) == "MAINTAINED_MANUAL"


def test_what_still_fails_is_told_and_is_no_new_dead_letter(
    sink: Function, simulator: Simulator, tmp_path: Path
) -> None:
    log = written(sink, fresh("router-binary", EXIT))
    settings = {"VROPS_URL": f"https://127.0.0.1:{free_port()}", "EVENT_DEADLINE_SECONDS": "2"}
    before = sink.output
    with function(tmp_path / "log", simulator, **settings) as running:
        done = redrive(log, running.url)
    assert done.returncode == 1
    assert "HTTP 503 " in done.stdout
    assert done.stderr == "redrive: not all were taken; the log of the function says why\n"
    assert sink.output == before


def test_the_sink_itself_takes_them_once_and_makes_no_circle(sink: Function) -> None:
    log = written(sink, fresh("router-binary", EXIT))
    before = len(sink.output)
    assert redrive(log, sink.url).returncode == 0
    assert len(read(sink.output[before:])) == 1


def test_whatever_is_sent_to_the_sink_is_one_line(sink: Function) -> None:
    for size in (100_000, 250_000, 1_000_000):
        [line] = read(written(sink, given_up(_padded(EXIT, size)).request()))
        assert ("cloudevent" in line) == (size < 256 * 1024)
        assert line["host"] == HOST
    odd = {"Ce-Specversion": "1.0", "Ce-Id": "7", "Ce-Source": "/shop", "Ce-Type": "com.example"}
    for headers, body in (
        ({**odd, "Content-Type": "text/plain"}, b"\xff\xfe\x00 <script>\n{}"),
        ({**odd, "Content-Type": "image/png"}, b"\x89PNG\r\n\x1a\n"),
        ({**odd, "Ce-Subject": "caf\u00e9\t<b>"}, b"{}"),
        (odd, b""),
    ):
        [line] = read(written(sink, given_up(HttpMessage(headers, body)).request()))
        assert (line["level"], line["event"]) == ("ERROR", "com.example")


def test_what_the_dispatcher_says_is_shown_and_never_obeyed(sink: Function) -> None:
    event = json.loads(HTTP_FORMATS["router-openfaas"](EXIT).body)
    event["knativeerrorcode"] = '5\r\n{"level": "INFO"}\x1b[2J'
    event["knativeerrordest"] = "http://me:hunter2@x.svc/?token=hunter2"
    [line] = read(written(sink, HttpMessage({}, json.dumps(event).encode()).request()))
    assert line["destination"] == "http://x.svc/"
    assert line["error_code"] == event["knativeerrorcode"]
    assert "hunter2" not in sink.output
    unanswered = given_up(HTTP_FORMATS["router-binary"](EXIT), NO_ANSWER)
    [line] = read(written(sink, unanswered.request()))
    assert line["message"].endswith(f"given up by the broker without an answer from {DESTINATION}")


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [(b"hello", 400, "NotACloudEventError"), (b"[" * 1_048_577, 413, "EventTooLargeError")],
    ids=["no event", "too large"],
)
def test_what_cannot_be_kept_at_all_says_so(
    body: bytes, status: int, error: str, sink: Function
) -> None:
    before = len(sink.output)
    reply = sink.send(HttpMessage({}, body).request())
    assert reply.startswith(f"HTTP/1.1 {status} ".encode())
    [line] = read(sink.output[before:])
    assert (line["level"], line["error"]) == ("ERROR", error)


def test_the_log_of_others_is_no_dead_letter(sink: Function, mirror: Function) -> None:
    mirror.send(latest(HTTP_FORMATS["router-binary"](REMOVED).request()))
    assert redrive(mirror.output, mirror.url).returncode == 1
    mixed = mirror.output + written(sink, fresh("router-binary", EXIT))
    prefixed = "".join(f"[pod/x/function] {line}\n" for line in mixed.splitlines())
    done = redrive(prefixed, "--dry-run")
    assert (done.returncode, done.stdout.count("would be sent")) == (0, 1)


def _padded(event_data: EventData, size: int) -> HttpMessage:
    message = HTTP_FORMATS["router-binary"](event_data)
    data = {**json.loads(message.body), "ChangeTag": "x" * size}
    return HttpMessage(message.headers, json.dumps(data).encode())
