"""Who stands in for the world while its watching is tested; nobody waits for anything real."""

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from adapters.watch.changes import Changes
from adapters.watch.health import Health, Signs, VCenterHealth
from functions.context import Context, VCenters
from functions.errors import VCenterUnavailableError
from functions.events import ENTERED, EXITED, HostEvent, HostRef
from functions.ports import VCenterHost
from tests.fakes import Clock, FakeOperations, FakeVCenter

ADDRESS = "vcenter.lab.local"
OTHER = "vcenter2.lab.local"
_numbers = itertools.count()


@dataclass
class Seconds:
    """A monotonic clock that somebody advances; ``step`` is how much each look takes."""

    now: float = 1000.0
    step: float = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


class Ended(threading.Event):
    """Whoever waits for it goes on at once; ``clock`` has advanced, and ``waits`` tell by what."""

    def __init__(self, clock: Seconds) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        if not self.is_set() and timeout:
            self.waits.append(timeout)
            self._clock.now += timeout
        return self.is_set()


@dataclass(frozen=True)
class Told:
    """What a watched vCenter tells."""

    changed: tuple[VCenterHost, ...] = ()
    other_hosts: bool = False
    told_again: frozenset[str] = frozenset()


Step = Told | Exception | Callable[[], Told]


@dataclass
class Telling:
    """A vCenter's updates, one for each wait; an error is raised, a function asked.

    When there are no more, it lets the test be ``over``.
    """

    steps: list[Step]
    hosts: int = 1
    over: Callable[[], None] = lambda: None
    waits: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return self.hosts

    def wait(self, seconds: int) -> Told:
        self.waits.append(seconds)
        if not self.steps:
            self.over()
            return Told()
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step if isinstance(step, Told) else step()


@dataclass
class FakeWatched(FakeVCenter):
    """A vCenter that can be watched: one of ``sessions`` after the other, or an error of it.

    After the last one the test is ``over``.
    """

    sessions: list[Telling | Exception] = field(default_factory=list)
    over: Callable[[], None] = lambda: None
    begun: int = 0
    left: int = 0

    @contextmanager
    def watch(self) -> Iterator[Telling]:
        if not self.sessions:
            self.over()
            raise VCenterUnavailableError("nobody watches it any more")
        self.begun += 1
        session = self.sessions.pop(0)
        if isinstance(session, Exception):
            raise session
        session.over = self.over
        try:
            yield session
        finally:
            self.left += 1


@dataclass
class World:
    """Both sides in memory, and what is kept of them."""

    vcenter: FakeWatched
    operations: FakeOperations
    changes: Changes
    health: Health
    of_vcenter: VCenterHealth
    context: Context
    clock: Seconds
    time: Clock


def world(count: int = 2) -> World:
    """A vCenter with so many hosts, all in service, which vRealize Operations knows."""
    hosts = [host(number) for number in range(1, count + 1)]
    clock, time = Seconds(), Clock()
    vcenter, operations = FakeWatched(hosts, clock=time), FakeOperations(hosts, clock=time)
    changes = Changes(clock, lambda: 0.0)
    of_vcenter = VCenterHealth(ADDRESS)
    health = Health([of_vcenter], changes.__len__, now=time)
    context = Context(operations, VCenters({ADDRESS: vcenter}), now=time)
    return World(vcenter, operations, changes, health, of_vcenter, context, clock, time)


def host(number: int, address: str = ADDRESS) -> HostRef:
    return HostRef(f"host-{number}", f"esx{number:02}.lab.local", address)


def seen(number: int, mode: bool) -> VCenterHost:
    return VCenterHost(host(number), mode)


def event(number: int, mode: bool = True, address: str = ADDRESS) -> HostEvent:
    name = ENTERED if mode else EXITED
    created = Clock().moment
    return HostEvent(name, host(number, address), key=None, created=created, event_id="")


def signs(clock: Callable[[], float] | None = None) -> Signs:
    return Signs(f"thread {next(_numbers)}", 60.0, clock or Seconds())
