"""What the core asks of the outside world.

The real services stand behind these protocols in ``adapters``, and in-memory fakes in the tests;
one contract suite holds both to what is written here.
"""

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from functions.events import HOST, HostEvent, HostRef


class ResourceState(StrEnum):
    """The states of a host's resource that matter to us, by the Suite API's names of them.

    A timed window of maintenance ends by itself, an open-ended one does not. Every other
    resourceState (STARTED, NONE, UNKNOWN, ...) means that nothing suppresses its alerts.
    """

    MONITORED = "MONITORED"
    TIMED = "MAINTAINED"
    OPEN_ENDED = "MAINTAINED_MANUAL"

    @property
    def maintained(self) -> bool:
        """Whether alerts and collection are suppressed."""
        return self is not ResourceState.MONITORED


@dataclass(frozen=True, slots=True)
class Resource:
    """The one vRealize Operations object that stands for ``host``, as it was when read.

    ``host`` may be a companion of hosts, too: all that is said here of hosts holds for it.
    ``identifier`` is the object's UUID there. ``moref`` and ``vcenter_uuid`` say which host of
    which vCenter it is by its own account ("" where it does not tell), whatever an event says.
    """

    identifier: str
    host: HostRef
    state: ResourceState
    moref: str = ""
    vcenter_uuid: str = ""


@dataclass(frozen=True, slots=True)
class VCenterHost:
    """A host, or a companion of hosts, as its vCenter knows it."""

    host: HostRef
    in_maintenance_mode: bool


@dataclass(frozen=True, slots=True)
class Companion:
    """What goes with hosts, as its vCenter knows it; ``hosts`` are the MoRefs of all it depends on.

    Those are, by the vSphere API: the hosts that mount a datastore (``Datastore.host``), the hosts
    of a cluster (``ComputeResource.host``), and the host of a virtual machine (``runtime.host``).
    Where they may not be read there are none, so that it is never in maintenance: a doubt.
    """

    ref: HostRef
    hosts: frozenset[str]

    def in_maintenance(self, modes: Mapping[str, bool]) -> bool:
        """Whether every host that it depends on is in maintenance mode, by their ``modes``.

        A doubt is a no: a host whose mode is not told may be at work.
        """
        return bool(self.hosts) and all(modes.get(each, False) for each in self.hosts)

    def with_mode(self, modes: Mapping[str, bool]) -> VCenterHost:
        """Return it as one more that has a mode, as a host has."""
        return VCenterHost(self.ref, self.in_maintenance(modes))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A host's companions, and the ``modes`` of all hosts that they depend on, by their MoRefs.

    The host itself is one of those, also if it has no companions. A host whose mode may not be
    read, or that is gone, is not among them.
    """

    modes: Mapping[str, bool]
    companions: Sequence[Companion] = ()


@dataclass(frozen=True, slots=True)
class ModeChange:
    """That a host entered or left maintenance mode, by an event in its vCenter's own history.

    ``at`` is aware, and by vCenter's clock.
    """

    moref: str
    entered: bool
    at: datetime
    user: str = ""


class OperationsManager(Protocol):
    """vRealize Operations, as far as maintenance is concerned."""

    def find(self, host: HostRef) -> Resource:
        """Read the one live resource that is ``host``, with its state as it is now.

        Raises HostNotFoundError if none is known, AmbiguousHostError if several fit, and any
        TransientError or RequestRejectedError of the way there.
        """
        ...

    def find_with(self, host: HostRef, kinds: Collection[str]) -> Sequence[Resource]:
        """Read the resource that is ``host``, and what of ``kinds`` is related to it.

        The host comes first. Few calls: as many as ``find`` where all of it is remembered. What is
        related is what vRealize Operations says, which may lag behind vCenter; of what several
        resources may be, none is there, and where relations are never told, there are none. Raises
        what ``find`` does, and OperationsUnavailableError if they are not told just now: the host
        may be found all the same.
        """
        ...

    def find_all(self, companions: Collection[HostRef]) -> Sequence[Resource]:
        """Read the resources that are ``companions`` of one vCenter; in few calls, and anew.

        Of those that are not known, or of which there are several, none is there.
        """
        ...

    def alone(self, host: Resource, companions: Sequence[Resource]) -> Sequence[Resource]:
        """Return those of ``companions`` that are related to ``host``, and to no other host.

        That is by vRealize Operations' own account, for those who have no vCenter to ask. Where it
        is never told, none is. Raises OperationsUnavailableError if it is not told just now.
        """
        ...

    def start_maintenance(self, resource: Resource, minutes: int | None) -> bool:
        """Start maintenance for ``minutes``, or open-ended with None; repeating it is harmless.

        Returns whether the new state was seen: False means accepted, but not visible yet.
        """
        ...

    def end_maintenance(self, resource: Resource) -> bool:
        """End maintenance, timed or open-ended; success also where there was none.

        Returns whether the new state was seen: False means accepted, but not visible yet.
        """
        ...

    def resources(self, vcenter: str, kind: str = HOST) -> Iterable[Resource]:
        """Read every resource of a kind of the vCenter with the address ``vcenter``, by pages.

        What vCenter no longer has, by vRealize Operations' own account, is left out.
        """
        ...

    def start_all(
        self, resources: Sequence[Resource], minutes: int | None
    ) -> Iterator[tuple[Resource, bool]]:
        """Do as ``start_maintenance`` for many, in few calls.

        Yields each with whether its new state was seen, which it is not where it is gone by now.
        Nothing happens until it is iterated.
        """
        ...

    def end_all(self, resources: Sequence[Resource]) -> Iterator[tuple[Resource, bool]]:
        """Do as ``end_maintenance`` for many, in few calls; yields as ``start_all`` does."""
        ...


class VCenter(Protocol):
    """A vCenter, as far as maintenance mode is concerned: only read, never written to.

    Every member raises VCenterUnavailableError, AuthenticationError or RequestRejectedError.
    """

    @property
    def address(self) -> str:
        """Its address, as ``events.vcenter_address`` makes it of its URL."""
        ...

    @property
    def instance_uuid(self) -> str:
        """What no other vCenter has (``ServiceContent.about.instanceUuid``)."""
        ...

    def in_maintenance_mode(self, moref: str) -> bool:
        """Say whether a host is in maintenance mode at this moment, by one read.

        Raises HostGoneError if there is no such host: MoRefs are not reused, so that is final.
        """
        ...

    def surroundings(self, moref: str, kinds: Collection[str]) -> Surroundings:
        """Read a host's mode, what of ``kinds`` goes with it, and the modes that decide of that.

        All is read anew: by one call where the hosts of its companions are known from before, and
        by one more where they are not. Raises HostGoneError as ``in_maintenance_mode`` does.
        A class that is built on this one, and knows hosts only, needs none of these three.
        """
        return Surroundings({moref: self.in_maintenance_mode(moref)})

    def hosts(self) -> Iterable[VCenterHost]:
        """Read all hosts, a page of many at a time."""
        ...

    def companions(self, kinds: Collection[str]) -> Iterable[Companion]:
        """Read all companions of ``kinds``, a page of many at a time."""
        return ()

    def has(self, companion: HostRef) -> bool:
        """Say whether there is such a companion at this moment, by one read.

        Raises RequestRejectedError if it may not be read.
        """
        return False

    def mode_changes(self, since: datetime, moref: str = "") -> Sequence[ModeChange]:
        """Read the changes since then, the newest first, of one host or of all.

        What vCenter has purged is missing, and so are the oldest where there are more than 10,000.
        Raises what every member does; RequestRejectedError if the account may not read events.
        """
        ...

    def entered(self, morefs: Collection[str]) -> Mapping[str, ModeChange]:
        """Read when, and by whom, each host was put into maintenance mode last, however long ago.

        A host whose event is not found is left out. What was found is remembered, and so is for a
        day that nothing was found: a sweep each 15 minutes must not read all history each time.
        """
        ...


class Memory(Protocol):
    """What this process remembers of the events it was sent."""

    def newest(self, event: HostEvent) -> HostEvent:
        """Remember ``event``, unless it is older than the last one remembered of its host.

        Returns the newer of the two: ``event`` itself unless it is certainly older.
        """
        ...

    def started(self, resource: Resource, at: datetime) -> None:
        """Remember that this process has started or renewed the window of ``resource``."""
        ...

    def has_started(self, resource: Resource, since: datetime) -> bool:
        """Whether it has since then; that the window has ended meanwhile is for others to see."""
        ...

    def noticed(self, what: Hashable) -> bool:
        """Say whether ``what`` was noticed within the last day, and notice it."""
        ...
