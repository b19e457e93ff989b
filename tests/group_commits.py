"""Every order in which threads of one process can handle events whose calls are grouped.

``python -m tests.group_commits`` prints what was found. The real ``mirror_event`` and the real
``Grouping`` run in threads, one at a time: where a call does its work, where it ends,
and where somebody waits, it is chosen anew which of them goes on. Each choice is tried, by running
all of it again. Tests.interleavings does the same for processes, whose calls take no time; here a
call does its work at one moment, and ends at any later one.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

from adapters.outgoing import grouping
from adapters.outgoing.grouping import Grouping
from functions.context import Context, VCenters
from functions.convergence import mirror_event
from functions.errors import OperationsUnavailableError
from functions.events import ENTERED, EXITED, HostEvent, HostRef
from functions.ports import Resource, ResourceState
from tests.fakes import FakeOperations
from tests.interleavings import HOST, MONITORED, OPEN_ENDED, AskedVCenter

_LEAVES: Final = "host-1"
_SECONDS: Final = 60.0

# A host, and the number of the event that is handled: so two of one host are different items.
Item = tuple[str, int]
Call = Callable[[Item], Any]
Grouped = Callable[..., Any]


class _Actor:
    """A thread that runs when it is told to, and is ``ready`` or has to wait for something."""

    def __init__(self, body: Callable[[], None], schedule: "Schedule") -> None:
        self.ready: Callable[[], bool] = lambda: True
        self.ended = False
        self.error: BaseException | None = None
        self._body = body
        self._schedule = schedule
        self._go = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def step(self) -> None:
        """Let it run until it pauses or ends."""
        self._schedule.running = self
        self._go.release()
        assert self._schedule.paused.acquire(timeout=_SECONDS)

    def pause(self, ready: Callable[[], bool]) -> None:
        """Let others run, until it is ready and chosen again."""
        self.ready = ready
        self._schedule.paused.release()
        self._go.acquire()

    def _run(self) -> None:
        self._go.acquire()
        try:
            self._body()
        except BaseException as error:
            self.error = error
        self.ended = True
        self._schedule.paused.release()


class Schedule:
    """One order: the ``choices`` made first, and then always the first one; says which ones led."""

    def __init__(self, choices: Sequence[int]) -> None:
        self.choices = list(choices)
        self.options: list[int] = []
        self.paused = threading.Semaphore(0)
        self.running: _Actor | None = None

    def run(self, bodies: Sequence[Callable[[], None]]) -> None:
        """Run all bodies to their ends; raises what one of them raises."""
        actors = [_Actor(body, self) for body in bodies]
        while alive := [each for each in actors if not each.ended]:
            ready = [each for each in alive if each.ready()]
            assert ready, "somebody is left waiting for ever"
            ready[self._chosen(len(ready))].step()
        for each in actors:
            if each.error:
                raise each.error

    def pause(self, ready: Callable[[], bool] = lambda: True) -> None:
        """Let it be chosen who goes on; to be called by whoever runs."""
        assert self.running
        self.running.pause(ready)

    def event(self) -> "_Event":
        """Return what takes an Event's place."""
        return _Event(self)

    def following(self) -> list[int] | None:
        """Return the choices of the next order, or None if this was the last one."""
        for place in range(len(self.options) - 1, -1, -1):
            if self.choices[place] + 1 < self.options[place]:
                return [*self.choices[:place], self.choices[place] + 1]
        return None

    def _chosen(self, options: int) -> int:
        place = len(self.options)
        self.options.append(options)
        if place == len(self.choices):
            self.choices.append(0)
        return self.choices[place]


class _Event:
    """An Event whose waiters let others run."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def clear(self) -> None:
        self._is_set = False

    def wait(self, timeout: float | None = None) -> bool:
        if not self._is_set:
            self._schedule.pause(lambda: self._is_set)
        return True


@dataclass
class World:
    """The modes of hosts, and their states in vRealize Operations; ``together`` were in a call."""

    schedule: Schedule
    grouped: Grouped
    modes: dict[str, bool]
    states: dict[str, ResourceState] = field(default_factory=dict)
    together: int = 1

    def grouping(self, work: Call) -> Any:
        """Group calls that do this work: at one moment for all, and end at a later one."""

        def many(items: Sequence[Item]) -> Mapping[Item, Any]:
            answers = {each: work(each) for each in items}
            self.together = max(self.together, len(items))
            self.schedule.pause()
            return answers

        def one(item: Item) -> Any:
            return many([item])[item]

        return self.grouped(one, many, 10, OperationsUnavailableError)

    def has_left(self, host: str) -> bool:
        """Whether a host has left maintenance mode by now."""
        return not self.modes[host]

    @property
    def right(self) -> bool:
        """Whether each host is in maintenance that ought to be, and no other."""
        return all(
            self.states.get(host, MONITORED).maintained == mode for host, mode in self.modes.items()
        )


class Operations(FakeOperations):
    """An OperationsManager that writes by ``starts`` and ``ends``; ``number`` is the event's."""

    def __init__(self, world: World, starts: Call, ends: Call, number: int) -> None:
        super().__init__()
        self._world = world
        self._start = starts
        self._end = ends
        self._number = number

    def find(self, host: HostRef) -> Resource:
        state = self._world.states.get(host.moref, MONITORED)
        return Resource(host.moref, host, state, host.moref)

    def start_maintenance(self, resource: Resource, minutes: int | None) -> bool:
        self._start((resource.moref, self._number))
        return True

    def end_maintenance(self, resource: Resource) -> bool:
        self._end((resource.moref, self._number))
        return True


class Asked(AskedVCenter):
    """A VCenter that looks by ``look``; ``number`` is the event's."""

    def __init__(self, look: Call, number: int) -> None:
        self._look = look
        self._number = number

    def in_maintenance_mode(self, moref: str) -> bool:
        return bool(self._look((moref, self._number)))


@dataclass(frozen=True)
class Scenario:
    """What happens to hosts that are in maintenance mode at first.

    The first of them leaves it at any moment. Each of ``threads`` handles events, one after the
    other: of a host, which has entered or left; leaving is handled once that has happened. Another
    thread looks at something else, so that they may have to wait. Writes are grouped if ``writes``.
    """

    threads: tuple[tuple[tuple[str, bool], ...], ...]
    writes: bool = False
    grouped: Grouped = Grouping

    def run(self, schedule: Schedule) -> World:
        """Let it happen in one order."""
        hosts = {host: True for events in self.threads for host, _ in events}
        world = World(schedule, self.grouped, hosts)
        stand_in = SimpleNamespace(Lock=threading.Lock, Event=schedule.event, local=threading.local)
        with patch("adapters.outgoing.grouping.threading", stand_in):
            schedule.run([*self._bodies(world), lambda: world.modes.update({_LEAVES: False})])
        return world

    def _bodies(self, world: World) -> Iterator[Callable[[], None]]:
        look = world.grouping(lambda item: world.modes.get(item[0])).call
        yield lambda: look(("another", 0))
        start = self._write(world, OPEN_ENDED)
        end = self._write(world, MONITORED)
        numbers = count(1)
        for events in self.threads:
            mirrored = []
            for (host, entered), number in zip(events, numbers, strict=False):
                operations = Operations(world, start, end, number)
                context = Context(operations, VCenters({HOST.vcenter: Asked(look, number)}))
                mirrored.append((_event(host, entered, number), context))
            yield partial(_mirror, mirrored, world)

    def _write(self, world: World, state: ResourceState) -> Call:
        def write(item: Item) -> None:
            world.states[item[0]] = state

        return world.grouping(write).call if self.writes else write


def _mirror(events: Sequence[tuple[HostEvent, Context]], world: World) -> None:
    for event, context in events:
        if event.name == EXITED and not world.has_left(event.host.moref):
            world.schedule.pause(partial(world.has_left, event.host.moref))
        mirror_event(event, event.name == ENTERED, context)


def _event(host: str, entered: bool, number: int) -> HostEvent:
    name = ENTERED if entered else EXITED
    created = datetime(2026, 3, 14, 9, 50 + number, tzinfo=UTC)
    return HostEvent(name, HostRef(host, host, HOST.vcenter), number, created, str(number))


class Joins:
    """What is to be caught: a call for the same host that is under way is everybody's."""

    def __init__(self, one: Call, *_: object) -> None:
        self._one = one
        self._under_way: dict[str, Any] = {}

    def call(self, item: Item) -> Any:
        if call := self._under_way.get(item[0]):
            call.woken.wait()
            return call.answers[0]
        mine = self._under_way[item[0]] = grouping._Member(item)
        mine.answers = (self._one(item),)
        del self._under_way[item[0]]
        mine.woken.set()
        return mine.answers[0]


@dataclass
class Found:
    """What was found: so many orders, whether one is wrong, and the most that went as one."""

    orders: int = 0
    wrong: int = 0
    together: int = 0


def explored(scenario: Scenario) -> Found:
    """Try all orders of a scenario, or as many as it takes to find one that is wrong."""
    found, choices = Found(), list[int]()
    while True:
        schedule = Schedule(choices)
        world = scenario.run(schedule)
        found.orders += 1
        found.wrong += not world.right
        found.together = max(found.together, world.together)
        following = schedule.following()
        if following is None or found.wrong:
            return found
        choices = following


_BOTH: Final = (((_LEAVES, True),), ((_LEAVES, False),))
_OF_TWO: Final = ((*_BOTH[0], *_BOTH[1]), (("host-2", True),))
SCENARIOS: Final = {
    "both events of a host": Scenario(_BOTH),
    "both events, writes too": Scenario(_BOTH, writes=True),
    "both events, and one of another host": Scenario(_OF_TWO),
    "given the answer of a call under way": Scenario(_BOTH, writes=True, grouped=Joins),
}


if __name__ == "__main__":
    for name, scenario in SCENARIOS.items():
        print(f"{name:40}{explored(scenario)}", flush=True)
