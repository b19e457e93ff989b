"""In memory, what stands behind the ports: simple enough to be believed, asserted by state."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from functions.errors import (
    AmbiguousHostError,
    HostGoneError,
    HostNotFoundError,
    MaintenanceError,
)
from functions.events import HostRef
from functions.ports import Resource, ResourceState, VCenterHost

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

    def start_maintenance(self, resource: Resource, minutes: int | None) -> bool:
        timed = minutes is not None
        state = ResourceState.TIMED if timed else ResourceState.OPEN_ENDED
        return self._change(resource, state, minutes)

    def end_maintenance(self, resource: Resource) -> bool:
        return self._change(resource, ResourceState.MONITORED, None)

    def resources(self, vcenter: str) -> Iterator[Resource]:
        self._fail()
        collected = self._collected(vcenter)
        for known in self._alive():
            if known.host.vcenter in collected:
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

    def set_state(self, host: HostRef, state: ResourceState) -> None:
        """Do as a person would, visible at once."""
        known = self._recorded(host)
        known.accepted = known.visible = state
        known.minutes = known.ends = None

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

    def _fitting(self, host: HostRef) -> Iterator[FakeHost]:
        """By MoRef or by exact name within a vCenter that is known, else by name anywhere."""
        alive, collected = self._alive(), self._collected(host.vcenter)
        if collected or host.vcenter in self.uuids:
            alive = [known for known in alive if known.host.vcenter in collected]
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

    ``known`` are its hosts at first, none of them in maintenance mode.
    """

    known: Iterable[HostRef] = ()
    address: str = "vcenter.lab.local"
    uuid: str = VCENTER_UUID
    failures: list[MaintenanceError | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.modes = dict.fromkeys(self.known, False)

    @property
    def instance_uuid(self) -> str:
        self._fail()
        return self.uuid

    def in_maintenance_mode(self, moref: str) -> bool:
        self._fail()
        return self.modes[self.host(moref)]

    def hosts(self) -> Iterator[VCenterHost]:
        self._fail()
        for host, mode in list(self.modes.items()):
            yield VCenterHost(host, mode)

    def enter(self, moref: str) -> None:
        self.modes[self.host(moref)] = True

    def leave(self, moref: str) -> None:
        self.modes[self.host(moref)] = False

    def remove(self, moref: str) -> None:
        del self.modes[self.host(moref)]

    def host(self, moref: str) -> HostRef:
        for host in self.modes:
            if moref and host.moref == moref:
                return host
        raise HostGoneError(f"{self.address} has no host {moref}")

    def _fail(self) -> None:
        if self.failures and (error := self.failures.pop(0)):
            raise error


def _same_moref(known: HostRef, host: HostRef) -> bool:
    return bool(host.moref) and known.moref == host.moref


def _same_name(known: HostRef, host: HostRef) -> bool:
    another = host.moref and known.moref and known.moref != host.moref
    return bool(host.name) and known.name.casefold() == host.name.casefold() and not another
