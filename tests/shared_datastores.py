"""Every order in which the events of two hosts with one datastore can be handled.

``python -m tests.shared_datastores`` prints what was found. It is done as in tests.interleavings,
which tells how, in a world of two hosts that enter and leave maintenance mode at the same time, and
of a datastore that both mount: its maintenance is right if both hosts are in maintenance mode.

A question is a call: what several resources are like is read by one, what is written to several
is accepted by one and shows at the same moment, and vCenter tells the modes of both hosts by one.
Who does not wait to see what it wrote asks no question about that: whatever happens while one waits
may happen between its other steps as well.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Final, NamedTuple, TypeVar
from unittest.mock import patch

from functions import convergence, reconciliation
from functions.context import Context, Policy, VCenters
from functions.convergence import mirror_event
from functions.events import ENTERED, EXITED, HostEvent, HostRef
from functions.events import HOST as HOST_KIND
from functions.mode_sources import AskedVCenter, Look
from functions.outcomes import Outcome
from functions.ownership import Stand
from functions.ports import (
    Companion,
    ModeChange,
    OperationsManager,
    Resource,
    ResourceState,
    Surroundings,
    VCenter,
    VCenterHost,
)
from tests.interleavings import (
    BOTH,
    LEASE,
    MONITORED,
    NOW,
    OPEN_ENDED,
    TIMED,
    Answer,
    Ask,
    Program,
    Question,
    State,
    Walk,
    Window,
    sweep,
    tell,
    varied,
)

T = TypeVar("T")

_VC: Final = "vc.lab"
_UUID: Final = "2d0f1c3e-4a5b-4c6d-8e7f-9a0b1c2d3e4f"
_DATASTORE: Final = "Datastore"
# The hosts, and behind them their datastore; a number below says which of these.
THINGS: Final = (
    HostRef("host-1", "esx1", _VC),
    HostRef("host-2", "esx2", _VC),
    HostRef("datastore-3", "san", _VC, _DATASTORE),
)
SAN: Final = 2
# When a sweep comes that finds all else done, and shown.
AFTER_ALL: Final = -1
_WORDS: Final = ("esx1", "esx2", "the datastore")
_MOUNTED: Final = Companion(THINGS[SAN], frozenset(each.moref for each in THINGS[:SAN]))


class Write(NamedTuple):
    """A write to some things at once."""

    things: tuple[int, ...]
    state: ResourceState

    def __str__(self) -> str:
        return f"{self.state} to {_words(self.things)}"


class SharedOperations:
    """An OperationsManager that asks: one question for each call."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def find(self, host: HostRef) -> Resource:
        """Read it for who asks which resource it is, not for its state: that needs no question."""
        return _resource(THINGS.index(host), MONITORED)

    def find_with(self, host: HostRef, kinds: Collection[str]) -> Sequence[Resource]:
        return self._read(THINGS.index(host), SAN)

    def find_all(self, companions: Collection[HostRef]) -> Sequence[Resource]:
        return self._read(SAN)

    def alone(self, host: Resource, companions: Sequence[Resource]) -> Sequence[Resource]:
        return []

    def start_maintenance(self, resource: Resource, minutes: int | None) -> bool:
        return self._write([resource], TIMED if minutes else OPEN_ENDED)

    def end_maintenance(self, resource: Resource) -> bool:
        return self._write([resource], MONITORED)

    def resources(self, vcenter: str, kind: str = HOST_KIND) -> Iterable[Resource]:
        return self._read(0, 1) if kind == HOST_KIND else self._read(SAN)

    def start_all(
        self, resources: Sequence[Resource], minutes: int | None
    ) -> Iterator[tuple[Resource, bool]]:
        return self._write_all(resources, TIMED if minutes else OPEN_ENDED)

    def end_all(self, resources: Sequence[Resource]) -> Iterator[tuple[Resource, bool]]:
        return self._write_all(resources, MONITORED)

    def _read(self, *things: int) -> Sequence[Resource]:
        states = self._ask(Question("read", things))
        return [_resource(each, state) for each, state in zip(things, states, strict=True)]

    def _write_all(
        self, resources: Sequence[Resource], state: ResourceState
    ) -> Iterator[tuple[Resource, bool]]:
        if resources:
            seen = self._write(resources, state)
            yield from ((each, seen) for each in resources)

    def _write(self, resources: Sequence[Resource], state: ResourceState) -> bool:
        write = Write(tuple(int(each.identifier) for each in resources), state)
        return bool(self._ask(Question("write", write)))


class WaitingOperations(SharedOperations):
    """Waits until it sees what it wrote, or until nothing more will show."""

    def _write(self, resources: Sequence[Resource], state: ResourceState) -> bool:
        super()._write(resources, state)
        things = tuple(int(each.identifier) for each in resources)
        return bool(self._ask(Question("confirm", Write(things, state))))


class UnrelatedOperations(SharedOperations):
    """Does not know which datastore a host has: it is read after vCenter has named it."""

    def find_with(self, host: HostRef, kinds: Collection[str]) -> Sequence[Resource]:
        return self._read(THINGS.index(host))


class SkipsEnds(SharedOperations):
    """What is to be caught: the end of a datastore's is not written if its state looks right."""

    def end_maintenance(self, resource: Resource) -> bool:
        looks_right = not resource.host.is_host and not resource.state.maintained
        return looks_right or super().end_maintenance(resource)

    def end_all(self, resources: Sequence[Resource]) -> Iterator[tuple[Resource, bool]]:
        """One by one, as it is after a refusal."""
        return ((each, self.end_maintenance(each)) for each in resources)


class SharedVCenter:
    """A VCenter that asks for the modes of both hosts by one question."""

    address = _VC
    instance_uuid = _UUID
    mounted = _MOUNTED

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def in_maintenance_mode(self, moref: str) -> bool:
        return self._modes(moref)[moref]

    def surroundings(self, moref: str, kinds: Collection[str]) -> Surroundings:
        return Surroundings(self._modes(moref), [self.mounted])

    def hosts(self) -> Iterable[VCenterHost]:
        modes = self._modes("")
        return [VCenterHost(each, modes[each.moref]) for each in THINGS[:SAN]]

    def companions(self, kinds: Collection[str]) -> Iterable[Companion]:
        return [self.mounted]

    def has(self, companion: HostRef) -> bool:
        return True

    def mode_changes(self, since: object, moref: str = "") -> Sequence[ModeChange]:
        told = [
            ModeChange(THINGS[which].moref, entered, NOW - timedelta(minutes=ago))
            for ago, (which, entered) in enumerate(self._ask(Question("past")), 1)
        ]
        return [each for each in told if moref in ("", each.moref)]

    def entered(self, morefs: Collection[str]) -> Mapping[str, ModeChange]:
        return {}

    def _modes(self, moref: str) -> Mapping[str, bool]:
        modes = self._ask(Question("look"))
        return {each.moref: mode for each, mode in zip(THINGS[:SAN], modes, strict=True)}


class LooksOnce(SharedVCenter):
    """What is to be caught: the second look repeats the first one without looking."""

    _seen: Mapping[str, bool] | None = None

    def _modes(self, moref: str) -> Mapping[str, bool]:
        seen = self._seen or super()._modes(moref)
        self._seen = None if self._seen else seen
        return seen


class RemembersOthers(SharedVCenter):
    """What is to be caught: of the other host, the mode is remembered from the first look."""

    _others: Mapping[str, bool] | None = None

    def _modes(self, moref: str) -> Mapping[str, bool]:
        seen = super()._modes(moref)
        self._others = self._others or {each: mode for each, mode in seen.items() if each != moref}
        return {**seen, **self._others}


class _OnAny(Companion):
    def in_maintenance(self, modes: Mapping[str, bool]) -> bool:
        return any(modes[each] for each in self.hosts)


class GoesWithAny(SharedVCenter):
    """What is to be caught: one host in maintenance mode is enough."""

    mounted = _OnAny(_MOUNTED.ref, _MOUNTED.hosts)


class ForgetsThePast(SharedVCenter):
    """What is to be caught: nothing is a person's, as if the datastore had just left."""

    def mode_changes(self, since: object, moref: str = "") -> Sequence[ModeChange]:
        left = ModeChange("", False, NOW - timedelta(minutes=1))
        entered = replace(left, entered=True, at=NOW - timedelta(minutes=2))
        return [replace(each, moref=of.moref) for each in (left, entered) for of in THINGS[:SAN]]


class AlwaysAsks(AskedVCenter):
    """Would be right as well, with one call more for each host that enters while others work."""

    def _is_not_concerned(self, resource: Resource, moref: str, look: Look) -> bool:
        return False


class EndsWhatEnters(AlwaysAsks):
    """What is to be caught: an end is written though the last host has entered since the look."""

    def left_alone(self, stand: Stand, resource: Resource) -> Outcome | None:
        before = Stand.NOT_TOLD if stand is Stand.ENTERED_SINCE else stand
        return super().left_alone(before, resource)


class SkipsLater(AskedVCenter):
    """What is to be caught: who enters does not look after the datastore at any look."""

    def _is_not_concerned(self, resource: Resource, moref: str, look: Look) -> bool:
        self._looks = 1
        return super()._is_not_concerned(resource, moref, look)


class SkipsWithoutLeases(AskedVCenter):
    """What is to be caught: nor does it where nothing ends by itself."""

    def stand(self, resource: Resource, moref: str, look: Look) -> Stand:
        self._leased = True
        skips = self._is_not_concerned(resource, moref, look)
        self._leased = False
        return Stand.OUT_FOR_LONG if skips else super().stand(resource, moref, look)

    def left_alone(self, stand: Stand, resource: Resource) -> Outcome | None:
        skips = stand is Stand.OUT_FOR_LONG
        return Outcome("unchanged") if skips else super().left_alone(stand, resource)


class _OfOneHost(Look):
    only_host = property(lambda self: self.host)


class AsksForOnePast(AskedVCenter):
    """What is to be caught: only the past of the event's own host is asked for."""

    def look(self, moref: str, resources: Sequence[Resource]) -> Look:
        return _OfOneHost(moref, super().look(moref, resources).seen)


@dataclass(frozen=True)
class Pair:
    """What is tried.

    The hosts have these ``modes`` at first, and change them so often, at any time; all is right in
    vRealize Operations, unless the datastore is ``wrong``, or has a window of a person, ``theirs``.
    ``stayed`` says that the second host has left maintenance mode just before that.
    ``handled`` are the changes whose events are handled, each by a process of its own: which host's
    it is, and the how many-th of it. ``sweeps`` are further processes, that sweep after so many
    changes of both, or AFTER_ALL else that can happen, and ``watchers`` how many there are.
    Other fields are as in tests.interleavings.Scenario; ``source`` takes the place of the core's
    own class.
    """

    modes: tuple[bool, bool] = (False, False)
    wrong: bool = False
    theirs: ResourceState | None = None
    stayed: bool = False
    at_once: bool = False
    lease: int | None = None
    changes: tuple[int, int] = (1, 1)
    handled: tuple[tuple[int, int], ...] | None = None
    sweeps: tuple[int, ...] = ()
    watchers: int = 0
    deaths: int = 0
    persons: int = 0
    vcenter: Callable[[Ask], VCenter] = SharedVCenter
    operations: Callable[[Ask], OperationsManager] = SharedOperations
    source: type[AskedVCenter] = AskedVCenter

    def walk(self) -> "Explorer":
        """Who walks through it."""
        return Explorer(self)

    def events(self) -> Sequence[tuple[int, int]]:
        """Return the changes whose events are handled."""
        if self.handled is not None:
            return self.handled
        return [(each, number + 1) for each in range(SAN) for number in range(self.changes[each])]

    def first(self) -> tuple[Window, ...]:
        """Return the windows that there are at first."""
        silenced = TIMED if self.lease else OPEN_ENDED
        wanted = (*self.modes, all(self.modes) != self.wrong)
        windows = [Window(silenced if each else MONITORED) for each in wanted]
        return (*windows[:SAN], Window(self.theirs, 1) if self.theirs else windows[SAN])

    def programs(self) -> list[Program]:
        """What the processes run."""
        handlers = [partial(self._handle, *each) for each in self.events()]
        return [*handlers, *(self._sweep for _ in self.sweeps), *[self._watch] * self.watchers]

    def _handle(self, which: int, number: int, ask: Ask) -> None:
        wanted = self.modes[which] ^ (number % 2 == 1)
        name = ENTERED if wanted else EXITED
        event = HostEvent(name, THINGS[which], number, NOW, f"{which}-{number}")
        self._run(lambda: mirror_event(event, wanted, self._context(ask)))

    def _sweep(self, ask: Ask) -> None:
        self._run(lambda: sweep(self._context(ask)))

    def _watch(self, ask: Ask) -> None:
        """Begin, sweep, and mirror the last change of each host that comes after."""
        told = ask(Question("begin"))
        self._sweep(ask)
        while told != self.changes:
            which, number = ask(Question("update", told))
            told = _with(told, which, number)
            self._handle(which, number, ask)

    def _run(self, work: Callable[[], object]) -> None:
        if self.source is AskedVCenter:
            work()
            return
        patches = [patch.object(each, "AskedVCenter", self.source) for each in _CORE]
        with patches[0], patches[1]:
            work()

    def _context(self, ask: Ask) -> Context:
        vcenters = VCenters({_VC: self.vcenter(ask)})
        policy = Policy(self.lease, includes=(_DATASTORE,))
        return Context(self.operations(ask), vcenters, policy=policy, now=lambda: NOW)


_CORE: Final = (convergence, reconciliation)


class Shared(NamedTuple):
    """How all is; ``past`` is which host has entered or left, the newest first.

    ``visible`` are the windows of the hosts and of their datastore; the other fields are as in
    tests.interleavings.World.
    """

    modes: tuple[bool, bool]
    changed: tuple[int, int]
    past: tuple[tuple[int, bool], ...]
    visible: tuple[Window, ...]
    pending: tuple[Write, ...]
    deaths: int
    persons: int
    harmed: bool = False

    @property
    def accepted(self) -> Window:
        """What was accepted last for the datastore."""
        states = [each.state for each in self.pending if SAN in each.things]
        return Window(states[-1]) if states else self.visible[SAN]


class Explorer(Walk[Shared]):
    """Walks through all that can happen to two hosts and their datastore."""

    def __init__(self, pair: Pair) -> None:
        super().__init__(pair.programs())
        self.pair = pair
        self._events = pair.events()

    def world(self) -> Shared:
        pair = self.pair
        past = ((1, False), (1, True)) if pair.stayed else ()
        return Shared(pair.modes, (0, 0), past, pair.first(), (), pair.deaths, pair.persons)

    def verdict(self, state: State[Shared]) -> str:
        world = state.world
        if any(point.error for point in state.points):
            return "with an error"
        if world.harmed:
            return "harmed"
        for each in _verdicts(world):
            if each != "right":
                return each
        return "right"

    def changes(self, world: Shared) -> Iterator[tuple[str, Shared]]:
        for each in range(SAN):
            if world.changed[each] < self.pair.changes[each]:
                yield self._change(world, each)
        if world.pending:
            write, *pending = world.pending
            shown = _shown(world.visible, write)
            told = f"operations  now shows {write}"
            yield told, world._replace(visible=shown, pending=tuple(pending))
        for state in ResourceState if world.persons else ():
            if state != world.accepted.state:
                yield f"a person    sets {state} for the datastore", self._set(world, state)

    def may_start(self, state: State[Shared], index: int) -> bool:
        if index < len(self._events):
            which, number = self._events[index]
            return state.world.changed[which] >= number
        sweeps = self.pair.sweeps[index - len(self._events) :]
        if not sweeps or sweeps[0] != AFTER_ALL:
            return not sweeps or sum(state.world.changed) >= sweeps[0]
        return not state.world.pending and all(
            each.question is None for each in state.points[:index]
        )

    def died(self, world: Shared) -> Shared | None:
        return world._replace(deaths=world.deaths - 1) if world.deaths else None

    def reader(self, world: Shared) -> int:
        return world.visible[SAN].person

    def answers(
        self, question: Question, state: State[Shared], index: int
    ) -> Iterator[tuple[str, Answer, Shared]]:
        (kind, about), world = question, state.world
        if kind == "read":
            states = tuple(world.visible[each].state for each in about)
            yield f"reads {_list(about, states)}", states, world
        elif kind == "look":
            told = _list(range(SAN), ["in" if each else "out" for each in world.modes])
            yield f"hears from vCenter: {told}", world.modes, world
        elif kind == "past":
            told = ", before that ".join(_past(each) for each in world.past) or "no change"
            yield f"hears from vCenter: {told}", world.past, world
        elif kind == "write":
            yield f"writes {about}", True, self._written(world, about, state.seen[index])
        elif kind == "begin":
            yield "begins to watch", world.changed, world
        elif kind == "update":
            for which in range(SAN):
                if world.changed[which] > about[which]:
                    told = f"is told of {_WORDS[which]}"
                    yield told, (which, world.changed[which]), world
        else:
            yield from _confirmed(about, world)

    def _change(self, world: Shared, which: int) -> tuple[str, Shared]:
        mode = not world.modes[which]
        modes = _with(world.modes, which, mode)
        changed = _with(world.changed, which, world.changed[which] + 1)
        # Without leases nobody asks for the past.
        past = ((which, mode), *world.past) if self.pair.lease else ()
        told = f"vCenter     {_past((which, mode))} maintenance mode"
        return told, world._replace(modes=modes, changed=changed, past=past)

    def _set(self, world: Shared, state: ResourceState) -> Shared:
        """Set the datastore's window at once: what was written before it is over."""
        window = Window(state, self.pair.persons - world.persons + 2)
        visible = (*world.visible[:SAN], window)
        pending = [
            each._replace(things=tuple(thing for thing in each.things if thing != SAN))
            for each in world.pending
        ]
        still = tuple(each for each in pending if each.things)
        return world._replace(visible=visible, pending=still, persons=world.persons - 1)

    def _written(self, world: Shared, write: Write, seen: int) -> Shared:
        """Accept a write; it does harm if its writer has read the person's window that is there."""
        there = world.accepted
        is_theirs = there.person and there.state.maintained and there.person == seen
        harmed = world.harmed or bool(SAN in write.things and is_theirs)
        world = world._replace(harmed=harmed)
        if self.pair.at_once:
            return world._replace(visible=_shown(world.visible, write))
        return world._replace(pending=(*world.pending, write))


def _verdicts(world: Shared) -> Iterator[str]:
    for window, mode in zip(world.visible, (*world.modes, all(world.modes)), strict=True):
        if not window.person and window.state.maintained != mode:
            yield "monitored" if mode else "silenced"


def _confirmed(write: Write, world: Shared) -> Iterator[tuple[str, Answer, Shared]]:
    if all(world.visible[each].state.maintained == write.state.maintained for each in write.things):
        yield "sees it", True, world
    elif not world.pending:
        yield "gives up waiting to see it", False, world


def _shown(visible: tuple[Window, ...], write: Write) -> tuple[Window, ...]:
    return tuple(
        Window(write.state) if each in write.things else window
        for each, window in enumerate(visible)
    )


def _resource(which: int, state: ResourceState) -> Resource:
    return Resource(str(which), THINGS[which], state, THINGS[which].moref, _UUID)


def _with(values: tuple[T, T], which: int, value: T) -> tuple[T, T]:
    return (value, values[1]) if which == 0 else (values[0], value)


def _past(change: tuple[int, bool]) -> str:
    which, entered = change
    return f"{_WORDS[which]} {'enters' if entered else 'leaves'}"


def _words(things: Iterable[int]) -> str:
    return " and ".join(_WORDS[each] for each in things)


def _list(things: Iterable[int], told: Iterable[object]) -> str:
    return ", ".join(f"{_WORDS[each]} {what}" for each, what in zip(things, told, strict=True))


# Each way in which both may stand, in a right and in a wrong state, without leases and with them. A
# window of ours is there, though one host is at work, only after both were in maintenance mode.
_MODES: Final = [(False, False), (True, False), (True, True)]
_OPEN_ENDED: Final = varied([Pair()], modes=_MODES, wrong=BOTH)
_LEASED: Final = [
    *varied([Pair(lease=LEASE)], modes=_MODES),
    Pair(lease=LEASE, modes=(True, True), wrong=True),
    Pair(lease=LEASE, stayed=True),
    *varied([Pair(lease=LEASE, modes=(True, False), stayed=True)], wrong=BOTH),
]
_STARTS: Final = [*_OPEN_ENDED, *_LEASED]
_ONE_CHANGE: Final = [(1, 0), (0, 1)]
_THREE_CHANGES: Final = [(2, 1), (1, 2)]
_DYING: Final = varied(_LEASED, deaths=[1])
_WATCHED: Final = varied(_LEASED, watchers=[1], handled=[()])

# One host is at work all the time, so that a window of the datastore can only be a person's.
_PERSONS: Final = [None, TIMED, OPEN_ENDED]
_IN_SERVICE: Final = [
    *varied([Pair(lease=LEASE, changes=(2, 0))], theirs=_PERSONS),
    *varied([Pair(lease=LEASE, changes=(1, 0), modes=(True, False))], theirs=_PERSONS),
]
# A person's window is there when the last host enters.
_THEIRS_FIRST: Final = [
    Pair(lease=LEASE, theirs=TIMED),
    Pair(lease=LEASE, theirs=TIMED, modes=(True, False), changes=(0, 1)),
]

# What must be right in the end, in every order.
CLAIMS: Final[dict[str, list[Pair]]] = {
    "both events": varied(_STARTS, at_once=BOTH),
    "both events, not related": varied(_STARTS, operations=[UnrelatedOperations], at_once=BOTH),
    "both events, waiting to see writes": varied(
        _STARTS, operations=[WaitingOperations], at_once=BOTH
    ),
    "both events, and a process dies, at once": varied(_STARTS, deaths=[1], at_once=[True]),
    "the same, later, without leases": varied(_OPEN_ENDED, deaths=[1]),
    "the same, later, with leases and a last sweep": varied(_DYING, sweeps=[(AFTER_ALL,)]),
    "the same, later, if the past is always asked": varied(_DYING, source=[AlwaysAsks]),
    "three events, from one start, at once": varied(
        [Pair(modes=(True, False)), Pair(modes=(True, False), lease=LEASE)],
        changes=[(2, 1)],
        at_once=[True],
    ),
    "three events, at once": varied(_STARTS, changes=_THREE_CHANGES, at_once=[True]),
    "an event and a sweep": varied(_STARTS, changes=_ONE_CHANGE, sweeps=[(0,)], at_once=BOTH),
    "both events and a sweep, at once": varied(_STARTS, sweeps=[(0,)], at_once=[True]),
    "a watcher, at once": varied(_WATCHED, at_once=[True]),
    "a watcher, later": _WATCHED,
    "two watchers, and one change": varied(
        _WATCHED[:2], watchers=[2], changes=[(1, 0)], at_once=[True]
    ),
    "persons, while one host works": varied(_IN_SERVICE, persons=[0, 1], at_once=BOTH),
    "the same, and a sweep": varied(
        _IN_SERVICE, changes=[(1, 0)], persons=[0, 1], sweeps=[(0,)], at_once=[True]
    ),
    "a person's window, before the last one enters": varied(
        _THEIRS_FIRST, persons=[0, 1], at_once=BOTH
    ),
    "a person's, open-ended": varied(_LEASED, theirs=[OPEN_ENDED], wrong=[False], at_once=BOTH),
}
# What must be found, or else the enumeration could not be believed.
MISTAKES: Final[dict[str, list[Pair]]] = {
    "no second look": varied(_STARTS, vcenter=[LooksOnce]),
    "the other host's mode is remembered": varied(_STARTS, vcenter=[RemembersOthers]),
    "one host in maintenance mode is enough": varied(_STARTS, vcenter=[GoesWithAny]),
    "ends skipped if they look right": varied(_OPEN_ENDED, operations=[SkipsEnds]),
    "skipped at every look": varied(_LEASED, source=[SkipsLater]),
    "skipped without leases, and a process dies": varied(
        _OPEN_ENDED, deaths=[1], source=[SkipsWithoutLeases]
    ),
    "ended though the last host has entered": varied(_LEASED, source=[EndsWhatEnters]),
    "the past of one host asked for": varied(_LEASED, source=[AsksForOnePast]),
    "the past forgotten, and a person": varied(
        _IN_SERVICE, persons=[0, 1], vcenter=[ForgetsThePast]
    ),
}
# What can still go wrong, until the next sweep, or where there is none.
REMAINS: Final[dict[str, list[Pair]]] = {
    "both events, a process dies, later, with leases": _DYING,
    "an event lost": varied(_STARTS, handled=[((0, 1),)]),
}


if __name__ == "__main__":
    tell(CLAIMS, MISTAKES, REMAINS)
