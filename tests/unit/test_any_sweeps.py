"""Whatever happens to events, hosts, servers and people: one good sweep, and both sides agree.

Two vCenters are configured, with the same MoRefs and partly the same names; a third is known to
vRealize Operations alone.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adapters.memory import EventMemory
from functions.context import Context, Policy, VCenters
from functions.errors import (
    MaintenanceError,
    OperationsUnavailableError,
    RequestRejectedError,
    VCenterUnavailableError,
)
from functions.events import ENTERED, EXITED, REMOVED, HostRef
from functions.handlers import dispatch
from functions.outcomes import Action, Outcome, SweepListener
from functions.ports import ResourceState
from functions.reconciliation import Report, reconcile
from lab.events import EventData, router_envelope
from tests.fakes import Clock, FakeOperations, FakeVCenter

MONITORED = ResourceState.MONITORED
TIMED = ResourceState.TIMED
OPEN_ENDED = ResourceState.OPEN_ENDED
A, B, ELSEWHERE = "a.lab", "b.lab", "elsewhere.lab"
# An alias of the first vCenter that is configured, and an address that nobody knows.
ALIAS, UNKNOWN = "10.0.0.1", "unknown.lab"
UUIDS = {A: "uuid-a", ALIAS: "uuid-a", B: "uuid-b"}
HOSTS = {
    A: [HostRef("host-1", "esx1", A), HostRef("host-2", "esx2", A), HostRef("host-3", "esx3", A)],
    B: [HostRef("host-1", "esx3", B), HostRef("host-2", "esx4", B), HostRef("host-9", "esx5", B)],
    ELSEWHERE: [HostRef("host-1", "esx1", ELSEWHERE), HostRef("host-2", "esx6", ELSEWHERE)],
}
LEASE = 60
FAULTS = st.sampled_from(
    [
        OperationsUnavailableError("down"),
        VCenterUnavailableError("down"),
        RequestRejectedError("no privilege"),
    ]
)
indices = st.integers(0, 11)


@dataclass
class Meddler(SweepListener):
    """Changes the mode of hosts while a sweep goes on: when it has compared, or has written."""

    change: list[tuple[bool, int]] = field(default_factory=list)
    machine: "Anything | None" = None

    def planned(self, actions: list[Action]) -> None:
        self._meddle(False)

    def done(self, action: Action, seen: bool) -> None:
        self._meddle(True)

    def _meddle(self, writing: bool) -> None:
        for which in [index for when, index in self.change if when == writing]:
            assert self.machine
            self.machine.change_mode(which)
        self.change = [each for each in self.change if each[0] != writing]


class Anything(RuleBasedStateMachine):
    """Everything that may happen, in any order."""

    @initialize(lease=st.sampled_from([None, LEASE]), required=st.booleans())
    def begin(self, lease: int | None, required: bool) -> None:
        self.clock = Clock()
        hosts = [host for known in HOSTS.values() for host in known]
        uuids = {**UUIDS, ELSEWHERE: "uuid-elsewhere"}
        self.operations = FakeOperations(hosts, clock=self.clock, uuids=uuids)
        self.vcenters = {
            each: FakeVCenter(HOSTS[each], each, UUIDS[each], clock=self.clock) for each in (A, B)
        }
        self.lease = lease
        self.context = Context(
            self.operations,
            VCenters({**self.vcenters, ALIAS: self.vcenters[A]}),
            EventMemory(self.clock),
            Policy(lease, require_verification=required),
            listener=Meddler(machine=self),
            now=self.clock,
        )
        self.events: list[EventData] = []
        self.persons: set[HostRef] = set()
        # When a person's window ends that is certainly not ours, and what else they made by hand.
        self.windows: dict[HostRef, datetime] = {}
        self.handmade: set[HostRef] = set()
        self.discovered = set(hosts)
        self.removed: list[HostRef] = []
        self.key = 100

    @rule(which=indices)
    def change_mode(self, which: int) -> None:
        """Somebody works on a host, and vCenter makes an event of it."""
        host = self._pick(which)
        vcenter, entering = self.vcenters[host.vcenter], not self.mode(host)
        (vcenter.enter if entering else vcenter.leave)(host.moref)
        if self.lease:  # From now on, who could tell whose the window is?
            self.windows.pop(host, None)
        self.key += 1
        self.events.append(self._event_data(ENTERED if entering else EXITED, host))

    @precondition(lambda self: self.events)
    @rule(which=indices, again=st.booleans())
    def deliver(self, which: int, again: bool) -> None:
        """In any order, late, and perhaps once more later; what fails is delivered again."""
        event_data = self.events[which % len(self.events)]
        outcome = self._send(event_data)
        if outcome and not again:
            self.events.remove(event_data)

    @precondition(lambda self: self.events)
    @rule(which=indices)
    def lose(self, which: int) -> None:
        self.events.pop(which % len(self.events))

    @rule(
        name=st.sampled_from([ENTERED, EXITED, REMOVED]),
        moref=st.sampled_from(["", "host-1", "host-2", "host-3", "host-9", "host-77"]),
        host=st.sampled_from(["", "esx1", "esx2", "esx3", "esx4", "esx5", "esx6", "esx"]),
        source=st.sampled_from([A, ALIAS, B, ELSEWHERE, UNKNOWN]),
    )
    def forge(self, name: str, moref: str, host: str, source: str) -> None:
        """Anybody may say anything of any host, in any vCenter's name."""
        self._send(self._event_data(name, HostRef(moref, host, source)))

    @rule(which=indices, state=st.sampled_from([MONITORED, OPEN_ENDED]))
    def act_by_hand(self, which: int, state: ResourceState) -> None:
        """A person sets or ends open-ended maintenance in vRealize Operations."""
        known = sorted(self.discovered, key=str)
        host = known[which % len(known)]
        self.operations.set_state(host, state)
        self.persons = self.persons | {host} if state.maintained else self.persons - {host}
        self.windows.pop(host, None)
        self.handmade.discard(host)

    @precondition(lambda self: self.discovered & {*self._hosts()})
    @rule(which=indices, minutes=st.sampled_from([5, 2880]))
    def set_window(self, which: int, minutes: int) -> None:
        """A person gives a host a timed window, as the user interface does."""
        known = sorted(self.discovered & {*self._hosts()}, key=str)
        host = known[which % len(known)]
        ends = self.operations.set_state(host, TIMED, minutes)
        self.persons.discard(host)
        self.handmade.add(host)
        if ends and self._is_certainly_theirs(host):
            self.windows[host] = ends

    @rule(error=FAULTS, after=st.integers(0, 5), side=st.sampled_from([None, A, B]))
    def fail(self, error: MaintenanceError, after: int, side: str | None) -> None:
        """One of the next calls of a server fails."""
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

    @rule(which=indices)
    def remove(self, which: int) -> None:
        """A host leaves its vCenter, which vRealize Operations does not know yet."""
        host = self._pick(which)
        if len(self.vcenters[host.vcenter].modes) > 2:
            self.vcenters[host.vcenter].remove(host.moref)
            self.removed.append(host)

    @precondition(lambda self: self.removed)
    @rule(entering=st.booleans())
    def add_again(self, entering: bool) -> None:
        """It gets a new MoRef, and perhaps goes into maintenance mode before it is discovered."""
        self.key += 1
        old = self.removed.pop()
        host = HostRef(f"host-{self.key}", old.name, old.vcenter)
        self.vcenters[host.vcenter].modes[host] = entering

    @rule()
    def discover(self) -> None:
        """Let vRealize Operations learn which hosts there are."""
        there = {*HOSTS[ELSEWHERE], *self._hosts()}
        for host in self.discovered - there:
            self.operations.remove(host)
        for host in sorted(there - self.discovered, key=str):
            self.operations.add(host)
        self.discovered = there
        self.persons &= there
        self.handmade &= there
        self.windows = {host: ends for host, ends in self.windows.items() if host in there}

    @rule(dry_run=st.booleans(), meddled=st.lists(st.tuples(st.booleans(), indices), max_size=2))
    def sweep(self, dry_run: bool, meddled: list[tuple[bool, int]]) -> None:
        """It may fail half way, and hosts may change their mode meanwhile."""
        before = self._states()
        report = self._reconcile(meddled, dry_run=dry_run)
        if dry_run:
            assert self._states() == before
        if not report.faults:
            self._check_changes(before, self._hosts())

    @rule(adopt=st.booleans())
    def recover(self, adopt: bool) -> None:
        """Let everything settle, and one good sweep mend it."""
        self.operations.failures.clear()
        for vcenter in self.vcenters.values():
            vcenter.failures.clear()
        self.show_writes(False)
        self.discover()
        report = self._reconcile([], adopt=adopt)
        assert (report.faults, report.refusal, report.unseen) == ([], None, [])
        for host in self._hosts():
            self._check_mended(host, report, adopt)
        assert not self._reconcile([], dry_run=True).counts()["end"]

    def teardown(self) -> None:
        for adopt in (False, True):
            self.recover(adopt)
            self.a_persons_maintenance_is_a_persons()

    @invariant()
    def a_persons_maintenance_is_a_persons(self) -> None:
        """With leases, nothing open-ended is ended, made timed, or made by us."""
        if self.lease:
            assert {h for h, s in self._states().items() if s is OPEN_ENDED} == self.persons

    @invariant()
    def a_persons_window_is_a_persons(self) -> None:
        """What vCenter's events show to be a person's is neither ended nor shortened."""
        for host, ends in self.windows.items():
            if self.clock() < ends:
                assert self.operations.ends(host) == ends

    def _is_certainly_theirs(self, host: HostRef) -> bool:
        if not self.lease:
            return True
        since = self.clock() - timedelta(minutes=LEASE + 10)
        changes = self.vcenters[host.vcenter].changes
        lately = any(each.moref == host.moref and each.at >= since for each in changes)
        return not lately and not self.mode(host)

    def mode(self, host: HostRef) -> bool:
        return self.vcenters[host.vcenter].modes[host]

    def _hosts(self) -> list[HostRef]:
        return [host for vcenter in self.vcenters.values() for host in vcenter.modes]

    def _pick(self, which: int) -> HostRef:
        return self._hosts()[which % len(self._hosts())]

    def _event_data(self, name: str, host: HostRef) -> EventData:
        created = self.clock().isoformat()
        return EventData(name, host.name, host.moref, host.vcenter, self.key, created)

    def _states(self) -> dict[HostRef, ResourceState]:
        return {host: self.operations.state(host) for host in self.discovered}

    def _send(self, event_data: EventData) -> Outcome | None:
        """Whatever is sent, only what is true is written; None if it failed."""
        before = self._states()
        try:
            outcome = dispatch(router_envelope(event_data), self.context)
        except MaintenanceError:
            outcome = None
        own = HOSTS[ELSEWHERE] if event_data.vcenter in (ELSEWHERE, UNKNOWN) else []
        self._check_changes(before, [*self._hosts(), *own])
        host = HostRef(event_data.moref, event_data.host, event_data.vcenter)
        if outcome and host in self.discovered & {*self._hosts()}:
            self._check_agrees(host)
        return outcome

    def _reconcile(
        self, meddled: Iterable[tuple[bool, int]], *, dry_run: bool = False, adopt: bool = False
    ) -> Report:
        assert isinstance(self.context.listener, Meddler)
        self.context.listener.change = list(meddled)
        report = reconcile(self.context, dry_run=dry_run, adopt=adopt)
        self.context.listener.change = []
        if adopt:
            ended = {each.host for each in report.actions if each.verb == "end"}
            assert not any(self.mode(host) for host in ended & {*self._hosts()})
            self.persons -= ended
        return report

    def _check_changes(self, before: dict[HostRef, ResourceState], own: list[HostRef]) -> None:
        """What was changed is right, and a host that may be changed at all."""
        for host, state in self._states().items():
            if state == before[host]:
                continue
            if host in HOSTS[ELSEWHERE] or host in self._hosts():
                assert host in own
                assert host in HOSTS[ELSEWHERE] or state.maintained == self.mode(host)
            else:  # Its vCenter no longer has it.
                assert state is MONITORED

    def _check_agrees(self, host: HostRef) -> None:
        state = self.operations.state(host)
        is_left = (self.lease and host in self.persons) or host in self.handmade
        assert state.maintained == self.mode(host) or is_left

    def _check_mended(self, host: HostRef, report: Report, adopt: bool) -> None:
        state, mode = self.operations.state(host), self.mode(host)
        left = {each.host for each in report.actions if each.verb == "leave"}
        if state.maintained and not mode and (state is TIMED or not adopt):
            assert host in left
        else:
            assert state.maintained == mode
        if self.lease and mode and host not in self.persons | self.handmade:
            ends = self.operations.ends(host)
            assert ends
            assert ends >= self.clock() + timedelta(minutes=LEASE // 2)


TestAnything = Anything.TestCase
TestAnything.settings = settings(
    max_examples=600 if os.environ.get("EXHAUSTIVE") else 150,
    stateful_step_count=50,
    database=None,
)
