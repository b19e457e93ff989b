"""Make vRealize Operations agree with what is true of one host.

Events come late, twice, in the wrong order, or from a forger. So an event is only a hint: its
vCenter is asked what is true now, that is written, and vCenter is asked again, until the answer is
what was written last (decision 0006). Whatever two processes do at the same time, the last of them
to write has looked after its write, so that nothing wrong stays behind.

That holds only if every look is followed by a write: what a reader sees may be older than what
somebody else has just written. Decision 0012 has the proof. What cannot be ours is left alone, by
``ownership``; and where events alone decide, which is no certainty anyway, entering is skipped if
the state looks right.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from functions.context import Context
from functions.errors import (
    HostGoneError,
    HostNotFoundError,
    HostUnsettledError,
    RequestRejectedError,
    UnverifiedEventError,
)
from functions.events import ENTERED, REMOVED, HostEvent, HostRef
from functions.outcomes import Done, Outcome
from functions.ownership import A_PERSONS, LEFT_ALONE, Stand, period_start, stand
from functions.ports import ModeChange, Resource, ResourceState, VCenter

_MAX_LOOKS: Final = 5
_PENDING: Final = "accepted by vRealize Operations, but not visible yet"
_GONE: Final = "its vCenter no longer has it"
_GONE_NOT_OURS: Final = f"{_GONE}, and its maintenance is not known to be ours"


class ModeSource(Protocol):
    """Whoever says how a host stands: its vCenter, or else an event."""

    def stand(self, resource: Resource, moref: str) -> Stand:
        """Say how the host stands now, as far as it matters for ``resource``."""
        ...

    def in_maintenance_mode(self, moref: str) -> bool:
        """See VCenter.in_maintenance_mode."""
        ...

    def left_alone(self, stand: Stand, resource: Resource) -> Outcome | None:
        """Return the outcome if ``resource`` is left as it is; None if it is to be written."""
        ...


class AskedVCenter:
    """A vCenter, whose events also tell whose a window may be, and so does what was ``seen``."""

    def __init__(self, vcenter: VCenter, context: Context, seen: ModeChange | None = None) -> None:
        self._vcenter = vcenter
        self._seen = seen
        self._context = context
        self._leased = bool(context.policy.lease_minutes)

    def stand(self, resource: Resource, moref: str) -> Stand:
        """See ModeSource.stand."""
        in_maintenance = self.in_maintenance_mode(moref)
        if not self._past_matters(in_maintenance, resource):
            return Stand.IN_FOR_LONG if in_maintenance else Stand.JUST_LEFT
        changes = self._changes(moref)
        return stand(in_maintenance, changes, self._context.policy, self._context.now())

    def in_maintenance_mode(self, moref: str) -> bool:
        """See VCenter.in_maintenance_mode."""
        return self._vcenter.in_maintenance_mode(moref)

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
        if self._context.memory.has_started(resource, self._since()):
            return True
        if not self._leased or not resource.state.maintained:
            return resource.state.maintained
        return bool(self._changes(resource.moref))

    def _past_matters(self, in_maintenance: bool, resource: Resource) -> bool:
        """Whether what is done depends on the host's past: where it does not, a call is saved.

        That this process has started a window within the last lease is as good as an event of that.
        """
        if not self._leased or resource.state is ResourceState.OPEN_ENDED:
            return False
        if self._context.memory.has_started(resource, self._since()):
            return False
        return resource.state.maintained or not in_maintenance

    def _since(self) -> datetime:
        return period_start(self._context.policy, self._context.now())

    def _changes(self, moref: str) -> Sequence[ModeChange] | None:
        try:
            told = self._vcenter.mode_changes(self._since(), moref)
        except RequestRejectedError:
            return self._with_seen((), moref) or None
        return self._with_seen(told, moref)

    def _with_seen(self, told: Sequence[ModeChange], moref: str) -> Sequence[ModeChange]:
        """Add what was seen of the host, if vCenter's events do not tell it yet."""
        seen = self._seen
        if seen is None or seen.moref != moref:
            return told
        is_told = told and (told[0].entered == seen.entered or told[0].at > seen.at)
        return told if is_told else [seen, *told]


class NewestEvent:
    """The newest event of a host, where there is no vCenter to ask."""

    def __init__(self, event: HostEvent, wanted: bool, context: Context) -> None:
        self._event = event
        self._wanted = wanted
        self._context = context

    def stand(self, resource: Resource, moref: str) -> Stand:
        """See ModeSource.stand: an event is about a host that has just left, or is in for good."""
        return Stand.IN_FOR_LONG if self.in_maintenance_mode(moref) else Stand.JUST_LEFT

    def in_maintenance_mode(self, moref: str) -> bool:
        """Say what the newest event says."""
        newest = self._context.memory.newest(self._event)
        return self._wanted if newest.name == self._event.name else newest.name == ENTERED

    def left_alone(self, stand: Stand, resource: Resource) -> Outcome | None:
        """See ModeSource.left_alone: nobody tells whose a timed window is."""
        if self._context.policy.lease_minutes:
            is_a_persons = resource.state is ResourceState.OPEN_ENDED
            return _leave_alone(stand, resource, A_PERSONS) if is_a_persons else None
        # What is no certainty anyway need not be written again.
        if stand.in_maintenance and resource.state.maintained:
            return Outcome("unchanged", resource.host, f"already {resource.state}")
        return None


def mirror_event(event: HostEvent, wanted: bool, context: Context) -> Outcome:
    """Mirror what is true of the event's host; ``wanted`` is what the event says of it.

    What can never be mirrored is done with: a host that its own vCenter no longer has, and, after
    ``discovery_minutes``, one that vRealize Operations does not know.
    Raises UnverifiedEventError if no configured vCenter has the host and one is required, and
    what ``converge`` does.
    """
    try:
        return _mirrored(event, wanted, context)
    except HostNotFoundError as error:
        if event.name == REMOVED:
            return Outcome("ignored", event.host, f"{error}; it was removed")
        if not _is_late(event, context):
            raise
        reason = f"{error}; not tried again, since the event is old"
        return Outcome("ignored", event.host, reason, needs_attention=True)


def converge(host: HostRef, wanted: bool, source: ModeSource, context: Context) -> Outcome:
    """Write what ``source`` says until it still says the same afterwards.

    ``wanted`` is what was expected: the outcome says so if ``source`` says otherwise.
    Raises HostUnsettledError if it says something else at each of five looks, and what
    vRealize Operations and ``source`` do.
    """
    for _ in range(_MAX_LOOKS):
        resource = context.operations.find(host)
        moref = resource.moref or host.moref
        stands = source.stand(resource, moref)
        outcome = source.left_alone(stands, resource) or _write(stands, resource, context)
        if source.in_maintenance_mode(moref) == stands.in_maintenance:
            return outcome if stands.in_maintenance == wanted else _contradicted(outcome, stands)
    raise HostUnsettledError(f"{host} goes in and out of maintenance mode faster than we look")


def _mirrored(event: HostEvent, wanted: bool, context: Context) -> Outcome:
    vcenter = _vcenter_of(event, context)
    if vcenter:
        return _verified(event, wanted, AskedVCenter(vcenter, context, _seen(event)), context)
    if context.policy.require_verification:
        raise UnverifiedEventError(f"no configured vCenter can say whether {event.host} is so")
    return _believed(event, wanted, context)


def _verified(event: HostEvent, wanted: bool, vcenter: AskedVCenter, context: Context) -> Outcome:
    try:
        return converge(event.host, wanted, vcenter, context)
    except HostGoneError:
        return _give_up(event.host, vcenter, context)
    except HostNotFoundError:
        if not vcenter.has_lost(event.host.moref):
            raise
        return Outcome("ignored", event.host, _GONE)


def _believed(event: HostEvent, wanted: bool, context: Context) -> Outcome:
    """Mirror what the newest event of the host says, since there is no vCenter to ask."""
    newest = context.memory.newest(event)
    if newest is not event:
        reason = f"older than the {newest.name} that was handled before"
        return Outcome("unchanged", event.host, reason)
    return converge(event.host, wanted, NewestEvent(event, wanted, context), context)


def _vcenter_of(event: HostEvent, context: Context) -> VCenter | None:
    vcenter = context.vcenters.at(event.vcenter)
    if vcenter is None and context.vcenters:
        # An event that names another vCenter must not get around the one that has the host.
        vcenter = context.vcenters.owning(context.operations.find(event.host))
    if vcenter:
        context.vcenters.identify(vcenter)
    return vcenter


def _seen(event: HostEvent) -> ModeChange | None:
    if not event.seen or event.created is None:
        return None
    return ModeChange(event.host.moref, event.name == ENTERED, event.created)


def _is_late(event: HostEvent, context: Context) -> bool:
    wait = timedelta(minutes=context.policy.discovery_minutes)
    return event.created is not None and context.now() - event.created > wait


def _give_up(host: HostRef, vcenter: AskedVCenter, context: Context) -> Outcome:
    """End what is ours of a host that its vCenter no longer has: no event of it will come."""
    try:
        resource = context.operations.find(host)
    except HostNotFoundError:
        return Outcome("ignored", host, _GONE)
    # Without a MoRef of its own it may be another host, that has the name by now.
    if resource.moref and vcenter.is_left_behind(resource):
        return replace(_end(resource, context), reason=_GONE)
    if resource.moref and resource.state.maintained:
        return Outcome("left", resource.host, _GONE_NOT_OURS, needs_attention=True)
    return Outcome("ignored", host, _GONE)


def _leave_alone(stand: Stand, resource: Resource, reason: str) -> Outcome:
    """Leave ``resource`` as it is; a person should look where that is not what vCenter says."""
    agrees = resource.state.maintained == stand.in_maintenance
    if resource.state is ResourceState.TIMED or not agrees:
        return Outcome("left", resource.host, reason, needs_attention=True)
    return Outcome("unchanged", resource.host, reason)


def _write(stand: Stand, resource: Resource, context: Context) -> Outcome:
    return _start(resource, context) if stand.in_maintenance else _end(resource, context)


def _start(resource: Resource, context: Context) -> Outcome:
    seen = context.operations.start_maintenance(resource, context.policy.lease_minutes)
    context.memory.started(resource, context.now())
    action: Done = "renewed" if resource.state.maintained else "entered"
    return Outcome(action, resource.host, "" if seen else _PENDING)


def _end(resource: Resource, context: Context) -> Outcome:
    seen = context.operations.end_maintenance(resource)
    return Outcome("exited", resource.host, "" if seen else _PENDING, needs_attention=not seen)


def _contradicted(outcome: Outcome, stand: Stand) -> Outcome:
    said = f"it is {'in' if stand.in_maintenance else 'not in'} maintenance mode by now"
    return replace(outcome, reason="; ".join(filter(None, [said, outcome.reason])))
