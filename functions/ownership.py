"""Whose is a window of maintenance? What its vCenter's own events say about it (decision 0017).

We start windows only while a host is in maintenance mode, and each ends by itself after a lease
(decision 0005). So a window of ours can be there only if the host is in maintenance mode, or was
within the last lease. vCenter's events tell that, as far as they are kept; what they do not tell is
no evidence, and then maintenance is left alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final, Literal

from functions.context import Policy
from functions.ports import (
    Companion,
    ModeChange,
    Resource,
    ResourceState,
    VCenter,
    VCenterHost,
)

# Clocks differ, and a write may come some minutes after the look that it is based on.
MARGIN: Final = timedelta(minutes=10)
# Without leases no timed window is ours; a day of events tells who has entered since a last sweep.
_PERIOD_WITHOUT_LEASES: Final = timedelta(days=1)

A_PERSONS: Final = "open-ended, so a person's, since ours have a lease"
ANOTHERS: Final = "a timed window, so not ours, since ours have no lease"
NOT_OURS: Final = "a timed window of a host that was not in maintenance mode within the last lease"
NOT_TOLD: Final = "a timed window, and vCenter's events do not tell whether it may be ours"
ENTERED_SINCE: Final = "has entered maintenance mode since it was looked at, and is looked at anew"
NOTHING_OURS: Final = "not in maintenance mode within the last lease, so nothing of ours is there"
PERHAPS_ANOTHERS: Final = (
    "already in a timed window, perhaps a person's; ours starts when it has ended"
)


Whose = Literal["ours", "person", "other", "unknown"]
# Whether there are leases, and the state: how far these two tell.
_APPARENTLY: Final[Mapping[tuple[bool, ResourceState], Whose]] = {
    (True, ResourceState.TIMED): "ours",
    (True, ResourceState.OPEN_ENDED): "person",
    (False, ResourceState.TIMED): "other",
    (False, ResourceState.OPEN_ENDED): "unknown",
}


def whose(leased: bool, state: ResourceState | None, left_alone: str = "") -> Whose | None:
    """Say whose the maintenance is that ``state`` tells of; None if there is none.

    Ours, a person's, somebody else's, or perhaps anybody's. ``left_alone`` is why a sweep does not
    touch it, and "" if it does: what looks like ours is left alone only if it is not, or if nobody
    knows.
    """
    found = _APPARENTLY.get((leased, state)) if state else None
    if found == "ours" and left_alone:
        return "unknown" if NOT_TOLD in left_alone else "person"
    return found


class Stand(Enum):
    """How a host stands, as far as it matters whose a window may be."""

    IN_FOR_LONG = auto()
    """In maintenance mode; a window of ours may be half a lease old, or end at any moment."""
    JUST_ENTERED = auto()
    """In maintenance mode for less than half a lease, and not within a lease before that."""
    JUST_LEFT = auto()
    """Not in maintenance mode, but it was within the last lease."""
    OUT_FOR_LONG = auto()
    """Not in maintenance mode, and not within the last lease either: nothing can be ours."""
    NOT_TOLD = auto()
    """Not in maintenance mode, and vCenter's events do not tell whether it was."""
    ENTERED_SINCE = auto()
    """Not in maintenance mode when it was looked at, and its newest event is that it has entered.

    An end that is written now may show after its start, and who sees that start takes it for a
    person's window: before this stay there was none.
    """

    @property
    def in_maintenance(self) -> bool:
        """Whether the host is in maintenance mode."""
        return self in (Stand.IN_FOR_LONG, Stand.JUST_ENTERED)


def period_start(policy: Policy, now: datetime) -> datetime:
    """Return since when changes of mode matter."""
    lease = timedelta(minutes=policy.lease_minutes) if policy.lease_minutes else None
    return now - (lease or _PERIOD_WITHOUT_LEASES) - MARGIN


def changes_that_matter(
    vcenter: VCenter,
    hosts: Iterable[VCenterHost],
    resources: Iterable[Resource],
    policy: Policy,
    now: datetime,
) -> Sequence[ModeChange]:
    """Read the changes of all hosts since ``period_start``; nothing if nothing depends on them."""
    in_maintenance = any(each.in_maintenance_mode for each in hosts)
    if not in_maintenance and not any(each.state.maintained for each in resources):
        return ()
    return vcenter.mode_changes(period_start(policy, now))


def by_host(changes: Iterable[ModeChange]) -> Mapping[str, Sequence[ModeChange]]:
    """Group changes by the MoRefs of their hosts, in the same order; others have none."""
    grouped: defaultdict[str, list[ModeChange]] = defaultdict(list)
    for change in changes:
        grouped[change.moref].append(change)
    return grouped


def changes_of_companion(
    companion: Companion, modes: Mapping[str, bool], changes: Mapping[str, Sequence[ModeChange]]
) -> Sequence[ModeChange]:
    """Say when a companion entered and left maintenance, by its hosts' ``changes``, newest first.

    It is in as long as all of them are. A host that has not changed is as its mode says; of one
    that has, the newest change counts, also against its mode: then ``stand`` proves nothing.
    """
    told = [each for moref in companion.hosts for each in changes.get(moref, ())]
    out = {moref for moref in companion.hosts if not _was_last_in(moref, modes, changes)}
    found: list[ModeChange] = []
    for change in sorted(told, key=lambda each: each.at, reverse=True):
        entered = not out
        (out.add if change.entered else out.discard)(change.moref)
        if entered == bool(out):
            found.append(replace(change, moref=companion.ref.moref, entered=entered))
    return found


def with_companions(
    changes: Sequence[ModeChange] | None,
    companions: Iterable[Companion],
    modes: Mapping[str, bool],
) -> Sequence[ModeChange] | None:
    """Add to hosts' ``changes`` those of their companions; None, not told, stays None."""
    if not changes:
        return changes
    told = by_host(changes)
    theirs = (each for one in companions for each in changes_of_companion(one, modes, told))
    return [*changes, *theirs]


def _was_last_in(
    moref: str, modes: Mapping[str, bool], changes: Mapping[str, Sequence[ModeChange]]
) -> bool:
    told = changes.get(moref)
    return told[0].entered if told else modes.get(moref, False)


def stand(
    in_maintenance: bool, changes: Sequence[ModeChange] | None, policy: Policy, now: datetime
) -> Stand:
    """Say how a host stands by its ``changes`` since ``period_start``, the newest first.

    None means that they could not be read.
    """
    if in_maintenance:
        return Stand.JUST_ENTERED if _has_just_entered(changes, policy, now) else Stand.IN_FOR_LONG
    if changes is None:
        return Stand.NOT_TOLD
    # Or that it left is not told yet: then it is looked at for that, too.
    if changes and changes[0].entered:
        return Stand.ENTERED_SINCE
    return Stand.JUST_LEFT if changes else Stand.OUT_FOR_LONG


def _has_just_entered(changes: Sequence[ModeChange] | None, policy: Policy, now: datetime) -> bool:
    """Whether a window of ours, if there is one, is less than half a lease old.

    A stay before this one may have left a window behind, or an end that does not show yet.
    """
    if not policy.lease_minutes or not changes or len(changes) > 1 or not changes[0].entered:
        return False
    return now - changes[0].at < timedelta(minutes=policy.lease_minutes) / 2


# What an event leaves alone: by leases or none, how the host stands, and its resource's state.
LEFT_ALONE: Final[Mapping[tuple[bool, Stand, ResourceState], str]] = {
    **{(True, each, ResourceState.OPEN_ENDED): A_PERSONS for each in Stand},
    (True, Stand.JUST_ENTERED, ResourceState.TIMED): PERHAPS_ANOTHERS,
    (True, Stand.OUT_FOR_LONG, ResourceState.MONITORED): NOTHING_OURS,
    (True, Stand.OUT_FOR_LONG, ResourceState.TIMED): NOT_OURS,
    (True, Stand.NOT_TOLD, ResourceState.TIMED): NOT_TOLD,
    (True, Stand.ENTERED_SINCE, ResourceState.MONITORED): ENTERED_SINCE,
    (True, Stand.ENTERED_SINCE, ResourceState.TIMED): NOT_TOLD,
    **{(False, each, ResourceState.TIMED): ANOTHERS for each in Stand},
}
