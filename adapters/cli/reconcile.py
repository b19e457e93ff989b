"""reconcile: a sweep that a person started, and watches."""

import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from typing import Final

import click

from adapters.cli.call import Call
from adapters.cli.connection import both_sides
from adapters.cli.exit_codes import FAILED, OK, REFUSED
from adapters.cli.terminal import Column, Terminal, moment
from adapters.outgoing.deadline import deadline
from functions import reconciliation
from functions.context import Context
from functions.errors import MaintenanceError, SweepRefusedError
from functions.outcomes import Action, Outcome, Overdue, SweepListener, Verb
from functions.ports import ResourceState
from functions.reconciliation import Report

_PLANNED: Final[dict[Verb, str]] = {
    "start": "to start",
    "renew": "to renew",
    "end": "to end",
    "leave": "to leave alone",
    "report": "not comparable",
}
_WRITTEN: Final[tuple[Verb, ...]] = ("start", "renew", "end")
_WRITTEN_IF_REFUSED: Final[tuple[Verb, ...]] = ("renew",)
_STYLES: Final[dict[Verb, str]] = {"start": "yellow", "end": "green", "report": "yellow"}
_GO_ON: Final = (
    "  Look at what differs:    maintenance-mirror status\n"
    "  If all of that is right: maintenance-mirror reconcile --max-changes {changes}"
)


@click.command()
@click.option("--dry-run", is_flag=True, help="Show the plan, and change nothing.")
@click.option(
    "--adopt",
    is_flag=True,
    help="End open-ended maintenance, too, of hosts that vCenter says are not in maintenance mode.",
)
@click.option(
    "--max-changes",
    type=click.IntRange(0),
    metavar="N",
    help="Start or end maintenance of at most N hosts; if there are more, of none."
    "  [default: RECONCILE_MAX_CHANGES; without it 50, or a fifth of all]",
)
@click.option("--yes", is_flag=True, help="Do not ask before --adopt ends maintenance.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=30,
    show_default=True,
    metavar="MINUTES",
    help="Give up after so long.",
)
@click.pass_obj
def reconcile(
    call: Call, dry_run: bool, adopt: bool, max_changes: int | None, yes: bool, timeout: float
) -> int:
    """Let vRealize Operations agree with vCenter.

    All hosts are compared. Maintenance is started where it is missing, renewed where hosts are
    still in maintenance mode, and ended where vCenter says that it is over. What may be a person's
    is left alone, and hosts that have been in maintenance mode for longer than
    MAINTENANCE_OVERDUE_DAYS are named.

    --adopt is for those who come from functions that set open-ended maintenance, or who have
    just switched leases on: it ends what such functions have left behind. It cannot tell that
    from what a person has set, so that it asks before it does.

    \b
    Examples:
      maintenance-mirror reconcile --dry-run
      maintenance-mirror reconcile --max-changes 200
      maintenance-mirror reconcile --adopt --yes

    \b
    Exit codes:
      0  all was done, or there was nothing to do
      1  something failed
      2  wrong use or configuration
      3  it would change more hosts than it may, so it started and ended none
    """
    ask = adopt and not dry_run and not yes
    if ask and not sys.stdin.isatty():
        raise click.UsageError(
            "--adopt may end a person's maintenance: without a terminal, add --yes"
        )
    with both_sides(call.environ, call.connect) as (_, clients), deadline(timeout * 60):
        context = _limited(clients.context(SweepListener()), max_changes)
        return _sweep(context, call.terminal, dry_run=dry_run, adopt=adopt, ask=ask)


def _limited(context: Context, max_changes: int | None) -> Context:
    """Let the sweep change as many hosts; None leaves that as it is configured."""
    if max_changes is None:
        return context
    return replace(context, policy=replace(context.policy, max_changes=max_changes))


def _sweep(context: Context, terminal: Terminal, *, dry_run: bool, adopt: bool, ask: bool) -> int:
    """Compare all hosts, show the plan, carry it out, and say how that went.

    With ``ask``, nobody's open-ended maintenance is ended before a person has agreed.
    """
    try:
        with ShownSweep(terminal, ask=ask, writes=not dry_run) as shown:
            watched = replace(context, listener=shown)
            report = reconciliation.reconcile(watched, dry_run=dry_run, adopt=adopt)
    except DeclinedError:
        terminal.note("Nothing was changed.")
        return FAILED
    return _show(report, terminal, dry_run=dry_run)


def _show(report: Report, terminal: Terminal, *, dry_run: bool) -> int:
    """Say how a sweep went; returns the exit code."""
    if report.refusal:
        _show_refusal(report, terminal)
        return REFUSED
    _show_result(report, terminal, dry_run=dry_run)
    return FAILED if report.faults else OK


class DeclinedError(Exception):
    """A person was asked, and does not want the sweep to go on."""


class ShownSweep(SweepListener):
    """Shows a sweep as it goes: how far it is on stderr, and its plan on stdout."""

    def __init__(self, terminal: Terminal, *, ask: bool, writes: bool) -> None:
        self._terminal = terminal
        self._ask = ask
        self._written = _WRITTEN if writes else ()
        self._showing = ExitStack()

    def __enter__(self) -> "ShownSweep":
        """Begin to show how far it is."""
        self._show = self._showing.enter_context(self._terminal.busy())
        return self

    def __exit__(self, *raised: object) -> None:
        """End that, however the sweep ended."""
        self._showing.close()

    def read(self, vcenter: str, side: str, count: int) -> None:
        """See SweepListener.read."""
        self._show(f"{vcenter}: {count} hosts read from {side}")

    def refused(self, error: SweepRefusedError) -> None:
        """See SweepListener.refused: nothing will be ended that a person would be asked about."""
        self._ask = False
        self._written = tuple(verb for verb in self._written if verb in _WRITTEN_IF_REFUSED)

    def planned(self, actions: list[Action]) -> None:
        """See SweepListener.planned; raises DeclinedError if a person was asked, and says no."""
        self._showing.close()
        if actions:
            self._terminal.show_hosts(_COLUMNS, actions, _VCENTER)
            self._terminal.say("")
        if self._ask:
            _ask_about(actions)
        count = sum(action.verb in self._written for action in actions)
        if count:
            self._advance = self._showing.enter_context(self._terminal.progress("writing", count))

    def done(self, action: Action, seen: bool) -> None:
        """See SweepListener.done."""
        self._advance()
        if not seen:
            self._terminal.note(f"{action.host}: accepted, but the new state is not visible yet")

    def overdue(self, found: Overdue) -> None:
        """See SweepListener.overdue."""
        self._terminal.note(f"{found.host}: overdue: {found.reason}")

    def corrected(self, outcome: Outcome) -> None:
        """See SweepListener.corrected."""
        self._terminal.note(f"{outcome.host}: {outcome.action}, since its mode has just changed")

    def failed(self, where: str, error: MaintenanceError) -> None:
        """See SweepListener.failed."""
        self._terminal.error(f"{where}: {error}")


def _ask_about(actions: list[Action]) -> None:
    """Raise DeclinedError unless a person agrees to end what may be another person's."""
    adopted = [action for action in actions if action.verb == "end" and _open_ended(action)]
    hosts = sum(action.host.is_host for action in adopted)
    question = f"End the open-ended maintenance of {_things(hosts, len(adopted) - hosts)}?"
    if adopted and not click.confirm(question, err=True):
        raise DeclinedError


def _open_ended(action: Action) -> bool:
    state = action.resource.state if action.resource else None
    return state is ResourceState.OPEN_ENDED


def _hosts(count: int) -> str:
    return "1 host" if count == 1 else f"{count} hosts"


def _things(hosts: int, companions: int) -> str:
    if not companions:
        return _hosts(hosts)
    return f"{_hosts(hosts)} and {companions} companion{'s' if companions > 1 else ''}"


def _show_refusal(report: Report, terminal: Terminal) -> None:
    # Each has a brake of its own, so that no more than the larger of both has to be allowed.
    counts = Counter(action.host.is_host for action in report.actions if action.changes)
    changes = max(counts.values())
    terminal.error(f"REFUSED: {report.refusal}")
    terminal.note(_counted(report))
    for line in _GO_ON.format(changes=changes).splitlines():
        terminal.note(line)


def _show_result(report: Report, terminal: Terminal, *, dry_run: bool) -> None:
    if dry_run:
        terminal.say(f"Dry run, nothing was changed. {_counted(report)}")
    elif report.faults:
        terminal.say(f"Not all of it was done. {_counted(report)}")
    else:
        terminal.say(report.summary())


def _counted(report: Report) -> str:
    counts = Counter(report.counts())
    words = [f"{counts[verb]} {text}" for verb, text in _PLANNED.items() if counts[verb]]
    compared = _things(report.hosts, report.companions)
    return f"{compared} compared: {', '.join(words) or 'nothing to do'}"


def _name(action: Action) -> str:
    name = action.host.name or action.host.moref
    return name if action.host.is_host else f"{action.host.word} {name}"


def _style(action: Action) -> str:
    return _STYLES.get(action.verb, "dim")


_COLUMNS: Final = (
    Column[Action]("Host", _name),
    Column[Action]("Action", lambda action: action.verb, _style),
    Column[Action]("Why", lambda action: action.reason),
    Column[Action]("Until (UTC)", lambda action: moment(action.until)),
)
_VCENTER: Final = Column[Action]("vCenter", lambda a: a.host.vcenter, lambda a: "dim")
