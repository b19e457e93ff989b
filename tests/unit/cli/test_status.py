"""status: what is shown of each host, and in which form."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.cli import status
from adapters.cli.comparison import Row, compare
from functions.context import Policy
from functions.errors import RequestRejectedError, VCenterUnavailableError
from functions.events import HostRef
from functions.ports import ModeChange, Resource, ResourceState, VCenterHost
from tests.unit.cli.running import (
    ADDRESS,
    ENVIRON,
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
LEASED = {**ENVIRON, "MAINTENANCE_LEASE_MINUTES": "120"}


def row(mode: bool, state: ResourceState, lease: int | None) -> Row:
    known = [Resource("id", HOST, state, HOST.moref)]
    (found,) = compare([VCenterHost(HOST, mode)], known, Policy(lease), NOW)
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
    both.vspheres[0].clock.moment = NOW
    both.vspheres[0].enter("host-1")
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
    rows = [row(True, TIMED, 60), replace(row(False, OPEN_ENDED, None), since=NOW)]
    header, *lines = csv.reader(io.StringIO(status.as_csv(rows)), strict=True)
    objects = json.loads(status.as_json(rows))
    assert header == [*objects[0]]
    assert [dict(zip(header, line, strict=True)) for line in lines] == [
        {name: _in_csv(value) for name, value in each.items()} for each in objects
    ]


def _in_csv(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else value


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\uff1d1", '"=1', "a,b", 'a"b', "-"]
)
def test_no_cell_of_csv_is_a_formula(name: str) -> None:
    named = replace(row(True, TIMED, 60), host=HostRef("host-1", name, ADDRESS))
    _, (cell, *_) = csv.reader(io.StringIO(status.as_csv([named])), strict=True)
    assert not cell.lstrip().startswith(("=", "+", "-", "@", "\t", "\uff1d"))
    assert cell.endswith(name[-1])


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


class Silent(FakeVSphere):
    """A vCenter that does not let us read its events."""

    def entered(self, morefs: Any) -> dict[str, ModeChange]:
        raise RequestRejectedError("no privilege")


def test_events_that_cannot_be_read_only_leave_out_since_when() -> None:
    both = FakeClients(FakeVrops(hosts(1)), [Silent(hosts(1))])
    both.vspheres[0].enter("host-1")
    shown = command("status", "--output", "json", connect=both.connect)
    assert (shown.code, shown.err) == (3, "since when is not known: no privilege\n")
    assert json.loads(shown.out)[0]["since"] is None


def test_ten_thousand_hosts_are_shown() -> None:
    both = clients(hosts(10_000))
    for host in hosts(3_000):
        both.vspheres[0].modes[host] = True
    shown = command("status", "--all", "--output", "json", connect=both.connect)
    assert len(json.loads(shown.out)) == 10_000
    lines = command("status", connect=both.connect).out.splitlines()
    assert _count(lines, "start: in maintenance mode, but monitored") == 3_000
    assert lines[-1] == "10000 hosts compared: 3000 in maintenance mode in vCenter, 3000 differ"


def _count(lines: Sequence[str], text: str) -> int:
    return sum(text in line for line in lines)
