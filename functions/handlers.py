"""What each event means. HANDLERS, the table at the end, is the place to add one."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from functions import reconciliation
from functions.context import Context
from functions.convergence import mirror_event
from functions.errors import MaintenanceError
from functions.events import (
    ENTERED,
    EXITED,
    RECONCILE,
    REMOVED,
    Envelope,
    HostEvent,
    Kind,
    classify,
    event_to_log,
    host_event,
    is_outcome,
)
from functions.masking import masked
from functions.outcomes import Outcome

NOTHING_TO_COMPARE: Final = "no vCenter is configured, so there is nothing to compare with"


def enter_maintenance_mode(event: HostEvent, context: Context) -> Outcome:
    """Mirror that the event's host is in maintenance mode, unless that is not true (any more)."""
    return mirror_event(event, True, context)


def exit_maintenance_mode(event: HostEvent, context: Context) -> Outcome:
    """Mirror that the event's host is back from maintenance mode, unless that is not true."""
    return mirror_event(event, False, context)


def host_removed(event: HostEvent, context: Context) -> Outcome:
    """End what is ours of a host that its vCenter no longer has, unless it still has it."""
    return mirror_event(event, False, context)


def reconcile(context: Context) -> Outcome:
    """Compare all hosts of all vCenters, and repair what events have missed.

    Raises SweepRefusedError if that were too much to be true, and the first error that was met.
    """
    if not context.vcenters:
        return Outcome("ignored", reason=NOTHING_TO_COMPARE, needs_attention=True)
    report = reconciliation.reconcile(context)
    for error in filter(None, [report.refusal, *report.faults]):
        raise error
    return Outcome("reconciled", reason=report.summary(), needs_attention=report.needs_attention)


def echo(envelope: Envelope) -> dict[str, Any]:
    """Return what a person wants to see of any event, secrets masked: the seed of a function."""
    attributes = {name: envelope.get(name) for name in ("source", "type", "subject", "id")}
    return {**attributes, "data": masked(envelope.get("data"))}


def dispatch(envelope: Envelope, context: Context) -> Outcome:
    """Handle one CloudEvent, whatever it is; what is not ours is ignored for a stated reason.

    Outcomes and errors carry the event, as far as its host could be read.
    Raises InvalidEventError for one of ours that names no host, and whatever the handler does.
    """
    if is_outcome(envelope):  # decision 0026: before anything else is looked at
        return Outcome("ignored", reason="an outcome, which this or another process has told")
    kind = classify(envelope)
    if kind is None:
        return Outcome("ignored", reason="not a vCenter event")
    if kind.name not in HANDLERS:
        reason = "not a maintenance event"
        return Outcome("ignored", reason=reason, event=event_to_log(envelope))
    if not kind.genuine:
        return _ignore_impostor(kind, envelope)
    return HANDLERS[kind.name](envelope, kind.name, context)


def _ignore_impostor(kind: Kind, envelope: Envelope) -> Outcome:
    reason = f"an {kind.event_class} that only calls itself {kind.name}"
    event = event_to_log(envelope)
    return Outcome("ignored", reason=reason, needs_attention=True, event=event)


Handler = Callable[[Envelope, str, Context], Outcome]


def of_a_host(handle: Callable[[HostEvent, Context], Outcome]) -> Handler:
    """Return the row of an event about a host: ``handle`` gets it as it was read.

    The outcome, or the MaintenanceError that ``handle`` raises, will carry it.
    """

    def handler(envelope: Envelope, name: str, context: Context) -> Outcome:
        return _carrying(host_event(envelope, name), handle, context)

    return handler


def mode_changed(event: HostEvent, context: Context) -> Outcome:
    """Mirror what was seen of a host in vCenter itself, as if it had been told by an event.

    The outcome, or the MaintenanceError that is raised, carries it.
    """
    handle = enter_maintenance_mode if event.name == ENTERED else exit_maintenance_mode
    return _carrying(event, handle, context)


def _carrying(
    event: HostEvent, handle: Callable[[HostEvent, Context], Outcome], context: Context
) -> Outcome:
    try:
        return replace(handle(event, context), event=event)
    except MaintenanceError as error:
        error.event = event
        raise


HANDLERS: Final[Mapping[str, Handler]] = {
    ENTERED: of_a_host(enter_maintenance_mode),
    EXITED: of_a_host(exit_maintenance_mode),
    REMOVED: of_a_host(host_removed),
    RECONCILE: lambda envelope, name, context: reconcile(context),
}
