"""status: both sides of every host, side by side."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from adapters.cli.ports import ExtendedVCenter
from adapters.cli.terminal import Column, Terminal, moment, plain
from functions.context import Policy
from functions.errors import MaintenanceError
from functions.events import HostRef
from functions.outcomes import Action, Verb
from functions.ports import OperationsManager, Resource, ResourceState, VCenterHost
from functions.reconciliation import plan

# Whether there are leases, and the state: decision 0005 says why this tells.
_WHOSE: Final[Mapping[tuple[bool, ResourceState], str]] = {
    (True, ResourceState.TIMED): "ours",
    (True, ResourceState.OPEN_ENDED): "person",
    (False, ResourceState.TIMED): "other",
    (False, ResourceState.OPEN_ENDED): "unknown",
}
_WHOSE_IN_WORDS: Final[Mapping[str | None, str]] = {
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
_FORMULA: Final = tuple("=+-@\uff1d\uff0b\uff0d\uff20")


@dataclass(frozen=True)
class Row:
    """One host: what vCenter says, what vRealize Operations says, and what a sweep would do.

    None is what is not known. ``whose`` the maintenance is: ours, a person's, somebody else's
    ("other") or perhaps anybody's ("unknown").
    """

    host: HostRef
    in_maintenance_mode: bool | None
    state: ResourceState | None
    whose: str | None
    verb: Verb | None = None
    reason: str = ""
    since: datetime | None = None

    @property
    def agrees(self) -> bool:
        """Whether both sides are known, and say the same."""
        return self.state is not None and self.state.maintained == self.in_maintenance_mode

    @property
    def matters(self) -> bool:
        """Whether the two sides differ, or the host is in maintenance."""
        return not self.agrees or bool(self.in_maintenance_mode)


def compare(
    hosts: Sequence[VCenterHost], resources: Sequence[Resource], policy: Policy, now: datetime
) -> list[Row]:
    """Return a row for every host of a vCenter, and for every resource that is none of them."""
    modes = {each.host.moref: each.in_maintenance_mode for each in hosts}
    actions = plan(hosts, resources, policy, now)
    planned = {action.host.moref: action for action in actions}
    states = _states(resources)
    rows = [
        _row(each.host, modes[each.host.moref], states.get(each.host.moref), policy)
        for each in hosts
    ]
    left_over = [action for action in actions if action.host.moref not in modes]
    return [
        *(_with(row, planned.get(row.host.moref)) for row in rows),
        *(_with(_row(each.host, None, _state(each), policy), each) for each in left_over),
    ]


def read(
    vsphere: ExtendedVCenter, operations: OperationsManager, policy: Policy, terminal: Terminal
) -> list[Row]:
    """Read both sides of one vCenter; raises what they do."""
    with terminal.busy(f"reading the hosts of {vsphere.address}"):
        hosts = list(vsphere.hosts())
        resources = list(operations.resources(vsphere.address))
        rows = compare(hosts, resources, policy, datetime.now(UTC))
        return _since(rows, vsphere, terminal)


def show(rows: Sequence[Row], terminal: Terminal) -> None:
    """Print a table for people; what a sweep would do it for only where there is room."""
    sweep = _SWEEP if terminal.is_narrow else _SWEEP_AND_WHY
    terminal.show_hosts([*_COLUMNS, sweep], rows, _VCENTER)


def as_json(rows: Iterable[Row]) -> str:
    """Return a list of objects, in ASCII; docs/command-line.md says what they hold."""
    return json.dumps([_fields(row) for row in rows], indent=2)


def as_csv(rows: Iterable[Row]) -> str:
    """Return a header and a line for each host (RFC 4180), safe to open in a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_fields(Row(HostRef("", "", ""), None, None, None)))
    for row in rows:
        writer.writerow([_csv_field(value) for value in _fields(row).values()])
    return text.getvalue()


def summary(rows: Sequence[Row]) -> str:
    """Return the counts in words."""
    differing = sum(not row.agrees for row in rows)
    maintained = sum(bool(row.in_maintenance_mode) for row in rows)
    return (
        f"{len(rows)} hosts compared: {maintained} in maintenance mode in vCenter,"
        f" {differing} differ"
    )


def _row(host: HostRef, mode: bool | None, state: ResourceState | None, policy: Policy) -> Row:
    whose = _WHOSE.get((bool(policy.lease_minutes), state)) if state else None
    return Row(host, mode, state, whose)


def _with(row: Row, action: Action | None) -> Row:
    return replace(row, verb=action.verb, reason=action.reason) if action else row


def _since(rows: Sequence[Row], vsphere: ExtendedVCenter, terminal: Terminal) -> list[Row]:
    """Add since when, or say why that is not known."""
    morefs = [row.host.moref for row in rows if row.in_maintenance_mode]
    entered: Mapping[str, datetime] = {}
    try:
        entered = vsphere.maintenance_since(morefs) if morefs else {}
    except MaintenanceError as error:
        terminal.note(f"since when is not known: {error}")
    return [replace(row, since=entered.get(row.host.moref)) for row in rows]


def _states(resources: Iterable[Resource]) -> dict[str, ResourceState]:
    """Return the state of every MoRef that exactly one resource has."""
    grouped: defaultdict[str, list[ResourceState]] = defaultdict(list)
    for resource in resources:
        grouped[resource.moref].append(resource.state)
    return {moref: found[0] for moref, found in grouped.items() if len(found) == 1}


def _state(action: Action) -> ResourceState | None:
    return action.resource.state if action.resource else None


def _name(row: Row) -> str:
    return row.host.name or row.host.moref


def _emphasis(row: Row) -> str:
    return "" if row.agrees else "bold"


def _planned(row: Row) -> str:
    return row.verb or "nothing"


def _why(row: Row) -> str:
    return f"{row.verb}: {row.reason}" if row.verb else "nothing"


def _urgency(row: Row) -> str:
    return "yellow" if row.verb in ("start", "end") else "dim"


def _fields(row: Row) -> dict[str, object]:
    return {
        "host": row.host.name,
        "moref": row.host.moref,
        "vcenter": row.host.vcenter,
        "in_maintenance_mode": row.in_maintenance_mode,
        "state": row.state,
        "agrees": row.agrees,
        "since": _timestamp(row.since),
        "whose": row.whose,
        "sweep": row.verb,
        "reason": row.reason,
    }


def _timestamp(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def _csv_field(value: object) -> str:
    """Return a field that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = plain("" if value is None else str(value))
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


_COLUMNS: Final = (
    Column[Row]("Host", _name, _emphasis),
    Column[Row]("Mode", lambda row: MODES[row.in_maintenance_mode]),
    Column[Row]("State", lambda row: STATES[row.state]),
    Column[Row]("Since (UTC)", lambda row: moment(row.since)),
    Column[Row]("Whose", lambda row: _WHOSE_IN_WORDS.get(row.whose, "")),
)
_VCENTER: Final = Column[Row]("vCenter", lambda row: row.host.vcenter, lambda row: "dim")
_SWEEP: Final = Column[Row]("Sweep", _planned, _urgency)
_SWEEP_AND_WHY: Final = Column[Row]("A sweep would", _why, _urgency)
