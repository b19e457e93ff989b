"""A vCenter in memory that tells of its changes, mirrored by the door that watches it."""

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

import requests

from adapters.clients import Clients
from adapters.config.settings import Settings
from adapters.vcenter.updates import Updates
from adapters.watch import program
from functions.context import VCenters
from functions.events import HostRef
from functions.ports import VCenterHost
from lab.memory import UUID, MemoryUpdates, MemoryVCenter
from lab.processes import TIMEOUT_SECONDS, free_port
from lab.vcenters import ADDRESS

# A host's mode is asked for before the write and after it; then there is nothing more to do.
_QUESTIONS: Final = 2
_POLL_SECONDS: Final = 0.01
# As the door has it unless set.
LEASE: Final = {"MAINTENANCE_LEASE_MINUTES": "1440"}
_CONFIGURED: Final = {
    **LEASE,
    "VCENTER_URL": f"https://{ADDRESS}",
    "VCENTER_USERNAME": "mirror",
    "VCENTER_PASSWORD": "in memory",
}


class TellingVCenter(MemoryVCenter):
    """Tells at once what changes; every question takes ``seconds``, as in any vCenter in memory."""

    def __init__(self, hosts: int, seconds: float) -> None:
        super().__init__(ADDRESS, UUID, hosts, seconds)
        self._told: queue.Queue[VCenterHost] = queue.Queue()
        self.questions = 0

    def in_maintenance_mode(self, moref: str) -> bool:
        """See VCenter.in_maintenance_mode; ``questions`` counts the answers."""
        answer = super().in_maintenance_mode(moref)
        self.questions += 1
        return answer

    def change(self, host: HostRef, *, entered: bool) -> None:
        """Let a host enter maintenance mode, or leave it."""
        self.in_maintenance = {host.moref} if entered else set()
        self._told.put(VCenterHost(host, entered))

    @contextmanager
    def watch(self) -> Iterator[MemoryUpdates]:
        """See VSphere.watch."""
        yield _ToldUpdates(self, self._told)

    def close(self) -> None:
        """See VSphere.close."""


class _ToldUpdates(MemoryUpdates):
    """Need not look for changes: 10,000 hosts would take longer than what is measured."""

    def __init__(self, vcenter: MemoryVCenter, told: "queue.Queue[VCenterHost]") -> None:
        super().__init__(vcenter)
        self._waiting = told

    def wait(self, seconds: int) -> Updates:
        try:
            return Updates((self._waiting.get(timeout=seconds),))
        except queue.Empty:
            return Updates()


def changes(vcenter: TellingVCenter, host: int, count: int) -> list[float]:
    """Watch ``vcenter``, let one host enter and leave in turn, and return when each change was.

    The first is when all hosts have been compared.
    """
    environ = {**os.environ, **_CONFIGURED, "HEALTH_ADDRESS": f"127.0.0.1:{free_port()}"}
    run = partial(program.run, environ, partial(_services, vcenter))
    threading.Thread(target=run, daemon=True).start()
    _wait(partial(_is_ready, f"http://{environ['HEALTH_ADDRESS']}/readyz"))
    changed = HostRef(f"host-{1000 + host}", f"esx{host:02}.lab.local", ADDRESS)
    times = []
    for number in range(count):
        times.append(time.time())
        vcenter.change(changed, entered=number % 2 == 0)
        _wait(lambda: vcenter.questions >= _QUESTIONS * len(times))
    return times


def _services(vcenter: TellingVCenter, settings: Settings, environ: Mapping[str, str]) -> Clients:
    clients = Clients(settings, environ)
    clients.vcenters = VCenters({vcenter.address: vcenter})
    clients.vspheres = [vcenter]  # type: ignore[list-item]
    return clients


def _is_ready(url: str) -> bool:
    with suppress(requests.ConnectionError):
        return requests.get(url, timeout=TIMEOUT_SECONDS).ok
    return False


def _wait(holds: Callable[[], bool]) -> None:
    ends = time.perf_counter() + TIMEOUT_SECONDS
    while not holds():
        if time.perf_counter() > ends:
            raise OSError("the watcher does not mirror what it is told")
        time.sleep(_POLL_SECONDS)
