"""Every request that the client sends, held against the official specification.

SUITE_API_SPECIFICATION names the specification's file; see tests/contract/specification.py.
"""

import json
from typing import Any

import pytest
import requests

from adapters.vrops import Vrops
from functions.events import COMPANIONS, HostRef
from simulator import Companion, Simulator, Switches
from tests.contract import specification
from tests.contract.vrops.clients import VCENTER, connected, enter, esx, leave

pytestmark = specification.needs_specification

SWITCHES = [
    Switches(),
    Switches(identifiers_lookup="refused"),
    Switches(adapters_expose_vcid=False, max_page_size=1),
    Switches(header_schemes=("OpsToken",)),
]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[requests.PreparedRequest]:
    """Every request, as it leaves."""
    sent: list[requests.PreparedRequest] = []
    send = requests.adapters.HTTPAdapter.send

    def remember(
        adapter: requests.adapters.HTTPAdapter, request: requests.PreparedRequest, **how: Any
    ) -> requests.Response:
        sent.append(request)
        return send(adapter, request, **how)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", remember)
    return sent


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
@pytest.mark.parametrize("auth_source", [None, "Lab Directory"])
def test_every_request_is_as_specified(
    sent: list[requests.PreparedRequest], switches: Switches, auth_source: str | None
) -> None:
    with (
        Simulator(switches=switches) as simulator,
        connected(simulator, auth_source=auth_source) as vrops,
    ):
        for host in (
            esx(1),
            HostRef("host-1002", "renamed", VCENTER),
            HostRef("", "esx03.lab.local", "?"),
        ):
            _enter_and_leave(vrops, host)
    assert {(request.method, _kind(request)) for request in sent} >= {
        ("POST", "acquire"),
        ("GET", "adapters"),
        ("GET", "resources"),
        ("PUT", "maintained"),
        ("DELETE", "maintained"),
        ("POST", "release"),
    }
    _check(sent)


@pytest.mark.parametrize("switches", [Switches(), Switches(relations_expose_states=False)], ids=str)
def test_every_request_about_companions_is_as_specified(
    sent: list[requests.PreparedRequest], switches: Switches
) -> None:
    store = Companion("store", "datastore-1", hosts=["esx01.lab.local"])
    with (
        Simulator(companions=[store], switches=switches) as simulator,
        connected(simulator) as vrops,
    ):
        for _ in range(2):
            host, found = vrops.find_with(esx(1), COMPANIONS)
            assert vrops.alone(host, [found]) == [found]
            assert vrops.find_all([found.host]) == [found]
        list(vrops.end_all([host, found]))
    assert {(request.method, _kind(request)) for request in sent} >= {
        ("GET", "relationships"),
        ("POST", "relationships"),
        ("DELETE", "maintained"),
    }
    _check(sent)


def test_a_login_says_only_what_is_configured(
    simulator: Simulator, sent: list[requests.PreparedRequest]
) -> None:
    with connected(simulator) as vrops:
        vrops.find(esx(1))
    assert json.loads(sent[0].body or b"").keys() == {"username", "password"}


def _check(sent: list[requests.PreparedRequest]) -> None:
    for request in sent:
        specification.check_request(request)
        _check_required(request)


def _enter_and_leave(vrops: Vrops, host: HostRef) -> None:
    enter(vrops, host)
    enter(vrops, host, 30)
    leave(vrops, host)


def _kind(request: requests.PreparedRequest) -> str:
    return request.path_url.partition("?")[0].rpartition("/")[2]


def _check_required(request: requests.PreparedRequest) -> None:
    path, _, query = request.path_url.removeprefix("/suite-api").partition("?")
    specified = specification.operation(str(request.method), path)
    for parameter in specified.get("parameters", ()):
        if parameter["in"] == "query" and parameter.get("required"):
            assert f"{parameter['name']}=" in query
