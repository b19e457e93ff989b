"""Tests of a client of vRealize Operations, by the simulator: copy, and call your own client.

Run them with ``python -m pytest examples/simulator_in_tests.py``.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from simulator import Companion, SettableClock, Simulator, Switches


class Client:
    """The client that is tested: it logs in, and puts hosts into maintenance."""

    def __init__(self, url: str, password: str, ca_file: str) -> None:
        self.session = requests.Session()
        # Otherwise proxies and CAs of the environment would go before what is said here.
        self.session.trust_env = False
        self.session.verify = ca_file
        self.session.headers["Accept"] = "application/json"
        self.api = f"{url}/suite-api/api"
        body = {"username": "admin", "password": password}
        token = self.call("POST", "/auth/token/acquire", json=body).json()["token"]
        self.session.headers["Authorization"] = f"vRealizeOpsToken {token}"

    def call(self, method: str, path: str, **how: Any) -> requests.Response:
        """Send a request; raises HTTPError for an answer that is no success."""
        answer = self.session.request(method, self.api + path, timeout=10, **how)
        answer.raise_for_status()
        return answer

    def maintain(self, identifier: str, minutes: int) -> None:
        """Put a resource into maintenance for so long."""
        self.call("PUT", f"/resources/{identifier}/maintained", params={"duration": minutes})


@pytest.fixture
def clock() -> SettableClock:
    """A clock that stands still until a test advances it."""
    return SettableClock()


@pytest.fixture
def simulator(clock: SettableClock) -> Iterator[Simulator]:
    """An appliance with one host, which shows a change 3 seconds after it has accepted it."""
    slow = Switches(visible_delay=3)
    with Simulator(["esx01.lab.local"], switches=slow, clock=clock) as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> Iterator[Client]:
    """The client, logged in over TLS that it verifies."""
    client = Client(simulator.url, simulator.password, str(simulator.ca_file))
    with client.session:
        yield client


def test_a_window_begins_and_ends_by_itself(
    simulator: Simulator, client: Client, clock: SettableClock
) -> None:
    """A test's clock is the simulator's: nobody waits for an hour."""
    client.maintain(simulator.resource("esx01.lab.local").id, minutes=60)
    clock.advance(3)
    assert simulator.state("esx01.lab.local") == "MAINTAINED"
    clock.advance(60 * 60)
    assert simulator.state("esx01.lab.local") == "STARTED"


def test_an_appliance_that_restarts_is_an_error(simulator: Simulator, client: Client) -> None:
    """What goes wrong is said beforehand, and so is how often."""
    simulator.fault(status=503, path="/maintained", count=1)
    identifier = simulator.resource("esx01.lab.local").id
    with pytest.raises(requests.HTTPError):
        client.maintain(identifier, minutes=60)
    client.maintain(identifier, minutes=60)
    assert [call.status for call in simulator.calls if call.method == "PUT"] == [503, 200]


def test_maintenance_is_not_inherited(simulator: Simulator, client: Client) -> None:
    """What goes with a host comes with it, or later, as here."""
    local = Companion("local01", "datastore-12", hosts=["esx01.lab.local"])
    identifier = simulator.add_companion(local).id
    parents = client.call("GET", f"/resources/{identifier}/relationships").json()["resourceList"]
    assert [each["resourceKey"]["name"] for each in parents] == ["esx01.lab.local"]
    simulator.maintain("esx01.lab.local")
    assert simulator.states("Datastore") == {"local01": "STARTED"}
