"""A server that cannot be reached, is not trusted, or is no Suite API at all."""

import time
from collections.abc import Callable

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
        _unavailable_in_time(lambda: vrops.find(esx(1)), 0.3)


@pytest.mark.parametrize("path", ["/token/acquire", "/adapters", "/maintained"])
def test_a_server_that_says_nothing_is_unavailable_within_the_deadline(
    simulator: Simulator, path: str
) -> None:
    simulator.fault(delay=60, path=path, count=100)
    with connected(simulator) as vrops:
        _unavailable_in_time(lambda: enter(vrops, esx(1)), 0.3)


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


def _unavailable_in_time(call: Callable[[], object], seconds: float) -> None:
    started = time.monotonic()
    with deadline(seconds), pytest.raises(OperationsUnavailableError):
        call()
    assert time.monotonic() - started < seconds + SLACK_SECONDS


def test_an_address_that_makes_no_sense_is_unavailable() -> None:
    settings = VropsSettings("https://vrops..invalid")
    vrops = Vrops(settings, EnvironCredentials({"VROPS_USERNAME": "u", "VROPS_PASSWORD": "p"}))
    with pytest.raises(OperationsUnavailableError, match="VROPS_URL"):
        vrops.find(esx(1))
    vrops.close()
