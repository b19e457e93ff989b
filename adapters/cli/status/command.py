"""status: what a person types."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import click

from adapters.board.comparison import Row, flat
from adapters.board.survey import Survey
from adapters.cli.call import Call
from adapters.cli.connection import both_sides
from adapters.cli.exit_codes import DIFFERENT, FAILED, OK
from adapters.cli.status import view
from adapters.cli.status.export import EXPORTS
from adapters.cli.terminal import Terminal
from functions.outcomes import SweepListener
from functions.reconciliation import in_for_longer

_Export = Callable[[Sequence[Row], Sequence[Row]], str]

_AGE: Final = re.compile("([1-9][0-9]{0,4})([dh])")


def _age(call: click.Context, option: click.Parameter, value: str | None) -> timedelta | None:
    """Return what ``--older-than`` says; anything but days or hours is wrong use."""
    if value is None:
        return None
    match = _AGE.fullmatch(value)
    if not match:
        raise click.BadParameter(f"{value!a} is not a number of days or hours, as 14d or 36h are")
    count = int(match[1])
    return timedelta(days=count) if match[2] == "d" else timedelta(hours=count)


@click.command()
@click.option(
    "--output",
    type=click.Choice(["table", *EXPORTS]),
    default="table",
    show_default=True,
    help="A table for people, or what programs, spreadsheets and browsers read.",
)
@click.option("--all", "every", is_flag=True, help="Show the other hosts, too.")
@click.option(
    "--older-than",
    callback=_age,
    metavar="AGE",
    help="Show only hosts in maintenance mode for longer, such as 14d or 36h.",
)
@click.pass_obj
def status(call: Call, output: str, every: bool, older_than: timedelta | None) -> int:
    """Show which hosts differ, or are in maintenance.

    A host is overdue, which ! marks, if it has been in maintenance mode for longer than
    MAINTENANCE_OVERDUE_DAYS, or for longer than vCenter's events reach back.

    \b
    Examples:
      maintenance-mirror status
      maintenance-mirror status --older-than 14d
      maintenance-mirror status --all --output csv > hosts.csv
      maintenance-mirror status --output html > hosts.html
      maintenance-mirror status --output json | jq '.[] | select(.agrees | not)'

    \b
    Exit codes:
      0  both sides agree; with --older-than: there are no such hosts
      1  something could not be read
      2  wrong use or configuration
      3  both sides differ; with --older-than: there are such hosts
    """
    with both_sides(call.environ, call.connect) as (_, clients):
        context = clients.context(SweepListener())
        survey = Survey(context, call.terminal)
        rows = survey.rows()
    export = _export(output, kinds=bool(context.policy.includes))
    if older_than is not None:
        old = [row for row in rows if _is_older(row, older_than, context.now())]
        complete = survey.complete and not any(map(_is_untold, rows))
        return _show_older(old, rows, export, call.terminal, complete=complete)
    return _show_all(rows, export, call.terminal, every=every, complete=survey.complete)


def _show_all(
    rows: Sequence[Row], export: _Export | None, terminal: Terminal, *, every: bool, complete: bool
) -> int:
    """Show the hosts that matter, or ``every`` host; returns the exit code."""
    if rows or complete:
        shown = [row for row in flat(rows) if every or row.matters]
        if not _exported(shown, rows, export):
            view.show(shown, rows, terminal)
    if not complete:
        return FAILED
    return OK if all(row.agrees for row in flat(rows)) else DIFFERENT


def _show_older(
    old: Sequence[Row],
    rows: Sequence[Row],
    export: _Export | None,
    terminal: Terminal,
    *,
    complete: bool,
) -> int:
    """Show the hosts that are in maintenance mode for longer; returns the exit code."""
    if (rows or complete) and not _exported(old, rows, export):
        view.show_older(old, rows, terminal)
    if not complete:
        return FAILED
    return DIFFERENT if old else OK


def _export(output: str, *, kinds: bool) -> _Export | None:
    """Return what prints rows for programs, if ``output`` is for them."""
    export = EXPORTS.get(output)
    return (lambda shown, rows: export(shown, rows, kinds)) if export else None


def _exported(shown: Sequence[Row], rows: Sequence[Row], export: _Export | None) -> bool:
    """Print those of all ``rows`` that are ``shown``, if it is programs that ask."""
    if export is None:
        return False
    click.echo(export(shown, rows), nl=False)
    return True


def _is_older(row: Row, than: timedelta, now: datetime) -> bool:
    """Whether the host has been in maintenance mode for longer, as far as that was told."""
    return row.overdue is not None and in_for_longer(row.entered, than, now)


def _is_untold(row: Row) -> bool:
    """Whether nobody told since when the host is in maintenance mode."""
    return bool(row.in_maintenance_mode) and row.overdue is None
