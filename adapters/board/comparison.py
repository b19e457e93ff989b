"""Both sides of every host, side by side."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from functions.context import Policy
from functions.events import HostRef
from functions.outcomes import Action, Verb
from functions.ownership import whose, with_companions
from functions.ports import Companion, ModeChange, Resource, ResourceState, VCenterHost
from functions.reconciliation import in_for_longer
from functions.sweep_plan import plan

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

    Or one of its ``companions``, that says how many hosts it depends on (``of_hosts``).

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
    of_hosts: int = 1
    companions: tuple["Row", ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether both sides are known, and say the same."""
        return self.state is not None and self.state.maintained == self.in_maintenance_mode

    @property
    def matters(self) -> bool:
        """Whether the two sides differ, or it is in maintenance; of a host also what it has."""
        itself = not self.agrees or bool(self.in_maintenance_mode)
        return itself or any(each.matters for each in self.companions)


def compare(
    hosts: Sequence[VCenterHost],
    resources: Sequence[Resource],
    policy: Policy,
    now: datetime,
    changes: Sequence[ModeChange] | None = (),
    companions: Sequence[Companion] = (),
) -> list[Row]:
    """Return a row for every host of a vCenter, and for every resource that is none of them.

    ``changes`` are those that matter; None if they could not be read. ``companions`` are shown
    under the first of their hosts, and those of no host for themselves; ``resources`` has theirs.
    """
    modes = {each.host.moref: each.in_maintenance_mode for each in hosts}
    things = [*hosts, *(each.with_mode(modes) for each in companions)]
    changes = with_companions(changes, companions, modes)
    actions = plan(things, resources, policy, now, changes)
    return compared(hosts, resources, actions, policy, now, companions)


def compared(
    hosts: Sequence[VCenterHost],
    resources: Sequence[Resource],
    actions: Sequence[Action],
    policy: Policy,
    now: datetime,
    companions: Sequence[Companion] = (),
) -> list[Row]:
    """Return the rows of what a sweep has read of a vCenter, and plans to do."""
    modes = {each.host.moref: each.in_maintenance_mode for each in hosts}
    things = [*hosts, *(each.with_mode(modes) for each in companions)]
    return _nested(_rows(things, resources, actions, policy, now), companions)


def flat(rows: Iterable[Row]) -> Iterator[Row]:
    """Return each row, and behind it its companions, as rows like all others."""
    for row in rows:
        yield row
        yield from row.companions


def _rows(
    things: Sequence[VCenterHost],
    resources: Sequence[Resource],
    actions: Sequence[Action],
    policy: Policy,
    now: datetime,
) -> list[Row]:
    morefs = {each.host.moref for each in things}
    planned = {action.host.moref: action for action in actions}
    states, lease = _states(resources), policy.lease_minutes
    rows = [
        row_of(each.host, each.in_maintenance_mode, states.get(each.host.moref), lease, now)
        for each in things
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
    found = whose(bool(lease_minutes), state)
    until = now + timedelta(minutes=lease_minutes) if lease_minutes and found == "ours" else None
    return Row(host, mode, state, found, until=until)


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


def _nested(rows: Sequence[Row], companions: Iterable[Companion]) -> list[Row]:
    """Put companions under the first of their hosts."""
    hosts = {each.ref.moref: sorted(each.hosts) for each in companions}
    own = [row for row in rows if row.host.moref not in hosts]
    known = {row.host.moref for row in own}
    under: defaultdict[str | None, list[Row]] = defaultdict(list)
    for row in rows:
        if (of := hosts.get(row.host.moref)) is not None and not _is_quiet(row):
            first = next((each for each in of if each in known), None)
            under[first].append(replace(row, of_hosts=len(of)))
    nested = [replace(row, companions=tuple(under.pop(row.host.moref, ()))) for row in own]
    return [*nested, *under[None]]


def _is_quiet(row: Row) -> bool:
    """Whether it is unknown to vRealize Operations, which nobody misses while it is at work."""
    return row.state is None and row.verb is None


def _with(row: Row, action: Action | None) -> Row:
    if action is None:
        return row
    # Only with leases does anything look like ours.
    left_alone = action.reason if action.verb == "leave" else ""
    found = whose(True, row.state, left_alone) if row.whose == "ours" else row.whose
    until = row.until if found == "ours" else None
    return replace(row, verb=action.verb, reason=action.reason, whose=found, until=until)


def _states(resources: Iterable[Resource]) -> dict[str, ResourceState]:
    """Return the state of every MoRef that exactly one resource has."""
    grouped: defaultdict[str, list[ResourceState]] = defaultdict(list)
    for resource in resources:
        grouped[resource.moref].append(resource.state)
    return {moref: found[0] for moref, found in grouped.items() if len(found) == 1}


def _state(action: Action) -> ResourceState | None:
    return action.resource.state if action.resource else None
