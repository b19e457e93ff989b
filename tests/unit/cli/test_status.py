"""status: what is shown of each host, and in which form."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.board.comparison import Row, compare
from adapters.cli.status.export import as_csv, as_json
from functions.context import Policy
from functions.errors import MaintenanceError, RequestRejectedError, VCenterUnavailableError
from functions.events import HostRef
from functions.ports import ModeChange, Resource, ResourceState, VCenterHost
from tests.unit.cli.runner import (
    ADDRESS,
    LEASED,
    FakeClients,
    FakeVrops,
    FakeVSphere,
    clients,
    command,
    hosts,
)

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
HOST = HostRef("host-1", "esx01.lab.local", ADDRESS)
MONITORED = ResourceState.MONITORED
TIMED = ResourceState.TIMED
OPEN_ENDED = ResourceState.OPEN_ENDED


LEFT = [ModeChange(HOST.moref, False, NOW)]
USER = "LAB\\anna"


def row(
    mode: bool,
    state: ResourceState,
    lease: int | None,
    changes: Sequence[ModeChange] | None = LEFT,
) -> Row:
    known = [Resource("id", HOST, state, HOST.moref)]
    (found,) = compare([VCenterHost(HOST, mode)], known, Policy(lease), NOW, changes)
    return found


@pytest.mark.parametrize(
    ("lease", "state", "whose"),
    [
        (60, TIMED, "ours"),
        (60, OPEN_ENDED, "person"),
        (None, TIMED, "other"),
        (None, OPEN_ENDED, "unknown"),
        (60, MONITORED, None),
        (None, MONITORED, None),
    ],
)
@pytest.mark.parametrize("mode", [True, False])
def test_leases_tell_whose_maintenance_is(
    lease: int | None, state: ResourceState, whose: str | None, mode: bool
) -> None:
    assert row(mode, state, lease).whose == whose


@pytest.mark.parametrize(
    ("mode", "changes", "verb", "whose"),
    [
        (True, None, "renew", "ours"),
        (True, [], "renew", "ours"),
        (True, [ModeChange(HOST.moref, True, NOW)], None, "ours"),
        (False, LEFT, "end", "ours"),
        (False, [], "leave", "person"),
        (False, [ModeChange("host-2", False, NOW)], "leave", "person"),
        (False, None, "leave", "unknown"),
        (False, [ModeChange(HOST.moref, True, NOW)], "leave", "unknown"),
    ],
)
def test_vcenters_events_tell_whose_a_timed_window_is(
    mode: bool, changes: Sequence[ModeChange] | None, verb: str | None, whose: str
) -> None:
    found = row(mode, TIMED, 60, changes)
    assert (found.verb, found.whose) == (verb, whose)


def test_a_whole_vcenter_in_timed_windows_is_a_persons() -> None:
    known = [Resource(each.moref, each, TIMED, each.moref) for each in hosts(5)]
    in_service = [VCenterHost(each, False) for each in hosts(5)]
    rows = compare(in_service, known, Policy(60), NOW, LEFT)
    assert {(each.verb, each.whose) for each in rows} == {("leave", "person")}
    assert "whole vCenter" in rows[0].reason


@pytest.mark.parametrize(
    ("state", "changes", "whose"),
    [(OPEN_ENDED, LEFT, "person"), (TIMED, [], "unknown"), (TIMED, None, "unknown")],
)
def test_what_is_left_of_a_host_that_is_gone_and_is_not_ours_is_a_finding(
    state: ResourceState, changes: Sequence[ModeChange] | None, whose: str
) -> None:
    (gone,) = compare([], [Resource("id", HOST, state, HOST.moref)], Policy(60), NOW, changes)
    assert (gone.in_maintenance_mode, gone.verb, gone.whose) == (None, "leave", whose)
    assert gone.reason.startswith("unknown to its vCenter; ")
    assert (gone.agrees, gone.matters) == (False, True)


def test_a_leftover_is_shown_and_ends_with_3() -> None:
    both = clients(hosts(2))
    both.vspheres[0].remove("host-2")
    both.operations.set_state(hosts(2)[1], TIMED)
    shown = command("status", "--output", "json", connect=both.connect, environ=LEASED)
    (found,) = json.loads(shown.out)
    assert (shown.code, found["host"], found["sweep"]) == (3, "esx02.lab.local", "leave")


@pytest.mark.parametrize("state", ResourceState)
@pytest.mark.parametrize("mode", [True, False])
def test_both_sides_agree_if_both_or_neither_say_maintenance(
    state: ResourceState, mode: bool
) -> None:
    assert row(mode, state, 60).agrees == (mode == state.maintained)


def test_what_a_sweep_would_do_is_what_a_sweep_plans() -> None:
    assert (row(True, MONITORED, None).verb, row(False, TIMED, 60).verb) == ("start", "end")
    assert (row(True, OPEN_ENDED, None).verb, row(False, MONITORED, None).verb) == (None, None)
    assert row(False, OPEN_ENDED, None).reason.startswith("open-ended")


def test_a_host_that_one_side_does_not_know_differs() -> None:
    (unknown,) = compare([VCenterHost(HOST, False)], [], Policy(), NOW)
    assert (unknown.state, unknown.verb, unknown.agrees) == (None, "report", False)
    left_over = Resource("id", HOST, MONITORED, HOST.moref)
    (gone,) = compare([], [left_over], Policy(), NOW)
    assert (gone.in_maintenance_mode, gone.state, gone.verb) == (None, MONITORED, "report")
    assert not gone.agrees


def test_two_resources_with_one_moref_are_not_taken_for_either() -> None:
    twins = [Resource(each, HOST, TIMED, HOST.moref) for each in ("a", "b")]
    (found,) = compare([VCenterHost(HOST, True)], twins, Policy(60), NOW)
    assert (found.state, found.verb, found.agrees) == (None, "report", False)


def test_only_hosts_that_matter_are_shown_unless_all_are_wanted() -> None:
    both = clients(hosts(3))
    both.vspheres[0].enter("host-2")
    some = command("status", "--output", "json", connect=both.connect)
    assert [each["host"] for each in json.loads(some.out)] == ["esx02.lab.local"]
    every = command("status", "--all", "--output", "json", connect=both.connect)
    assert len(json.loads(every.out)) == 3


def test_json_tells_everything_of_a_host() -> None:
    both = clients(hosts(1))
    both.clock.moment = NOW
    both.vspheres[0].enter("host-1", USER)
    both.clock.advance(61)
    both.operations.set_state(hosts(1)[0], TIMED)
    shown = command("status", "--output", "json", connect=both.connect, environ=LEASED)
    assert (shown.code, shown.err) == (0, "")
    assert json.loads(shown.out) == [
        {
            "host": "esx01.lab.local",
            "moref": "host-1",
            "vcenter": ADDRESS,
            "in_maintenance_mode": True,
            "state": "MAINTAINED",
            "agrees": True,
            "since": "2026-03-14T09:30:00Z",
            "user": "LAB\\anna",
            "overdue": False,
            "whose": "ours",
            "sweep": "renew",
            "reason": "still in maintenance mode",
        }
    ]


def test_nothing_to_show_is_an_empty_list_or_a_header_alone() -> None:
    both = clients(hosts(1))
    assert json.loads(command("status", "--output", "json", connect=both.connect).out) == []
    table = command("status", "--output", "csv", connect=both.connect)
    assert (table.code, table.out.count("\r\n")) == (0, 1)


def test_csv_holds_what_json_holds() -> None:
    rows = [row(True, TIMED, 60), _long_in(row(True, OPEN_ENDED, None))]
    header, *lines = csv.reader(io.StringIO(as_csv(rows)), strict=True)
    objects = json.loads(as_json(rows))
    assert header == [*objects[0]]
    assert [dict(zip(header, line, strict=True)) for line in lines] == [
        {name: _in_csv(value) for name, value in each.items()} for each in objects
    ]


def _long_in(row: Row) -> Row:
    return replace(row, entered=ModeChange(HOST.moref, True, NOW, USER), overdue=True)


def _in_csv(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else value


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\uff1d1", '"=1', "a,b", 'a"b', "-"]
)
def test_no_cell_of_csv_is_a_formula(name: str) -> None:
    named = replace(row(True, TIMED, 60), host=HostRef("host-1", name, ADDRESS))
    _, (cell, *_) = csv.reader(io.StringIO(as_csv([named])), strict=True)
    assert not cell.lstrip().startswith(("=", "+", "-", "@", "\t", "\uff1d"))
    assert cell.endswith(name[-1])


def test_html_is_a_page_of_the_hosts_that_matter_or_of_all() -> None:
    both = clients(hosts(3))
    both.vspheres[0].enter("host-2", USER)
    shown = command("status", "--output", "html", connect=both.connect)
    assert (shown.code, shown.err) == (3, "")
    assert shown.out.startswith("<!DOCTYPE html>")
    assert '<p class="soft">3 hosts, 1 of them in maintenance mode in vCenter</p>' in shown.out
    assert [each for each in ("esx01", "esx02", "esx03") if each in shown.out] == ["esx02"]
    every = command("status", "--all", "--output", "html", connect=both.connect)
    assert [each for each in ("esx01", "esx02", "esx03") if each in every.out] == [
        "esx01",
        "esx02",
        "esx03",
    ]


def test_the_exit_code_tells_whether_both_sides_agree() -> None:
    both = clients(hosts(2))
    assert command("status", connect=both.connect).code == 0
    both.vspheres[0].enter("host-1")
    assert command("status", connect=both.connect).code == 3
    both.operations.set_state(hosts(1)[0], OPEN_ENDED)
    assert command("status", connect=both.connect).code == 0


def test_a_failing_vcenter_does_not_hide_the_others() -> None:
    first, second = hosts(1, "a.lab.local"), hosts(1, "b.lab.local")
    failing = VCenterUnavailableError("it cannot be reached")
    both = FakeClients(
        FakeVrops([*first, *second]),
        [
            FakeVSphere(first, address="a.lab.local", failures=[failing]),
            FakeVSphere(second, address="b.lab.local"),
        ],
    )
    both.vspheres[1].enter("host-1")
    shown = command("status", "--output", "json", connect=both.connect)
    assert (shown.code, shown.err) == (1, "Error: a.lab.local: it cannot be reached\n")
    assert [each["vcenter"] for each in json.loads(shown.out)] == ["b.lab.local"]


@dataclass
class Silent(FakeVSphere):
    """A vCenter that does not let us read its events, or fails to."""

    error: MaintenanceError = field(default_factory=lambda: RequestRejectedError("no privilege"))

    def entered(self, morefs: Any) -> dict[str, ModeChange]:
        raise self.error

    def mode_changes(self, since: Any, moref: str = "") -> list[ModeChange]:
        raise self.error


def silent(error: MaintenanceError | None = None) -> FakeClients:
    """Two hosts: one in maintenance mode, the other in a timed window."""
    vsphere = Silent(hosts(2), error=error) if error else Silent(hosts(2))
    both = FakeClients(FakeVrops(hosts(2)), [vsphere])
    vsphere.enter("host-1", USER)
    both.operations.set_state(hosts(2)[1], TIMED)
    return both


def test_events_that_may_not_be_read_only_leave_out_since_when() -> None:
    shown = command("status", "--output", "json", connect=silent().connect)
    assert (shown.code, shown.err) == (3, "since when is not known: no privilege\n")
    first = json.loads(shown.out)[0]
    assert [first[name] for name in ("since", "user", "overdue")] == [None, None, None]


def test_with_leases_they_leave_out_whose_timed_windows_are_too() -> None:
    shown = command("status", "--output", "json", connect=silent().connect, environ=LEASED)
    assert (shown.code, shown.err.splitlines()) == (
        3,
        [
            "whose timed windows are is not known: no privilege",
            "since when is not known: no privilege",
        ],
    )
    rows = json.loads(shown.out)
    assert [(each["sweep"], each["whose"]) for each in rows] == [
        ("start", None),
        ("leave", "unknown"),
    ]


def test_a_vcenter_that_fails_to_tell_them_is_a_failure_whose_hosts_are_shown() -> None:
    both = silent(VCenterUnavailableError("it broke off"))
    shown = command("status", "--output", "json", connect=both.connect, environ=LEASED)
    assert (shown.code, len(json.loads(shown.out))) == (1, 2)
    assert shown.err.splitlines() == [
        f"Error: {ADDRESS}: whose timed windows are is not known: it broke off",
        f"Error: {ADDRESS}: since when is not known: it broke off",
    ]


def forgotten() -> FakeClients:
    """Five hosts, in maintenance mode: for longer than is told, for 20 and 2 days; two are not."""
    both = clients(hosts(5))
    (vsphere,) = both.vspheres
    vsphere.modes[vsphere.host("host-1")] = True
    vsphere.enter("host-2", USER)
    both.clock.advance(18 * 24 * 60)
    vsphere.enter("host-3", "LAB\\bert")
    vsphere.enter("host-4")
    both.clock.advance(2 * 24 * 60)
    vsphere.leave("host-4")
    for host in hosts(3):
        both.operations.set_state(host, TIMED)
    return both


def test_a_host_is_overdue_by_its_event_or_without_one() -> None:
    both = forgotten()
    arguments = ("status", "--all", "--output", "json")
    shown = command(*arguments, connect=both.connect, environ=LEASED)
    told = [(each["user"], each["overdue"]) for each in json.loads(shown.out)]
    assert told == [(None, True), (USER, True), ("LAB\\bert", False), (None, None), (None, None)]
    assert shown.code == 0


def test_the_settings_say_what_is_overdue() -> None:
    for days, overdue in (("19", 2), ("21", 1), ("1", 3)):
        environ = {**LEASED, "MAINTENANCE_OVERDUE_DAYS": days}
        shown = command("status", connect=forgotten().connect, environ=environ)
        assert shown.out.splitlines()[-1] == (
            f"5 hosts compared: 3 in maintenance mode in vCenter, 0 differ, {overdue} overdue (!)"
        )


def test_a_table_marks_what_is_overdue_and_says_by_whom() -> None:
    lines = command("status", connect=forgotten().connect, environ=LEASED).out.splitlines()
    assert lines[0].split()[4:7] == ["Since", "(UTC)", "By"]
    assert "  long ago !  " in lines[2]
    assert f"2026-03-14 09:26 !  {USER} " in lines[3]
    assert "2026-04-01 09:26    LAB\\bert" in lines[4]


@pytest.mark.parametrize(
    ("age", "numbers"),
    [("1d", [1, 2, 3]), ("47h", [1, 2, 3]), ("48h", [1, 2]), ("19d", [1, 2]), ("20d", [1])],
)
@pytest.mark.parametrize("output", ["json", "csv", "table"])
def test_only_hosts_in_maintenance_mode_for_longer_are_listed_if_that_is_wanted(
    age: str, numbers: list[int], output: str
) -> None:
    both = forgotten()
    arguments = ("status", "--older-than", age, "--output", output)
    shown = command(*arguments, connect=both.connect, environ=LEASED)
    assert (shown.code, shown.err) == (3, "")
    names = [each.name for each in hosts(5) if each.name in shown.out]
    assert names == [f"esx{number:02}.lab.local" for number in numbers]


def test_a_table_of_them_says_who_and_how_many() -> None:
    shown = command("status", "--older-than", "14d", connect=forgotten().connect, environ=LEASED)
    lines = shown.out.splitlines()
    assert lines[0].split() == ["Host", "vCenter", "State", "Since", "(UTC)", "By"]
    assert lines[3].rstrip().endswith(f"2026-03-14 09:26 !  {USER}")
    assert lines[-1] == (
        "5 hosts compared: 3 in maintenance mode in vCenter, 2 of them for longer than that"
    )


def test_without_such_hosts_the_exit_code_is_0_though_both_sides_may_differ() -> None:
    both = clients(hosts(2))
    both.vspheres[0].enter("host-1")
    for output, lines in (("json", 1), ("csv", 1), ("table", 1)):
        arguments = ("status", "--older-than", "1h", "--output", output)
        shown = command(*arguments, connect=both.connect)
        assert (shown.code, shown.out.count("\n"), shown.err) == (0, lines, "")


def test_nobody_says_that_there_are_no_such_hosts_where_that_is_not_told() -> None:
    shown = command("status", "--older-than", "14d", connect=silent().connect)
    assert (shown.code, shown.err) == (1, "since when is not known: no privilege\n")
    assert shown.out.splitlines()[-1].endswith(
        "1 in maintenance mode in vCenter, 0 of them for longer than that"
    )


@pytest.mark.parametrize(
    "age", ["14", "d", "", "0d", "-1d", "1.5d", "14 d", "2w", "\u0661d", "9" * 9 + "d"]
)
def test_an_age_that_is_none_is_wrong_use_and_says_what_it_takes(age: str) -> None:
    both = forgotten()
    shown = command("status", "--older-than", age, connect=both.connect)
    assert (shown.code, shown.out, both.settings) == (2, "", None)
    assert "is not a number of days or hours, as 14d or 36h are" in shown.err


@pytest.mark.exhaustive
def test_ten_thousand_hosts_are_shown() -> None:
    both = clients(hosts(10_000))
    for host in hosts(3_000):
        both.vspheres[0].enter(host.moref)
    shown = command("status", "--all", "--output", "json", connect=both.connect)
    assert len(json.loads(shown.out)) == 10_000
    lines = command("status", connect=both.connect).out.splitlines()
    assert _count(lines, "start: in maintenance mode, but monitored") == 3_000
    assert lines[-1] == "10000 hosts compared: 3000 in maintenance mode in vCenter, 3000 differ"


def _count(lines: Sequence[str], text: str) -> int:
    return sum(text in line for line in lines)
