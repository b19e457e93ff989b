"""The client under test, connected to a simulator."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from adapters.config.credentials import EnvironCredentials
from adapters.config.settings import VropsSettings
from adapters.vrops import Vrops
from functions.events import HostRef
from functions.ports import Resource
from simulator import Simulator

VCENTER = "vcenter.lab.local"


def no_sleep(seconds: float) -> None:
    """Let no time pass."""


def esx(number: int) -> HostRef:
    """The event's view of one of the hosts that a simulator makes up."""
    return HostRef(f"host-{1000 + number}", f"esx{number:02}.lab.local", VCENTER)


def settings_for(simulator: Simulator, **changes: Any) -> VropsSettings:
    """How to reach a simulator, with the certificate checked."""
    values: dict[str, Any] = {
        "url": simulator.url,
        "ca_file": str(simulator.ca_file) if simulator.tls else None,
        **changes,
    }
    return VropsSettings(**values)


def credentials_for(simulator: Simulator, password: str | None = None) -> EnvironCredentials:
    """Who may log in to a simulator, or may not, with another password."""
    password = simulator.password if password is None else password
    return EnvironCredentials({"VROPS_USERNAME": simulator.username, "VROPS_PASSWORD": password})


@contextmanager
def connected(
    simulator: Simulator,
    sleep: Callable[[float], None] | None = no_sleep,
    password: str | None = None,
    uuid_of: Callable[[str], str] = lambda address: "",
    clock: Callable[[], float] = time.monotonic,
    **changes: Any,
) -> Iterator[Vrops]:
    """A client of a simulator, closed in the end."""
    credentials = credentials_for(simulator, password)
    vrops = Vrops(settings_for(simulator, **changes), credentials, sleep, uuid_of, clock)
    try:
        yield vrops
    finally:
        vrops.close()


def enter(vrops: Vrops, host: HostRef, minutes: int | None = None) -> bool:
    """Find a host and start its maintenance."""
    return vrops.start_maintenance(vrops.find(host), minutes)


def leave(vrops: Vrops, host: HostRef) -> bool:
    """Find a host and end its maintenance."""
    return vrops.end_maintenance(vrops.find(host))


def asked(simulator: Simulator) -> list[str]:
    """What arrived, as ``METHOD last-part-of-the-path``."""
    return [f"{call.method} {call.path.rpartition('/')[2]}" for call in simulator.calls]


def act(vrops: Vrops, method: str, resource: Resource) -> None:
    """Do what is done with that method."""
    if method == "PUT":
        vrops.start_maintenance(resource, None)
    elif method == "DELETE":
        vrops.end_maintenance(resource)
    else:
        vrops.find(resource.host)
