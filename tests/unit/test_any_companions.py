"""Whatever happens to hosts and what goes with them: after one good sweep all is as the rule says.

Two vCenters with the same MoRefs, each with hosts, datastores, a cluster and virtual machines, that
depend on any of the hosts. Some of them vRealize Operations does not know, or knows twice.
"""

import os

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adapters.memory import EventMemory
from functions.context import Context, Policy, VCenters
from functions.convergence import mirror_event
from functions.errors import (
    MaintenanceError,
    OperationsUnavailableError,
    RequestRejectedError,
    VCenterUnavailableError,
)
from functions.events import COMPANIONS, ENTERED, EXITED, HostEvent, HostRef
from functions.ports import ResourceState
from functions.reconciliation import Report, reconcile
from tests.fakes import Clock, FakeOperations, FakeVCenter

MONITORED = ResourceState.MONITORED
OPEN_ENDED = ResourceState.OPEN_ENDED
A, B = "a.lab", "b.lab"
UUIDS = {A: "uuid-a", B: "uuid-b"}
LEASE = 60
MOREFS = [f"host-{number}" for number in range(1, 5)]
FAULTS = st.sampled_from(
    [
        OperationsUnavailableError("down"),
        VCenterUnavailableError("down"),
        RequestRejectedError("no privilege"),
    ]
)
indices = st.integers(0, 31)
# Which hosts a companion depends on; none of them also happens.
mounts = st.sets(st.sampled_from(MOREFS), max_size=4)
topologies = st.lists(st.tuples(st.sampled_from([*COMPANIONS]), mounts), min_size=1, max_size=6)
how_known = st.lists(st.sampled_from([1, 1, 1, 0, 2]), min_size=12, max_size=12)


class AnyEstate(RuleBasedStateMachine):
    """Everything that may happen, in any order."""

    @initialize(
        lease=st.sampled_from([None, LEASE]), first=topologies, second=topologies, known=how_known
    )
    def begin(
        self,
        lease: int | None,
        first: list[tuple[str, set[str]]],
        second: list[tuple[str, set[str]]],
        known: list[int],
    ) -> None:
        self.clock, self.lease = Clock(), lease
        self.vcenters = {A: self._vcenter(A, first), B: self._vcenter(B, second)}
        hosts = [host for each in self.vcenters.values() for host in each.modes]
        self.operations = FakeOperations(hosts, clock=self.clock, uuids=UUIDS)
        self.twins: set[HostRef] = set()
        self.known = set(hosts)
        for companion, count in zip(self._companions(), known, strict=False):
            for _ in range(count):
                self.operations.add(companion)
            (self.known if count == 1 else self.twins).update([companion] if count else [])
        self._relate()
        self.context = Context(
            self.operations,
            VCenters(self.vcenters),
            EventMemory(self.clock),
            Policy(lease, includes=tuple(COMPANIONS)),
            now=self.clock,
        )
        self.events: list[HostEvent] = []
        self.persons: set[HostRef] = set()
        self.key = 100

    @rule(which=indices)
    def change_mode(self, which: int) -> None:
        """Somebody works on a host, or has done so, and vCenter makes an event of it."""
        host = self._host(which)
        vcenter = self.vcenters[host.vcenter]
        entering = not vcenter.modes[host]
        (vcenter.enter if entering else vcenter.leave)(host.moref)
        self.key += 1
        name = ENTERED if entering else EXITED
        self.events.append(HostEvent(name, host, self.key, self.clock(), "id"))
        self.clock.advance(0.1)

    @precondition(lambda self: self.events)
    @rule(which=indices, again=st.booleans())
    def deliver(self, which: int, again: bool) -> None:
        """In any order, late, and perhaps once more later; only what is true is written."""
        event = self.events[which % len(self.events)]
        before = self._states()
        try:
            mirror_event(event, event.name == ENTERED, self.context)
        except MaintenanceError:
            return
        finally:
            self._check_changes(before, event.host)
        if not again:
            self.events.remove(event)

    @precondition(lambda self: self.events)
    @rule(which=indices)
    def lose(self, which: int) -> None:
        self.events.pop(which % len(self.events))

    @rule(which=indices, hosts=mounts)
    def mount(self, which: int, hosts: set[str]) -> None:
        """A companion depends on other hosts from now on; nobody sends an event of that."""
        companions = self._companions()
        companion = companions[which % len(companions)]
        vcenter = self.vcenters[companion.vcenter]
        vcenter.around[companion] = {each.moref for each in vcenter.modes if each.moref in hosts}

    @rule(which=indices)
    def hide(self, which: int) -> None:
        """The mode of one host may not be read any more, and that of another one may again."""
        host = self._host(which)
        self.vcenters[host.vcenter].hidden = {host.moref}

    @rule()
    def show_all(self) -> None:
        for vcenter in self.vcenters.values():
            vcenter.hidden.clear()

    @rule(which=indices)
    def move(self, which: int) -> None:
        """A host is removed and added again, with another MoRef and without what went with it."""
        host = self._host(which)
        vcenter = self.vcenters[host.vcenter]
        vcenter.remove(host.moref)
        vcenter.hidden.discard(host.moref)
        self.operations.remove(host)
        self.key += 1
        added = HostRef(f"host-{self.key}", host.name, host.vcenter)
        vcenter.modes[added] = False
        self.operations.add(added)
        self.known = (self.known - {host}) | {added}
        self.persons.discard(host)

    @precondition(lambda self: self.lease)
    @rule(which=indices, state=st.sampled_from([MONITORED, OPEN_ENDED]))
    def act_by_hand(self, which: int, state: ResourceState) -> None:
        """A person sets or ends open-ended maintenance in vRealize Operations."""
        known = sorted(self.known, key=str)
        thing = known[which % len(known)]
        self.operations.set_state(thing, state)
        self.persons = self.persons | {thing} if state.maintained else self.persons - {thing}

    @rule(error=FAULTS, after=st.integers(0, 6), side=st.sampled_from([None, A, B]))
    def fail(self, error: MaintenanceError, after: int, side: str | None) -> None:
        failures = self.vcenters[side].failures if side else self.operations.failures
        failures[:] = [*([None] * after), error]

    @rule(slow=st.booleans())
    def show_writes(self, slow: bool) -> None:
        """What was accepted shows now; what will be, at once or later."""
        self.operations.slow = slow
        self.operations.settle()

    @rule(minutes=st.sampled_from([1, LEASE // 2, 2 * LEASE]))
    def wait(self, minutes: int) -> None:
        self.clock.advance(minutes)

    @rule()
    def relate(self) -> None:
        """Let vRealize Operations learn what goes with which host."""
        self._relate()

    @rule()
    def sweep(self) -> None:
        """It may fail half way."""
        before = self._states()
        reconcile(self.context)
        self._check_changes(before)

    @rule()
    def recover(self) -> None:
        """Let everything settle, and one good sweep mend it."""
        self.operations.failures.clear()
        for vcenter in self.vcenters.values():
            vcenter.failures.clear()
        self.show_writes(False)
        before = self._states()
        report = reconcile(self.context)
        assert (report.faults, report.refusal, report.unseen) == ([], None, [])
        self._check_changes(before)
        for thing in self.known:
            self._check_mended(thing, report)

    def teardown(self) -> None:
        self.recover()
        self.a_persons_maintenance_is_a_persons()

    @invariant()
    def a_persons_maintenance_is_a_persons(self) -> None:
        """With leases, nothing open-ended is ended, made timed, or made by us."""
        if self.lease:
            assert {h for h, s in self._states().items() if s is OPEN_ENDED} == self.persons

    @invariant()
    def of_two_neither_is_touched(self) -> None:
        assert not self.operations.maintained() & self.twins

    def _vcenter(self, address: str, topology: list[tuple[str, set[str]]]) -> FakeVCenter:
        hosts = [HostRef(moref, f"esx-{moref}", address) for moref in MOREFS]
        around = {
            HostRef(f"thing-{number}", f"thing{number}", address, kind): set(of)
            for number, (kind, of) in enumerate(topology)
        }
        return FakeVCenter(hosts, address, UUIDS[address], clock=self.clock, around=around)

    def _companions(self) -> list[HostRef]:
        return [each for vcenter in self.vcenters.values() for each in vcenter.around]

    def _host(self, which: int) -> HostRef:
        hosts = [host for vcenter in self.vcenters.values() for host in vcenter.modes]
        return hosts[which % len(hosts)]

    def _relate(self) -> None:
        for vcenter in self.vcenters.values():
            for companion, of in vcenter.around.items():
                hosts = (each for each in vcenter.modes if each.moref in of)
                self.operations.relate(companion, *hosts)

    def _states(self) -> dict[HostRef, ResourceState]:
        return {each: self.operations.state(each) for each in self.known}

    def _wanted(self, thing: HostRef, asked: HostRef | None = None) -> bool:
        """What the rule says, where the mode of a host that was ``asked`` itself is known."""
        vcenter = self.vcenters[thing.vcenter]
        if thing.is_host:
            return vcenter.modes[thing]
        told = {
            each.moref
            for each, mode in vcenter.modes.items()
            if mode and (each == asked or each.moref not in vcenter.hidden)
        }
        hosts = vcenter.around[thing]
        return bool(hosts) and hosts <= told

    def _check_changes(
        self, before: dict[HostRef, ResourceState], host: HostRef | None = None
    ) -> None:
        """What was changed is right by now, and goes with the host, if it was about one."""
        for thing, state in self._states().items():
            if state.maintained == before[thing].maintained:
                continue
            assert state.maintained == self._wanted(thing, host)
            if host:
                around = self.vcenters[host.vcenter].around.get(thing, set())
                assert thing.vcenter == host.vcenter
                assert thing == host or host.moref in around

    def _check_mended(self, thing: HostRef, report: Report) -> None:
        maintained, wanted = self.operations.state(thing).maintained, self._wanted(thing)
        vcenter = self.vcenters[thing.vcenter]
        if maintained == wanted or thing in self.persons or thing.moref in vcenter.hidden:
            return
        # Without leases, what is open-ended may be a person's, so that it is named and left.
        assert not self.lease
        assert maintained
        assert thing in {each.host for each in report.actions if each.verb == "leave"}


TestAnyEstate = AnyEstate.TestCase
TestAnyEstate.settings = settings(
    max_examples=600 if os.environ.get("EXHAUSTIVE") else 100,
    stateful_step_count=50,
    database=None,
)
