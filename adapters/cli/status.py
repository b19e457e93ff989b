"""status: which hosts differ, or are in maintenance."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import click

from adapters.cli.call import Call
from adapters.cli.comparison import MODES, STATES, Row, compare
from adapters.cli.connection import both_sides
from adapters.cli.exit_codes import DIFFERENT, FAILED, OK
from adapters.cli.ports import ConnectedClients, ExtendedVCenter
from adapters.cli.terminal import Column, Terminal, moment, plain
from functions.context import Policy
from functions.errors import MaintenanceError
from functions.events import HostRef
from functions.ownership import changes_that_matter
from functions.ports import OperationsManager

_WHOSE_IN_WORDS: Final[Mapping[str | None, str]] = {
    "ours": "ours",
    "person": "a person's",
    "other": "another's",
    "unknown": "anybody's",
}
_FORMULA: Final = tuple("=+-@\uff1d\uff0b\uff0d\uff20")


@click.command()
@click.option(
    "--output",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="A table for people, or what programs and spreadsheets read.",
)
@click.option("--all", "every", is_flag=True, help="Show the other hosts, too.")
@click.pass_obj
def status(call: Call, output: str, every: bool) -> int:
    """Show which hosts differ, or are in maintenance.

    \b
    Examples:
      maintenance-mirror status
      maintenance-mirror status --all --output csv > hosts.csv
      maintenance-mirror status --output json | jq '.[] | select(.agrees | not)'

    \b
    Exit codes:
      0  both sides agree
      1  something could not be read
      2  wrong use or configuration
      3  both sides differ
    """
    with both_sides(call.environ, call.connect) as (settings, clients):
        rows, complete = _rows(clients, settings.policy, call.terminal)
    if rows or complete:
        _show(rows, output, call.terminal, every=every)
    if not complete:
        return FAILED
    return OK if all(row.agrees for row in rows) else DIFFERENT


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


def _rows(clients: ConnectedClients, policy: Policy, terminal: Terminal) -> tuple[list[Row], bool]:
    """Read all vCenters; returns whether none of them failed, which spares the others."""
    rows, complete = [], True
    for vsphere in clients.vspheres:
        try:
            rows += _read(vsphere, clients.operations, policy, terminal)
        except MaintenanceError as error:
            terminal.error(f"{vsphere.address}: {error}")
            complete = False
    return rows, complete


def _read(
    vsphere: ExtendedVCenter, operations: OperationsManager, policy: Policy, terminal: Terminal
) -> list[Row]:
    """Read both sides of one vCenter."""
    with terminal.busy(f"reading the hosts of {vsphere.address}"):
        hosts = list(vsphere.hosts())
        resources = list(operations.resources(vsphere.address))
        now = datetime.now(UTC)
        changes = changes_that_matter(vsphere, hosts, resources, policy, now)
        rows = compare(hosts, resources, policy, now, changes)
        return _since(rows, vsphere, terminal)


def _since(rows: Sequence[Row], vsphere: ExtendedVCenter, terminal: Terminal) -> list[Row]:
    """Add since when, or say why that is not known."""
    morefs = [row.host.moref for row in rows if row.in_maintenance_mode]
    since: dict[str, datetime] = {}
    try:
        entered = vsphere.entered(morefs) if morefs else {}
        since = {moref: change.at for moref, change in entered.items()}
    except MaintenanceError as error:
        terminal.note(f"since when is not known: {error}")
    return [replace(row, since=since.get(row.host.moref)) for row in rows]


def _show(rows: Sequence[Row], output: str, terminal: Terminal, *, every: bool) -> None:
    shown = [row for row in rows if every or row.matters]
    if output == "json":
        click.echo(as_json(shown))
    elif output == "csv":
        click.echo(as_csv(shown), nl=False)
    else:
        _show_table(shown, terminal)
        terminal.say(_summary(rows))


def _show_table(rows: Sequence[Row], terminal: Terminal) -> None:
    """Print a table for people; what a sweep would do it for only where there is room."""
    if rows:
        sweep = _SWEEP if terminal.is_narrow else _SWEEP_AND_WHY
        terminal.show_hosts([*_COLUMNS, sweep], rows, _VCENTER)
        terminal.say("")


def _summary(rows: Sequence[Row]) -> str:
    """Return the counts in words."""
    differing = sum(not row.agrees for row in rows)
    maintained = sum(bool(row.in_maintenance_mode) for row in rows)
    return (
        f"{len(rows)} hosts compared: {maintained} in maintenance mode in vCenter,"
        f" {differing} differ"
    )


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
