"""What goes with hosts, when something goes wrong: no host is held up, nothing stays silenced."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from adapters.memory import EventMemory
from functions.context import Context, Policy, VCenters
from functions.convergence import mirror_event
from functions.errors import MaintenanceError, OperationsUnavailableError, RequestRejectedError
from functions.events import ENTERED, EXITED, HostEvent, HostRef
from functions.outcomes import Outcome
from functions.ownership import Stand
from functions.ports import Resource, ResourceState, Surroundings
from functions.reconciliation import reconcile
from functions.writing import write
from tests.fakes import Clock, FakeOperations, FakeVCenter

A = "a.lab"
ONE, TWO = (HostRef(f"host-{number}", f"esx{number}", A) for number in (1, 2))
GUEST = HostRef("vm-1", "guest", A, "VirtualMachine")
STORE = HostRef("datastore-1", "store", A, "Datastore")
DOWN = OperationsUnavailableError("down")


@dataclass
class Moving(FakeVCenter):
    """The virtual machine moves to the second host as soon as it was looked at so often."""

    looks: int = 1
    asked: list[str] = field(default_factory=list)

    def surroundings(self, moref: str, kinds: Collection[str]) -> Surroundings:
        found = super().surroundings(moref, kinds)
        self.asked.append(moref)
        if len(self.asked) == self.looks:
            self.around[GUEST] = {"host-2"}
        return found


@pytest.mark.parametrize("lease", [None, 60])
def test_what_moves_to_a_host_at_work_while_it_is_silenced_is_monitored(lease: int | None) -> None:
    clock = Clock()
    operations = FakeOperations([ONE, TWO, GUEST], clock=clock)
    vcenter = Moving([ONE, TWO], A, clock=clock, around={GUEST: {"host-1"}})
    policy = Policy(lease, includes=("VirtualMachine",))
    context = Context(operations, VCenters({A: vcenter}), EventMemory(clock), policy, now=clock)
    vcenter.enter("host-1")
    outcome = mirror_event(HostEvent(ENTERED, ONE, None, clock(), "id"), True, context)
    assert outcome.action in ("entered", "renewed")
    assert operations.maintained() == {ONE}


def test_a_host_starts_though_a_companion_cannot_be_ended() -> None:
    operations = FakeOperations([ONE, STORE])
    operations.set_state(STORE, ResourceState.TIMED)
    host, store = operations.find(ONE), operations.find(STORE)
    operations.failures[:] = [DOWN]
    with pytest.raises(OperationsUnavailableError):
        write({host: Stand.IN_FOR_LONG, store: Stand.JUST_LEFT}, Context(operations))
    assert operations.maintained() == {ONE, STORE}


class Untold(FakeOperations):
    """Does not tell relations for as long as ``untold`` names the question."""

    untold = ""

    def find_with(self, host: HostRef, kinds: Collection[str]) -> list[Resource]:
        if self.untold == "find_with":
            raise DOWN
        return super().find_with(host, kinds)

    def alone(self, host: Resource, companions: Sequence[Resource]) -> list[Resource]:
        if self.untold == "alone":
            raise DOWN
        return super().alone(host, companions)


@pytest.fixture
def untold() -> Untold:
    operations = Untold([ONE, STORE])
    operations.relate(STORE, ONE)
    return operations


def believed(operations: FakeOperations, mode: bool) -> Outcome:
    """Mirror an event that nobody can verify, in a process that has just begun."""
    name = ENTERED if mode else EXITED
    event = HostEvent(name, ONE, None, operations.clock(), "id")
    context = Context(operations, policy=Policy(includes=("Datastore",)), now=operations.clock)
    return mirror_event(event, mode, context)


@pytest.mark.parametrize("question", ["find_with", "alone"])
def test_an_exit_comes_again_until_relations_are_told(question: str, untold: Untold) -> None:
    believed(untold, True)
    assert untold.maintained() == {ONE, STORE}
    untold.untold = question
    with pytest.raises(OperationsUnavailableError):
        believed(untold, False)
    assert untold.maintained() == {STORE}
    untold.untold = ""
    believed(untold, False)
    assert untold.maintained() == set()


@pytest.mark.parametrize("question", ["find_with", "alone"])
def test_who_enters_is_silenced_though_relations_are_not_told(
    question: str, untold: Untold
) -> None:
    untold.untold = question
    assert believed(untold, True) == Outcome("entered", ONE)
    assert untold.maintained() == {ONE}


@pytest.mark.parametrize("mode", [True, False])
def test_vcenter_tells_what_relations_do_not(mode: bool, untold: Untold) -> None:
    clock = untold.clock
    vcenter = FakeVCenter([ONE], A, clock=clock, around={STORE: {"host-1"}})
    policy = Policy(60, includes=("Datastore",))
    context = Context(untold, VCenters({A: vcenter}), EventMemory(clock), policy, now=clock)
    untold.untold = "find_with"
    for each in (True, mode):
        (vcenter.enter if each else vcenter.leave)("host-1")
        name = ENTERED if each else EXITED
        mirror_event(HostEvent(name, ONE, None, clock(), "id"), each, context)
        clock.advance(1)
    assert untold.maintained() == ({ONE, STORE} if mode else set())


@dataclass
class Refusing(FakeOperations):
    """Refuses to write some, and all others with them, as the Suite API does."""

    refused: set[HostRef] = field(default_factory=set)

    def start_all(
        self, resources: Sequence[Resource], minutes: int | None
    ) -> Iterator[tuple[Resource, bool]]:
        self._check(resources)
        yield from super().start_all(resources, minutes)

    def end_all(self, resources: Sequence[Resource]) -> Iterator[tuple[Resource, bool]]:
        self._check(resources)
        yield from super().end_all(resources)

    def _check(self, resources: Sequence[Resource]) -> None:
        if any(each.host in self.refused for each in resources):
            raise RequestRejectedError("403")


def test_a_companion_that_may_not_be_written_holds_up_no_sweep() -> None:
    other = HostRef("datastore-2", "other", A, "Datastore")
    operations = Refusing([ONE, STORE, other], refused={STORE})
    around = {STORE: {"host-1"}, other: {"host-1"}}
    vcenter = FakeVCenter([ONE], A, clock=operations.clock, around=around)
    policy = Policy(includes=("Datastore",))
    context = Context(operations, VCenters({A: vcenter}), policy=policy, now=operations.clock)
    vcenter.enter("host-1")
    report = reconcile(context)
    assert operations.maintained() == {ONE, other}
    [fault] = report.faults
    assert str(fault) == f"1 companions are left, such as {STORE}: 403"


class RefusingMany(FakeOperations):
    """A vRealize Operations that takes one companion after the other, but not several."""

    def start_all(
        self, resources: Sequence[Resource], minutes: int | None
    ) -> Iterator[tuple[Resource, bool]]:
        if len(resources) > 1:
            raise RequestRejectedError("403")
        return super().start_all(resources, minutes)


def test_companions_that_are_refused_together_are_written_one_by_one() -> None:
    other = HostRef("datastore-2", "other", A, "Datastore")
    operations = RefusingMany([ONE, STORE, other])
    around = {STORE: {"host-1"}, other: {"host-1"}}
    vcenter = FakeVCenter([ONE], A, clock=operations.clock, around=around)
    policy = Policy(includes=("Datastore",))
    context = Context(operations, VCenters({A: vcenter}), policy=policy, now=operations.clock)
    vcenter.enter("host-1")
    assert reconcile(context).faults == []
    assert operations.maintained() == {ONE, STORE, other}


@pytest.mark.parametrize("error", [DOWN, RequestRejectedError("403")])
def test_a_sweep_writes_hosts_before_companions(error: MaintenanceError) -> None:
    """Of whatever vCenter they are."""
    b = "b.lab"
    elsewhere = HostRef("host-1", "esx1", b)
    operations = FakeOperations([ONE, STORE, elsewhere], uuids={A: "a", b: "b"})
    vcenters = {
        A: FakeVCenter([ONE], A, "a", around={STORE: {"host-1"}}),
        b: FakeVCenter([elsewhere], b, "b"),
    }
    policy = Policy(includes=("Datastore",))
    context = Context(operations, VCenters(vcenters), policy=policy, now=operations.clock)
    for each in vcenters.values():
        each.enter("host-1")
    # What is read is four lists, and then come two hosts.
    operations.failures[:] = [*[None] * 6, error, error]
    assert len(reconcile(context).faults) == 1
    assert operations.maintained() == {ONE, elsewhere}
