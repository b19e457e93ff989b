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

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from functions.context import Context
from functions.errors import (
    HostGoneError,
    HostNotFoundError,
    HostUnsettledError,
    UnverifiedEventError,
)
from functions.events import ENTERED, REMOVED, HostEvent, HostRef
from functions.mode_sources import AskedVCenter, Look, ModeSource, NewestEvent
from functions.outcomes import Outcome
from functions.ownership import Stand
from functions.ports import ModeChange, Resource, VCenter
from functions.writing import write

_MAX_LOOKS: Final = 5
_GONE: Final = "its vCenter no longer has it"
_GONE_NOT_OURS: Final = f"{_GONE}, and its maintenance is not known to be ours"
_UNKNOWN: Final = "not known to vRealize Operations, or not for sure"


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
    """Write what ``source`` says of a host and its companions until it says the same afterwards.

    ``wanted`` is what was expected of the host: the outcome says so if ``source`` says otherwise,
    and carries the outcomes of the companions.
    Raises HostUnsettledError if it says something else at each of five looks, and what
    vRealize Operations and ``source`` do. A companion that may not be written harms nobody else.
    """
    for _ in range(_MAX_LOOKS):
        resources = source.read(host)
        moref = resources[0].moref or host.moref
        look = source.look(moref, resources)
        outcome = _brought_in(moref, resources, look, source, context)
        if source.look(moref, resources).modes == look.modes:
            mode = look.modes[moref]
            return outcome if mode == wanted else _contradicted(outcome, mode)
    raise HostUnsettledError(f"{host} goes in and out of maintenance mode faster than we look")


def _brought_in(
    moref: str, resources: Sequence[Resource], look: Look, source: ModeSource, context: Context
) -> Outcome:
    """Write what was seen; the host's outcome carries those of its companions."""
    group = _group(moref, resources, look, context)
    stands = {each: source.stand(each, of, look) for of, each in group.items()}
    left = {each: source.left_alone(stand, each) for each, stand in stands.items()}
    written = write({each: stands[each] for each in stands if not left[each]}, context)
    outcome, *companions = (left[each] or written[each] for each in stands)
    return replace(outcome, companions=(*companions, *_unknown(look, group)))


def _group(
    moref: str, resources: Sequence[Resource], look: Look, context: Context
) -> Mapping[str, Resource]:
    """Return the resources of the host and of its companions, by their MoRefs, the host first."""
    host, *related = resources
    known = {each.moref: each for each in related}
    refs = [each.ref for each in look.seen.companions]
    if missing := [each for each in refs if each.moref not in known]:
        known.update((each.moref, each) for each in context.operations.find_all(missing))
    return {moref: host, **{each.moref: known[each.moref] for each in refs if each.moref in known}}


def _unknown(look: Look, group: Mapping[str, Resource]) -> Iterator[Outcome]:
    """Tell of companions that ought to be silenced, but cannot be."""
    for each in look.seen.companions:
        if each.ref.moref not in group and look.modes[each.ref.moref]:
            yield Outcome("left", each.ref, _UNKNOWN)


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
    """Mirror what the newest event of the host says, since there is no vCenter to ask.

    Raises OperationsUnavailableError if nobody told what else it has to end: nobody else will.
    """
    newest = context.memory.newest(event)
    if newest is not event:
        reason = f"older than the {newest.name} that was handled before"
        return Outcome("unchanged", event.host, reason)
    source = NewestEvent(event, wanted, context)
    outcome = converge(event.host, wanted, source, context)
    if source.untold and not wanted:
        raise source.untold
    return outcome


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
        outcome = write({resource: Stand.JUST_LEFT}, context)[resource]
        return replace(outcome, reason=_GONE)
    if resource.moref and resource.state.maintained:
        return Outcome("left", resource.host, _GONE_NOT_OURS, needs_attention=True)
    return Outcome("ignored", host, _GONE)


def _contradicted(outcome: Outcome, mode: bool) -> Outcome:
    said = f"it is {'in' if mode else 'not in'} maintenance mode by now"
    return replace(outcome, reason="; ".join(filter(None, [said, outcome.reason])))
