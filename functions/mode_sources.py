"""Who says how a host stands, and what goes with it: its vCenter, or else an event.

A companion is in maintenance if every host that it depends on is (decision 0025). From there on it
is one more thing with a mode, a past and a resource, as the host itself is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Protocol

from functions.context import Context
from functions.errors import HostGoneError, OperationsUnavailableError, RequestRejectedError
from functions.events import ENTERED, HostEvent, HostRef
from functions.outcomes import Outcome
from functions.ownership import (
    A_PERSONS,
    LEFT_ALONE,
    Stand,
    by_host,
    changes_of_companion,
    period_start,
    stand,
)
from functions.ports import Companion, ModeChange, Resource, ResourceState, Surroundings, VCenter


@dataclass(frozen=True)
class Look:
    """What was true at one moment of the host with the MoRef ``host``, and of what goes with it."""

    host: str
    seen: Surroundings

    @cached_property
    def modes(self) -> Mapping[str, bool]:
        """Whether each is in maintenance, the host and its companions, by their MoRefs."""
        hosts = self.seen.modes
        companions = {each.ref.moref: each.in_maintenance(hosts) for each in self.seen.companions}
        return {**companions, self.host: hosts[self.host]}

    def companion(self, moref: str) -> Companion | None:
        """Return the companion with this MoRef; None for the host itself."""
        return next((each for each in self.seen.companions if each.ref.moref == moref), None)

    @property
    def only_host(self) -> str:
        """The host's MoRef, if nothing here depends on any other host; otherwise ""."""
        alone = all(each.hosts <= {self.host} for each in self.seen.companions)
        return self.host if alone else ""


class ModeSource(Protocol):
    """Whoever says how a host and its companions stand: the host's vCenter, or else an event."""

    def read(self, host: HostRef) -> Sequence[Resource]:
        """Read the host's resource, and behind it those that may be its companions."""
        ...

    def look(self, moref: str, resources: Sequence[Resource]) -> Look:
        """Say what is true now of a host, and of its companions.

        ``resources`` are what was read, for a source that does not know the companions itself.
        """
        ...

    def stand(self, resource: Resource, moref: str, look: Look) -> Stand:
        """Say how the host or companion ``moref`` stands, as far as it matters for ``resource``."""
        ...

    def left_alone(self, stand: Stand, resource: Resource) -> Outcome | None:
        """Return the outcome if ``resource`` is left as it is; None if it is to be written."""
        ...


class AskedVCenter:
    """A vCenter, whose events also tell whose a window may be, and so does what was ``seen``.

    One of these is asked about one host, by one thread.
    """

    def __init__(self, vcenter: VCenter, context: Context, seen: ModeChange | None = None) -> None:
        self._vcenter = vcenter
        self._seen = seen
        self._context = context
        self._leased = bool(context.policy.lease_minutes)
        self._looks = 0
        self._past: _Past | None = None
        self._silenced: dict[str, HostRef] = {}

    def read(self, host: HostRef) -> Sequence[Resource]:
        """See ModeSource.read; what relations do not tell, vCenter does."""
        return _read(host, self._context)[0]

    def look(self, moref: str, resources: Sequence[Resource]) -> Look:
        """See ModeSource.look; vCenter knows the companions itself."""
        self._looks, self._past = self._looks + 1, None
        if kinds := self._context.policy.includes:
            return self._with_lost(Look(moref, self._vcenter.surroundings(moref, kinds)))
        return Look(moref, Surroundings({moref: self._vcenter.in_maintenance_mode(moref)}))

    def stand(self, resource: Resource, moref: str, look: Look) -> Stand:
        """See ModeSource.stand."""
        in_maintenance = look.modes[moref]
        if self._is_not_concerned(resource, moref, look):
            return Stand.OUT_FOR_LONG
        if not self._past_matters(in_maintenance, resource):
            return Stand.IN_FOR_LONG if in_maintenance else Stand.JUST_LEFT
        changes = self._changes(moref, look)
        return stand(in_maintenance, changes, self._context.policy, self._context.now())

    def has_lost(self, moref: str) -> bool:
        """Whether it certainly has no host with this MoRef."""
        try:
            self._vcenter.in_maintenance_mode(moref)
        except HostGoneError:
            return bool(moref)
        return False

    def left_alone(self, stand: Stand, resource: Resource) -> Outcome | None:
        """See ModeSource.left_alone."""
        reason = LEFT_ALONE.get((self._leased, stand, resource.state))
        return _leave_alone(stand, resource, reason) if reason else None

    def is_left_behind(self, resource: Resource) -> bool:
        """Whether the maintenance of a host that is gone is ours, as far as anybody can know.

        What we have started may not show yet, and must not outlive this.
        """
        if resource.state is (ResourceState.OPEN_ENDED if self._leased else ResourceState.TIMED):
            return False
        if self._has_started(resource):
            return True
        if not self._leased or not resource.state.maintained:
            return resource.state.maintained
        return bool(self._read_past(resource.moref).of_host(resource.moref))

    def _with_lost(self, look: Look) -> Look:
        """Add what an earlier look has silenced, and is not with the host any more.

        A virtual machine may have moved to a host that is at work: a doubt.
        """
        there = {each.ref.moref: each.ref for each in look.seen.companions}
        lost = [each for moref, each in self._silenced.items() if moref not in there]
        self._silenced |= {moref: ref for moref, ref in there.items() if look.modes[moref]}
        gone = [Companion(each, frozenset()) for each in lost]
        seen = replace(look.seen, companions=[*look.seen.companions, *gone])
        return Look(look.host, seen) if gone else look

    def _is_not_concerned(self, resource: Resource, moref: str, look: Look) -> bool:
        """Whether a companion is as it was before this host entered: another host is at work.

        Whoever has silenced it, while all its hosts were in maintenance mode, has looked after
        that, and with leases a sweep does, too; without leases ending is written, come what may.
        """
        only_another = look.modes[look.host] and not look.modes[moref]
        if not (self._leased and self._looks == 1 and only_another):
            return False
        return not resource.state.maintained and not self._has_started(resource)

    def _past_matters(self, in_maintenance: bool, resource: Resource) -> bool:
        """Whether what is done depends on the past: where it does not, a call is saved.

        That this process has started a window within the last lease is as good as an event of that.
        """
        if not self._leased or resource.state is ResourceState.OPEN_ENDED:
            return False
        if self._has_started(resource):
            return False
        return resource.state.maintained or not in_maintenance

    def _has_started(self, resource: Resource) -> bool:
        return self._context.memory.has_started(resource, self._since())

    def _since(self) -> datetime:
        return period_start(self._context.policy, self._context.now())

    def _changes(self, moref: str, look: Look) -> Sequence[ModeChange] | None:
        """Return what vCenter's events tell, which are read once for each look."""
        past = self._past = self._past or self._read_past(look.only_host)
        companion = look.companion(moref)
        return past.of(companion, look.seen.modes) if companion else past.of_host(moref)

    def _read_past(self, moref: str) -> "_Past":
        """Read the changes of one host, or with "" those of all hosts."""
        try:
            return _Past(by_host(self._vcenter.mode_changes(self._since(), moref)), self._seen)
        except RequestRejectedError:
            return _Past(None, self._seen)


class _Past:
    """The changes of hosts that vCenter's events tell, None if they may not be read, and one more.

    What was ``seen`` of a host is added if they do not tell it yet.
    """

    def __init__(
        self, told: Mapping[str, Sequence[ModeChange]] | None, seen: ModeChange | None
    ) -> None:
        self._told = told
        self._seen = seen

    def of_host(self, moref: str) -> Sequence[ModeChange] | None:
        """Return those of a host, the newest first; None if they are not told."""
        told = None if self._told is None else self._told.get(moref, ())
        seen = self._seen
        if seen is None or seen.moref != moref:
            return told
        is_told = told and (told[0].entered == seen.entered or told[0].at > seen.at)
        return told if is_told else [seen, *(told or ())]

    def of(self, companion: Companion, modes: Mapping[str, bool]) -> Sequence[ModeChange] | None:
        """Return those of a companion, as they follow from its hosts'; None if one is not told."""
        changes: dict[str, Sequence[ModeChange]] = {}
        for moref in companion.hosts:
            told = self.of_host(moref)
            if told is None:
                return None
            changes[moref] = told
        return changes_of_companion(companion, modes, changes)


class NewestEvent:
    """The newest event of a host, where there is no vCenter to ask.

    Companions are then what vRealize Operations relates to this host and to no other. ``untold`` is
    why that could not be told just now.
    """

    def __init__(self, event: HostEvent, wanted: bool, context: Context) -> None:
        self._event = event
        self._wanted = wanted
        self._context = context
        self._companions: list[Companion] | None = None
        self.untold: OperationsUnavailableError | None = None

    def read(self, host: HostRef) -> Sequence[Resource]:
        """See ModeSource.read; the host is found where relations are not told, too."""
        resources, untold = _read(host, self._context)
        self.untold = self.untold or untold
        return resources

    def look(self, moref: str, resources: Sequence[Resource]) -> Look:
        """Say what the newest event says; which companions there are is found out once."""
        newest = self._context.memory.newest(self._event)
        mode = self._wanted if newest.name == self._event.name else newest.name == ENTERED
        if self._companions is None:
            self._companions = self._companions_of(moref, *resources)
        return Look(moref, Surroundings({moref: mode}, self._companions))

    def stand(self, resource: Resource, moref: str, look: Look) -> Stand:
        """See ModeSource.stand: an event is about a host that has just left, or is in for good."""
        return Stand.IN_FOR_LONG if look.modes[moref] else Stand.JUST_LEFT

    def left_alone(self, stand: Stand, resource: Resource) -> Outcome | None:
        """See ModeSource.left_alone: nobody tells whose a timed window is."""
        if self._context.policy.lease_minutes:
            is_a_persons = resource.state is ResourceState.OPEN_ENDED
            return _leave_alone(stand, resource, A_PERSONS) if is_a_persons else None
        # What is no certainty anyway need not be written again.
        if stand.in_maintenance and resource.state.maintained:
            return Outcome("unchanged", resource.host, f"already {resource.state}")
        return None

    def _companions_of(self, moref: str, host: Resource, *related: Resource) -> list[Companion]:
        """Find what depends on this host alone.

        What this process has silenced, and is not alone any more, depends on nobody that is known.
        """
        if not related:
            return []
        since = period_start(self._context.policy, self._context.now())
        alone = self._alone(host, related)
        hosts = {each: frozenset([moref]) for each in alone}
        started = (each for each in related if self._context.memory.has_started(each, since))
        known = {**dict.fromkeys(started, frozenset[str]()), **hosts}
        return [Companion(each.host, of) for each, of in known.items() if each.host.moref]

    def _alone(self, host: Resource, related: Sequence[Resource]) -> Sequence[Resource]:
        try:
            return self._context.operations.alone(host, related)
        except OperationsUnavailableError as error:
            self.untold = error
            return []


def _read(
    host: HostRef, context: Context
) -> tuple[Sequence[Resource], OperationsUnavailableError | None]:
    """Read a host and what may go with it, or the host alone, and why it is alone."""
    kinds, operations = context.policy.includes, context.operations
    if not kinds:
        return [operations.find(host)], None
    try:
        return operations.find_with(host, kinds), None
    except OperationsUnavailableError as error:
        return [operations.find(host)], error


def _leave_alone(stand: Stand, resource: Resource, reason: str) -> Outcome:
    """Leave ``resource`` as it is; a person should look where that is not what vCenter says."""
    agrees = resource.state.maintained == stand.in_maintenance
    if resource.state is ResourceState.TIMED or not agrees:
        return Outcome("left", resource.host, reason, needs_attention=True)
    return Outcome("unchanged", resource.host, reason)
