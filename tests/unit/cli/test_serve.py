"""serve: the page of both sides, until it is stopped."""

import json
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.board.server import serving
from functions.errors import VCenterUnavailableError
from tests.unit.cli.runner import ENVIRON, FakeClients, clients, command, hosts

TIMEOUT_SECONDS = 30.0
HERE = ("--address", "127.0.0.1:0")
TOKEN = "f3a9c1d07be24e58"
in_main_thread = pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="needs the main thread"
)


class Serving:
    """A page that is served in the main thread; what is asked meanwhile is asked beside it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, both: FakeClients) -> None:
        self.both = both
        self.readings = 0
        self.port = 0
        monkeypatch.setattr("adapters.cli.serve.time", SimpleNamespace(sleep=self._pause))
        monkeypatch.setattr("adapters.board.server.serving", self._noted)

    def run(
        self, then: Callable[[], None], *options: str, environ: Mapping[str, str] = ENVIRON
    ) -> int:
        self.then = then
        with _interruptible():
            shown = command("serve", *HERE, *options, connect=self.both.connect, environ=environ)
        assert shown.err == ""
        said = r"http://127\.0\.0\.1:\d+/ shows both sides; Ctrl-C ends it\n"
        assert re.fullmatch(said, shown.out)
        return shown.code

    def asked(self, path: str, **headers: str) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, content

    def hosts(self) -> list[str]:
        return [each["host"] for each in json.loads(self.asked("/board.json")[1])["hosts"]]

    def _pause(self, seconds: float) -> None:
        self.readings += 1
        self.then()

    @contextmanager
    def _noted(self, *arguments: Any, **options: Any) -> Iterator[int]:
        with serving(*arguments, **options) as self.port:
            yield self.port


@contextmanager
def _interruptible() -> Iterator[None]:
    """Hear Ctrl-C, which Python ignores where a shell has started the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def end(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


@in_main_thread
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_shows_both_sides_until_it_is_stopped(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = clients(hosts(3))
    serving = Serving(monkeypatch, both)
    before = signal.getsignal(signal.SIGTERM)

    def then() -> None:
        if serving.readings == 1:
            assert serving.hosts() == []
            both.vspheres[0].enter("host-2")
            return
        assert serving.hosts() == ["esx02.lab.local"]
        end(number)

    assert serving.run(then) == 0
    assert (serving.readings, both.closed) == (2, 1)
    assert signal.getsignal(signal.SIGTERM) is before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", serving.port), TIMEOUT_SECONDS)


@in_main_thread
def test_a_vcenter_that_is_away_leaves_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    both = clients(hosts(3))
    both.vspheres[0].enter("host-2")
    serving = Serving(monkeypatch, both)

    def then() -> None:
        told = json.loads(serving.asked("/board.json")[1])
        assert serving.hosts() == ["esx02.lab.local"]
        if serving.readings == 1:
            both.vspheres[0].failures = [VCenterUnavailableError("it cannot be reached")] * 9
            return
        assert told["vcenters"]["vcenter.lab.local"]["problem"] == "it cannot be reached"
        end()

    assert serving.run(then) == 0


@in_main_thread
def test_with_a_token_it_tells_nobody_without(monkeypatch: pytest.MonkeyPatch) -> None:
    serving = Serving(monkeypatch, clients(hosts(3)))

    def then() -> None:
        assert serving.asked("/board.json")[0] == 401
        assert serving.asked("/board.json", Authorization=f"Bearer {TOKEN}")[0] == 200
        end()

    assert serving.run(then, environ={**ENVIRON, "BOARD_TOKEN": TOKEN}) == 0


@pytest.mark.parametrize("address", ["0.0.0.0:0", "192.0.2.1:80", "[::]:0", "board.example:80"])
def test_others_need_a_token(address: str) -> None:
    shown = command("serve", "--address", address, connect=clients(hosts(1)).connect)
    assert (shown.code, shown.out) == (2, "")
    assert "--address: BOARD_TOKEN is missing, and others can reach that" in shown.err


@pytest.mark.parametrize(
    "options", [["--address", "8090"], ["--address", "x"], ["--every", "0"], ["--every", "soon"]]
)
def test_wrong_use_is_told(options: list[str]) -> None:
    shown = command("serve", *options, connect=clients(hosts(1)).connect)
    assert (shown.code, shown.out) == (2, "")


def test_an_address_in_use_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        shown = command("serve", "--address", address, connect=clients(hosts(1)).connect)
    assert (shown.code, shown.out) == (2, "")
    assert "--address: cannot listen there" in shown.err
