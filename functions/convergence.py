"""Make vRealize Operations agree with what is true of one host.

Events come late, twice, in the wrong order, or from a forger. So an event is only a hint: its
vCenter is asked what is true now, that is written, and vCenter is asked again, until the answer is
what was written last. Whatever two processes do at the same time, the last of them to write has
looked after its write, so that nothing wrong stays behind.

That holds only if every look is followed by a write: what a reader sees may be older than what
somebody else has just written. Only where events alone decide, which is no certainty anyway,
entering is skipped if the state looks right.
"""

from dataclasses import replace
from typing import Final, Protocol

from functions.errors import HostUnsettledError, UnverifiedEventError
from functions.events import HostEvent, HostRef
from functions.mirror import Mirror
from functions.outcomes import Done, Outcome
from functions.ports import Memory, OperationsManager, Resource, ResourceState, VCenter

_MOST_LOOKS: Final = 5
_PENDING: Final = "accepted by vRealize Operations, but not visible yet"
_A_PERSONS: Final = "open-ended maintenance is a person's when leases are on"


class Witness(Protocol):
    """Whoever says whether a host is in maintenance mode: its vCenter, or else an event."""

    def in_maintenance_mode(self, moref: str) -> bool:
        """See VCenter.in_maintenance_mode."""
        ...


class Hearsay:
    """The newest event of a host, where there is no vCenter to ask."""

    def __init__(self, event: HostEvent, wanted: bool, memory: Memory) -> None:
        self._event = event
        self._wanted = wanted
        self._memory = memory

    def in_maintenance_mode(self, moref: str) -> bool:
        """Say what the newest event says: of two kinds, another one says the opposite."""
        newest = self._memory.newest(self._event)
        return self._wanted == (newest.name == self._event.name)


def follow(event: HostEvent, wanted: bool, mirror: Mirror) -> Outcome:
    """Mirror what is true of the event's host; ``wanted`` is what the event says of it.

    Raises UnverifiedEventError if no configured vCenter has the host and one is required, and
    what ``converge`` does.
    """
    witness: Witness | None = _vcenter_of(event, mirror)
    if witness is None:
        if mirror.require_verification:
            raise UnverifiedEventError(f"no configured vCenter can say whether {event.host} is so")
        newest = mirror.memory.newest(event)
        if newest is not event:
            reason = f"older than the {newest.name} that was handled before"
            return Outcome("unchanged", event.host, reason)
        witness = Hearsay(event, wanted, mirror.memory)
    return converge(event.host, wanted, mirror.operations, witness, mirror.lease_minutes)


def converge(
    host: HostRef,
    wanted: bool,
    operations: OperationsManager,
    vcenter: Witness,
    lease_minutes: int | None = None,
) -> Outcome:
    """Write what ``vcenter`` says until it still says the same afterwards.

    ``wanted`` is what was expected: the outcome says so if ``vcenter`` says otherwise.
    Raises HostUnsettledError if it says something else at each of five looks, and what
    ``operations`` and ``vcenter`` do.
    """
    for _ in range(_MOST_LOOKS):
        resource = operations.find(host)
        moref = resource.moref or host.moref
        true = vcenter.in_maintenance_mode(moref)
        outcome = _write(true, resource, operations, lease_minutes, isinstance(vcenter, Hearsay))
        if vcenter.in_maintenance_mode(moref) == true:
            return outcome if true == wanted else _contradicted(outcome, true)
    raise HostUnsettledError(f"{host} goes in and out of maintenance mode faster than we look")


def _vcenter_of(event: HostEvent, mirror: Mirror) -> VCenter | None:
    vcenter = mirror.vcenters.at(event.vcenter)
    if vcenter is None and mirror.vcenters:
        # An event that names another vCenter must not get around the one that has the host.
        return mirror.vcenters.owning(mirror.operations.find(event.host))
    return vcenter


def _write(
    true: bool,
    resource: Resource,
    operations: OperationsManager,
    lease_minutes: int | None,
    hearsay: bool,
) -> Outcome:
    if lease_minutes and resource.state is ResourceState.MAINTAINED_MANUAL:
        action: Done = "unchanged" if true else "left"
        return Outcome(action, resource.host, _A_PERSONS, needs_attention=not true)
    if not true:
        return _end(resource, operations)
    if hearsay and not lease_minutes and resource.state.maintained:
        return Outcome("unchanged", resource.host, f"already {resource.state}")
    return _start(resource, operations, lease_minutes)


def _start(resource: Resource, operations: OperationsManager, lease_minutes: int | None) -> Outcome:
    seen = operations.start_maintenance(resource, lease_minutes)
    action: Done = "renewed" if resource.state.maintained else "entered"
    return Outcome(action, resource.host, "" if seen else _PENDING)


def _end(resource: Resource, operations: OperationsManager) -> Outcome:
    seen = operations.end_maintenance(resource)
    return Outcome("exited", resource.host, "" if seen else _PENDING, needs_attention=not seen)


def _contradicted(outcome: Outcome, true: bool) -> Outcome:
    said = f"it is {'in' if true else 'not in'} maintenance mode by now"
    return replace(outcome, reason="; ".join(filter(None, [said, outcome.reason])))
