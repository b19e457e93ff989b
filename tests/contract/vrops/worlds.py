"""Where the contract claims are tried: the fake, client and simulator, client and real server."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import requests

from adapters.config.credentials import EnvironCredentials
from adapters.config.settings import VropsSettings
from adapters.vrops import Vrops
from functions.events import HostRef
from functions.ports import OperationsManager, ResourceState
from simulator import Host, SettableClock, Simulator, Switches
from tests.contract.vrops.clients import connected
from tests.contract.vrops.inventory import ADDRESSES, HOSTS, VCENTERS, reference, stale
from tests.fakes import FakeOperations

_TIMEOUT_SECONDS = 60.0


class World(Protocol):
    """An OperationsManager, and the truth to compare it with."""

    @property
    def operations(self) -> OperationsManager:
        """What is under test."""
        ...

    @property
    def host(self) -> HostRef:
        """A host that is there, that is in no maintenance, and that nobody else needs."""
        ...

    def seen(self, host: HostRef, expected: ResourceState) -> ResourceState:
        """The state of a host of the inventory, once everything accepted is visible."""
        ...


class BuiltWorld(World, Protocol):
    """A world of the inventory, in which a person can act, too."""

    def maintained(self) -> set[HostRef]:
        """All hosts in maintenance."""
        ...

    def put(self, host: HostRef, state: ResourceState) -> None:
        """Set a host's state as a person would."""
        ...

    def reset(self) -> None:
        """End all maintenance."""
        ...


class FakeWorld:
    """The fake."""

    host = reference(HOSTS[0])

    def __init__(self) -> None:
        self.operations = FakeOperations()
        for host in HOSTS:
            self.operations.add(reference(host), stale=stale(host) or _has_livelier_twin(host))

    def seen(self, host: HostRef, expected: ResourceState) -> ResourceState:
        return self.operations.find(host).state

    def maintained(self) -> set[HostRef]:
        return self.operations.maintained()

    def put(self, host: HostRef, state: ResourceState) -> None:
        self.operations.set_state(host, state)

    def reset(self) -> None:
        for host in self.maintained():
            self.put(host, ResourceState.MONITORED)


class SimulatedWorld:
    """Client and simulator, over TLS; time passes only when somebody sleeps."""

    host = reference(HOSTS[0])

    def __init__(
        self, simulator: Simulator, clock: SettableClock, operations: Vrops, page: requests.Session
    ) -> None:
        self.operations = operations
        self.simulator = simulator
        self._clock = clock
        self._page = page

    def seen(self, host: HostRef, expected: ResourceState) -> ResourceState:
        return self._states()[host]

    def maintained(self) -> set[HostRef]:
        return {host for host, state in self._states().items() if state.maintained}

    def put(self, host: HostRef, state: ResourceState) -> None:
        id = next(shown["id"] for shown in self._shown() if _reference(shown) == host)
        minutes = 30 if state is ResourceState.TIMED else None
        action, more = ("maintain", {"minutes": minutes}) if state.maintained else ("end", {})
        url = f"{self.simulator.url}/_simulator/{action}"
        self._page.post(url, json={"id": id, **more}, timeout=10).raise_for_status()

    def reset(self) -> None:
        for host in self.maintained():
            self.put(host, ResourceState.MONITORED)

    def _states(self) -> dict[HostRef, ResourceState]:
        self._clock.advance(self.simulator.switches.visible_delay)
        return {_reference(shown): _state(shown["state"]) for shown in self._shown()}

    def _shown(self) -> list[dict[str, Any]]:
        answer = self._page.get(f"{self.simulator.url}/_simulator/state", timeout=10)
        shown: list[dict[str, Any]] = answer.json()["hosts"]
        return shown


class RealWorld:
    """A real server: its state is what the client itself reads, once it has had some time."""

    def __init__(self, settings: VropsSettings, host: HostRef) -> None:
        self.operations = Vrops(settings, EnvironCredentials(os.environ))
        self.host = host

    def seen(self, host: HostRef, expected: ResourceState) -> ResourceState:
        ends = time.monotonic() + _TIMEOUT_SECONDS
        while (state := self.operations.find(host).state) != expected and time.monotonic() < ends:
            time.sleep(1)
        return state


@contextmanager
def simulated(switches: Switches, **changes: Any) -> Iterator[SimulatedWorld]:
    """A world whose simulator has these switches, and whose client these settings."""
    clock = SettableClock()
    with (
        Simulator(HOSTS, VCENTERS, switches=switches, clock=clock) as simulator,
        connected(simulator, clock.advance, **changes) as operations,
        requests.Session() as page,
    ):
        page.trust_env = False
        page.verify = str(simulator.ca_file)
        yield SimulatedWorld(simulator, clock, operations, page)


def _has_livelier_twin(host: Host) -> bool:
    twins = [h for h in HOSTS if (h.name, h.vcenter) == (host.name, host.vcenter) and h != host]
    return host.status != "DATA_RECEIVING" and any(t.status == "DATA_RECEIVING" for t in twins)


def _reference(shown: dict[str, Any]) -> HostRef:
    return HostRef(shown["moref"], shown["name"], ADDRESSES[shown["vcenter"]])


def _state(shown: str) -> ResourceState:
    return ResourceState(shown) if shown.startswith("MAINTAINED") else ResourceState.MONITORED
