"""How status looks to a person."""

from collections.abc import Sequence
from typing import Final

from adapters.board.comparison import MODES, STATES, WHOSE_IN_WORDS, Row, flat
from adapters.cli.terminal import Column, Terminal, moment

_LONG_AGO: Final = "long ago"


def show(shown: Sequence[Row], rows: Sequence[Row], terminal: Terminal) -> None:
    """Show a table of some hosts, and how many there are in all."""
    _show(shown, _columns(terminal), terminal)
    terminal.say(_summary(rows))


def show_older(old: Sequence[Row], rows: Sequence[Row], terminal: Terminal) -> None:
    """Show a table of hosts that are in maintenance mode for longer, and how many others are."""
    _show(old, _COLUMNS_OF_OLD, terminal)
    terminal.say(f"{_compared(rows)}, {len(old)} of them for longer than that")


def _show(rows: Sequence[Row], columns: Sequence[Column[Row]], terminal: Terminal) -> None:
    if rows:
        terminal.show_hosts(columns, rows, _VCENTER)
        terminal.say("")


def _columns(terminal: Terminal) -> Sequence[Column[Row]]:
    """Return what a table shows: by whom, and why a sweep does what, only where there is room."""
    if terminal.is_narrow:
        return (_HOST, _MODE, _STATE, _SINCE, _WHOSE, _SWEEP)
    by = (_BY,) if terminal.is_wide else ()
    return (_HOST, _MODE, _STATE, _SINCE, *by, _WHOSE, _SWEEP_AND_WHY)


def _summary(rows: Sequence[Row]) -> str:
    """Return the counts in words."""
    differing = sum(not row.agrees for row in flat(rows))
    overdue = sum(bool(row.overdue) for row in rows)
    late = f", {overdue} overdue (!)" if overdue else ""
    return f"{_compared(rows)}, {differing} differ{late}"


def _compared(rows: Sequence[Row]) -> str:
    hosts = [row for row in rows if row.host.is_host]
    maintained = sum(bool(row.in_maintenance_mode) for row in hosts)
    others = len(list(flat(rows))) - len(hosts)
    companions = f" and {others} companions" if others else ""
    return f"{len(hosts)} hosts{companions} compared: {maintained} in maintenance mode in vCenter"


def _name(row: Row) -> str:
    name = row.host.name or row.host.moref
    if row.host.is_host:
        return name
    shared = f", of {row.of_hosts} hosts" if row.of_hosts > 1 else ""
    return f"  {row.host.word} {name}{shared}"


def _since(row: Row) -> str:
    """Return since when, if that is told; ``!`` marks what is overdue."""
    if not row.overdue:
        return moment(row.entered.at if row.entered else None)
    return f"{moment(row.entered.at) if row.entered else _LONG_AGO} !"


def _user(row: Row) -> str:
    return row.entered.user if row.entered else ""


def _alarm(row: Row) -> str:
    return "yellow" if row.overdue else ""


def _emphasis(row: Row) -> str:
    return "" if row.agrees else "bold"


def _planned(row: Row) -> str:
    return row.verb or "nothing"


def _why(row: Row) -> str:
    return f"{row.verb}: {row.reason}" if row.verb else "nothing"


def _urgency(row: Row) -> str:
    return "yellow" if row.verb in ("start", "end") else "dim"


_HOST: Final = Column[Row]("Host", _name, _emphasis)
_MODE: Final = Column[Row]("Mode", lambda row: MODES[row.in_maintenance_mode])
_STATE: Final = Column[Row]("State", lambda row: STATES[row.state])
_SINCE: Final = Column[Row]("Since (UTC)", _since, _alarm)
_BY: Final = Column[Row]("By", _user)
_WHOSE: Final = Column[Row]("Whose", lambda row: WHOSE_IN_WORDS.get(row.whose, ""))
_VCENTER: Final = Column[Row]("vCenter", lambda row: row.host.vcenter, lambda row: "dim")
_SWEEP: Final = Column[Row]("Sweep", _planned, _urgency)
_SWEEP_AND_WHY: Final = Column[Row]("A sweep would", _why, _urgency)
_COLUMNS_OF_OLD: Final = (_HOST, _STATE, _SINCE, _BY)
