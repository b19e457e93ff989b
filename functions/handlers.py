"""What each event means. HANDLERS, the table at the end, is the place to add one."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from functions.events import Envelope, HostEvent, Kind, classify, host_event
from functions.masking import masked
from functions.outcomes import Outcome
from functions.ports import OperationsManager, ResourceState

_PENDING: Final = "accepted by vRealize Operations, but not visible yet"


def enter_maintenance_mode(
    event: HostEvent, operations: OperationsManager, lease_minutes: int | None
) -> Outcome:
    """Start maintenance of the event's host, unless it is in maintenance already."""
    resource = operations.find(event.host)
    if resource.state.maintained:
        return Outcome("unchanged", event.host, f"already {resource.state}")
    seen = operations.start_maintenance(resource, lease_minutes)
    return Outcome("entered", event.host, "" if seen else _PENDING)


def exit_maintenance_mode(
    event: HostEvent, operations: OperationsManager, lease_minutes: int | None
) -> Outcome:
    """End maintenance of the event's host, but not a person's.

    It is ended also where none is seen: a start that was just accepted may not be visible yet,
    and would leave the host silenced for good. With a lease all our windows are timed, so that
    an open-ended one is a person's.
    """
    resource = operations.find(event.host)
    if lease_minutes and resource.state is ResourceState.MAINTAINED_MANUAL:
        reason = "open-ended maintenance is a person's when leases are on"
        return Outcome("left", event.host, reason, needs_attention=True)
    seen = operations.end_maintenance(resource)
    return Outcome("exited", event.host, "" if seen else _PENDING, needs_attention=not seen)


def echo(envelope: Envelope) -> dict[str, Any]:
    """Return what a person wants to see of any event, secrets masked: the seed of a function."""
    attributes = {name: envelope.get(name) for name in ("source", "type", "subject", "id")}
    return {**attributes, "data": masked(envelope.get("data"))}


def dispatch(
    envelope: Envelope, operations: OperationsManager, lease_minutes: int | None = None
) -> Outcome:
    """Handle one CloudEvent, whatever it is; what is not ours is ignored for a stated reason.

    ``lease_minutes`` bounds every maintenance that is started; None leaves it open-ended.
    Raises InvalidEventError for one of ours that names no host, and whatever ``operations`` does.
    """
    kind = classify(envelope)
    if kind is None:
        return Outcome("ignored", reason="not a vCenter event")
    if kind.name not in HANDLERS:
        return Outcome("ignored", reason="not a maintenance event")
    if not kind.genuine:
        return _ignore_impostor(kind)
    return HANDLERS[kind.name](host_event(envelope, kind.name), operations, lease_minutes)


def _ignore_impostor(kind: Kind) -> Outcome:
    reason = f"an {kind.event_class} that only calls itself {kind.name}"
    return Outcome("ignored", reason=reason, needs_attention=True)


Handler = Callable[[HostEvent, OperationsManager, int | None], Outcome]

HANDLERS: Final[Mapping[str, Handler]] = {
    "EnteredMaintenanceModeEvent": enter_maintenance_mode,
    "ExitMaintenanceModeEvent": exit_maintenance_mode,
}
