"""functions.mode_sources: how a host and its companions stand, and what becomes of them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from adapters.memory import EventMemory
from functions.context import Context, NoMemory, Policy, VCenters
from functions.convergence import mirror_event
from functions.errors import RequestRejectedError
from functions.events import ENTERED, EXITED, HOST, HostEvent, HostRef
from functions.mode_sources import AskedVCenter
from functions.outcomes import Outcome
from functions.ownership import NOT_TOLD, PERHAPS_ANOTHERS, Stand, changes_of_companion, stand
from functions.ports import (
    Companion,
    ModeChange,
    Resource,
    ResourceState,
    Surroundings,
    VCenter,
)
from functions.reconciliation import reconcile
from tests.fakes import Clock, FakeOperations, FakeVCenter

MONITORED = ResourceState.MONITORED
TIMED = ResourceState.TIMED
OPEN_ENDED = ResourceState.OPEN_ENDED
A = "a.lab"
ONE, TWO = (HostRef(f"host-{number}", f"esx{number}", A) for number in (1, 2))
LOCAL = HostRef("datastore-1", "local", A, "Datastore")
SHARED = HostRef("datastore-2", "shared", A, "Datastore")
CLUSTER = HostRef("domain-c1", "cluster", A, "ClusterComputeResource")
AROUND = {LOCAL: {"host-1"}, SHARED: {"host-1", "host-2"}, CLUSTER: {"host-1", "host-2"}}
REFUSED = RequestRejectedError("no privilege")
KINDS = ("Datastore", "ClusterComputeResource")
UNKNOWN = "not known to vRealize Operations, or not for sure"


@dataclass
class CountingVCenter(FakeVCenter):
    """Counts what it is asked; events may not be read while ``untold``."""

    asked: list[str] = field(default_factory=list)
    untold: bool = False

    def surroundings(self, moref: str, kinds: Collection[str]) -> Surroundings:
        self.asked.append("surroundings")
        return super().surroundings(moref, kinds)

    def mode_changes(self, since: datetime, moref: str = "") -> list[ModeChange]:
        self.asked.append(f"events {moref}".strip())
        if self.untold:
            raise REFUSED
        return super().mode_changes(since, moref)


@dataclass
class Estate:
    """Two hosts with a datastore of one, a datastore of both, and their cluster."""

    lease: int | None = 60
    includes: tuple[str, ...] = KINDS
    asks: bool = True

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.operations = FakeOperations([ONE, TWO, *AROUND], clock=self.clock)
        around = {each: set(hosts) for each, hosts in AROUND.items()}
        self.vcenter = CountingVCenter([ONE, TWO], A, clock=self.clock, around=around)
        for companion, hosts in AROUND.items():
            self.operations.relate(companion, *(each for each in (ONE, TWO) if each.moref in hosts))
        vcenters = VCenters({A: self.vcenter} if self.asks else {})
        self.context = Context(
            self.operations,
            vcenters,
            EventMemory(self.clock),
            Policy(self.lease, includes=self.includes),
            now=self.clock,
        )

    def put(self, host: HostRef, mode: bool) -> Outcome:
        """Let a host enter or leave, and its event be handled."""
        (self.vcenter.enter if mode else self.vcenter.leave)(host.moref)
        return self.send(host, mode)

    def send(self, host: HostRef, mode: bool, *, seen: bool = False) -> Outcome:
        name = ENTERED if mode else EXITED
        event = HostEvent(name, host, None, self.clock(), "id", seen=seen)
        return mirror_event(event, mode, self.context)

    def forget(self) -> None:
        """Go on as another process."""
        self.context = replace(self.context, memory=NoMemory())

    def silenced(self) -> set[HostRef]:
        return self.operations.maintained()


def by_name(outcome: Outcome) -> dict[str, tuple[str, str]]:
    """Say what became of each companion, and why."""
    return {each.host.name: (each.action, each.reason) for each in outcome.companions if each.host}


@pytest.mark.parametrize("lease", [None, 60])
def test_companions_go_with_the_last_host_and_come_back_with_the_first(lease: int | None) -> None:
    estate = Estate(lease)
    outcome = estate.put(ONE, True)
    assert outcome.action == "entered"
    assert by_name(outcome)["local"] == ("entered", "")
    assert estate.silenced() == {ONE, LOCAL}
    estate.clock.advance(1)
    estate.put(TWO, True)
    assert estate.silenced() == {ONE, TWO, *AROUND}
    estate.clock.advance(1)
    outcome = estate.put(ONE, False)
    assert by_name(outcome) == dict.fromkeys(("local", "shared", "cluster"), ("exited", ""))
    assert estate.silenced() == {TWO}
    estate.put(TWO, False)
    assert estate.silenced() == set()


def test_only_the_kinds_that_are_included_go_with_it() -> None:
    estate = Estate(includes=("ClusterComputeResource",))
    for host in (ONE, TWO):
        estate.put(host, True)
    assert estate.silenced() == {ONE, TWO, CLUSTER}


def test_a_host_whose_mode_is_not_told_may_be_at_work() -> None:
    estate = Estate()
    estate.vcenter.hidden.add("host-2")
    estate.vcenter.enter("host-2")
    estate.put(ONE, True)
    assert estate.silenced() == {ONE, LOCAL}


def test_what_depends_on_no_host_is_never_in_maintenance() -> None:
    assert not Companion(LOCAL, frozenset()).in_maintenance({"host-1": True})


def test_another_process_leaves_the_window_of_what_is_mounted_elsewhere_and_says_so() -> None:
    estate = Estate()
    estate.put(ONE, True)
    estate.forget()
    estate.vcenter.around[LOCAL].add("host-2")
    [action] = reconcile(estate.context).actions
    assert (action.verb, action.host, action.is_new) == ("leave", LOCAL, True)
    estate.clock.advance(61)
    assert LOCAL not in estate.silenced()


class NothingElse(FakeOperations):
    """Knows hosts alone: whoever asks for anything else is wrong."""

    def find_with(self, host: HostRef, kinds: Collection[str]) -> list[Resource]:
        raise AssertionError

    def find_all(self, companions: Collection[HostRef]) -> list[Resource]:
        raise AssertionError

    def alone(self, host: Resource, companions: Sequence[Resource]) -> list[Resource]:
        raise AssertionError

    def resources(self, vcenter: str, kind: str = HOST) -> Iterator[Resource]:
        assert kind == HOST
        return super().resources(vcenter)


class NothingAround(FakeVCenter):
    """Has hosts alone."""

    def surroundings(self, moref: str, kinds: Collection[str]) -> Surroundings:
        raise AssertionError

    def companions(self, kinds: Collection[str]) -> Iterator[Companion]:
        raise AssertionError

    def has(self, companion: HostRef) -> bool:
        raise AssertionError


@pytest.mark.parametrize(("lease", "asks"), list(product([None, 60], [False, True])))
def test_unset_nobody_is_asked_about_companions(lease: int | None, asks: bool) -> None:
    operations, vcenter = NothingElse([ONE, TWO, *AROUND]), NothingAround([ONE, TWO], A)
    vcenters = VCenters({A: vcenter} if asks else {})
    context = Context(operations, vcenters, policy=Policy(lease), now=operations.clock)
    for mode in (True, False):
        (vcenter.enter if mode else vcenter.leave)("host-1")
        event = HostEvent(ENTERED if mode else EXITED, ONE, None, None, "id")
        outcome = mirror_event(event, mode, context)
        assert outcome.companions == ()
        assert operations.maintained() == ({ONE} if mode else set())
        report = reconcile(context)
        assert (report.faults, report.companions) == ([], 0)


def test_who_enters_while_another_works_costs_no_question_about_the_past() -> None:
    estate = Estate()
    outcome = estate.put(ONE, True)
    assert estate.vcenter.asked == ["surroundings", "surroundings"]
    nothing = "not in maintenance mode within the last lease, so nothing of ours is there"
    assert by_name(outcome)["shared"] == ("unchanged", nothing)


def test_what_looks_silenced_while_another_works_is_looked_into() -> None:
    estate = Estate()
    estate.operations.set_state(SHARED, TIMED, 2880)
    outcome = estate.put(ONE, True)
    assert "events" in estate.vcenter.asked
    action, reason = by_name(outcome)["shared"]
    assert action == "left"
    assert "not in maintenance mode within the last lease" in reason
    assert any(each.needs_attention for each in outcome.companions)
    assert estate.operations.state(SHARED) is TIMED


def test_without_leases_an_end_is_written_come_what_may() -> None:
    estate = Estate(lease=None)
    assert by_name(estate.put(ONE, True))["shared"] == ("exited", "")


def test_a_host_alone_has_only_its_own_events_read() -> None:
    estate = Estate(includes=("VirtualMachine",))
    estate.put(ONE, False)
    assert estate.vcenter.asked == ["surroundings", "events host-1", "surroundings"]


def test_a_window_that_is_there_when_the_last_host_enters_may_be_a_persons() -> None:
    estate = Estate()
    estate.put(ONE, True)
    estate.operations.set_state(SHARED, TIMED, 2880)
    ends = estate.operations.ends(SHARED)
    outcome = estate.put(TWO, True)
    assert by_name(outcome)["shared"] == ("left", PERHAPS_ANOTHERS)
    assert estate.operations.ends(SHARED) == ends


def test_where_events_may_not_be_read_a_companions_timed_window_is_left() -> None:
    estate = Estate()
    for host in (ONE, TWO):
        estate.put(host, True)
    estate.forget()
    estate.vcenter.untold = True
    outcome = estate.put(TWO, False)
    assert by_name(outcome)["shared"] == ("left", NOT_TOLD)
    assert SHARED in estate.silenced()


def test_what_was_seen_counts_for_companions_though_no_event_tells_it_yet() -> None:
    estate = Estate()
    for host in (ONE, TWO):
        estate.put(host, True)
        estate.clock.advance(1)
    estate.forget()
    estate.vcenter.modes[TWO] = False
    outcome = estate.send(TWO, False, seen=True)
    assert by_name(outcome)["shared"] == ("exited", "")
    assert estate.silenced() == {ONE, LOCAL}


def test_a_companion_that_is_not_known_is_told_of_if_it_ought_to_be_silenced() -> None:
    estate = Estate()
    for each in (LOCAL, SHARED):
        estate.operations.remove(each)
    outcome = estate.put(ONE, True)
    assert by_name(outcome)["local"] == ("left", UNKNOWN)
    assert "shared" not in by_name(outcome)


def test_a_companion_of_which_there_are_two_is_not_touched() -> None:
    estate = Estate()
    estate.operations.add(LOCAL)
    outcome = estate.put(ONE, True)
    assert by_name(outcome)["local"] == ("left", UNKNOWN)
    assert estate.silenced() == {ONE}


def test_what_vrealize_operations_does_not_relate_yet_is_found_all_the_same() -> None:
    estate = Estate()
    estate.operations.relate(LOCAL)
    estate.put(ONE, True)
    assert estate.silenced() == {ONE, LOCAL}


def test_a_companion_that_is_mounted_elsewhere_too_is_monitored_again() -> None:
    estate = Estate()
    estate.put(ONE, True)
    estate.vcenter.around[LOCAL].add("host-2")
    report = reconcile(estate.context)
    assert {(each.verb, each.host.name) for each in report.actions} == {("end", "local")}
    assert estate.silenced() == {ONE}


@pytest.mark.parametrize("lease", [None, 60])
def test_without_vcenter_only_what_is_of_one_host_goes_with_it(lease: int | None) -> None:
    estate = Estate(lease, asks=False)
    outcome = estate.send(ONE, True)
    assert set(by_name(outcome)) == {"local"}
    estate.clock.advance(1)
    estate.send(TWO, True)
    assert estate.silenced() == {ONE, TWO, LOCAL}
    estate.clock.advance(1)
    estate.send(ONE, False)
    assert estate.silenced() == {TWO}


def test_without_vcenter_what_became_shared_meanwhile_is_monitored_again() -> None:
    estate = Estate(asks=False)
    estate.send(ONE, True)
    estate.operations.relate(LOCAL, ONE, TWO)
    estate.clock.advance(1)
    estate.send(ONE, True)
    assert estate.silenced() == {ONE}


def test_without_vcenter_and_without_companions_nobody_is_asked_whose_they_are() -> None:
    estate = Estate(asks=False)
    for each in AROUND:
        estate.operations.relate(each)
    assert estate.send(ONE, True).companions == ()


def test_a_look_names_the_companion_and_the_only_host() -> None:
    estate = Estate(includes=("Datastore",))
    asked = AskedVCenter(estate.vcenter, estate.context)
    look = asked.look("host-1", [])
    found = look.companion("datastore-1")
    assert found
    assert found.ref == LOCAL
    assert look.companion("host-1") is None
    assert look.only_host == ""
    estate.vcenter.around[SHARED] = {"host-2"}
    assert asked.look("host-1", []).only_host == "host-1"


def test_a_vcenter_of_somebodys_own_that_knows_hosts_only_has_no_companions() -> None:
    vcenter = Estate().vcenter
    vcenter.enter("host-1")
    assert VCenter.surroundings(vcenter, "host-1", KINDS) == Surroundings({"host-1": True})
    assert list(VCenter.companions(vcenter, KINDS)) == []
    assert not VCenter.has(vcenter, LOCAL)


AT = datetime(2026, 3, 14, 9, tzinfo=UTC)


def changed(number: int, *entered: bool, minute: int = 0) -> list[ModeChange]:
    """Changes of a host, one after another each two minutes, the newest first."""
    moref = f"host-{number}"
    each = enumerate(entered)
    made = [ModeChange(moref, mode, AT + timedelta(minutes=minute + 2 * at)) for at, mode in each]
    return made[::-1]


@pytest.mark.parametrize(
    ("modes", "one", "two", "expected"),
    [
        ((True, True), [], [], []),
        ((True, True), changed(1, True), [], [(0, True)]),
        ((True, True), changed(1, True), changed(2, True, minute=1), [(1, True)]),
        ((False, True), changed(1, True, False), [], [(0, True), (2, False)]),
        # While the other one is at work, nothing changes.
        ((True, False), changed(1, True, False, True), [], []),
        # Both leave: the first one does it.
        ((False, False), changed(1, False), changed(2, False, minute=1), [(0, False)]),
        # An event that contradicts the mode counts: this one has entered since.
        ((False, True), changed(1, True), [], [(0, True)]),
        ((True, False), [], changed(2, False, True), [(0, False), (2, True)]),
    ],
)
def test_a_companion_changes_as_its_hosts_do(
    modes: tuple[bool, bool],
    one: list[ModeChange],
    two: list[ModeChange],
    expected: list[tuple[int, bool]],
) -> None:
    told = dict(zip(("host-1", "host-2"), modes, strict=True))
    companion = Companion(SHARED, frozenset(told))
    found = changes_of_companion(companion, told, {"host-1": one, "host-2": two})
    made = [(AT + timedelta(minutes=minute), mode) for minute, mode in expected]
    assert [(each.at, each.entered) for each in reversed(found)] == made
    assert {each.moref for each in found} <= {"datastore-2"}


def test_who_has_entered_since_the_look_is_neither_ended_nor_taken_for_untold() -> None:
    assert stand(False, changed(1, True), Policy(60), AT) is Stand.ENTERED_SINCE
    assert stand(False, None, Policy(60), AT) is Stand.NOT_TOLD
    estate = Estate(includes=())
    estate.vcenter.enter("host-1")
    estate.vcenter.modes[ONE] = False
    outcome = estate.send(ONE, True)
    assert outcome.action == "unchanged"
    assert "has entered maintenance mode since it was looked at" in outcome.reason
