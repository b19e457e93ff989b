"""Sweeps over the real client: what they change, and how much they ask for."""

import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.config.credentials import EnvironCredentials
from adapters.config.settings import VropsSettings
from adapters.outgoing.deadline import deadline
from adapters.outgoing.side_by_side import side_by_side
from adapters.vrops import Vrops
from functions.context import Context, Policy, VCenters
from functions.errors import OperationsUnavailableError
from functions.events import HostRef
from functions.ports import VCenterHost
from functions.reconciliation import Report, reconcile
from lab.operations import Operations, running
from simulator import SettableClock, Simulator, Switches, VCenter
from tests.contract.vrops.clients import connected
from tests.fakes import VCENTER_UUID, FakeVCenter

NAME = "vcenter.lab.local"
LEASE = 120


@contextmanager
def data_centre(
    count: int, switches: Switches | None = None
) -> Iterator[tuple[Simulator, FakeVCenter, Vrops]]:
    """So many hosts, on both sides."""
    known = [VCenter(NAME, uuid=VCENTER_UUID)]
    with Simulator(count, known, switches=switches or Switches()) as simulator:
        refs = [_ref(simulator, name) for name in simulator.states()]
        vcenter = FakeVCenter(refs, NAME)
        with connected(simulator, uuid_of=lambda address: vcenter.instance_uuid) as vrops:
            yield simulator, vcenter, vrops


def _ref(simulator: Simulator, name: str) -> HostRef:
    number = int(name.removeprefix("esx").partition(".")[0])
    return HostRef(f"host-{1000 + number}", name, NAME)


def sweep(vrops: Vrops, vcenter: FakeVCenter, max_changes: int | None = None) -> Report:
    vcenters = VCenters({NAME: vcenter})
    policy = Policy(LEASE, max_changes=max_changes)
    return reconcile(Context(vrops, vcenters, policy=policy, now=vcenter.clock))


def test_a_lost_exit_and_a_lost_enter_are_repaired() -> None:
    with data_centre(5) as (simulator, vcenter, vrops):
        for moref in ("host-1001", "host-1003"):
            vcenter.enter(moref)
        vcenter.leave("host-1001")
        vcenter.clock.advance(LEASE / 2)
        simulator.maintain("esx01.lab.local", minutes=600)
        simulator.maintain("esx02.lab.local")
        simulator.maintain("esx03.lab.local", minutes=1)
        vcenter.enter("host-1004")
        report = sweep(vrops, vcenter)
        assert report.faults == []
        assert report.counts() == {"start": 1, "renew": 1, "end": 1, "leave": 1, "report": 0}
        assert list(simulator.states().values()) == [
            "STARTED",
            "MAINTAINED_MANUAL",
            "MAINTAINED",
            "MAINTAINED",
            "STARTED",
        ]
        ends = simulator.resource("esx03.lab.local").window
        assert ends is not None
        assert ends.ends is not None
        assert ends.ends - simulator.clock.now() > 60 * (LEASE - 2)
        vcenter.clock.advance(LEASE / 2)
        assert sweep(vrops, vcenter).counts()["renew"] == 2


@pytest.mark.parametrize("shows", ["above", "each"])
def test_a_whole_vcenter_that_a_person_has_put_into_maintenance_is_left_alone(shows: str) -> None:
    with data_centre(5, Switches(adapter_maintenance=shows)) as (simulator, vcenter, vrops):
        vcenter.enter("host-1001")
        vcenter.enter("host-1002")
        vcenter.leave("host-1002")
        simulator.maintain_adapter(minutes=600)
        simulator.clear_calls()
        report = sweep(vrops, vcenter)
        assert {each.verb for each in report.actions} <= {"leave"}
        assert not any(call.method in ("PUT", "DELETE") for call in simulator.calls)
        simulator.end_adapter_maintenance()
        assert sweep(vrops, vcenter).counts()["start"] == 1
        assert simulator.state("esx01.lab.local") == "MAINTAINED"


def test_where_all_is_right_a_sweep_only_reads() -> None:
    with data_centre(2500) as (simulator, vcenter, vrops):
        simulator.clear_calls()
        assert sweep(vrops, vcenter).actions == []
        assert [(call.method, call.path.rpartition("/")[2]) for call in simulator.calls] == [
            ("POST", "acquire"),
            ("GET", "adapters"),
            *[("GET", "resources")] * 3,
        ]
        assert simulator.connections == 1


def test_the_next_page_is_asked_for_while_this_one_is_worked_on() -> None:
    with data_centre(2500) as (simulator, _, vrops):
        simulator.clear_calls()
        listed, ends = iter(vrops.resources(NAME)), time.monotonic() + 30
        first = next(listed)
        while (asked := _pages(simulator)) < 2 and time.monotonic() < ends:
            time.sleep(0.01)
        # No more than that, however long it takes.
        assert asked == 2
        assert len([first, *listed]) == 2500
        assert _pages(simulator) == 3


def _pages(simulator: Simulator) -> int:
    return sum(call.path.endswith("/resources") for call in simulator.calls)


@pytest.mark.exhaustive
@pytest.mark.xdist_group("sweeps")
@pytest.mark.parametrize("wrong", [0, 1000])
def test_ten_thousand_hosts_cost_a_call_for_each_thousand_and_one_for_eighty_writes(
    wrong: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with data_centre(10_000) as (simulator, vcenter, vrops):
        for number in range(wrong):
            vcenter.enter(f"host-{1001 + 10 * number}")
        simulator.clear_calls()
        tracemalloc.start()
        started = time.perf_counter()
        report = sweep(vrops, vcenter)
        seconds = time.perf_counter() - started
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        batches = -(-wrong // 83)
        assert (report.hosts, report.counts()["start"], report.unseen) == (10_000, wrong, [])
        assert len(simulator.calls) == 2 + 10 + 2 * batches
        maintained = [s for s in simulator.states().values() if s == "MAINTAINED"]
        assert len(maintained) == wrong
        with capsys.disabled():
            print(
                f"\n10,000 hosts, {wrong} wrong: {len(simulator.calls)} calls, {seconds:.1f} s,"
                f" {peak / 1e6:.0f} MB (simulator in the same process)"
            )


@contextmanager
def vcenters(count: int, of_each: int) -> Iterator[tuple[Simulator, list[FakeVCenter], Context]]:
    """So many vCenters, read side by side; a host of each entered without an event."""
    known = {f"vc{n}.lab": FakeVCenter([], f"vc{n}.lab", f"uuid-{n}") for n in range(count)}
    named = [VCenter(each.address, uuid=each.uuid) for each in known.values()]
    with Simulator(count * of_each, named) as simulator:
        for n, name in enumerate(simulator.states()):
            vcenter = known[f"vc{n % count}.lab"]
            vcenter.modes[HostRef(f"host-{1001 + n}", name, vcenter.address)] = n < count
        with connected(simulator, uuid_of=lambda address: known[address].uuid) as vrops:
            context = Context(vrops, VCenters(known), policy=Policy(LEASE), together=side_by_side)
            yield simulator, list(known.values()), context


def test_each_vcenter_more_costs_a_call_for_its_page_and_nothing_else() -> None:
    with vcenters(12, 3) as (simulator, _, context):
        simulator.clear_calls()
        assert reconcile(context).counts()["start"] == 12
        made = Counter((call.method, call.path.rpartition("/")[2]) for call in simulator.calls)
        assert made == {
            ("POST", "acquire"): 1,
            ("GET", "adapters"): 1,
            # A page of each vCenter, and one look at what was written.
            ("GET", "resources"): 12 + 1,
            ("PUT", "maintained"): 1,
        }
        assert [*simulator.states().values()].count("MAINTAINED") == 12


def test_what_a_sweep_has_no_time_for_is_told_and_the_next_one_does_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = SettableClock(start=0)
    monkeypatch.setattr("adapters.outgoing.deadline.time.monotonic", clock.now)

    class Slow(FakeVCenter):
        def hosts(self) -> Iterator[VCenterHost]:
            clock.advance(61)
            return super().hosts()

    with vcenters(12, 3) as (simulator, known, context):
        known[7].__class__ = Slow
        with deadline(60):
            report = reconcile(context)
        # Also of a call that is under way by then.
        assert {type(each) for each in report.faults} == {OperationsUnavailableError}
        assert set(simulator.states().values()) == {"STARTED"}
        known[7].__class__ = FakeVCenter
        assert reconcile(context).counts()["start"] == 12
        assert [*simulator.states().values()].count("MAINTAINED") == 12


class LargeVCenter(FakeVCenter):
    """Makes its hosts up while it is read, as what a real one tells is new each time, too."""

    numbers: range = range(0)

    def hosts(self) -> Iterator[VCenterHost]:
        for n in self.numbers:
            host = HostRef(f"host-{1000 + n}", f"esx{n:02}.lab.local", self.address)
            yield VCenterHost(host, self.modes.get(host, False))


@contextmanager
def estate(folder: Path, count: int, of_each: int) -> Iterator[tuple[Operations, Context]]:
    """So many large vCenters, and a vRealize Operations that is a process of its own."""
    vcenters = [LargeVCenter([], f"vc{n}.lab", f"uuid-{n}") for n in range(count)]
    for n, each in enumerate(vcenters):
        # Hosts are dealt out over the vCenters.
        each.numbers = range(n + 1, count * of_each + 1, count)
    known = {each.address: each for each in vcenters}
    named = (("--vcenter", f"{each.address},{each.address},{each.uuid}") for each in vcenters)
    options = ["--hosts", str(count * of_each), *(word for pair in named for word in pair)]
    with running(folder, options) as operations:
        variables = EnvironCredentials(
            {**operations.variables, "VROPS_PASSWORD": operations.password_file.read_text("utf-8")}
        )
        settings = VropsSettings(operations.url, ca_file=str(operations.ca_file))
        # By this clock nothing is old enough to be read anew, however busy the machine is.
        vrops = Vrops(
            settings,
            variables,
            uuid_of=lambda address: known[address].uuid,
            clock=lambda: 1000.0,
        )
        yield operations, Context(vrops, VCenters(known), together=side_by_side)
        vrops.close()


@pytest.mark.exhaustive
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("sweeps")
def test_a_hundred_thousand_hosts_in_forty_vcenters_take_no_more_memory_than_a_few_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told: dict[int, int] = {}
    for count in (4, 40):
        (folder := tmp_path / str(count)).mkdir()
        with estate(folder, count, 2500) as (operations, context):
            before, started = operations.calls()["count"], time.perf_counter()
            tracemalloc.start()
            report = reconcile(context)
            _, told[count] = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            seconds = time.perf_counter() - started
            calls = operations.calls()["count"] - before
        with capsys.disabled():
            print(
                f"\n{2500 * count:,} hosts in {count} vCenters: {calls} calls, {seconds:.1f} s,"
                f" {told[count] / 1e6:.0f} MB (vCenters in memory, all of it traced)"
            )
        assert (report.hosts, report.actions, report.faults) == (2500 * count, [], [])
        # The login, the adapter instances, and a page for each thousand of each vCenter.
        assert calls == 2 + 3 * count
    assert told[40] < min(2 * told[4], 300e6)


def test_a_sweep_that_would_change_too_much_writes_nothing() -> None:
    with data_centre(100) as (simulator, vcenter, vrops):
        for number in range(21):
            vcenter.enter(f"host-{1001 + number}")
        before = simulator.states()
        report = sweep(vrops, vcenter, max_changes=20)
        assert report.refusal is not None
        assert simulator.states() == before
        assert {call.method for call in simulator.calls} == {"POST", "GET"}
        assert sweep(vrops, vcenter, max_changes=21).counts()["start"] == 21
        assert [*simulator.states().values()].count("MAINTAINED") == 21
