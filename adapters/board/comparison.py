"""Both sides of every host, side by side."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from functions.context import Policy
from functions.events import HostRef
from functions.outcomes import Action, Verb
from functions.ownership import NOT_TOLD
from functions.ports import ModeChange, Resource, ResourceState, VCenterHost
from functions.reconciliation import in_for_longer
from functions.sweep_plan import plan

# Whether there are leases, and the state: decision 0017 says how far this tells.
_WHOSE: Final[Mapping[tuple[bool, ResourceState], str]] = {
    (True, ResourceState.TIMED): "ours",
    (True, ResourceState.OPEN_ENDED): "person",
    (False, ResourceState.TIMED): "other",
    (False, ResourceState.OPEN_ENDED): "unknown",
}
WHOSE_IN_WORDS: Final[Mapping[str | None, str]] = {
    "ours": "ours",
    "person": "a person's",
    "other": "another's",
    "unknown": "anybody's",
}
MODES: Final = {True: "maintenance", False: "in service", None: "unknown"}
STATES: Final = {
    ResourceState.MONITORED: "monitored",
    ResourceState.TIMED: "timed",
    ResourceState.OPEN_ENDED: "open-ended",
    None: "unknown",
}


@dataclass(frozen=True)
class Row:
    """One host: what vCenter says, what vRealize Operations says, and what a sweep would do.

    None is what is not known. ``whose`` the maintenance is: ours, a person's, somebody else's
    ("other") or perhaps anybody's ("unknown"). ``entered`` is when the host was put into
    maintenance mode, and by whom. ``overdue``, whether that is too long ago, is known without it,
    too: then it is longer ago than vCenter remembers. ``until`` is when a window that is ours ends
    at the latest, unless it is renewed. ``companions`` are what goes with the host.
    """

    host: HostRef
    in_maintenance_mode: bool | None
    state: ResourceState | None
    whose: str | None
    verb: Verb | None = None
    reason: str = ""
    entered: ModeChange | None = None
    overdue: bool | None = None
    until: datetime | None = None
    companions: tuple["Row", ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether both sides are known, and say the same."""
        return self.state is not None and self.state.maintained == self.in_maintenance_mode

    @property
    def matters(self) -> bool:
        """Whether the two sides differ, or the host is in maintenance."""
        return not self.agrees or bool(self.in_maintenance_mode)


def compare(
    hosts: Sequence[VCenterHost],
    resources: Sequence[Resource],
    policy: Policy,
    now: datetime,
    changes: Sequence[ModeChange] | None = (),
) -> list[Row]:
    """Return a row for every host of a vCenter, and for every resource that is none of them.

    ``changes`` are those that matter; None if they could not be read.
    """
    return compared(hosts, resources, plan(hosts, resources, policy, now, changes), policy, now)


def compared(
    hosts: Sequence[VCenterHost],
    resources: Sequence[Resource],
    actions: Sequence[Action],
    policy: Policy,
    now: datetime,
) -> list[Row]:
    """Return the rows of what a sweep has read of a vCenter, and plans to do."""
    morefs = {each.host.moref for each in hosts}
    planned = {action.host.moref: action for action in actions}
    states, lease = _states(resources), policy.lease_minutes
    rows = [
        row_of(each.host, each.in_maintenance_mode, states.get(each.host.moref), lease, now)
        for each in hosts
    ]
    left_over = [action for action in actions if action.host.moref not in morefs]
    return [
        *(_with(row, planned.get(row.host.moref)) for row in rows),
        *(_with(row_of(each.host, None, _state(each), lease, now), each) for each in left_over),
    ]


def row_of(
    host: HostRef,
    mode: bool | None,
    state: ResourceState | None,
    lease_minutes: int | None,
    now: datetime,
) -> Row:
    """Return the row of a host of which nothing is planned.

    Nobody tells when a window of ours has begun, but that is not after ``now``.
    """
    whose = _WHOSE.get((bool(lease_minutes), state)) if state else None
    until = now + timedelta(minutes=lease_minutes) if lease_minutes and whose == "ours" else None
    return Row(host, mode, state, whose, until=until)


def with_entered(
    rows: Iterable[Row], entered: Mapping[str, ModeChange], policy: Policy, now: datetime
) -> list[Row]:
    """Add since when hosts are in maintenance mode, and by whom, as VCenter.entered told."""
    allowed = timedelta(days=policy.overdue_days)
    return [_since(row, entered, allowed, now) for row in rows]


def _since(row: Row, entered: Mapping[str, ModeChange], allowed: timedelta, now: datetime) -> Row:
    if not row.in_maintenance_mode:
        return row
    change = entered.get(row.host.moref)
    return replace(row, entered=change, overdue=in_for_longer(change, allowed, now))


def _with(row: Row, action: Action | None) -> Row:
    if action is None:
        return row
    # What looks like ours is left alone only if it is not, or if nobody knows.
    not_ours = row.whose == "ours" and action.verb == "leave"
    whose = ("unknown" if NOT_TOLD in action.reason else "person") if not_ours else row.whose
    until = row.until if whose == "ours" else None
    return replace(row, verb=action.verb, reason=action.reason, whose=whose, until=until)


def _states(resources: Iterable[Resource]) -> dict[str, ResourceState]:
    """Return the state of every MoRef that exactly one resource has."""
    grouped: defaultdict[str, list[ResourceState]] = defaultdict(list)
    for resource in resources:
        grouped[resource.moref].append(resource.state)
    return {moref: found[0] for moref, found in grouped.items() if len(found) == 1}


def _state(action: Action) -> ResourceState | None:
    return action.resource.state if action.resource else None
