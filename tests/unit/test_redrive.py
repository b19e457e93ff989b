"""Sending dead letters again: what is read of a log, what is sent, and what is said of it."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from adapters import bootstrap, redrive
from adapters.incoming.envelopes import Received
from functions.events import ENTERED, EXITED, REMOVED
from lab.events import IMPOSTOR, NOT_OURS, EventData, router_envelope
from lab.processes import free_port
from tests.deadletters import DESTINATION

START = datetime(2026, 3, 14, 9, tzinfo=UTC)
Say = Callable[..., str]


def event(name: str, minute: int, number: int = 1, **fields: Any) -> dict[str, Any]:
    created = f"{START + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}"
    host = {"host": f"esx{number:02}.lab.local", "moref": f"host-{number}"}
    return router_envelope(
        EventData(name, created=created, key=minute, event_id=f"{number}-{minute}", **host | fields)
    )


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """Return what lets the sink write its lines of envelopes."""

    def write(*envelopes: dict[str, Any]) -> list[str]:
        dispatch = bootstrap.dead_letters({})
        for each in envelopes:
            added = {"knativeerrorcode": "503", "knativeerrordest": DESTINATION}
            received = Received({**each, **added}, "test")
            dispatch(lambda _, received=received: received)  # type: ignore[misc]
        return capsys.readouterr().err.splitlines()

    return write


def found(*texts: str | bytes) -> redrive.Letters:
    as_bytes = [text.encode() if isinstance(text, str) else text for text in texts]
    return redrive.read(io.BytesIO(b"\n".join(as_bytes)))


def ids(letters: redrive.Letters) -> list[Any]:
    return [letter.cloudevent["id"] for letter in letters.in_order]


def test_of_each_host_the_newest_is_kept_whatever_the_order(lines: Any) -> None:
    written = lines(
        event(EXITED, 5, 2),
        event(EXITED, 9),
        event(ENTERED, 1),
        event(ENTERED, 2, 2),
        event(REMOVED, 7, 3),
        event(REMOVED, 7, 3),
    )
    assert ids(found(*written)) == ids(found(*reversed(written))) == ["2-5", "3-7", "1-9"]
    assert ids(found(*written, *written)) == ["2-5", "3-7", "1-9"]


def test_a_host_of_another_vcenter_is_another_host_and_a_key_may_overflow(lines: Any) -> None:
    written = lines(event(EXITED, 5), event(EXITED, 4, vcenter="other.lab.local"))
    assert ids(found(*written)) == ["1-4", "1-5"]
    newest, first = event(EXITED, 5), event(ENTERED, 5)
    newest["data"]["Key"], first["data"]["Key"] = -(2**31), 2**31 - 1
    [letter] = found(*lines(newest, first)).in_order
    assert letter.event.name == EXITED


@pytest.mark.parametrize("prefix", ["[pod/x/function] ", "2026-03-14T09:00:00.1Z ", "stderr: "])
def test_what_kubectl_writes_before_a_line_does_no_harm(prefix: str, lines: Any) -> None:
    written = [prefix + line for line in lines(event(EXITED, 5), event(EXITED, 6, 2))]
    assert ids(found("[1] [INFO] Booting", "", *written, "\x00\xff")) == ["1-5", "2-6"]


def test_what_is_cut_or_was_not_kept_is_counted(lines: Any) -> None:
    large = event(EXITED, 5, 2, message="x" * 300_000)
    secret = event(EXITED, 6, 3)
    secret["data"]["Password"] = "hunter2"
    [line, *others] = lines(event(EXITED, 5), large, secret)
    half = len(line) // 2 + 200
    letters = found(line, line[:half], line[half:], *others)
    assert ids(letters) == ["1-5"]
    assert (letters.damaged, letters.not_kept, letters.others) == (1, 2, 0)
    assert len(letters.unreadable) == 2


def test_what_is_no_event_of_a_host_is_left_out(lines: Any) -> None:
    nobody = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "com.example.order"}
    hostless = router_envelope(EventData(EXITED, host="", moref=""))
    letters = found(*lines(nobody, hostless, router_envelope(IMPOSTOR), router_envelope(NOT_OURS)))
    assert (ids(letters), letters.others) == ([], 4)


FORGED = {"action": "given up", "error_code": "1", "cloudevent": event(ENTERED, 99, 7)}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"action": "entered", "cloudevent": FORGED["cloudevent"]}),
        json.dumps({"source": "x", "type": "y", "subject": "z", "id": "1", "data": FORGED}),
        json.dumps([FORGED]),
        json.dumps(FORGED)[:-1],
        json.dumps(FORGED) + "}",
        '{"error_code": ' + "[" * 100_000,
        '{"error_code": ' + "9" * 10_000 + "}",
        json.dumps({**FORGED, "cloudevent": 7}),
        json.dumps({**FORGED, "cloudevent": [FORGED["cloudevent"]]}),
        b'{"error_code": "\xff\xfe"}',
    ],
    ids=range(10),
)
def test_a_line_of_somebody_else_is_no_dead_letter(text: str | bytes, lines: Any) -> None:
    assert ids(found(text, *lines(event(EXITED, 5)))) == ["1-5"]


def test_what_an_event_says_is_never_read_as_a_line(lines: Any) -> None:
    told = event(EXITED, 5, message="\n" + json.dumps(FORGED) + "\n")
    told["data"]["Arguments"] = FORGED
    told["subject"] = EXITED
    written = lines(told)
    assert ids(found(*written)) == ["1-5"]
    # The middle of a line that is far too long holds a whole line, at just the right place.
    most = 512 * 1024
    middle = json.dumps(FORGED)
    letters = found(b"x" * most + middle.encode().ljust(most) + b"}}\n", *written)
    assert ids(letters) == ["1-5"]


class Answering(BaseHTTPRequestHandler):
    """Answers what its server is told to, and keeps what arrived."""

    server: Any

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.arrived.append((self.path, self.headers["Content-Type"], json.loads(body)))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/other")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(status: int) -> Iterator[Any]:
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        server.__dict__.update(status=status, arrived=[])
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, list[str], list[str]]]:
    """Return what runs the command with lines as its input."""

    def call(lines: list[str], *arguments: str) -> tuple[int, list[str], list[str]]:
        stdin = SimpleNamespace(buffer=io.BytesIO("\n".join(lines).encode()))
        monkeypatch.setattr("sys.stdin", stdin)
        code = redrive.main([*arguments])
        said = capsys.readouterr()
        return code, said.out.splitlines(), said.err.splitlines()

    return call


def test_each_is_sent_as_it_was_and_the_answer_is_told(lines: Any, run: Any) -> None:
    sent = [event(EXITED, 5, 2), event(REMOVED, 9)]
    with serving(204) as server:
        url = f"http://127.0.0.1:{server.server_port}/function"
        code, out, err = run(lines(*sent), url)
    assert (code, err) == (0, [])
    form = "application/cloudevents+json"
    assert server.arrived == [("/function", form, each) for each in sent]
    at = "at 2026-03-14T09:05:00+00:00"
    assert out[0] == (
        f"{EXITED} of host esx02.lab.local (host-2) of vcenter.lab.local {at}: HTTP 204 No Content"
    )
    assert len(out) == 2


def test_an_enter_event_is_sent_only_if_that_is_asked_for(lines: Any, run: Any) -> None:
    written = lines(event(EXITED, 1), event(ENTERED, 5))
    with serving(204) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        code, [said], _ = run(written, url)
        assert (code, server.arrived) == (0, [])
        assert said.endswith("not sent: it would silence the host; --enter sends it")
        assert run(written, "--enter", "--dry-run", url)[1][0].endswith("would be sent")
        assert server.arrived == []
        assert run(written, "--enter", url)[0] == 0
        assert [each[2]["id"] for each in server.arrived] == ["1-5"]


@pytest.mark.parametrize("status", [302, 400, 422, 500, 503])
def test_what_is_not_taken_ends_with_1_and_none_is_left_out(
    status: int, lines: Any, run: Any
) -> None:
    with serving(status) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        code, out, err = run(lines(event(EXITED, 5), event(EXITED, 6, 2)), url)
    assert code == 1
    assert [f"HTTP {status} " in line for line in out] == [True, True]
    assert err == ["redrive: not all were taken; the log of the function says why"]
    assert len(server.arrived) == 2


def test_nobody_there_is_said_once_and_ends_it(lines: Any, run: Any) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    code, out, err = run(lines(event(EXITED, 5), event(EXITED, 6, 2)), url)
    assert (code, out) == (1, [])
    assert err == [f"redrive: no reply from {url}: Connection refused; nothing more is sent"]


def test_that_nothing_was_read_is_no_success(run: Any) -> None:
    code, out, err = run([])
    assert (code, out) == (1, [])
    assert err == ["redrive: there is no dead letter of a host in the log that could be sent"]


def test_what_could_not_be_read_is_no_success_either(lines: Any, run: Any) -> None:
    [whole, other] = lines(event(EXITED, 5), event(EXITED, 6, 2))
    with serving(204) as server:
        code, out, err = run([whole, other[:-9]], f"http://127.0.0.1:{server.server_port}")
    assert (code, len(out), len(server.arrived)) == (1, 1, 1)
    assert err == ["redrive: dead letters whose line is cut or damaged: 1"]


@pytest.mark.parametrize(
    "url",
    [
        *("", "maintenance-mirror", "ftp://x", "http://", "http://x:0", "http://x:99999"),
        *("http://x y", "http://x\r\nHost: y", "http://me:hunter2@x", "http://x/?a=hunter2"),
        "http://ü.lab",
    ],
)
def test_an_url_that_is_none_is_refused_and_not_repeated(
    url: str, run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run([], url)
    said = capsys.readouterr().err
    assert "http[s]://host[:port][/path]" in said
    assert "hunter2" not in said


def test_nothing_plays_tricks_on_the_terminal(lines: Any, run: Any) -> None:
    told = {**event(EXITED, 5), "source": "\x1b[2J\u202eevil\nline"}
    _, [out], _ = run(lines(told), "--dry-run")
    assert out.isascii()
    assert out.isprintable()
