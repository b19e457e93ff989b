"""functions.reconciliation: sweeps that read several vCenters side by side, in threads."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from adapters.outgoing.side_by_side import MOST, side_by_side
from functions.context import Context, Policy, VCenters
from functions.errors import MaintenanceError, VCenterUnavailableError
from functions.events import HOST, HostRef
from functions.outcomes import SweepListener
from functions.ports import Resource, VCenterHost
from functions.reconciliation import Report, reconcile
from tests.fakes import Clock, FakeOperations, FakeVCenter

TIMEOUT = 30


class Restless(FakeVCenter):
    """A VCenter that does something before it tells its hosts."""

    before: Callable[[], object] = staticmethod(lambda: None)

    def hosts(self) -> Iterator[VCenterHost]:
        self.before()
        yield from super().hosts()


class Operations(FakeOperations):
    """Does something before it tells the hosts of a vCenter."""

    before: Callable[[str], object] = staticmethod(lambda vcenter: None)

    def resources(self, vcenter: str, kind: str = HOST) -> Iterator[Resource]:
        self.before(vcenter)
        yield from super().resources(vcenter, kind)


class Notes(SweepListener):
    """Notes in which thread it is told what, of which vCenter, and does something then."""

    def __init__(self) -> None:
        self.threads: set[int] = set()
        self.compared_so_far: list[str] = []
        self.failed_so_far: list[str] = []
        self.then: Callable[[str], object] = lambda vcenter: None

    def compared(self, vcenter: str, *about: object) -> None:
        self.compared_so_far.append(vcenter)
        self._note(vcenter)

    def failed(self, where: str, error: MaintenanceError) -> None:
        self.failed_so_far.append(where)
        self._note(where)

    def planned(self, actions: object) -> None:
        self._note("")

    def done(self, action: object, seen: bool) -> None:
        self._note("")

    def corrected(self, outcome: object) -> None:
        self._note("")

    def _note(self, vcenter: str) -> None:
        self.threads.add(threading.get_ident())
        self.then(vcenter)


@dataclass
class Estate:
    """So many vCenters with the same MoRefs, a host of each of which entered without an event."""

    count: int = 6
    listener: Notes = field(default_factory=Notes)

    def __post_init__(self) -> None:
        clock = Clock()
        self.vcenters = [
            Restless(_hosts(f"vc{n}.lab"), f"vc{n}.lab", f"uuid-{n}", clock=clock)
            for n in range(self.count)
        ]
        uuids = {each.address: each.uuid for each in self.vcenters}
        hosts = [host for each in self.vcenters for host in each.modes]
        self.operations = Operations(hosts, uuids=uuids, clock=clock)
        for each in self.vcenters:
            each.enter("host-1")

    def sweep(self) -> Report:
        vcenters = VCenters({each.address: each for each in self.vcenters})
        context = Context(
            self.operations,
            vcenters,
            policy=Policy(60),
            listener=self.listener,
            now=self.operations.clock,
            together=side_by_side,
        )
        return reconcile(context)

    def addresses(self, vcenters: Iterable[FakeVCenter] | None = None) -> list[str]:
        return [each.address for each in vcenters or self.vcenters]

    def silenced(self) -> list[str]:
        return sorted(host.vcenter for host in self.operations.maintained())


def _hosts(address: str) -> list[HostRef]:
    return [HostRef(f"host-{n}", f"esx{n}", address) for n in (1, 2, 3)]


def _waits_and_fails(until: threading.Event) -> Callable[[], None]:
    def before() -> None:
        assert until.wait(TIMEOUT)
        raise VCenterUnavailableError("it does not answer in time")

    return before


def test_all_vcenters_are_repaired_and_told_of_in_their_order() -> None:
    estate = Estate()
    report = estate.sweep()
    assert (report.hosts, report.faults) == (18, [])
    assert [each.host.vcenter for each in report.actions] == estate.addresses()
    assert estate.silenced() == estate.addresses()


def test_one_that_hangs_spares_all_others_however_many_there_are() -> None:
    estate, over = Estate(3 * MOST), threading.Event()
    hangs, *others = estate.vcenters
    hangs.before = _waits_and_fails(over)

    def then(vcenter: str) -> None:
        if len(estate.listener.compared_so_far) == len(others):
            over.set()

    estate.listener.then = then
    report = estate.sweep()
    assert [str(each) for each in report.faults] == ["it does not answer in time"]
    assert estate.listener.failed_so_far == [hangs.address]
    assert estate.silenced() == sorted(estate.addresses(others))


def test_faults_are_reported_in_the_order_of_their_vcenters_whoever_fails_first() -> None:
    estate = Estate(2)
    first, second = estate.vcenters
    told = threading.Event()
    first.before = _waits_and_fails(told)
    second.failures = [None, VCenterUnavailableError("down")]
    estate.listener.then = lambda where: told.set() if where == second.address else None
    report = estate.sweep()
    assert estate.listener.failed_so_far == estate.addresses([second, first])
    assert [str(each) for each in report.faults] == ["it does not answer in time", "down"]


def test_both_sides_are_read_at_the_same_time() -> None:
    estate, both = Estate(1), threading.Barrier(2, timeout=TIMEOUT)
    estate.vcenters[0].before = both.wait
    estate.operations.before = lambda vcenter: both.wait()
    # It has written nothing yet that it would have to look at again.
    estate.vcenters[0].leave("host-1")
    assert estate.sweep().hosts == 3


@pytest.mark.parametrize("vcenter_fails", [True, False])
@pytest.mark.parametrize("operations_fail", [True, False])
def test_where_both_sides_fail_it_is_told_of_vcenter(
    vcenter_fails: bool, operations_fail: bool
) -> None:
    def fail(side: str) -> None:
        raise VCenterUnavailableError(side)

    estate = Estate(1)
    if vcenter_fails:
        estate.vcenters[0].before = lambda: fail("vCenter")
    if operations_fail:
        estate.operations.before = lambda vcenter: fail("vRealize Operations")
    expected = ["vCenter"] * vcenter_fails or ["vRealize Operations"] * operations_fail
    assert [str(each) for each in estate.sweep().faults] == expected


def test_listeners_are_told_in_the_thread_of_the_sweep() -> None:
    estate = Estate()
    estate.vcenters[1].failures = [None, VCenterUnavailableError("down")]
    changed = [False]

    def then(what: str) -> None:
        # While it is written, a host that was put into maintenance leaves again.
        if not what and not changed[0]:
            changed[0] = True
            estate.vcenters[0].leave("host-1")

    estate.listener.then = then
    report = estate.sweep()
    assert len(report.corrections) == 1
    assert estate.silenced() == estate.addresses(estate.vcenters[2:])
    assert estate.listener.threads == {threading.get_ident()}


def test_only_a_few_vcenters_are_in_memory_at_a_time() -> None:
    estate, lock = Estate(5 * MOST), threading.Lock()
    reading: set[str] = set()
    most: list[int] = []

    def begin(vcenter: str) -> None:
        with lock:
            reading.add(vcenter)
            most.append(len(reading))

    def end(vcenter: str) -> None:
        with lock:
            reading.discard(vcenter)

    estate.operations.before, estate.listener.then = begin, end
    assert estate.sweep().hosts == 3 * 5 * MOST
    # One more may begin as soon as one was told of.
    assert max(most) <= MOST + 1


def test_two_that_say_they_are_the_same_are_both_refused_though_asked_side_by_side() -> None:
    estate = Estate()
    estate.vcenters[3].uuid = estate.vcenters[2].uuid
    report = estate.sweep()
    assert len(report.faults) == 2
    others: Sequence[FakeVCenter] = [*estate.vcenters[:2], *estate.vcenters[4:]]
    assert estate.silenced() == estate.addresses(others)
