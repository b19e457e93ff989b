"""In memory, what stands behind the ports: simple enough to be believed, asserted by state."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from functions.errors import AmbiguousHostError, HostNotFoundError, MaintenanceError
from functions.events import HostRef
from functions.ports import Resource, ResourceState


@dataclass
class FakeHost:
    """A host as vRealize Operations knows it; ``accepted`` may not be visible yet."""

    identifier: str
    host: HostRef
    accepted: ResourceState = ResourceState.MONITORED
    visible: ResourceState = ResourceState.MONITORED
    minutes: int | None = None
    stale: bool = False


@dataclass
class FakeOperations:
    """An OperationsManager that holds its hosts in a list.

    ``hosts`` are known with the vCenter under whose address they are collected; ``vcenters`` are
    addresses of further ones. While ``slow`` is set, what is accepted stays invisible until
    ``settle``. Each call takes the first of ``failures``, if there is one, and raises it.
    """

    hosts: Iterable[HostRef] = ()
    vcenters: set[str] = field(default_factory=set)
    slow: bool = False
    failures: list[MaintenanceError] = field(default_factory=list)

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
        return Resource(found[0].identifier, host, found[0].visible)

    def start_maintenance(self, resource: Resource, minutes: int | None) -> bool:
        timed = minutes is not None
        state = ResourceState.MAINTAINED if timed else ResourceState.MAINTAINED_MANUAL
        return self._change(resource, state, minutes)

    def end_maintenance(self, resource: Resource) -> bool:
        return self._change(resource, ResourceState.MONITORED, None)

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

    def maintained(self) -> set[HostRef]:
        """Return all hosts in maintenance."""
        return {known.host for known in self._known if known.accepted.maintained}

    def set_state(self, host: HostRef, state: ResourceState) -> None:
        """Do as a person would, visible at once."""
        known = self._recorded(host)
        known.accepted = known.visible = state
        known.minutes = None

    def _change(self, resource: Resource, state: ResourceState, minutes: int | None) -> bool:
        self._fail()
        known = self._by_identifier(resource)
        known.accepted, known.minutes = state, minutes
        if not self.slow:
            known.visible = state
        return known.visible.maintained == state.maintained

    def _by_identifier(self, resource: Resource) -> FakeHost:
        for known in self._known:
            if known.identifier == resource.identifier:
                return known
        raise HostNotFoundError(f"{resource.host} is gone")

    def _recorded(self, host: HostRef) -> FakeHost:
        return next(known for known in self._known if known.host == host)

    def _fitting(self, host: HostRef) -> Iterator[FakeHost]:
        """By MoRef or by exact name within a vCenter that is known, else by name anywhere."""
        alive = [known for known in self._known if not known.stale]
        if host.vcenter in self.vcenters:
            alive = [known for known in alive if known.host.vcenter == host.vcenter]
            if found := [known for known in alive if _same_moref(known.host, host)]:
                yield from found
                return
        yield from (known for known in alive if _same_name(known.host, host))

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


def _same_moref(known: HostRef, host: HostRef) -> bool:
    return bool(host.moref) and known.moref == host.moref


def _same_name(known: HostRef, host: HostRef) -> bool:
    another = host.moref and known.moref and known.moref != host.moref
    return bool(host.name) and known.name.casefold() == host.name.casefold() and not another
