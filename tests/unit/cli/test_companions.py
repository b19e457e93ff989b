"""What goes with hosts, on the command line and in the log."""

import json
from collections.abc import Sequence

import pytest

from adapters.board.comparison import Row, compare
from adapters.cli.doctor import vcenters
from adapters.cli.doctor.findings import Finding
from adapters.config.settings import CommonSettings
from adapters.output import log
from adapters.vrops.models import Instance
from functions.context import Context, Policy
from functions.events import HostRef
from functions.outcomes import Outcome
from functions.ports import Companion, Resource, ResourceState, VCenterHost
from tests.fakes import VCENTER_UUID
from tests.unit.cli.runner import (
    ADDRESS,
    LEASED,
    FakeClients,
    clients,
    command,
    hosts,
)
from tests.unit.cli.test_status import NOW

COLLECTED = Instance("adapter", ADDRESS, VCENTER_UUID)
MONITORED = ResourceState.MONITORED
ALONE = HostRef("datastore-1", "local-01", ADDRESS, "Datastore")
SHARED = HostRef("datastore-9", "shared", ADDRESS, "Datastore")
INCLUDING = {**LEASED, "MAINTENANCE_INCLUDES": "Datastore"}


def estate() -> FakeClients:
    """Two hosts, the first of which is in maintenance mode, with two datastores."""
    first, second = hosts(2)
    both = clients([first, second])
    [vsphere] = both.vspheres
    vsphere.around = {ALONE: {first.moref}, SHARED: {first.moref, second.moref}}
    for datastore, of in ((ALONE, [first]), (SHARED, [first, second])):
        both.operations.add(datastore)
        both.operations.relate(datastore, *of)
    vsphere.enter(first.moref)
    return both


def test_they_are_shown_under_their_host() -> None:
    both = estate()
    done = command("status", "--all", connect=both.connect, environ=INCLUDING)
    names = [line.split("  ")[0:2] for line in done.out.splitlines()[2:6]]
    assert done.code == 3
    assert [name or f"  {under}" for name, under in names] == [
        "esx01.lab.local",
        "  datastore local-01",
        "  datastore shared, of 2 hosts",
        "esx02.lab.local",
    ]
    assert done.out.splitlines()[-1] == (
        "2 hosts and 2 companions compared: 1 in maintenance mode in vCenter, 2 differ"
    )


def test_without_the_variable_nobody_asks_about_them() -> None:
    both = estate()
    done = command("status", "--all", "--output", "json", connect=both.connect, environ=LEASED)
    rows = json.loads(done.out)
    assert [row["host"] for row in rows] == ["esx01.lab.local", "esx02.lab.local"]
    assert not any({"kind", "of_hosts"} & row.keys() for row in rows)


def test_programs_are_told_of_what_kind_they_are() -> None:
    both = estate()
    told = command("status", "--output", "json", connect=both.connect, environ=INCLUDING)
    rows = json.loads(told.out)
    assert [(row["host"], row["kind"], row["of_hosts"], row["sweep"]) for row in rows] == [
        ("esx01.lab.local", "HostSystem", 1, "start"),
        ("local-01", "Datastore", 1, "start"),
    ]
    csv = command("status", "--output", "csv", connect=both.connect, environ=INCLUDING)
    assert csv.out.splitlines()[0].endswith(",sweep,reason,kind,of_hosts")
    assert len(csv.out.splitlines()) == 3


def test_programs_are_told_the_same_whatever_there_is_to_show() -> None:
    empty = clients(hosts(1))
    told = command("status", "--output", "csv", connect=empty.connect, environ=INCLUDING)
    assert told.out.splitlines()[0].endswith(",sweep,reason,kind,of_hosts")
    rows = command("status", "--all", "--output", "json", connect=empty.connect, environ=INCLUDING)
    assert [(row["kind"], row["of_hosts"]) for row in json.loads(rows.out)] == [("HostSystem", 1)]


def test_a_dry_run_names_them_and_counts_them_apart() -> None:
    both = estate()
    done = command("reconcile", "--dry-run", connect=both.connect, environ=INCLUDING)
    assert "datastore local-01" in done.out
    assert done.out.splitlines()[-1] == (
        "Dry run, nothing was changed. 2 hosts and 2 companions compared: 2 to start"
    )
    assert both.operations.maintained() == set()


def test_a_sweep_silences_what_depends_on_nobody_else() -> None:
    both = estate()
    done = command("reconcile", connect=both.connect, environ=INCLUDING)
    assert (done.code, done.err) == (0, "")
    assert both.operations.maintained() == {hosts(1)[0], ALONE}


def test_a_kind_that_cannot_be_read_spares_the_hosts() -> None:
    both = estate()
    both.operations.remove(SHARED)
    both.vspheres[0].around.clear()
    done = command("status", connect=both.connect, environ=INCLUDING)
    assert done.code == 1
    assert "has only 0 of the 1 datastores that vRealize Operations knows" in done.err
    assert "esx01.lab.local" in done.out


def test_no_more_changes_are_proposed_than_either_brake_needs() -> None:
    both = estate()
    done = command("reconcile", "--max-changes", "0", connect=both.connect, environ=INCLUDING)
    assert done.code == 3
    assert "would change 1 of 2 hosts, more than 0" in done.err
    assert "maintenance-mirror reconcile --max-changes 1" in done.err


def test_adopting_asks_about_them_too() -> None:
    both = estate()
    both.operations.set_state(SHARED, ResourceState.OPEN_ENDED)
    command("reconcile", "--adopt", "--yes", connect=both.connect, environ=INCLUDING)
    assert SHARED not in both.operations.maintained()


def companions_found(both: FakeClients, includes: tuple[str, ...]) -> dict[str, Finding]:
    context = Context(
        both.operations, both.vcenters, policy=Policy(120, includes=includes), now=both.clock
    )
    found = vcenters.examined(both.vspheres[0], context, [COLLECTED], reachable=True)
    return {each.name: each for each in found}


def test_doctor_counts_what_both_sides_show() -> None:
    finding = companions_found(estate(), ("Datastore",))["companions"]
    told = "in vCenter and in vRealize Operations: 2 and 2 datastores"
    assert (finding.result, finding.found) == ("ok", told)


def test_doctor_notes_what_only_one_side_shows() -> None:
    both = estate()
    for datastore in (ALONE, SHARED):
        both.operations.remove(datastore)
    finding = companions_found(both, ("Datastore",))["companions"]
    assert finding.result == "note"
    assert finding.advice.startswith("one side shows no datastore; both accounts' scopes")


def test_doctor_does_not_ask_about_them_where_they_do_not_go_with_hosts() -> None:
    assert "companions" not in companions_found(estate(), ())


def row(companion: Companion, resources: Sequence[Resource], modes: dict[str, bool]) -> Row | None:
    """The row of a companion, wherever it is shown."""
    known = [VCenterHost(HostRef(each, each, ADDRESS), mode) for each, mode in modes.items()]
    theirs = [
        Resource(each.host.moref, each.host, ResourceState.MONITORED, each.host.moref)
        for each in known
    ]
    rows = compare(known, [*theirs, *resources], Policy(60), NOW, (), [companion])
    return next(
        (each for row in rows for each in (row, *row.companions) if each.host == companion.ref),
        None,
    )


def test_one_that_is_at_work_and_unknown_is_not_shown() -> None:
    of_one = Companion(ALONE, frozenset({"host-1"}))
    assert row(of_one, [], {"host-1": False}) is None
    found = row(of_one, [], {"host-1": True})
    assert found
    assert (found.verb, found.state) == ("report", None)


def test_one_of_no_host_is_shown_for_itself() -> None:
    known = Resource("id", ALONE, ResourceState.TIMED, ALONE.moref)
    found = row(Companion(ALONE, frozenset()), [known], {"host-1": True})
    assert found
    assert (found.in_maintenance_mode, found.of_hosts) == (False, 0)


def logged(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    log.set_up(CommonSettings(log_format="json"), default_format="json")
    with log.event_line() as entry:
        entry.outcome = outcome
    found: dict[str, object] = json.loads(capsys.readouterr().err)
    return found


def test_the_line_of_a_host_counts_them_and_names_those_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    left = Outcome("left", SHARED, "open-ended", needs_attention=True)
    line = logged(
        Outcome(
            "entered",
            hosts(1)[0],
            needs_attention=True,
            companions=(Outcome("entered", ALONE), left),
        ),
        capsys,
    )
    assert line["level"] == "WARNING"
    assert line["companions"] == {"entered": 1, "left": 1}
    assert line["message"] == (
        "host esx01.lab.local (host-1) of vcenter.lab.local: entered; companions: 1 entered, 1"
        " left; datastore shared (datastore-9) of vcenter.lab.local: left: open-ended"
    )


def test_of_many_that_are_left_the_first_say_enough(capsys: pytest.CaptureFixture[str]) -> None:
    left = tuple(
        Outcome("left", HostRef(f"vm-{n}", "vm", ADDRESS, "VirtualMachine")) for n in range(500)
    )
    line = logged(Outcome("entered", hosts(1)[0], companions=left), capsys)
    assert str(line["message"]).count(": left:") == 10
    assert str(line["message"]).endswith("; and 490 more left")


def test_a_host_without_them_is_told_as_ever(capsys: pytest.CaptureFixture[str]) -> None:
    assert "companions" not in logged(Outcome("entered", hosts(1)[0]), capsys)
