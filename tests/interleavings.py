"""Every order in which two processes can handle two events of a host that changes meanwhile.

``python -m tests.interleavings`` prints what was found. Nothing of the core is copied: the real
``mirror_event`` and ``reconcile`` run against ports that answer from a recorded history, and stop
at the first question that has no answer yet. The explorer lets the world answer it, in each way
that it can, and runs them anew with one answer more.

The world is a vCenter whose host changes its mode, and a vRealize Operations that accepts writes
in the order in which they come, and shows them in that order, at once or at any later time. Each
change makes an event, which vCenter keeps, and its handler may start at any time after it. A person
may set and end maintenance at any time, which shows at once, as a page of vRealize Operations does.

A process that watches vCenter is told of the last change, whenever it asks, and handles one after
another; what it missed before it began, its sweep finds.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, Generic, NamedTuple, Protocol, TypeVar

from functions.context import Context, NoMemory, Policy, VCenters, one_by_one
from functions.convergence import mirror_event
from functions.errors import MaintenanceError
from functions.events import HOST as HOST_KIND
from functions.events import HostEvent, HostRef
from functions.ports import (
    Companion,
    ModeChange,
    OperationsManager,
    Resource,
    ResourceState,
    Surroundings,
    Together,
    VCenter,
    VCenterHost,
)
from functions.reconciliation import Report, reconcile

T = TypeVar("T")

MONITORED = ResourceState.MONITORED
TIMED = ResourceState.TIMED
OPEN_ENDED = ResourceState.OPEN_ENDED
HOST: Final = HostRef("host-9", "esx1", "vc.lab")
NOW: Final = datetime(2026, 3, 14, 10, tzinfo=UTC)
LEASE: Final = 60
_UUID: Final = "2d0f1c3e-4a5b-4c6d-8e7f-9a0b1c2d3e4f"


class Question(NamedTuple):
    """What a process asks of the world; ``about`` is a state, or an event's number."""

    kind: str
    about: Any = None


Answer = Hashable
Ask = Callable[[Question], Any]
Program = Callable[[Ask], Any]
# What there is beside the processes: a World here, another one elsewhere.
W = TypeVar("W")


class _Unanswered(BaseException):
    """No Exception, so that nothing in the core could take it for one."""

    def __init__(self, question: Question) -> None:
        super().__init__(question)
        self.question = question


class AskedOperations:
    """An OperationsManager that asks: a write is one question, seeing it is another."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def find(self, host: HostRef) -> Resource:
        return Resource("id", host, self._ask(Question("read")), HOST.moref, _UUID)

    def find_with(self, host: HostRef, kinds: Collection[str]) -> Sequence[Resource]:
        return [self.find(host)]

    def find_all(self, companions: Collection[HostRef]) -> Sequence[Resource]:
        return []

    def alone(self, host: Resource, companions: Sequence[Resource]) -> Sequence[Resource]:
        return []

    def start_maintenance(self, resource: Resource, minutes: int | None) -> bool:
        return self._write(TIMED if minutes else OPEN_ENDED)

    def end_maintenance(self, resource: Resource) -> bool:
        return self._write(MONITORED)

    def resources(self, vcenter: str, kind: str = HOST_KIND) -> Iterable[Resource]:
        return [self.find(HOST)]

    def start_all(
        self, resources: Sequence[Resource], minutes: int | None
    ) -> Iterator[tuple[Resource, bool]]:
        return ((each, self.start_maintenance(each, minutes)) for each in resources)

    def end_all(self, resources: Sequence[Resource]) -> Iterator[tuple[Resource, bool]]:
        return ((each, self.end_maintenance(each)) for each in resources)

    def _write(self, state: ResourceState) -> bool:
        self._ask(Question("write", state))
        return bool(self._ask(Question("confirm", state)))


class AskedVCenter:
    """A VCenter that asks."""

    address = HOST.vcenter
    instance_uuid = _UUID

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def in_maintenance_mode(self, moref: str) -> bool:
        return bool(self._ask(Question("look")))

    def surroundings(self, moref: str, kinds: Collection[str]) -> Surroundings:
        return Surroundings({moref: self.in_maintenance_mode(moref)})

    def companions(self, kinds: Collection[str]) -> Iterable[Companion]:
        return []

    def has(self, companion: HostRef) -> bool:
        return False

    def hosts(self) -> Iterable[VCenterHost]:
        return [VCenterHost(HOST, self.in_maintenance_mode(HOST.moref))]

    def mode_changes(self, since: datetime, moref: str = "") -> Sequence[ModeChange]:
        return [ModeChange(HOST.moref, entered, NOW) for entered in self._ask(Question("past"))]

    def entered(self, morefs: Collection[str]) -> Mapping[str, ModeChange]:
        return {}


class ForgetsThePast(AskedVCenter):
    """What is to be caught: no window is anybody's but ours, as if the host had left just now."""

    def mode_changes(self, since: datetime, moref: str = "") -> Sequence[ModeChange]:
        left = ModeChange(HOST.moref, False, NOW)
        return [left, replace(left, entered=True)]


class AskedMemory(NoMemory):
    """A Memory that asks, with one call, as the real one holds its lock for one."""

    def __init__(self, ask: Ask, events: Sequence[HostEvent]) -> None:
        self._ask = ask
        self._events = events

    def newest(self, event: HostEvent) -> HostEvent:
        return self._events[self._ask(Question("remember", self._events.index(event)))]


class LooksOnce(AskedVCenter):
    """What is to be caught: the second look repeats the first one without looking."""

    _seen: bool | None = None

    def in_maintenance_mode(self, moref: str) -> bool:
        seen = super().in_maintenance_mode(moref) if self._seen is None else self._seen
        self._seen = seen if self._seen is None else None
        return seen


class SkipsEnds(AskedOperations):
    """What is to be caught: leaving is not written if the state looks right."""

    def end_maintenance(self, resource: Resource) -> bool:
        return not resource.state.maintained or super().end_maintenance(resource)


class SkipsStarts(AskedOperations):
    """What is to be caught: entering is not written if the state looks right."""

    def start_maintenance(self, resource: Resource, minutes: int | None) -> bool:
        return resource.state.maintained or super().start_maintenance(resource, minutes)


Watch = Callable[[Ask, Context, "Scenario"], None]


def watch(ask: Ask, context: Context, scenario: "Scenario") -> None:
    """Do as a process does that watches vCenter: begin, sweep, and mirror what is told."""
    told = ask(Question("begin"))
    sweep(context)
    mirror_updates(told, ask, context, scenario)


def mirror_updates(told: int, ask: Ask, context: Context, scenario: "Scenario") -> None:
    """Mirror what comes after so many changes, the last one that there is each time."""
    while told < scenario.changes:
        told = ask(Question("update", told))
        mirror_event(scenario.event(told), scenario.after(told), context)


def watch_and_sweep_again(ask: Ask, context: Context, scenario: "Scenario") -> None:
    """Do so, and sweep once more when all shows: the next sweep is due within a minute."""
    watch(ask, context, scenario)
    ask(Question("settle"))
    sweep(context)


def watch_without_sweep(ask: Ask, context: Context, scenario: "Scenario") -> None:
    """What is to be caught: whatever was before it began is not looked for."""
    mirror_updates(ask(Question("begin")), ask, context, scenario)


def watch_after_sweep(ask: Ask, context: Context, scenario: "Scenario") -> None:
    """What is to be caught: what happens between the sweep and the beginning is missed."""
    sweep(context)
    watch_without_sweep(ask, context, scenario)


@dataclass(frozen=True)
class Scenario:
    """What is tried.

    The host is in maintenance mode at first if ``mode``, changes ``changes`` times, and has the
    ``state`` in vRealize Operations at first. ``handled`` are the numbers of the changes whose
    events are handled, each by a process of its own; without ``truthful`` the events say the
    opposite of what happened. ``sweeps`` are further processes, that sweep after so many changes,
    and ``watchers`` those that begin to ``watch`` then.
    Up to ``deaths`` times, a process ends at any place, and its event is delivered again. Unless
    ``patient``, it may give up waiting to see what it wrote. ``memories`` is empty where vCenter
    is asked; where events alone decide, it says whose memory each process uses.
    ``stayed`` says that the host was in maintenance mode once before, within the last lease; else
    the state at first, if it is maintenance, is a person's. A person does something ``persons``
    times.
    """

    mode: bool = False
    state: ResourceState = MONITORED
    at_once: bool = False
    lease: int | None = None
    changes: int = 2
    handled: tuple[int, ...] = (1, 2)
    truthful: bool = True
    sweeps: tuple[int, ...] = ()
    deaths: int = 0
    patient: bool = False
    memories: tuple[int, ...] = ()
    stayed: bool = False
    persons: int = 0
    watchers: tuple[int, ...] = ()
    watch: Watch = watch
    vcenter: Callable[[Ask], VCenter] = AskedVCenter
    operations: Callable[[Ask], OperationsManager] = AskedOperations
    together: Together = one_by_one

    def first(self) -> "Window":
        """The window that there is at first: only after a stay could a timed one be ours."""
        state, ours = self.state, self.mode or self.stayed
        theirs = state is (OPEN_ENDED if self.lease else TIMED) or (state is TIMED and not ours)
        return Window(state, int(theirs))

    def past(self, changed: int) -> tuple[bool, ...]:
        """Whether the host entered or left, change by change, the newest first, within a lease."""
        recent = [self.after(number) for number in range(changed, 0, -1)]
        return (*recent, *((self.mode, not self.mode) if self.stayed else ()))

    def walk(self) -> "Explorer":
        """Who walks through it."""
        return Explorer(self)

    def programs(self) -> list[Program]:
        """What the processes run."""
        events = [self.event(number) for number in range(self.changes + 1)]
        handlers = [self._handler(number, events) for number in self.handled]
        sweepers = [self._sweeper(events) for _ in self.sweeps]
        return [*handlers, *sweepers, *(self._watcher(events) for _ in self.watchers)]

    def after(self, change: int) -> bool:
        """Whether the host is in maintenance mode after so many changes."""
        return self.mode ^ (change % 2 == 1)

    def event(self, change: int) -> HostEvent:
        """The event of a change."""
        return _event(change, self.after(change))

    def _handler(self, number: int, events: Sequence[HostEvent]) -> Program:
        wanted = self.after(number) == self.truthful
        return lambda ask: mirror_event(events[number], wanted, self._context(ask, events))

    def _sweeper(self, events: Sequence[HostEvent]) -> Program:
        return lambda ask: sweep(self._context(ask, events))

    def _watcher(self, events: Sequence[HostEvent]) -> Program:
        return lambda ask: self.watch(ask, self._context(ask, events), self)

    def _context(self, ask: Ask, events: Sequence[HostEvent]) -> Context:
        operations = self.operations(ask)
        if self.memories:
            memory = AskedMemory(ask, events)
            return Context(operations, memory=memory, policy=Policy(self.lease), now=lambda: NOW)
        vcenters = VCenters({HOST.vcenter: self.vcenter(ask)})
        policy, together = Policy(self.lease), self.together
        return Context(operations, vcenters, policy=policy, now=lambda: NOW, together=together)


def the_other_way(tasks: Sequence[Callable[[], T]]) -> Iterator[T]:
    """Read vRealize Operations first: side by side, either may be the first to read a host."""
    return (task() for task in reversed(tasks))


def sweep(context: Context) -> Report:
    """Sweep, and raise what fails."""
    report = reconcile(context)
    for error in report.faults:
        raise error
    return report


def _event(number: int, mode: bool) -> HostEvent:
    name = "EnteredMaintenanceModeEvent" if mode else "ExitMaintenanceModeEvent"
    return HostEvent(
        name, HOST, number, datetime(2026, 3, 14, 9, 50 + number, tzinfo=UTC), str(number)
    )


class Point:
    """Where a process is: what it was answered so far, and what it asks next."""

    def __init__(self, program: Program, history: tuple[Answer, ...] = ()) -> None:
        self._program = program
        self._history = history
        self._next: dict[Answer, Point] = {}
        self.error: MaintenanceError | None = None
        self.question = self._run()

    @property
    def started(self) -> bool:
        return bool(self._history)

    def answered(self, answer: Answer) -> "Point":
        """Where the process is after one answer more."""
        if answer not in self._next:
            self._next[answer] = Point(self._program, (*self._history, answer))
        return self._next[answer]

    def _run(self) -> Question | None:
        answers = iter(self._history)

        def ask(question: Question) -> Answer:
            for answer in answers:
                return answer
            raise _Unanswered(question)

        try:
            self._program(ask)
        except _Unanswered as stopped:
            return stopped.question
        except MaintenanceError as error:
            self.error = error
        return None


class Window(NamedTuple):
    """A state in vRealize Operations; ``person`` tells apart what persons have set, 0 is ours."""

    state: ResourceState
    person: int = 0


class World(NamedTuple):
    """Who is in which state; ``pending`` was accepted, but is not visible yet.

    ``persons`` is how often a person may still act, ``harmed`` whether a window of theirs was ended
    or replaced.
    """

    mode: bool
    changed: int
    visible: Window
    pending: tuple[Window, ...]
    remembered: tuple[int, ...]
    deaths: int
    persons: int
    harmed: bool = False

    @property
    def accepted(self) -> Window:
        """What was accepted last, whether it is visible or not."""
        return self.pending[-1] if self.pending else self.visible


class State(NamedTuple, Generic[W]):
    """The world, where each process is, and whose window each of them has read last."""

    world: W
    points: tuple[Point, ...]
    seen: tuple[int, ...]


@dataclass
class Found:
    """What an enumeration has found; from ``silenced`` on, it counts wrong schedules.

    ``harmed`` are those in which a person's window was ended or replaced.
    """

    states: int = 0
    schedules: int = 0
    silenced: int = 0
    monitored: int = 0
    harmed: int = 0
    errors: int = 0

    def __add__(self, other: "Found") -> "Found":
        both = zip(vars(self).values(), vars(other).values(), strict=True)
        return Found(*(mine + its for mine, its in both))


_Ways = tuple[int, int, int, int, int]


class Walk(ABC, Generic[W]):
    """Walks through all that can happen to some processes, and to the world beside them."""

    def __init__(self, programs: Iterable[Program]) -> None:
        self._beginnings = tuple(Point(each) for each in programs)
        self._ways: dict[State[W], _Ways | None] = {}

    @abstractmethod
    def world(self) -> W:
        """How the world is at first."""

    @abstractmethod
    def verdict(self, state: State[W]) -> str:
        """Say how it is when nothing can happen any more."""

    @abstractmethod
    def changes(self, world: W) -> Iterator[tuple[str, W]]:
        """What happens by itself, and what persons do."""

    @abstractmethod
    def may_start(self, state: State[W], index: int) -> bool:
        """Whether what the process handles has happened by now."""

    @abstractmethod
    def died(self, world: W) -> W | None:
        """The world after a process has died, if one may."""

    @abstractmethod
    def answers(
        self, question: Question, state: State[W], index: int
    ) -> Iterator[tuple[str, Answer, W]]:
        """Each answer that a process may get, told in words, and the world after it."""

    @abstractmethod
    def reader(self, world: W) -> int:
        """Whose window somebody finds who reads now."""

    def start(self) -> State[W]:
        """Return how all is at first."""
        return State(self.world(), self._beginnings, (0,) * len(self._beginnings))

    def explore(self) -> Found:
        """Count the states and the complete schedules, the wrong ones of them apart."""
        *wrong, right = self._count(self.start())
        return Found(len(self._ways), sum(wrong) + right, *wrong)

    def counterexample(self, verdict: str) -> list[str]:
        """Tell a shortest schedule that ends so, a line for each step; nothing if none does."""
        start = self.start()
        came: dict[State[W], tuple[State[W], str] | None] = {start: None}
        waiting = deque([start])
        while waiting:
            state = waiting.popleft()
            steps = list(self.steps(state))
            if not steps and self.verdict(state) == verdict:
                return _way(state, came)
            for told, following in steps:
                if following not in came:
                    came[following] = (state, told)
                    waiting.append(following)
        return []

    def steps(self, state: State[W]) -> Iterator[tuple[str, State[W]]]:
        """Everything that can happen next, each told in words."""
        for told, world in self.changes(state.world):
            yield told, state._replace(world=world)
        for index in range(len(self._beginnings)):
            if self.may_start(state, index):
                yield from self._moves(state, index)

    def _moves(self, state: State[W], index: int) -> Iterator[tuple[str, State[W]]]:
        """What a process may do, or suffer; nothing if it is done."""
        point = state.points[index]
        if point.question is None:
            return
        dead = self.died(state.world) if point.started else None
        if dead is not None:
            told = "dies, and what it did begins anew"
            yield _told(index, told), self._moved(state, index, dead, self._beginnings[index])
        for told, answer, following in self.answers(point.question, state, index):
            yield _told(index, told), self._moved(state, index, following, point.answered(answer))

    def _moved(self, state: State[W], index: int, world: W, point: Point) -> State[W]:
        """Where all are after one process has moved; it remembers whose window it has read."""
        points = (*state.points[:index], point, *state.points[index + 1 :])
        question = state.points[index].question
        if question and question.kind == "read":
            seen = (*state.seen[:index], self.reader(world), *state.seen[index + 1 :])
            return State(world, points, seen)
        return State(world, points, state.seen)

    def _count(self, state: State[W]) -> _Ways:
        if state in self._ways:
            known = self._ways[state]
            if known is None:
                raise RuntimeError("a schedule that never ends")
            return known
        self._ways[state] = None
        ways = [self._count(following) for _, following in self.steps(state)]
        total = _sum(ways) if ways else _ONE_WAY[self.verdict(state)]
        self._ways[state] = total
        return total


class Explorer(Walk[World]):
    """Walks through all that can happen in one scenario."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario.programs())
        self.scenario = scenario
        self._earliest = (*scenario.handled, *scenario.sweeps, *scenario.watchers)

    def world(self) -> World:
        scenario = self.scenario
        remembered = (0,) * len({*scenario.memories})
        first, deaths, persons = scenario.first(), scenario.deaths, scenario.persons
        return World(scenario.mode, 0, first, (), remembered, deaths, persons)

    def verdict(self, state: State[World]) -> str:
        world = state.world
        if any(point.error for point in state.points):
            return "with an error"
        if world.harmed:
            return "harmed"
        if world.visible.person or world.visible.state.maintained == world.mode:
            return "right"
        return "silenced" if world.visible.state.maintained else "monitored"

    def changes(self, world: World) -> Iterator[tuple[str, World]]:
        if world.changed < self.scenario.changes:
            told = f"vCenter     the host {'leaves' if world.mode else 'enters'} maintenance mode"
            yield told, world._replace(mode=not world.mode, changed=world.changed + 1)
        if world.pending:
            shown, *pending = world.pending
            told = f"operations  now shows {shown.state}"
            yield told, world._replace(visible=shown, pending=tuple(pending))
        for state in ResourceState if world.persons else ():
            if state != world.accepted.state:
                yield f"a person    sets {state}", self._set(world, state)

    def may_start(self, state: State[World], index: int) -> bool:
        return state.world.changed >= self._earliest[index]

    def died(self, world: World) -> World | None:
        return world._replace(deaths=world.deaths - 1) if world.deaths else None

    def reader(self, world: World) -> int:
        return world.visible.person

    def _set(self, world: World, state: ResourceState) -> World:
        window = Window(state, self.scenario.persons - world.persons + 2)
        return world._replace(visible=window, pending=(), persons=world.persons - 1)

    def answers(
        self, question: Question, state: State[World], index: int
    ) -> Iterator[tuple[str, Answer, World]]:
        (kind, about), world = question, state.world
        if kind == "read":
            yield f"reads {world.visible.state}", world.visible.state, world
        elif kind == "look":
            yield f"hears from vCenter: {_mode(world.mode)}", world.mode, world
        elif kind == "past":
            past = self.scenario.past(world.changed)
            yield f"hears from vCenter: {_past(past)}", past, world
        elif kind == "write":
            yield f"writes {about}", None, self._written(world, about, state.seen[index])
        elif kind == "confirm":
            yield from self._confirmed(about.maintained, world)
        elif kind == "begin":
            yield f"begins to watch, after {world.changed} changes", world.changed, world
        elif kind == "settle":
            if not world.pending:
                yield "waits until all shows", None, world
        elif kind == "update":
            if world.changed > about:
                yield f"is told of change {world.changed}", world.changed, world
        else:
            yield self._remembered(about, world, self.scenario.memories[index])

    def _confirmed(self, maintained: bool, world: World) -> Iterator[tuple[str, Answer, World]]:
        shows = world.visible.state.maintained == maintained
        if shows:
            yield "sees it", True, world
        if not shows or not self.scenario.patient:
            yield "gives up waiting to see it", False, world

    def _written(self, world: World, state: ResourceState, seen: int) -> World:
        """Accept a write; it does harm if its writer has read the person's window that is there."""
        there = world.accepted
        harms = there.person and there.state.maintained and there.person == seen
        world = world._replace(harmed=world.harmed or bool(harms))
        if self.scenario.at_once:
            return world._replace(visible=Window(state), pending=())
        return world._replace(pending=(*world.pending, Window(state)))

    def _remembered(self, event: int, world: World, memory: int) -> tuple[str, Answer, World]:
        newest = max(event, world.remembered[memory])
        remembered = (*world.remembered[:memory], newest, *world.remembered[memory + 1 :])
        told = f"knows of event {newest} as the newest"
        return told, newest, world._replace(remembered=remembered)


_ONE_WAY: Final[dict[str, _Ways]] = {
    "silenced": (1, 0, 0, 0, 0),
    "monitored": (0, 1, 0, 0, 0),
    "harmed": (0, 0, 1, 0, 0),
    "with an error": (0, 0, 0, 1, 0),
    "right": (0, 0, 0, 0, 1),
}


def _sum(ways: Iterable[_Ways]) -> _Ways:
    silenced, monitored, harmed, errors, right = (sum(each) for each in zip(*ways, strict=True))
    return silenced, monitored, harmed, errors, right


def _told(index: int, told: str) -> str:
    return f"process {index + 1}   {told}"


def _past(past: tuple[bool, ...]) -> str:
    return ", before that ".join("entered" if each else "left" for each in past) or "no change"


def _mode(mode: bool) -> str:
    return "in maintenance mode" if mode else "not in maintenance mode"


def _way(state: State[W], came: dict[State[W], tuple[State[W], str] | None]) -> list[str]:
    told: list[str] = []
    while step := came[state]:
        state, line = step
        told.append(line)
    return told[::-1]


class Walkable(Protocol):
    """A scenario, which is a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def walk(self) -> Walk[Any]:
        """Who walks through it."""
        ...


S = TypeVar("S", bound=Walkable)


def varied(scenarios: Iterable[S], **values: Sequence[Any]) -> list[S]:
    """Combine each scenario with each value of each field."""
    varied = list(scenarios)
    for name, options in values.items():
        varied = [replace(each, **{name: option}) for each in varied for option in options]
    return varied


BOTH: Final = (False, True)
# Each mode to begin with, in a right and in a wrong state, without leases and with them. A window
# of ours is there, though its host is not in maintenance mode, only after a stay.
_LEASED: Final = [
    *varied([Scenario(lease=LEASE)], mode=BOTH, state=[MONITORED]),
    Scenario(lease=LEASE, state=TIMED, mode=True),
    *varied([Scenario(lease=LEASE, stayed=True)], state=[MONITORED, TIMED]),
]
_STARTS: Final = varied([Scenario()], mode=BOTH, state=[MONITORED, OPEN_ENDED]) + _LEASED
# Who watches has a lease: without one, nobody could end what a process that has died left behind.
_WATCHED: Final = varied(_LEASED, handled=[()], patient=[True])
# Without the one start that is wrong by being monitored, whose orders are most of all.
_RIGHT: Final = [each for each in _WATCHED if not each.mode or each.state is TIMED]
_DYING: Final = varied(_WATCHED, watchers=[(0,)], deaths=[1])
_SWEPT: Final = varied(_STARTS, sweeps=[(0,)], patient=[True])
_LAST_LOST: Final = varied(_LEASED, handled=[(1,)], sweeps=[(2,)])

# Hosts that are not in maintenance mode, nor were within the last lease: nothing there is ours.
_IN_SERVICE: Final = varied(
    [Scenario(lease=LEASE, changes=0, handled=(0, 0), persons=2)],
    state=[MONITORED, TIMED, OPEN_ENDED],
)
# A host that enters while a person's window is there, which may be set or ended at any time.
_THEIRS_FIRST: Final = varied(
    [Scenario(lease=LEASE, changes=1, handled=(1,), state=TIMED)],
    handled=[(1,), (1, 1)],
    persons=[0, 1],
)

# A host that has been out for long, and an event of before, which comes late or is forged.
_OLD_EVENT: Final = varied([Scenario(lease=LEASE, changes=1)], handled=[(0, 1), (0, 0, 1)])

# What must be right in the end, in every order.
CLAIMS: Final[dict[str, list[Scenario]]] = {
    "both events, shown at once": varied(_STARTS, at_once=[True]),
    "both events, shown later": _STARTS,
    "both events, with forged words": varied(_STARTS, truthful=[False], at_once=BOTH),
    "the first event lost": varied(_STARTS, handled=[(2,)], at_once=BOTH),
    "the second event twice": varied(_STARTS, handled=[(2, 2)], at_once=BOTH),
    "both events, and a process dies": varied(_STARTS, deaths=[1], at_once=BOTH),
    "both events, and three changes": varied(_STARTS, changes=[3], handled=[(2, 3)]),
    "three handlers": varied(_STARTS, handled=[(1, 2, 2)], patient=[True], at_once=BOTH),
    "both events and a sweep, at once": varied(_SWEPT, at_once=[True]),
    "the second event and a sweep, later": varied(_SWEPT, handled=[(2,)]),
    "the last event lost, then a sweep, at once": varied(_LAST_LOST, at_once=[True]),
    "a person's, left alone with leases": varied(_SWEPT, lease=[LEASE], state=[OPEN_ENDED]),
    "persons, and events of long ago or forged": varied(_IN_SERVICE, truthful=BOTH, at_once=BOTH),
    "an old event, while the host enters": varied(_OLD_EVENT, at_once=BOTH),
    "an old event, and a process dies": varied(_OLD_EVENT[:1], deaths=[1], at_once=BOTH),
    "persons, and a sweep": varied(_IN_SERVICE, handled=[()], sweeps=[(0,), (0, 0)]),
    "the same, its sides read the other way": varied(
        _IN_SERVICE, handled=[()], sweeps=[(0,), (0, 0)], together=[the_other_way]
    ),
    "the second event and such a sweep, later": varied(
        _SWEPT, handled=[(2,)], together=[the_other_way]
    ),
    "the last event lost, then such a sweep": varied(
        _LAST_LOST, at_once=[True], together=[the_other_way]
    ),
    "a person's window, before the host enters": varied(_THEIRS_FIRST, at_once=BOTH),
    "a watcher, from any state": varied(_WATCHED, watchers=[(0,)], at_once=BOTH),
    "a watcher that dies, and begins anew, at once": varied(_DYING, at_once=[True]),
    "the same, later, with its second sweep": varied(_DYING, watch=[watch_and_sweep_again]),
    "two watchers, and one change": varied(
        _WATCHED, watchers=[(0, 0)], changes=[1], at_once=[True]
    ),
    "two watchers": varied(_RIGHT, watchers=[(0, 0)], at_once=[True]),
    "a watcher and the second event": varied(
        _WATCHED, watchers=[(0,)], handled=[(2,)], at_once=BOTH
    ),
    "the same, and a sweep": varied(_THEIRS_FIRST, sweeps=[(0,), (1,)], patient=[True]),
}
# What must be found, or else the enumeration could not be believed.
MISTAKES: Final[dict[str, list[Scenario]]] = {
    "no second look": varied(_STARTS, vcenter=[LooksOnce]),
    "leaving skipped if it looks right": varied(_STARTS, operations=[SkipsEnds]),
    "entering skipped if it looks right": varied(_STARTS, operations=[SkipsStarts]),
    "watching without a sweep": varied(_WATCHED, watchers=[(1,)], watch=[watch_without_sweep]),
    "watching after the sweep": varied(_WATCHED, watchers=[(0,)], watch=[watch_after_sweep]),
    "the past not asked for, events": varied(_IN_SERVICE, vcenter=[ForgetsThePast]),
    "the past not asked for, sweeps": varied(
        _IN_SERVICE, handled=[()], sweeps=[(0,)], vcenter=[ForgetsThePast]
    ),
    "the past not asked for, entering": varied(_THEIRS_FIRST, vcenter=[ForgetsThePast]),
}
# What can still go wrong, until the next sweep, or where there is none.
REMAINS: Final[dict[str, list[Scenario]]] = {
    "the last event lost": varied(_STARTS, handled=[(1,)]),
    "the last event lost, then a sweep, later": _LAST_LOST,
    "a watcher that dies, and begins anew, later": _DYING,
    "events alone, one process, at once": varied(_STARTS, memories=[(0, 0)], at_once=[True]),
    "events alone, one process, later": varied(_STARTS, memories=[(0, 0)]),
    "events alone, two processes, at once": varied(_STARTS, memories=[(0, 1)], at_once=[True]),
    "events alone, two processes, later": varied(_STARTS, memories=[(0, 1)]),
    "events alone, the last one lost": varied(_STARTS, handled=[(1,)], memories=[(0,)]),
    "persons, of a host that enters and leaves": varied(
        [Scenario(lease=LEASE, persons=1)], state=[MONITORED, TIMED]
    ),
    "persons, events alone": varied(_IN_SERVICE, memories=[(0, 0)], truthful=BOTH),
}
_ROW: Final = "{:44}{:>10}{:>20}{:>10}{:>10}{:>10}"
_WRONG: Final = {
    "silenced": "the host is left silenced",
    "monitored": "the host is left monitored",
    "harmed": "a person's window is ended or replaced",
}


def explored(scenarios: Iterable[Walkable]) -> Found:
    """Explore all of them, and add up what was found."""
    return sum((each.walk().explore() for each in scenarios), Found())


VERDICTS: Final = (*_WRONG, "errors")


def verdicts(found: Found) -> set[str]:
    """In which ways any schedule goes wrong."""
    return {verdict for verdict in VERDICTS if getattr(found, verdict)}


def counterexample(scenarios: Iterable[Walkable], verdict: str) -> list[str]:
    """Tell a shortest schedule of all of them that ends with ``verdict``."""
    told = [each.walk().counterexample(verdict) for each in scenarios]
    return min(filter(None, told), key=len, default=[])


def tell(*tables: Mapping[str, Sequence[Walkable]]) -> None:
    """Print what was found, and a shortest counterexample for whatever goes wrong."""
    print(_ROW.format("", "states", "schedules", *_WRONG))
    wrong = []
    for name, scenarios in [each for table in tables for each in table.items()]:
        found = explored(scenarios)
        counts = {verdict: getattr(found, verdict) for verdict in ("states", "schedules", *_WRONG)}
        print(_ROW.format(name, *(f"{count:,}" for count in counts.values())), flush=True)
        wrong += [(name, scenarios, verdict) for verdict in _WRONG if counts[verdict]]
    for name, scenarios, verdict in wrong:
        print(f"\n{name}: {_WRONG[verdict]}")
        print("\n".join(f"  {line}" for line in counterexample(scenarios, verdict)))


if __name__ == "__main__":
    tell(CLAIMS, MISTAKES, REMAINS)
