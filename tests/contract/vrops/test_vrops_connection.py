"""A server that cannot be reached, stalls, is not trusted, or is no Suite API at all."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any

import pytest

from adapters.config.credentials import EnvironCredentials
from adapters.config.settings import VropsSettings
from adapters.outgoing.deadline import deadline
from adapters.vrops import Vrops
from functions.errors import (
    HostNotFoundError,
    OperationsUnavailableError,
)
from simulator import Simulator
from tests.contract.vrops.clients import act, connected, enter, esx, settings_for
from tests.contract.vrops.scripted import Answer, scripted

NAME = "esx01.lab.local"

# More than any pause between attempts, less than anybody waits.
SLACK_SECONDS = 3.0


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_web_page_is_no_answer(simulator: Simulator, method: str) -> None:
    simulator.maintain(NAME, minutes=30)
    with connected(simulator) as vrops:
        found = vrops.find(esx(1))
        simulator.fault(status=200, body="html", method=method, count=100)
        with pytest.raises(OperationsUnavailableError):
            act(vrops, method, found)
    assert simulator.state(NAME) == "MAINTAINED"


def test_a_web_page_is_no_token(simulator: Simulator) -> None:
    simulator.fault(status=200, body="html", path="/token/acquire")
    with connected(simulator) as vrops, pytest.raises(OperationsUnavailableError):
        vrops.find(esx(1))


def test_a_redirect_is_not_followed_and_the_token_goes_nowhere_else(simulator: Simulator) -> None:
    def elsewhere(method: str, path: str) -> Answer:
        return 302, {"Location": f"{simulator.url}{path}"}, b""

    def login(method: str, path: str) -> Answer:
        if path.endswith("/acquire"):
            return 200, {"Content-Type": "application/json"}, b'{"token": "t", "validity": 0}'
        return elsewhere(method, path)

    for script in (elsewhere, login):
        with (
            scripted(script) as server,
            connected(simulator, url=server.url) as vrops,
            pytest.raises(OperationsUnavailableError, match="VROPS_URL"),
        ):
            vrops.find(esx(1))
    assert simulator.connections == 0


def test_a_cookie_is_not_sent_back(simulator: Simulator) -> None:
    def script(method: str, path: str) -> Answer:
        headers = {"Content-Type": "application/json", "Set-Cookie": "JSESSIONID=1; Path=/"}
        return 200, headers, b'{"token": "t", "validity": 0}'

    with scripted(script) as server, connected(simulator, url=server.url) as vrops:
        with pytest.raises(HostNotFoundError):
            vrops.find(esx(1))
        assert len(server.heads) > 1
        assert not [head for head in server.heads if "JSESSIONID" in head]


def test_a_server_that_is_down_is_unavailable_within_the_deadline() -> None:
    with Simulator() as simulator:
        settings = settings_for(simulator)
    with connected(simulator, url=settings.url, ca_file=None) as vrops:
        _unavailable_in_time(lambda: vrops.find(esx(1)), 0.3, "it cannot be reached")


@pytest.mark.parametrize("path", ["/token/acquire", "/adapters", "/maintained"])
def test_a_server_that_says_nothing_is_unavailable_within_the_deadline(
    simulator: Simulator, path: str
) -> None:
    simulator.fault(delay=60, path=path, count=100)
    with connected(simulator) as vrops:
        _unavailable_in_time(lambda: enter(vrops, esx(1)), 0.3, "it does not answer in time")


@pytest.mark.parametrize(
    "login", [b"", b'{"token": "t", "validity": 0}'], ids=["the login", "what follows"]
)
@pytest.mark.parametrize(
    ("seconds", "timeouts"),
    [(0.3, {}), (60, {"connect_timeout": 0.05, "read_timeout": 0.05})],
    ids=["the deadline", "every attempt"],
)
def test_a_server_that_accepts_and_stalls_does_not_answer_in_time(
    simulator: Simulator,
    pauses: list[float],
    login: bytes,
    seconds: float,
    timeouts: dict[str, Any],
) -> None:
    with (
        stalling(login) as port,
        connected(simulator, url=f"http://127.0.0.1:{port}", **timeouts) as vrops,
    ):
        _unavailable_in_time(lambda: vrops.find(esx(1)), seconds, "it does not answer in time")


def test_who_accepts_a_connection_and_begins_no_tls_does_not_answer_in_time(
    simulator: Simulator, pauses: list[float]
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        connected(simulator, url=f"https://127.0.0.1:{silent.getsockname()[1]}") as vrops,
    ):
        _unavailable_in_time(lambda: vrops.find(esx(1)), 0.3, "it does not answer in time")


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nContent-", b'{"token": '])
def test_who_stalls_in_the_middle_of_an_answer_does_not_answer_in_time(
    simulator: Simulator, pauses: list[float], answer: bytes
) -> None:
    with (
        stalling(answer, whole=False) as port,
        connected(simulator, url=f"http://127.0.0.1:{port}") as vrops,
    ):
        _unavailable_in_time(lambda: vrops.find(esx(1)), 0.3, "it does not answer in time")


def test_nothing_is_sent_once_the_deadline_is_over(simulator: Simulator) -> None:
    with connected(simulator) as vrops, deadline(0), pytest.raises(OperationsUnavailableError):
        vrops.find(esx(1))
    assert simulator.connections == 0


def test_a_certificate_nobody_vouches_for_gets_no_password(
    simulator: Simulator, pauses: list[float]
) -> None:
    with (
        connected(simulator, ca_file=None) as vrops,
        pytest.raises(OperationsUnavailableError, match="certificate"),
    ):
        vrops.find(esx(1))
    assert simulator.calls == []


def _unavailable_in_time(call: Callable[[], object], seconds: float, why: str) -> None:
    started = time.monotonic()
    with deadline(seconds), pytest.raises(OperationsUnavailableError, match=f"{why}$"):
        call()
    assert time.monotonic() - started < seconds + SLACK_SECONDS


@contextmanager
def stalling(answer: bytes, *, whole: bool = True) -> Iterator[int]:
    """A server that answers once, and nobody else; yields its port.

    Without ``whole``, the answer is sent as it is if it begins with a head, and else as what there
    is of a longer body.
    """
    head = b"" if answer.startswith(b"HTTP/") else _head(len(answer) if whole else 1000)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=_answer_once, args=(listener, answer and head + answer))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _head(length: int) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % length
    )


def _answer_once(listener: socket.socket, answer: bytes) -> None:
    kept = []
    with suppress(OSError):
        while True:
            kept.append(listener.accept()[0])
            if len(kept) == 1:
                kept[0].sendall(answer)
    for each in kept:
        each.close()


def test_an_address_that_makes_no_sense_is_unavailable() -> None:
    settings = VropsSettings("https://vrops..invalid")
    vrops = Vrops(settings, EnvironCredentials({"VROPS_USERNAME": "u", "VROPS_PASSWORD": "p"}))
    with pytest.raises(OperationsUnavailableError, match="VROPS_URL"):
        vrops.find(esx(1))
    vrops.close()
