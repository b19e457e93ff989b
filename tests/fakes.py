"""In memory, what stands behind the ports: simple enough to be believed, asserted by state."""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from functions.errors import AmbiguousHostError, HostGoneError, HostNotFoundError, MaintenanceError
from functions.events import HOST, HostRef
from functions.ports import (
    Companion,
    ModeChange,
    Resource,
    ResourceState,
    Surroundings,
    VCenterHost,
)

VCENTER_UUID = "2d0f1c3e-4a5b-4c6d-8e7f-9a0b1c2d3e4f"


@dataclass
class Clock:
    """A clock that stands still until somebody advances it."""

    moment: datetime = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, minutes: float) -> None:
        self.moment += timedelta(minutes=minutes)


@dataclass
class FakeHost:
    """A host as vRealize Operations knows it; ``accepted`` may not be visible yet."""

    identifier: str
    host: HostRef
    accepted: ResourceState = ResourceState.MONITORED
    visible: ResourceState = ResourceState.MONITORED
    minutes: int | None = None
    ends: datetime | None = None
    stale: bool = False

    def expire(self, now: datetime) -> None:
        """End a window that is over; this shows at once."""
        if self.ends and self.ends <= now:
            self.accepted = self.visible = ResourceState.MONITORED
            self.minutes = self.ends = None


@dataclass
class FakeOperations:
    """An OperationsManager that holds its hosts in a list.

    ``hosts`` are known with the vCenter under whose address they are collected; ``vcenters`` are
    addresses of further ones, and ``uuids`` tells by any address which vCenter it is. While
    ``slow`` is set, what is accepted stays invisible until ``settle``. Windows end by ``clock``.
    Each call takes the first of ``failures``, if there is one, and raises it unless it is None.

    Companions are among ``hosts``, and ``relate`` says to which hosts they are related.
    """

    hosts: Iterable[HostRef] = ()
    vcenters: set[str] = field(default_factory=set)
    slow: bool = False
    failures: list[MaintenanceError | None] = field(default_factory=list)
    uuids: Mapping[str, str] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        self._known: list[FakeHost] = []
        self._relations: dict[HostRef, set[HostRef]] = {}
        for host in self.hosts:
            self.add(host)

    def find(self, host: HostRef) -> Resource:
        self._fail()
        found = list(self._fitting(host))
        if not found:
            raise HostNotFoundError(f"{host} is not known (yet)")
        if len(found) > 1:
            raise AmbiguousHostError(f"{len(found)} resources fit {host}")
        return self._resource(found[0], host)

    def find_with(self, host: HostRef, kinds: Collection[str]) -> list[Resource]:
        found = self.find(host)
        itself = self._by_identifier(found).host
        related = [each for each, hosts in self._relations.items() if itself in hosts]
        companions = [replace(each, vcenter=host.vcenter) for each in related if each.kind in kinds]
        return [found, *self._those_known(companions)]

    def find_all(self, companions: Collection[HostRef]) -> list[Resource]:
        self._fail()
        return self._those_known(companions)

    def alone(self, host: Resource, companions: Sequence[Resource]) -> list[Resource]:
        self._fail()
        itself = self._by_identifier(host).host
        related = (
            (each, self._relations.get(self._by_identifier(each).host)) for each in companions
        )
        return [each for each, hosts in related if hosts == {itself}]

    def start_maintenance(self, resource: Resource, minutes: int | None) -> bool:
        timed = minutes is not None
        state = ResourceState.TIMED if timed else ResourceState.OPEN_ENDED
        return self._change(resource, state, minutes)

    def end_maintenance(self, resource: Resource) -> bool:
        return self._change(resource, ResourceState.MONITORED, None)

    def resources(self, vcenter: str, kind: str = HOST) -> Iterator[Resource]:
        self._fail()
        collected = self._collected(vcenter)
        for known in self._alive():
            if known.host.vcenter in collected and known.host.kind == kind:
                yield self._resource(known, replace(known.host, vcenter=vcenter))

    def start_all(
        self, resources: Sequence[Resource], minutes: int | None
    ) -> Iterator[tuple[Resource, bool]]:
        for resource in resources:
            yield resource, self.start_maintenance(resource, minutes)

    def end_all(self, resources: Sequence[Resource]) -> Iterator[tuple[Resource, bool]]:
        for resource in resources:
            yield resource, self.end_maintenance(resource)

    def add(self, host: HostRef, *, stale: bool = False) -> None:
        """Let a host be discovered; a ``stale`` one has left its vCenter since."""
        identifier = f"resource-{next(self._numbers)}"
        self._known.append(FakeHost(identifier, host, stale=stale))
        self.vcenters.add(host.vcenter)

    def relate(self, companion: HostRef, *hosts: HostRef) -> None:
        """Let a companion be related to these hosts, and to no others any more."""
        self._relations[companion] = set(hosts)

    def remove(self, host: HostRef) -> None:
        """Take a host out of its vCenter; a stale resource stays behind."""
        self._recorded(host).stale = True

    def settle(self) -> None:
        """Let everything that was accepted become visible."""
        for known in self._known:
            known.visible = known.accepted

    def state(self, host: HostRef) -> ResourceState:
        """Return the state that was accepted last, whether it is visible or not."""
        return self._recorded(host).accepted

    def minutes(self, host: HostRef) -> int | None:
        """Return for how long maintenance was started last; None: open-ended, or none at all."""
        return self._recorded(host).minutes

    def ends(self, host: HostRef) -> datetime | None:
        """Return when the host's window ends by itself; None: open-ended, or none at all."""
        return self._recorded(host).ends

    def maintained(self) -> set[HostRef]:
        """Return all hosts in maintenance."""
        return {known.host for known in self._now() if known.accepted.maintained}

    def set_state(
        self, host: HostRef, state: ResourceState, minutes: int | None = None
    ) -> datetime | None:
        """Do as a person would, visible at once; returns when a window ends."""
        known = self._recorded(host)
        known.accepted = known.visible = state
        known.minutes = minutes
        known.ends = self.clock() + timedelta(minutes=minutes) if minutes else None
        return known.ends

    def _change(self, resource: Resource, state: ResourceState, minutes: int | None) -> bool:
        self._fail()
        known = self._by_identifier(resource)
        known.accepted, known.minutes = state, minutes
        known.ends = self.clock() + timedelta(minutes=minutes) if minutes else None
        if not self.slow:
            known.visible = state
        return known.visible.maintained == state.maintained

    def _resource(self, known: FakeHost, host: HostRef) -> Resource:
        uuid = self.uuids.get(known.host.vcenter, VCENTER_UUID)
        return Resource(known.identifier, host, known.visible, known.host.moref, uuid)

    def _now(self) -> list[FakeHost]:
        for known in self._known:
            known.expire(self.clock())
        return self._known

    def _alive(self) -> list[FakeHost]:
        return [known for known in self._now() if not known.stale]

    def _by_identifier(self, resource: Resource) -> FakeHost:
        for known in self._now():
            if known.identifier == resource.identifier:
                return known
        raise HostNotFoundError(f"{resource.host} is gone")

    def _recorded(self, host: HostRef) -> FakeHost:
        return next(known for known in self._now() if known.host == host)

    def _collected(self, vcenter: str) -> set[str]:
        """The addresses under which a vCenter is collected, by whatever address it is called."""
        uuid = self.uuids.get(vcenter)
        same = {each for each in self.vcenters if uuid and self.uuids.get(each) == uuid}
        return same | ({vcenter} & self.vcenters)

    def _those_known(self, companions: Collection[HostRef]) -> list[Resource]:
        """Of which there is exactly one, by MoRef within a vCenter that is known."""
        found = {
            each: [k for k in self._within(each) if _same_moref(k.host, each)]
            for each in companions
        }
        return [self._resource(known[0], each) for each, known in found.items() if len(known) == 1]

    def _within(self, host: HostRef) -> list[FakeHost]:
        """What is alive of a kind in its vCenter."""
        collected = self._collected(host.vcenter)
        alive = [known for known in self._alive() if known.host.kind == host.kind]
        return [known for known in alive if known.host.vcenter in collected]

    def _fitting(self, host: HostRef) -> Iterator[FakeHost]:
        """By MoRef or by exact name within a vCenter that is known, else by name anywhere."""
        alive = [known for known in self._alive() if known.host.kind == host.kind]
        if self._collected(host.vcenter) or host.vcenter in self.uuids:
            alive = self._within(host)
            if found := [known for known in alive if _same_moref(known.host, host)]:
                yield from found
                return
        yield from (known for known in alive if _same_name(known.host, host))

    def _fail(self) -> None:
        if self.failures and (error := self.failures.pop(0)):
            raise error


@dataclass
class FakeVCenter:
    """A VCenter that holds its hosts' modes; each call takes the first of ``failures``, as above.

    ``known`` are its hosts at first, none of them in maintenance mode. ``changes`` is its history,
    the oldest first, by ``clock``; what was before ``purged_before`` is not told any more.
    ``around`` are the companions of its hosts, and the MoRefs of the hosts that each depends on.
    The modes of the hosts in ``hidden`` may not be read when others are asked about.
    """

    known: Iterable[HostRef] = ()
    address: str = "vcenter.lab.local"
    uuid: str = VCENTER_UUID
    failures: list[MaintenanceError | None] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    changes: list[ModeChange] = field(default_factory=list)
    purged_before: datetime | None = None
    around: dict[HostRef, set[str]] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.modes = dict.fromkeys(self.known, False)

    @property
    def instance_uuid(self) -> str:
        self._fail()
        return self.uuid

    def in_maintenance_mode(self, moref: str) -> bool:
        self._fail()
        return self.modes[self.host(moref)]

    def surroundings(self, moref: str, kinds: Collection[str]) -> Surroundings:
        self._fail()
        companions = [each for each in self._around(kinds) if moref in each.hosts]
        asked = {moref}.union(*(each.hosts for each in companions))
        told = {each.moref: mode for each, mode in self.modes.items() if each.moref in asked}
        mode = self.modes[self.host(moref)]
        return Surroundings({**self._shown(told), moref: mode}, companions)

    def hosts(self) -> Iterator[VCenterHost]:
        self._fail()
        for host, mode in list(self.modes.items()):
            if host.moref not in self.hidden:
                yield VCenterHost(host, mode)

    def companions(self, kinds: Collection[str]) -> Iterator[Companion]:
        self._fail()
        yield from self._around(kinds)

    def has(self, companion: HostRef) -> bool:
        self._fail()
        return any(_same_moref(each, companion) for each in self.around)

    def mode_changes(self, since: datetime, moref: str = "") -> list[ModeChange]:
        self._fail()
        return [
            change
            for change in reversed(self._history())
            if change.at >= since and moref in ("", change.moref)
        ]

    def entered(self, morefs: Collection[str]) -> dict[str, ModeChange]:
        self._fail()
        changes = [change for change in self._history() if change.entered]
        return {change.moref: change for change in changes if change.moref in morefs}

    def enter(self, moref: str, user: str = "") -> None:
        self._put(moref, True, user)

    def leave(self, moref: str, user: str = "") -> None:
        self._put(moref, False, user)

    def remove(self, moref: str) -> None:
        """Take a host out; what goes with it depends on the others by then."""
        del self.modes[self.host(moref)]
        for hosts in self.around.values():
            hosts.discard(moref)

    def host(self, moref: str) -> HostRef:
        for host in self.modes:
            if moref and host.moref == moref:
                return host
        raise HostGoneError(f"{self.address} has no host {moref}")

    def _around(self, kinds: Collection[str]) -> list[Companion]:
        known = [(each, hosts) for each, hosts in self.around.items() if each.kind in kinds]
        return [Companion(each, frozenset(hosts)) for each, hosts in known]

    def _shown(self, modes: Mapping[str, bool]) -> dict[str, bool]:
        return {moref: mode for moref, mode in modes.items() if moref not in self.hidden}

    def _put(self, moref: str, mode: bool, user: str) -> None:
        self.modes[self.host(moref)] = mode
        self.changes.append(ModeChange(moref, mode, self.clock(), user))

    def _history(self) -> list[ModeChange]:
        oldest = self.purged_before
        return [change for change in self.changes if not oldest or change.at >= oldest]

    def _fail(self) -> None:
        if self.failures and (error := self.failures.pop(0)):
            raise error


def _same_moref(known: HostRef, host: HostRef) -> bool:
    return bool(host.moref) and (known.kind, known.moref) == (host.kind, host.moref)


def _same_name(known: HostRef, host: HostRef) -> bool:
    another = host.moref and known.moref and known.moref != host.moref
    return bool(host.name) and known.name.casefold() == host.name.casefold() and not another
