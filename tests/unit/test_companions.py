"""What goes with hosts, when something goes wrong: no host is held up, nothing stays silenced."""

from collections.abc import Collection
from dataclasses import dataclass, field

import pytest

from adapters.memory import EventMemory
from functions.context import Context, Policy, VCenters
from functions.convergence import mirror_event
from functions.errors import OperationsUnavailableError
from functions.events import ENTERED, HostEvent, HostRef
from functions.ownership import Stand
from functions.ports import ResourceState, Surroundings
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
