"""What goes with hosts: a real vSphere API, two processes of the function, and the simulator.

Each of four hosts has a datastore of its own; two share one, and all four another one and a
cluster. Each test ends in the rule: silenced is what depends on hosts in maintenance mode only.
"""

import json
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from functions.events import ENTERED, EXITED, HostRef
from lab.events import HTTP_FORMATS, EventData, ping
from lab.processes import Function, function, watcher
from simulator import Simulator
from tests.vcenters import Vcsim, collecting, needs_go, vcsim

pytestmark = [needs_go, pytest.mark.xdist_group("companions"), pytest.mark.timeout(300)]

_SEED = 20260301
_DATASTORES: Final = ([1], [2], [3], [4], [1, 2], [1, 2, 3, 4])


@dataclass
class Estate:
    """A vCenter, the vRealize Operations that knows all of it, and what a function is told."""

    vcenter: Vcsim
    operations: Simulator
    settings: dict[str, str]

    def __post_init__(self) -> None:
        self.inside: set[str] = set()
        self._key = 100

    def put(self, host: HostRef, mode: bool) -> bytes:
        """Let a host enter or leave; returns the request that tells of it."""
        (self.vcenter.enter if mode else self.vcenter.leave)(host.moref)
        (self.inside.add if mode else self.inside.discard)(host.moref)
        self._key += 1
        event = EventData(
            name=ENTERED if mode else EXITED,
            host=host.name,
            moref=host.moref,
            vcenter=self.vcenter.address,
            key=self._key,
            created=self.vcenter.posted(ENTERED, EXITED)[0].createdTime.isoformat(),
        )
        return HTTP_FORMATS["router-binary"](event).request()

    @property
    def right(self) -> set[str]:
        """What has to be silenced: each companion whose hosts are all in maintenance mode."""
        hosts = {each.name for each in self.vcenter.hosts if each.moref in self.inside}
        companions = {
            each.ref.name for each in self.vcenter.companions if each.hosts <= self.inside
        }
        return hosts | companions

    @property
    def silenced(self) -> set[str]:
        kinds = ("HostSystem", "Datastore", "ClusterComputeResource")
        states = {
            name: state for kind in kinds for name, state in self.operations.states(kind).items()
        }
        return {name for name, state in states.items() if state.startswith("MAINTAINED")}


@pytest.fixture(scope="module")
def running() -> Iterator[Estate]:
    with vcsim(4, datastores=_DATASTORES) as vcenter, collecting(vcenter) as operations:
        chosen = {
            "MAINTENANCE_INCLUDES": "Datastore,ClusterComputeResource",
            "MAINTENANCE_LEASE_MINUTES": "120",
            "THREADS": "4",
        }
        yield Estate(vcenter, operations, {**vcenter.variables, **chosen})


@pytest.fixture
def estate(running: Estate) -> Estate:
    """No host in maintenance mode, and nothing silenced."""
    running.operations.clear_faults()
    for host in running.vcenter.hosts:
        running.vcenter.leave(host.moref)
    for name in running.silenced:
        running.operations.end_maintenance(name)
    running.inside.clear()
    return running


@pytest.fixture(scope="module")
def functions(
    running: Estate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Function]]:
    folder = tmp_path_factory.mktemp("functions")
    with ExitStack() as started:
        yield [
            started.enter_context(
                function(folder / f"log{n}", running.operations, **running.settings)
            )
            for n in range(2)
        ]


def until(holds: Callable[[], bool]) -> None:
    """Return when that holds; an AssertionError after half a minute without."""
    for _ in range(600):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it does not become so")


def status(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1])


def test_a_host_takes_no_more_calls_with_them_than_alone(
    estate: Estate, functions: list[Function]
) -> None:
    host = estate.vcenter.hosts[0]
    for mode in (True, False):
        assert status(functions[0].send(estate.put(host, mode))) == 204
    before = len(estate.operations.calls)
    assert status(functions[0].send(estate.put(host, True))) == 204
    methods = [call.method for call in list(estate.operations.calls)[before:]]
    assert methods == ["GET", "PUT", "GET"]
    assert estate.silenced == estate.right == {host.name, "local01"}


def test_the_last_host_takes_with_it_what_all_share(
    estate: Estate, functions: list[Function]
) -> None:
    for mode in (True, False):
        for host in estate.vcenter.hosts:
            assert status(functions[0].send(estate.put(host, mode))) == 204
            assert estate.silenced == estate.right
    assert estate.silenced == set()


def test_two_processes_at_the_same_time_keep_the_rule(
    estate: Estate, functions: list[Function]
) -> None:
    order = random.Random(_SEED)
    for _ in range(8):
        chosen = order.sample(estate.vcenter.hosts, order.choice((2, 3)))
        requests = [
            (order.choice(functions), estate.put(host, host.moref not in estate.inside))
            for host in chosen
        ]
        order.shuffle(requests)
        with ThreadPoolExecutor(len(requests)) as pool:
            replies = pool.map(lambda each: each[0].send(each[1]), requests)
            assert {status(reply) for reply in replies} == {204}
        assert estate.silenced == estate.right


def test_a_sweep_finds_what_no_event_has_told(estate: Estate, functions: list[Function]) -> None:
    first, second, *_ = estate.vcenter.hosts
    estate.put(first, True)
    estate.put(second, True)
    assert status(functions[0].send(ping().request())) == 204
    assert estate.silenced == estate.right
    assert {"local01", "local02", "shared05"} < estate.silenced
    estate.put(second, False)
    assert status(functions[1].send(ping().request())) == 204
    assert estate.silenced == estate.right == {first.name, "local01"}


def test_one_that_may_not_be_written_holds_up_nobody_else(
    estate: Estate, functions: list[Function]
) -> None:
    host = estate.vcenter.hosts[0]
    refused = estate.operations.resource("local01").id
    for path in ("*/resources/maintained", f"*/resources/{refused}/maintained"):
        estate.operations.fault(status=403, method="PUT", path=path)
    assert status(functions[0].send(estate.put(host, True))) == 204
    assert estate.silenced == {host.name}
    line = functions[0].said("local01", "left", "403")
    assert json.loads(line)["level"] == "WARNING"
    assert status(functions[0].send(ping().request())) == 204
    assert estate.silenced == estate.right


def test_a_watcher_that_dies_leaves_nothing_silenced_behind(estate: Estate, tmp_path: Path) -> None:
    first, second, *_ = estate.vcenter.hosts

    with watcher(tmp_path / "one", estate.operations, **estate.settings) as running:
        running.said("reconciled")
        estate.put(first, True)
        estate.put(second, True)
        until(lambda: estate.silenced == estate.right)
        running.kill()
    estate.put(second, False)
    with watcher(tmp_path / "two", estate.operations, **estate.settings):
        until(lambda: estate.silenced == estate.right == {first.name, "local01"})
        estate.put(first, False)
        until(lambda: estate.silenced == set())
