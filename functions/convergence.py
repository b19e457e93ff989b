"""Make vRealize Operations agree with what is true of one host.

Events come late, twice, in the wrong order, or from a forger. So an event is only a hint: its
vCenter is asked what is true now, that is written, and vCenter is asked again, until the answer is
what was written last (decision 0006). Whatever two processes do at the same time, the last of them
to write has looked after its write, so that nothing wrong stays behind.

That holds only if every look is followed by a write: what a reader sees may be older than what
somebody else has just written. Only where events alone decide, which is no certainty anyway,
entering is skipped if the state looks right. Decision 0012 has the proof.
"""

from dataclasses import replace
from typing import Final, Protocol

from functions.context import Context, Policy
from functions.errors import HostUnsettledError, UnverifiedEventError
from functions.events import HostEvent, HostRef
from functions.outcomes import Done, Outcome
from functions.ports import Memory, OperationsManager, Resource, ResourceState, VCenter

_MAX_LOOKS: Final = 5
_PENDING: Final = "accepted by vRealize Operations, but not visible yet"
# Decision 0005: by its state alone, nobody needs to remember who has started what.
_A_PERSONS: Final = "open-ended maintenance is a person's when leases are on"


class ModeSource(Protocol):
    """Whoever says whether a host is in maintenance mode: its vCenter, or else an event."""

    def in_maintenance_mode(self, moref: str) -> bool:
        """See VCenter.in_maintenance_mode."""
        ...


class NewestEvent:
    """The newest event of a host, where there is no vCenter to ask."""

    def __init__(self, event: HostEvent, wanted: bool, memory: Memory) -> None:
        self._event = event
        self._wanted = wanted
        self._memory = memory

    def in_maintenance_mode(self, moref: str) -> bool:
        """Say what the newest event says: of two kinds, another one says the opposite."""
        newest = self._memory.newest(self._event)
        return self._wanted == (newest.name == self._event.name)


def mirror_event(event: HostEvent, wanted: bool, context: Context) -> Outcome:
    """Mirror what is true of the event's host; ``wanted`` is what the event says of it.

    Raises UnverifiedEventError if no configured vCenter has the host and one is required, and
    what ``converge`` does.
    """
    vcenter = _vcenter_of(event, context)
    if vcenter:
        return converge(event.host, wanted, context.operations, vcenter, context.policy)
    if context.policy.require_verification:
        raise UnverifiedEventError(f"no configured vCenter can say whether {event.host} is so")
    return _believe(event, wanted, context)


def converge(
    host: HostRef,
    wanted: bool,
    operations: OperationsManager,
    source: ModeSource,
    policy: Policy,
    *,
    may_skip: bool = False,
) -> Outcome:
    """Write what ``source`` says until it still says the same afterwards.

    ``wanted`` is what was expected: the outcome says so if ``source`` says otherwise. With
    ``may_skip``, entering is not written where the state looks right already.
    Raises HostUnsettledError if it says something else at each of five looks, and what
    ``operations`` and ``source`` do.
    """
    for _ in range(_MAX_LOOKS):
        resource = operations.find(host)
        moref = resource.moref or host.moref
        in_maintenance = source.in_maintenance_mode(moref)
        outcome = _write(in_maintenance, resource, operations, policy, may_skip=may_skip)
        if source.in_maintenance_mode(moref) == in_maintenance:
            return outcome if in_maintenance == wanted else _contradicted(outcome, in_maintenance)
    raise HostUnsettledError(f"{host} goes in and out of maintenance mode faster than we look")


def _believe(event: HostEvent, wanted: bool, context: Context) -> Outcome:
    """Mirror what the newest event of the host says, since there is no vCenter to ask."""
    newest = context.memory.newest(event)
    if newest is not event:
        reason = f"older than the {newest.name} that was handled before"
        return Outcome("unchanged", event.host, reason)
    source = NewestEvent(event, wanted, context.memory)
    # Where there are leases, entering renews them.
    may_skip = not context.policy.lease_minutes
    return converge(
        event.host, wanted, context.operations, source, context.policy, may_skip=may_skip
    )


def _vcenter_of(event: HostEvent, context: Context) -> VCenter | None:
    vcenter = context.vcenters.at(event.vcenter)
    if vcenter is None and context.vcenters:
        # An event that names another vCenter must not get around the one that has the host.
        return context.vcenters.owning(context.operations.find(event.host))
    return vcenter


def _write(
    in_maintenance: bool,
    resource: Resource,
    operations: OperationsManager,
    policy: Policy,
    *,
    may_skip: bool,
) -> Outcome:
    if policy.lease_minutes and resource.state is ResourceState.OPEN_ENDED:
        action: Done = "unchanged" if in_maintenance else "left"
        return Outcome(action, resource.host, _A_PERSONS, needs_attention=not in_maintenance)
    if not in_maintenance:
        return _end(resource, operations)
    if may_skip and resource.state.maintained:
        return Outcome("unchanged", resource.host, f"already {resource.state}")
    return _start(resource, operations, policy.lease_minutes)


def _start(resource: Resource, operations: OperationsManager, lease_minutes: int | None) -> Outcome:
    seen = operations.start_maintenance(resource, lease_minutes)
    action: Done = "renewed" if resource.state.maintained else "entered"
    return Outcome(action, resource.host, "" if seen else _PENDING)


def _end(resource: Resource, operations: OperationsManager) -> Outcome:
    seen = operations.end_maintenance(resource)
    return Outcome("exited", resource.host, "" if seen else _PENDING, needs_attention=not seen)


def _contradicted(outcome: Outcome, in_maintenance: bool) -> Outcome:
    said = f"it is {'in' if in_maintenance else 'not in'} maintenance mode by now"
    return replace(outcome, reason="; ".join(filter(None, [said, outcome.reason])))
