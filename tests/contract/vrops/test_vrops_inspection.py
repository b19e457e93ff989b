"""What vRealize Operations says of itself and of our account."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.vrops.client import Answer as ClientAnswer
from adapters.vrops.client import SuiteApi
from adapters.vrops.inspection import Inspection, Role
from functions.errors import OperationsUnavailableError
from simulator import SettableClock, Simulator, Switches, VCenter
from tests.contract.vrops.clients import connected
from tests.contract.vrops.scripted import Answer, scripted

TOKEN = b'{"token": "a::b", "validity": 0}'
JSON = {"Content-Type": "application/json"}


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[Inspection]:
    """A server that gives one answer to every question but the login."""

    def script(method: str, path: str) -> Answer:
        login = path.endswith("/acquire")
        return (200, JSON, TOKEN) if login else (status, {**JSON, **headers}, body)

    with (
        scripted(script) as server,
        Simulator() as simulator,
        connected(simulator, url=server.url, ca_file=None) as vrops,
    ):
        yield vrops.inspection()


def test_a_server_tells_its_release_and_our_roles() -> None:
    with (
        Simulator(switches=Switches(release="VCF Operations 9.1")) as simulator,
        connected(simulator) as vrops,
    ):
        assert vrops.inspection().release() == "VCF Operations 9.1"
        assert vrops.inspection().roles() == [Role("Administrator", all_objects=True)]


def test_a_server_tells_which_vcenters_it_collects() -> None:
    vcenter = VCenter("A", "https://VC-A.lab.local/sdk", "1234")
    with Simulator([], [vcenter]) as simulator, connected(simulator) as vrops:
        (found,) = vrops.inspection().instances()
        assert (found.address, found.uuid) == ("vc-a.lab.local", "1234")


def test_a_server_tells_its_time() -> None:
    clock = SettableClock()
    with Simulator(clock=clock) as simulator, connected(simulator) as vrops:
        clock.advance(3600)
        told = vrops.inspection().now()
        assert told
        assert told.timestamp() == pytest.approx(clock.now(), abs=0.01)


def test_the_time_is_in_the_body_of_a_503_too() -> None:
    body = b'{"status": "OFFLINE", "systemTime": 1789280956353}'
    with answering(503, body, **{"Retry-After": "0"}) as inspection:
        assert inspection.now() == datetime.fromtimestamp(1789280956.353, UTC)


@pytest.mark.parametrize("system_time", [b"null", b'"now"', b"-1", b"1e300"])
def test_without_a_time_the_date_of_the_answer_counts(system_time: bytes) -> None:
    with answering(200, b'{"systemTime": ' + system_time + b"}") as inspection:
        told = inspection.now()
        assert told
        assert abs((told - datetime.now(UTC)).total_seconds()) < 60


class Dateless(SuiteApi):
    """A server behind something that takes the date away."""

    def __init__(self) -> None:
        pass

    def request(self, *what: Any, **how: Any) -> ClientAnswer:
        return ClientAnswer("GET", 200, {}, b"{}", dict)


def test_a_time_that_nobody_tells_is_none() -> None:
    assert Inspection(Dateless(), list).now() is None


@pytest.mark.parametrize("status", [403, 404, 405, 500])
def test_roles_may_not_be_told(status: int) -> None:
    with answering(status, b"{}") as inspection:
        assert inspection.roles() is None


@pytest.mark.parametrize(
    "body", [b"{}", b'{"permissions": null}', b'{"permissions": ["Administrator"]}']
)
def test_an_answer_without_roles_has_none(body: bytes) -> None:
    with answering(200, body) as inspection:
        assert inspection.roles() == []


@pytest.mark.parametrize("body", [b"{}", b'{"releaseName": null}', b'{"releaseName": ""}'])
def test_a_release_without_a_name_is_unknown(body: bytes) -> None:
    with answering(200, body) as inspection:
        assert inspection.release() == "unknown"


def test_what_is_no_json_is_no_answer() -> None:
    questions: list[Any] = []
    with answering(200, b"hello") as inspection:
        questions += [inspection.release, inspection.roles, inspection.now, inspection.instances]
        for ask in questions:
            with pytest.raises(OperationsUnavailableError):
                ask()
