"""reconcile: what is shown and asked, and with which exit code it ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import get_args

import pytest

from adapters.cli.reconcile import ShownSweep
from adapters.cli.terminal import Terminal
from functions.errors import (
    OperationsUnavailableError,
    SweepRefusedError,
    VCenterUnavailableError,
)
from functions.events import HostRef
from functions.outcomes import Action, Verb
from functions.ports import ModeChange, Resource, ResourceState, VCenterHost
from tests.unit.cli.runner import (
    LEASED,
    FakeClients,
    FakeVrops,
    FakeVSphere,
    clients,
    command,
    hosts,
)

TIMED = ResourceState.TIMED
OPEN_ENDED = ResourceState.OPEN_ENDED
REFUSAL = SweepRefusedError("too many")


def drifted() -> FakeClients:
    """Three hosts: one to start, one to end, one of a person's."""
    both = clients(hosts(3))
    first, second, third = hosts(3)
    both.vspheres[0].enter(first.moref)
    both.vspheres[0].enter(second.moref)
    both.vspheres[0].leave(second.moref)
    both.operations.set_state(second, TIMED)
    both.operations.set_state(third, OPEN_ENDED)
    return both


def test_a_sweep_shows_its_plan_and_what_was_done() -> None:
    both = drifted()
    done = command("reconcile", connect=both.connect, environ=LEASED)
    assert (done.code, done.err) == (0, "")
    lines = [line.split() for line in done.out.splitlines()]
    assert [line[2] for line in lines[2:5]] == ["start", "end", "leave"]
    assert done.out.splitlines()[-1] == (
        "3 hosts compared: 1 started, 0 renewed, 1 ended, 1 left alone, 0 not comparable"
    )
    assert both.operations.maintained() == {hosts(3)[0], hosts(3)[2]}


def test_a_dry_run_shows_the_plan_and_changes_nothing() -> None:
    both = drifted()
    before = both.operations.maintained()
    done = command("reconcile", "--dry-run", connect=both.connect, environ=LEASED)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == (
        "Dry run, nothing was changed. 3 hosts compared: 1 to start, 1 to end, 1 to leave alone"
    )
    assert both.operations.maintained() == before


def test_a_timed_window_of_a_host_that_was_not_in_maintenance_mode_is_left() -> None:
    both = clients(hosts(2))
    both.operations.set_state(hosts(2)[0], TIMED)
    for arguments in ([], ["--adopt", "--yes"]):
        done = command("reconcile", *arguments, connect=both.connect, environ=LEASED)
        assert (done.code, done.err) == (0, "")
        assert done.out.splitlines()[2].rstrip().split(maxsplit=3)[2:] == [
            "leave",
            "a timed window of a host that was not in maintenance mode within the last lease",
        ]
        assert both.operations.maintained() == {hosts(2)[0]}


OVERDUE = (
    f"{hosts(1)[0]}: overdue: in maintenance mode since 2026-03-14 09:26 UTC, by LAB\\anna\n"
    f"{hosts(2)[1]}: overdue: in maintenance mode for longer than its vCenter remembers\n"
)


@pytest.mark.parametrize("arguments", [[], ["--dry-run"], ["--max-changes", "0"]])
def test_overdue_hosts_are_named_once(arguments: list[str]) -> None:
    both = clients(hosts(4))
    (vsphere,) = both.vspheres
    vsphere.enter("host-1", "LAB\\anna")
    both.clock.advance(13 * 24 * 60)
    vsphere.enter("host-3")
    both.clock.advance(2 * 24 * 60)
    vsphere.modes[vsphere.host("host-2")] = True
    done = command("reconcile", *arguments, connect=both.connect, environ=LEASED)
    assert done.code == (3 if "--max-changes" in arguments else 0)
    assert done.err.startswith(OVERDUE)
    assert done.err.count("overdue") == 2


def test_the_settings_say_what_is_overdue() -> None:
    both = clients(hosts(1))
    both.vspheres[0].enter("host-1")
    both.clock.advance(2 * 24 * 60)
    for days, is_overdue in (("1", True), ("3", False)):
        environ = {**LEASED, "MAINTENANCE_OVERDUE_DAYS": days}
        done = command("reconcile", "--dry-run", connect=both.connect, environ=environ)
        assert (done.code, "overdue" in done.err) == (0, is_overdue)


def test_a_refused_sweep_that_renews_says_both() -> None:
    both = drifted()
    both.operations.set_state(hosts(1)[0], TIMED, minutes=90)
    both.clock.advance(61)
    done = command("reconcile", "--max-changes", "0", connect=both.connect, environ=LEASED)
    assert done.code == 3
    said = done.err.splitlines()
    assert said[:2] == [
        "Error: REFUSED: would change 1 of 3 hosts, more than 0 (RECONCILE_MAX_CHANGES),"
        " so nothing was changed; renewed all the same: 1",
        "3 hosts compared: 1 to renew, 1 to end, 1 to leave alone",
    ]
    assert both.operations.minutes(hosts(1)[0]) == 120
    assert both.operations.state(hosts(2)[1]) == TIMED


def test_a_refused_dry_run_does_not_claim_to_have_renewed() -> None:
    both = drifted()
    both.operations.set_state(hosts(1)[0], TIMED, minutes=90)
    both.clock.advance(61)
    arguments = ("reconcile", "--dry-run", "--max-changes", "0")
    done = command(*arguments, connect=both.connect, environ=LEASED)
    assert (done.code, "renewed" in done.err) == (3, False)
    assert both.operations.minutes(hosts(1)[0]) == 90


class Bars(Terminal):
    """A terminal that writes down the totals of its progress bars, and what is advanced."""

    def __init__(self) -> None:
        super().__init__()
        self.totals: list[int] = []
        self.advanced = 0

    @contextmanager
    def progress(self, text: str, total: int) -> Iterator[Callable[[], None]]:
        self.totals.append(total)
        yield self._advance

    def _advance(self) -> None:
        self.advanced += 1


def test_a_progress_bar_counts_only_what_is_written() -> None:
    actions = [Action(verb, hosts(1)[0], "") for verb in get_args(Verb)]
    for writes, refusal, total in ((True, None, 3), (True, REFUSAL, 1), (False, REFUSAL, None)):
        terminal = Bars()
        with ShownSweep(terminal, ask=False, writes=writes) as shown:
            if refusal:
                shown.refused(refusal)
            shown.planned(actions)
        assert terminal.totals == ([] if total is None else [total])


def test_nobody_is_asked_about_a_sweep_that_is_refused() -> None:
    open_ended = Resource("id", hosts(1)[0], OPEN_ENDED)
    with ShownSweep(Terminal(), ask=True, writes=True) as shown:
        shown.refused(REFUSAL)
        shown.planned([Action("end", hosts(1)[0], "", open_ended)])


def test_nothing_to_do_is_one_line() -> None:
    done = command("reconcile", connect=clients(hosts(2)).connect)
    assert (done.code, done.out.count("\n"), done.err) == (0, 1, "")
    dry = command("reconcile", "--dry-run", connect=clients(hosts(2)).connect)
    assert dry.out == "Dry run, nothing was changed. 2 hosts compared: nothing to do\n"


def test_the_brake_is_loud_and_says_how_to_go_on() -> None:
    both = drifted()
    before = both.operations.maintained()
    done = command("reconcile", "--max-changes", "1", connect=both.connect, environ=LEASED)
    assert done.code == 3
    said = done.err.splitlines()
    assert said[0] == (
        "Error: REFUSED: would change 2 of 3 hosts, more than 1 (RECONCILE_MAX_CHANGES),"
        " so nothing was changed"
    )
    assert said[1] == "3 hosts compared: 1 to start, 1 to end, 1 to leave alone"
    assert said[2].endswith("maintenance-mirror status")
    assert said[3].endswith("maintenance-mirror reconcile --max-changes 2")
    assert both.operations.maintained() == before


def test_what_the_brake_says_lets_the_sweep_go_on() -> None:
    both = drifted()
    changes = command("reconcile", "--max-changes", "0", connect=both.connect, environ=LEASED)
    advice = changes.err.splitlines()[-1].split("maintenance-mirror ")[1].split()
    assert command(*advice, connect=both.connect, environ=LEASED).code == 0


def test_the_brake_is_the_functions_unless_it_is_told_otherwise() -> None:
    both = drifted()
    braked = {**LEASED, "RECONCILE_MAX_CHANGES": "1"}
    assert command("reconcile", connect=both.connect, environ=braked).code == 3
    assert (
        command("reconcile", "--max-changes", "2", connect=both.connect, environ=braked).code == 0
    )


def test_a_dry_run_tells_that_the_brake_would_hold() -> None:
    both = drifted()
    done = command("reconcile", "--dry-run", "--max-changes", "1", connect=both.connect)
    assert (done.code, "REFUSED" in done.err) == (0, False)
    assert command("reconcile", "--dry-run", "--max-changes", "0", connect=both.connect).code == 3


def test_what_fails_is_a_line_and_spares_the_rest() -> None:
    failing = VCenterUnavailableError("it cannot be reached")
    first, second = hosts(1, "a.lab.local"), hosts(1, "b.lab.local")
    both = FakeClients(
        FakeVrops([*first, *second]),
        [
            FakeVSphere(first, address="a.lab.local", failures=[failing]),
            FakeVSphere(second, address="b.lab.local"),
        ],
    )
    both.vspheres[1].enter("host-1")
    done = command("reconcile", connect=both.connect)
    assert (done.code, done.err) == (1, "Error: a.lab.local: it cannot be reached\n")
    assert done.out.splitlines()[-1] == "Not all of it was done. 1 host compared: 1 to start"
    assert both.operations.maintained() == {*second}


class FailingLate(FakeVrops):
    """A vRealize Operations that can be read, and not written to."""

    def start_maintenance(self, resource: object, minutes: int | None) -> bool:
        raise OperationsUnavailableError("PUT was answered with 503")


def test_a_write_that_fails_is_a_failure() -> None:
    both = FakeClients(FailingLate(hosts(1)), [FakeVSphere(hosts(1))])
    both.vspheres[0].enter("host-1")
    done = command("reconcile", connect=both.connect)
    assert done.code == 1
    assert done.err == "Error: vRealize Operations: PUT was answered with 503\n"


def test_what_does_not_show_yet_is_named_and_no_failure() -> None:
    both = clients(hosts(1))
    both.operations.slow = True
    both.vspheres[0].enter("host-1")
    done = command("reconcile", connect=both.connect)
    assert done.code == 0
    assert done.err == (f"{hosts(1)[0]}: accepted, but the new state is not visible yet\n")


class Restless(FakeVSphere):
    """A vCenter whose host leaves maintenance mode once all hosts were read."""

    def hosts(self) -> Iterator[VCenterHost]:
        yield from list(super().hosts())
        self.leave("host-1")


def test_a_host_that_changes_meanwhile_is_put_right_and_named() -> None:
    both = FakeClients(FakeVrops(hosts(1)), [Restless(hosts(1))])
    both.vspheres[0].enter("host-1")
    done = command("reconcile", connect=both.connect)
    assert (done.code, both.operations.maintained()) == (0, set())
    assert done.err == f"{hosts(1)[0]}: exited, since its mode has just changed\n"


def test_adopting_without_a_terminal_needs_a_yes() -> None:
    both = drifted()
    done = command("reconcile", "--adopt", connect=both.connect, environ=LEASED)
    assert (done.code, both.settings) == (2, None)
    assert "--yes" in done.err


def test_adopting_ends_what_may_be_a_persons() -> None:
    both = drifted()
    done = command("reconcile", "--adopt", "--yes", connect=both.connect, environ=LEASED)
    assert (done.code, done.err) == (0, "")
    assert both.operations.maintained() == {hosts(1)[0]}


def test_a_dry_run_of_adopting_needs_no_yes() -> None:
    both = drifted()
    done = command("reconcile", "--adopt", "--dry-run", connect=both.connect, environ=LEASED)
    assert (done.code, "2 to end" in done.out) == (0, True)
    assert hosts(3)[2] in both.operations.maintained()


def test_leave_is_taken_however_it_ends() -> None:
    for arguments in (["reconcile"], ["reconcile", "--max-changes", "0"], ["status"]):
        both = drifted()
        command(*arguments, connect=both.connect)
        assert both.closed == 1


@pytest.mark.exhaustive
def test_ten_thousand_hosts_are_planned() -> None:
    many = [HostRef(f"host-{n}", f"esx{n}", "vcenter.lab.local") for n in range(10_000)]
    both = clients(many)
    (vsphere,) = both.vspheres
    vsphere.modes = dict.fromkeys(many, True)
    vsphere.changes = [ModeChange(each.moref, True, both.clock()) for each in many]
    done = command("reconcile", "--dry-run", "--max-changes", "10000", connect=both.connect)
    assert (done.code, done.out.count("start"), done.err) == (0, 10_001, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--max-changes", "-1"],
        ["--max-changes", "many"],
        ["--timeout", "0"],
        ["--what"],
        ["esx01"],
    ],
)
def test_wrong_use_is_said_without_a_traceback(arguments: list[str]) -> None:
    both = drifted()
    done = command("reconcile", *arguments, connect=both.connect)
    assert (done.code, both.settings) == (2, None)
    assert done.err.splitlines()[-1].startswith("Error: ")
