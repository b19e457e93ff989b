"""functions.reconciliation: what a sweep does, and what it leaves alone."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from adapters.memory import EventMemory
from functions.context import Context, Policy, VCenters
from functions.errors import (
    HostNotFoundError,
    MaintenanceError,
    OperationsUnavailableError,
    RequestRejectedError,
    SweepRefusedError,
    VCenterUnavailableError,
)
from functions.events import HostRef
from functions.handlers import dispatch
from functions.outcomes import Action, Outcome, Overdue, SweepListener, Verb
from functions.ownership import Stand
from functions.ports import Companion, ModeChange, Resource, ResourceState, VCenterHost
from functions.reconciliation import Report, _counted, reconcile
from functions.sweep_plan import plan
from tests.fakes import Clock, FakeOperations, FakeVCenter

MONITORED = ResourceState.MONITORED
TIMED = ResourceState.TIMED
OPEN_ENDED = ResourceState.OPEN_ENDED
NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
UNTIL = NOW + timedelta(minutes=60)
ADDRESS = "vcenter.lab.local"
TIMER = {"type": "dev.knative.sources.ping"}


def ref(number: int, vcenter: str = ADDRESS) -> HostRef:
    return HostRef(f"host-{number}", f"esx{number}", vcenter)


def refs(count: int, vcenter: str = ADDRESS) -> list[HostRef]:
    return [ref(number, vcenter) for number in range(1, count + 1)]


def store(number: int) -> HostRef:
    return HostRef(f"datastore-{number}", f"ds{number}", ADDRESS, "Datastore")


def resource(host: HostRef, state: ResourceState = MONITORED, twin: str = "") -> Resource:
    return Resource(f"id-{host.moref}{twin}", host, state, host.moref)


@dataclass
class Notes(SweepListener):
    """Writes down what it is told, and does something when the plan is there."""

    told: list[object] = field(default_factory=list)
    meanwhile: list[tuple[FakeVCenter, str]] = field(default_factory=list)

    def read(self, vcenter: str, side: str, count: int) -> None:
        self.told.append((vcenter, side, count))

    def refused(self, error: SweepRefusedError) -> None:
        self.told.append("refused")

    def planned(self, actions: list[Action]) -> None:
        self.told.append([action.verb for action in actions])
        for vcenter, moref in self.meanwhile:
            mode = vcenter.modes[vcenter.host(moref)]
            (vcenter.leave if mode else vcenter.enter)(moref)

    def overdue(self, found: Overdue) -> None:
        self.told.append(("overdue", found.host.moref, found.is_new))

    def done(self, action: Action, seen: bool) -> None:
        self.told.append((action.verb, action.host.moref, seen))

    def corrected(self, outcome: Outcome) -> None:
        self.told.append((outcome.action, outcome.host and outcome.host.moref))

    def failed(self, where: str, error: MaintenanceError) -> None:
        self.told.append((where, str(error)))


@dataclass
class Site:
    """One or two vCenters with as many hosts each, and a vRealize Operations that knows them."""

    count: int = 4
    lease: int | None = 60
    addresses: tuple[str, ...] = (ADDRESS,)
    max_changes: int | None = None
    includes: tuple[str, ...] = ()
    listener: Notes = field(default_factory=Notes)

    def __post_init__(self) -> None:
        uuids = {address: f"uuid-{address}" for address in self.addresses}
        clock = Clock(NOW)
        self.vcenters = [
            FakeVCenter(refs(self.count, each), each, uuids[each], clock=clock)
            for each in self.addresses
        ]
        hosts = [host for each in self.vcenters for host in each.modes]
        self.operations = FakeOperations(hosts, uuids=uuids, clock=clock)
        self.memory = EventMemory(clock)

    @property
    def vcenter(self) -> FakeVCenter:
        return self.vcenters[0]

    @property
    def context(self) -> Context:
        return Context(
            self.operations,
            VCenters({each.address: each for each in self.vcenters}),
            self.memory,
            policy=Policy(self.lease, max_changes=self.max_changes, includes=self.includes),
            listener=self.listener,
            now=self.operations.clock,
        )

    def sweep(self, *, dry_run: bool = False, adopt: bool = False) -> Report:
        return reconcile(self.context, dry_run=dry_run, adopt=adopt)

    def enter(self, *numbers: int) -> None:
        for number in numbers:
            self.vcenter.enter(f"host-{number}")

    def leave(self, *numbers: int) -> None:
        for number in numbers:
            self.vcenter.leave(f"host-{number}")

    def stay(self, *numbers: int) -> None:
        """Let hosts have been in maintenance mode lately, so that a window may be ours."""
        self.enter(*numbers)
        self.leave(*numbers)

    def mount(self, number: int, *hosts: int) -> HostRef:
        """Let hosts mount a datastore, which vRealize Operations knows."""
        datastore = store(number)
        self.vcenter.around[datastore] = {f"host-{host}" for host in hosts}
        self.operations.add(datastore)
        return datastore

    def maintained(self) -> set[str]:
        return {host.moref for host in self.operations.maintained()}

    def wait(self, minutes: float) -> None:
        self.operations.clock.advance(minutes)


LONG, ENTERED, LEFT, OUT, UNTOLD, SINCE = Stand
# What changed lately, for each way in which a host may stand; None is what may not be read.
PAST: dict[Stand, list[ModeChange] | None] = {
    LONG: [],
    ENTERED: [ModeChange("host-1", True, NOW)],
    LEFT: [ModeChange("host-1", False, NOW), ModeChange("host-1", True, NOW)],
    OUT: [],
    UNTOLD: None,
    SINCE: [ModeChange("host-1", True, NOW)],
}
# Leases, how the host stands, its state, what is done, and what with adopt.
TABLE: list[tuple[bool, Stand, ResourceState, Verb | None, Verb | None]] = [
    (True, LONG, MONITORED, "start", "start"),
    (True, LONG, TIMED, "renew", "renew"),
    (True, LONG, OPEN_ENDED, "leave", "leave"),
    (True, ENTERED, MONITORED, "start", "start"),
    (True, ENTERED, TIMED, None, None),
    (True, ENTERED, OPEN_ENDED, "leave", "leave"),
    (True, LEFT, MONITORED, None, None),
    (True, LEFT, TIMED, "end", "end"),
    (True, LEFT, OPEN_ENDED, "leave", "end"),
    (True, OUT, MONITORED, None, None),
    (True, OUT, TIMED, "leave", "leave"),
    (True, OUT, OPEN_ENDED, "leave", "end"),
    (True, UNTOLD, MONITORED, None, None),
    (True, UNTOLD, TIMED, "leave", "leave"),
    (True, UNTOLD, OPEN_ENDED, "leave", "end"),
    (True, SINCE, MONITORED, None, None),
    (True, SINCE, TIMED, "leave", "leave"),
    (True, SINCE, OPEN_ENDED, "leave", "end"),
    (False, LONG, MONITORED, "start", "start"),
    (False, LONG, TIMED, None, None),
    (False, LONG, OPEN_ENDED, None, None),
    *((False, stand, MONITORED, None, None) for stand in (LEFT, OUT, UNTOLD, SINCE)),
    *((False, stand, TIMED, "leave", "leave") for stand in (LEFT, OUT, UNTOLD, SINCE)),
    *((False, stand, OPEN_ENDED, "leave", "end") for stand in (LEFT, OUT, UNTOLD, SINCE)),
]
ANOTHERS = "a timed window, so not ours, since ours have no lease"
NOT_OURS = "a timed window of a host that was not in maintenance mode within the last lease"
NOT_TOLD = "a timed window, and vCenter's events do not tell whether it may be ours"
REASONS = {
    ("start", MONITORED): "in maintenance mode, but monitored",
    ("renew", TIMED): "still in maintenance mode",
    ("end", TIMED): "not in maintenance mode any more",
    ("end", OPEN_ENDED): "not in maintenance mode any more",
}


def test_the_table_is_complete() -> None:
    combined = set(product([True, False], Stand, ResourceState))
    combined -= {
        (False, ENTERED, state) for state in ResourceState
    }  # Without leases, it is all one.
    assert {row[:3] for row in TABLE} == combined
    assert len(TABLE) == len(combined)


@pytest.mark.parametrize("adopt", [False, True])
@pytest.mark.parametrize(("leased", "stand", "state", "verb", "adopting"), TABLE)
def test_what_is_done_follows_from_leases_stand_and_state(
    leased: bool,
    stand: Stand,
    state: ResourceState,
    verb: Verb | None,
    adopting: Verb | None,
    adopt: bool,
) -> None:
    found = resource(ref(1), state)
    hosts = [VCenterHost(ref(1), stand.in_maintenance)]
    actions = plan(hosts, [found], Policy(60 if leased else None), NOW, PAST[stand], adopt)
    expected = adopting if adopt else verb
    assert [action.verb for action in actions] == ([expected] if expected else [])
    for action in actions:
        assert (action.host, action.resource) == (ref(1), found)
        assert action.until == (UNTIL if leased and expected in ("start", "renew") else None)
        assert action.changes == (expected in ("start", "end"))
        persons = "open-ended, so a person's, since ours have a lease"
        anyones = "open-ended, so perhaps a person's; --adopt ends it"
        timed = ANOTHERS if not leased else NOT_TOLD if stand in (UNTOLD, SINCE) else NOT_OURS
        left = timed if state is TIMED else persons if leased else anyones
        assert action.reason == REASONS.get((action.verb, state), left)


def test_two_resources_of_one_host_are_reported_and_neither_is_touched() -> None:
    found = [resource(ref(1), TIMED), resource(ref(1), MONITORED, twin="b")]
    [action] = plan([VCenterHost(ref(1), False)], found, Policy(60), NOW)
    assert (action.verb, action.host, action.resource) == ("report", ref(1), None)
    assert action.reason == "2 resources have its MoRef; none of them is touched"


def test_a_host_that_either_side_does_not_know_is_reported() -> None:
    hosts = [VCenterHost(ref(1), True), VCenterHost(ref(2), False)]
    stray = resource(ref(3), OPEN_ENDED)
    unknown, left_over = plan(hosts, [resource(ref(2)), stray], Policy(60), NOW)
    assert unknown == Action("report", ref(1), "unknown to vRealize Operations")
    reason = "unknown to its vCenter; open-ended, so a person's, since ours have a lease"
    assert left_over == Action("leave", ref(3), reason, stray)


def test_hosts_are_matched_by_moref_whatever_their_names_are() -> None:
    renamed = Resource("id", HostRef("host-1", "esx2", ADDRESS), MONITORED, "host-1")
    namesake = Resource("id-2", HostRef("host-2", "esx1", ADDRESS), MONITORED, "host-2")
    hosts = [VCenterHost(ref(1), True), VCenterHost(ref(2), False)]
    [action] = plan(hosts, [namesake, renamed], Policy(60), NOW)
    assert (action.verb, action.resource) == ("start", renamed)


def test_ten_thousand_hosts_are_planned_one_by_one() -> None:
    hosts = [VCenterHost(each, number % 10 == 0) for number, each in enumerate(refs(10_000))]
    states = [TIMED if number % 20 == 0 else MONITORED for number in range(10_000)]
    found = [resource(each, state) for each, state in zip(refs(10_000), states, strict=True)]
    verbs = [action.verb for action in plan(hosts, reversed(found), Policy(60), NOW)]
    assert (verbs.count("start"), verbs.count("renew"), len(verbs)) == (500, 500, 1000)


def test_a_sweep_repairs_what_events_missed() -> None:
    site = Site(4)
    site.enter(1, 2)
    before = site.sweep()
    site.wait(30)
    site.vcenter.leave("host-1")
    site.enter(3)
    site.operations.set_state(ref(4), OPEN_ENDED)
    report = site.sweep()
    assert before.summary() == (
        "4 hosts compared: 2 started, 0 renewed, 0 ended, 0 left alone, 0 not comparable"
    )
    assert report.summary() == (
        "4 hosts compared: 1 started, 1 renewed, 1 ended, 1 left alone, 0 not comparable"
    )
    assert (report.faults, report.refusal, report.unseen, report.corrections) == ([], None, [], [])
    assert site.maintained() == {"host-2", "host-3", "host-4"}
    assert site.operations.state(ref(4)) is OPEN_ENDED


def test_each_sweep_renews_the_lease_of_what_is_still_in_maintenance_mode() -> None:
    site = Site(2)
    site.enter(1)
    for _ in range(5):
        site.sweep()
        assert site.operations.ends(ref(1)) == site.operations.clock() + timedelta(minutes=60)
        site.operations.clock.advance(45)
    site.operations.clock.advance(16)
    assert site.maintained() == set()


def test_a_window_is_renewed_before_it_can_end_and_not_long_before_that() -> None:
    site = Site(2)
    site.enter(1)
    renewed = []
    for _ in range(12):
        renewed.append(site.sweep().counts()["renew"])
        site.wait(10)
        assert site.maintained() == {"host-1"}
    assert renewed == [0, 0, 0, *[1] * 9]


@dataclass
class CountingVCenter(FakeVCenter):
    """Counts what it is asked beyond its hosts."""

    asked: list[str] = field(default_factory=list)

    def mode_changes(self, since: datetime, moref: str = "") -> list[ModeChange]:
        self.asked.append("mode_changes")
        return super().mode_changes(since, moref)

    def entered(self, morefs: Collection[str]) -> dict[str, ModeChange]:
        self.asked.append("entered")
        return super().entered(morefs)


def test_a_sweep_asks_for_the_past_of_all_hosts_at_once_and_only_if_it_matters() -> None:
    site = Site(1000)
    vcenter = CountingVCenter(refs(1000), ADDRESS, clock=site.operations.clock)
    site.vcenters = [vcenter]
    site.sweep()
    assert vcenter.asked == []
    site.enter(*range(1, 41))
    site.sweep()
    vcenter.asked.clear()
    assert site.sweep().actions == []
    assert vcenter.asked == ["mode_changes", "entered"]


def persons(site: Site, *numbers: int, minutes: int = 2880) -> None:
    """Put hosts into windows of a person's."""
    for number in numbers:
        site.operations.start_maintenance(site.operations.find(ref(number)), minutes)


def test_a_persons_windows_of_hosts_in_service_are_left_and_told_of_once() -> None:
    site = Site(20)
    persons(site, *range(1, 13))
    first, second = site.sweep(), site.sweep()
    for report in (first, second):
        assert [each.verb for each in report.actions] == ["leave"] * 12
    assert (first.needs_attention, second.needs_attention) == (True, False)
    assert len(site.maintained()) == 12
    assert dispatch(TIMER, site.context).needs_attention is False


def test_a_window_of_a_person_who_came_first_lasts_and_ours_starts_when_it_has_ended() -> None:
    site = Site(4)
    persons(site, 1, minutes=25)
    ends = site.operations.ends(ref(1))
    site.enter(1)
    assert site.sweep().actions == []
    assert site.operations.ends(ref(1)) == ends
    site.wait(26)
    assert site.sweep().counts()["start"] == 1
    assert site.maintained() == {"host-1"}


def test_a_whole_vcenter_in_a_timed_window_is_left_alone() -> None:
    site = Site(5)
    site.stay(1)
    persons(site, 1, 2, 3, 4, 5)
    report = site.sweep()
    assert [each.verb for each in report.actions] == ["leave"] * 5
    assert report.actions[0].reason == "its whole vCenter is in a timed window, which is not ours"
    assert len(site.maintained()) == 5


def test_of_a_small_vcenter_ours_is_ended_among_windows_of_persons() -> None:
    site = Site(4)
    site.enter(4)
    site.sweep()
    for number in (1, 2, 3):
        site.operations.set_state(ref(number), TIMED)
    site.leave(4)
    site.sweep()
    assert site.maintained() == {"host-1", "host-2", "host-3"}


def test_what_this_process_started_is_renewed_and_ended_in_a_whole_vcenter_too() -> None:
    site = Site(20)
    site.enter(1, 2)
    site.sweep()
    for number in range(3, 21):
        site.operations.set_state(ref(number), TIMED)
    site.wait(31)
    site.leave(2)
    counts = site.sweep().counts()
    assert (counts["renew"], counts["end"], counts["leave"]) == (1, 1, 18)


def test_what_was_started_longer_ago_than_a_lease_is_no_evidence() -> None:
    site = Site(4)
    site.enter(1)
    site.sweep()
    site.leave(1)
    site.sweep()
    site.wait(90)
    site.operations.set_state(ref(1), TIMED)
    assert site.sweep().counts()["leave"] == 1


def test_history_that_cannot_be_read_ends_nothing_and_stops_nothing_else() -> None:
    site = Site(4)
    site.enter(1, 2)
    site.sweep()
    site.memory = EventMemory(site.operations.clock)  # As after a restart.
    site.leave(1)
    site.enter(3)
    for failure in (VCenterUnavailableError("slow"), RequestRejectedError("no privilege")):
        site.vcenter.failures = [None, None, failure, failure]
        report = site.sweep()
        assert [each.verb for each in report.actions if each.host == ref(1)] == ["leave"]
        assert "host-3" in site.maintained()
    assert (report.faults, site.sweep().counts()["end"]) == ([], 1)


def test_what_this_process_has_started_is_ended_though_vcenter_tells_nothing() -> None:
    site = Site(4)
    site.enter(1, 2)
    site.sweep()
    site.leave(1)
    site.vcenter.remove("host-2")
    site.vcenter.purged_before = site.operations.clock() + timedelta(minutes=1)
    assert site.sweep().counts()["end"] == 2
    assert site.maintained() == set()


def test_a_host_that_entered_while_it_was_compared_is_left_to_its_event() -> None:
    site = Site(4)
    persons(site, 1)
    hosts = [VCenterHost(ref(1), False)]
    resources = [site.operations.find(ref(1))]
    changes = [ModeChange("host-1", True, NOW)]
    [action] = plan(hosts, resources, Policy(60), NOW, changes)
    assert (action.verb, action.reason) == ("leave", NOT_TOLD)


@pytest.mark.parametrize(("days", "is_overdue"), [(13.9, False), (14.1, True)])
def test_a_host_that_was_forgotten_is_named_once_a_day(days: float, is_overdue: bool) -> None:
    site = Site(4)
    site.vcenter.enter("host-1", user="LAB\\alice")
    site.wait(days * 1440)
    reports = [site.sweep(), site.sweep()]
    site.wait(1440)
    reports.append(site.sweep())
    named = [[(each.host, each.is_new) for each in report.overdue] for report in reports]
    expected = [[(ref(1), True)], [(ref(1), False)], [(ref(1), True)]]
    assert named == (expected if is_overdue else [[], [], [(ref(1), True)]])
    [found] = reports[-1].overdue
    assert found.entered
    assert found.entered.user == "LAB\\alice"


def test_a_host_that_entered_before_vcenter_remembers_is_overdue_too() -> None:
    site = Site(4)
    site.enter(1)
    site.wait(100 * 1440)
    site.vcenter.purged_before = site.operations.clock()
    [found] = site.sweep().overdue
    assert (found.host, found.entered) == (ref(1), None)
    assert ("overdue", "host-1", True) in site.listener.told


def test_without_leases_a_sweep_starts_open_ended_and_ends_nothing_unless_it_adopts() -> None:
    site = Site(4, lease=None)
    site.enter(1)
    assert [action.until for action in site.sweep().actions] == [None]
    site.vcenter.leave("host-1")
    assert site.sweep().counts()["leave"] == 1
    assert site.operations.state(ref(1)) is OPEN_ENDED
    assert site.sweep(adopt=True).counts()["end"] == 1
    assert site.maintained() == set()


def test_adopting_leaves_a_persons_where_the_host_is_in_maintenance_mode() -> None:
    site = Site(4)
    site.enter(1)
    for host in (ref(1), ref(2)):
        site.operations.set_state(host, OPEN_ENDED)
    site.sweep(adopt=True)
    assert site.operations.state(ref(1)) is OPEN_ENDED
    assert site.operations.state(ref(2)) is MONITORED


def test_a_dry_run_tells_the_plan_and_changes_nothing() -> None:
    site = Site(4)
    site.enter(1, 2)
    site.leave(2)
    site.operations.set_state(ref(2), TIMED)
    report = site.sweep(dry_run=True)
    assert [(each.verb, each.host) for each in report.actions] == [
        ("start", ref(1)),
        ("end", ref(2)),
    ]
    assert site.maintained() == {"host-2"}
    assert site.listener.told == [
        (ADDRESS, "vCenter", 4),
        (ADDRESS, "vRealize Operations", 4),
        ["start", "end"],
    ]


@pytest.mark.parametrize(
    ("state", "stayed", "verb"),
    [
        (MONITORED, True, "report"),
        (TIMED, True, "end"),
        (TIMED, False, "leave"),
        (OPEN_ENDED, True, "leave"),
    ],
)
def test_what_is_ours_of_a_host_that_has_left_its_vcenter_is_ended(
    state: ResourceState, stayed: bool, verb: Verb
) -> None:
    site = Site(4)
    if stayed:
        site.enter(1)
        site.leave(1)
    site.operations.set_state(ref(1), state)
    site.vcenter.remove("host-1")
    report = site.sweep()
    assert [(action.verb, action.host) for action in report.actions] == [(verb, ref(1))]
    assert site.maintained() == ({"host-1"} if verb == "leave" else set())


def test_a_host_that_moves_while_it_is_silenced_ends_up_silenced_once() -> None:
    site = Site(4, addresses=(ADDRESS, "another.lab.local"))
    site.enter(1)
    site.sweep()
    moved = HostRef("host-77", "esx1", "another.lab.local")
    site.vcenter.remove("host-1")
    site.vcenters[1].modes[moved] = False
    site.vcenters[1].enter("host-77")
    site.operations.add(moved)
    site.sweep()
    assert site.operations.maintained() == {moved}


def test_hosts_that_only_one_side_knows_do_not_loosen_the_brake() -> None:
    site = Site(500)
    site.operations = FakeOperations(refs(100), uuids={ADDRESS: f"uuid-{ADDRESS}"})
    site.enter(*range(1, 52))
    report = site.sweep()
    assert report.hosts == 100
    assert str(report.refusal).startswith("would change 51 of 100 hosts, more than 50")


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1000])
def test_how_far_it_is_is_told_once_each_time(count: int) -> None:
    notes = Notes()
    assert list(_counted(range(count), notes, ADDRESS, "vCenter")) == list(range(count))
    told = [*range(500, count + 1, 500)]
    expected = told if count and count % 500 == 0 else [*told, count]
    assert notes.told == [(ADDRESS, "vCenter", each) for each in expected]


@pytest.mark.parametrize(
    ("hosts", "max_changes", "limit"),
    [
        (60, None, 50),
        (250, None, 50),
        (255, None, 51),
        (500, None, 100),
        (60, 7, 7),
        (60, 55, 55),
        (10, 0, 0),
    ],
)
def test_a_sweep_that_would_change_too_much_changes_nothing(
    hosts: int, max_changes: int | None, limit: int
) -> None:
    site = Site(hosts, max_changes=max_changes)
    site.enter(*range(1, limit + 2))
    report = site.sweep()
    assert str(report.refusal) == (
        f"would change {limit + 1} of {hosts} hosts, more than {limit}"
        " (RECONCILE_MAX_CHANGES), so nothing was changed"
    )
    assert site.maintained() == set()
    with pytest.raises(SweepRefusedError):
        dispatch(TIMER, site.context)
    site.vcenter.leave("host-1")
    assert site.sweep().refusal is None
    assert len(site.maintained()) == limit


def test_a_refused_sweep_renews_all_the_same_and_says_both() -> None:
    site = Site(4, max_changes=1)
    site.enter(1)
    site.sweep()
    site.wait(40)
    site.enter(2, 3)
    refusal = site.sweep().refusal
    assert str(refusal) == (
        "would change 2 of 4 hosts, more than 1 (RECONCILE_MAX_CHANGES), so nothing was changed;"
        " renewed all the same: 1"
    )
    assert site.maintained() == {"host-1"}
    assert site.operations.ends(ref(1)) == site.operations.clock() + timedelta(minutes=60)
    told = ["refused", ["renew", "start", "start"], ("renew", "host-1", True)]
    assert site.listener.told[-3:] == told


def test_a_refused_dry_run_renews_nothing() -> None:
    site = Site(4, max_changes=1)
    site.enter(1)
    site.sweep()
    site.wait(40)
    site.enter(2, 3)
    refusal = site.sweep(dry_run=True).refusal
    assert str(refusal).endswith("so nothing was changed")
    assert site.operations.ends(ref(1)) == NOW + timedelta(minutes=60)


def test_the_limit_counts_what_is_started_and_ended_but_no_renewals() -> None:
    site = Site(100)
    site.enter(*range(1, 41))
    site.sweep()
    site.wait(40)
    site.enter(*range(41, 81))
    assert site.sweep().counts()["renew"] == 40
    site.wait(40)
    for number in range(1, 26):
        site.vcenter.leave(f"host-{number}")
    site.enter(*range(81, 101))
    assert site.sweep().counts() == {"start": 20, "renew": 55, "end": 25, "leave": 0, "report": 0}
    for number in range(26, 77):
        site.vcenter.leave(f"host-{number}")
    assert site.sweep().refusal


def test_the_limit_is_about_all_vcenters_together() -> None:
    site = Site(30, addresses=("a.lab", "b.lab"))
    for vcenter in site.vcenters:
        for number in range(1, 27):
            vcenter.enter(f"host-{number}")
    assert "would change 52 of 60 hosts" in str(site.sweep().refusal)
    assert site.maintained() == set()


def test_a_vcenter_that_has_no_hosts_is_not_believed() -> None:
    site = Site(3)
    for host in refs(3):
        site.operations.set_state(host, TIMED)
    site.vcenter.modes.clear()
    report = site.sweep()
    assert [str(fault) for fault in report.faults] == [
        "vcenter.lab.local says that it has no hosts; taken for a fault"
    ]
    assert (report.hosts, report.actions, len(site.maintained())) == (0, [], 3)
    with pytest.raises(VCenterUnavailableError):
        dispatch(TIMER, site.context)


@pytest.mark.parametrize(("left", "believed"), [(1, False), (2, False), (3, True)])
def test_a_vcenter_that_has_fewer_than_half_of_its_hosts_is_not_believed(
    left: int, believed: bool
) -> None:
    site = Site(5)
    site.stay(1)
    site.operations.set_state(ref(1), TIMED)
    for number in range(left + 1, 6):
        site.vcenter.remove(f"host-{number}")
    report = site.sweep()
    assert (report.faults == []) == believed
    assert site.maintained() == (set() if believed else {"host-1"})
    if not believed:
        assert f"has only {left} of the 5 hosts" in str(report.faults[0])


def test_half_of_the_hosts_are_enough_to_be_believed() -> None:
    site = Site(4)
    for number in (3, 4):
        site.vcenter.remove(f"host-{number}")
    assert site.sweep().faults == []


def test_hosts_that_only_vcenter_knows_do_not_make_up_for_those_that_it_lost() -> None:
    site = Site(4)
    for number in (1, 2, 3):
        site.vcenter.remove(f"host-{number}")
    site.vcenter.modes.update(dict.fromkeys([ref(number) for number in range(10, 20)], False))
    assert "has only 1 of the 4 hosts" in str(site.sweep().faults[0])


def test_a_vrealize_operations_that_knows_no_host_is_reported_and_nothing_else() -> None:
    site = Site(3)
    for host in refs(3):
        site.operations.remove(host)
    assert site.sweep().counts()["report"] == 3


def test_one_vcenter_that_fails_spares_the_other() -> None:
    site = Site(3, addresses=("a.lab", "b.lab"))
    site.vcenters[0].enter("host-1")
    site.vcenters[1].enter("host-2")
    down = VCenterUnavailableError("a.lab is down")
    site.vcenters[0].failures = [down]
    report = site.sweep()
    assert (report.faults, report.hosts) == ([down], 3)
    assert site.operations.maintained() == {ref(2, "b.lab")}
    assert ("a.lab", "a.lab is down") in site.listener.told
    site.vcenters[0].failures = [down]
    with pytest.raises(VCenterUnavailableError, match=r"a\.lab is down"):
        dispatch(TIMER, site.context)
    assert site.sweep().faults == []
    assert site.operations.maintained() == {ref(1, "a.lab"), ref(2, "b.lab")}


@pytest.mark.parametrize("after", [0, 1, 2, 3, 4])
def test_a_server_that_fails_at_any_call_is_reported_and_the_next_sweep_does_the_rest(
    after: int,
) -> None:
    site = Site(4)
    site.stay(1, 2)
    site.operations.set_state(ref(1), TIMED)
    site.operations.set_state(ref(2), TIMED)
    site.enter(3, 4)
    down = OperationsUnavailableError("down")
    site.operations.failures = [*([None] * after), down]
    report = site.sweep()
    assert report.faults == [down]
    # One reads, the next two end, the last two start.
    assert len(site.maintained()) == [2, 4, 3, 0, 1][after]
    assert site.sweep().faults == []
    assert site.maintained() == {"host-3", "host-4"}


def test_a_failing_write_does_not_keep_anybody_from_looking_again() -> None:
    site = Site(4)
    site.stay(1)
    site.operations.set_state(ref(1), TIMED)
    site.enter(2)
    site.operations.failures = [None, None, OperationsUnavailableError("down")]
    site.listener.meanwhile = [(site.vcenter, "host-1")]
    report = site.sweep()
    assert [outcome.action for outcome in report.corrections] == ["entered"]
    assert site.maintained() == {"host-1"}


def test_a_vcenter_that_fails_when_it_is_looked_at_again_is_reported() -> None:
    site = Site(3)
    site.enter(1)
    site.vcenter.failures = [None, None, VCenterUnavailableError("down")]
    report = site.sweep()
    assert [str(fault) for fault in report.faults] == ["down"]
    assert site.maintained() == {"host-1"}


def test_what_does_not_show_in_time_is_told() -> None:
    site = Site(3)
    site.enter(1)
    site.operations.slow = True
    report = site.sweep()
    assert [action.host for action in report.unseen] == [ref(1)]
    assert ("start", "host-1", False) in site.listener.told


def test_a_host_that_changes_its_mode_during_the_sweep_is_corrected() -> None:
    site = Site(4)
    site.stay(1)
    site.operations.set_state(ref(1), TIMED)
    site.enter(2)
    site.listener.meanwhile = [(site.vcenter, "host-1"), (site.vcenter, "host-2")]
    report = site.sweep()
    assert [(each.action, each.host) for each in report.corrections] == [
        ("entered", ref(1)),
        ("exited", ref(2)),
    ]
    assert site.maintained() == {"host-1"}


def test_only_hosts_that_were_written_are_looked_at_again() -> None:
    site = Site(3, addresses=("a.lab", "b.lab"))
    site.vcenters[0].enter("host-1")
    site.vcenters[0].enter("host-2")
    site.listener.meanwhile = [(site.vcenters[0], "host-3")]
    report = site.sweep()
    # The host-1 and host-2 of the other vCenter are not in maintenance mode, nor were written.
    assert (report.corrections, len(site.maintained())) == ([], 2)


def test_one_host_that_cannot_be_corrected_spares_the_others() -> None:
    site = Site(4)
    site.enter(1, 2)
    site.listener.meanwhile = [(site.vcenter, "host-1"), (site.vcenter, "host-2")]
    gone = HostNotFoundError("gone by now")
    site.operations.failures = [None, None, None, gone]
    report = site.sweep()
    assert (report.faults, len(report.corrections)) == ([gone], 1)
    assert site.maintained() == {"host-1"}
    assert ("host esx1 (host-1) of vcenter.lab.local", "gone by now") in site.listener.told


def test_a_persons_is_left_even_if_it_began_during_the_sweep() -> None:
    site = Site(3)
    site.enter(1)

    class Person(Notes):
        def done(self, action: Action, seen: bool) -> None:
            site.operations.set_state(action.host, OPEN_ENDED)
            site.vcenter.leave(action.host.moref)

    site.listener = Person()
    [outcome] = site.sweep().corrections
    assert (outcome.action, site.operations.state(ref(1))) == ("left", OPEN_ENDED)


def copied() -> Site:
    """Return a vCenter and a restored copy of it, which says that it is the same."""
    site = Site(4, addresses=(ADDRESS, "copy.lab"))
    site.operations = FakeOperations(
        refs(4), uuids=dict.fromkeys((ADDRESS, "copy.lab"), "one"), clock=site.operations.clock
    )
    for each in site.vcenters:
        each.uuid = "one"
    return site


def test_of_two_vcenters_that_say_they_are_the_same_neither_is_believed() -> None:
    site = copied()
    site.vcenters[1].enter("host-1")
    report = site.sweep()
    assert [type(fault) for fault in report.faults] == [VCenterUnavailableError] * 2
    assert "both say that they are the vCenter one" in str(report.faults[0])
    assert (report.actions, site.maintained()) == ([], set())


class Hides(FakeVCenter):
    """Lists no host-1, as for an account that may not see it or its mode."""

    def hosts(self) -> Iterator[VCenterHost]:
        yield from (each for each in super().hosts() if each.host.moref != "host-1")


def test_a_host_that_is_not_listed_but_there_is_not_taken_for_gone() -> None:
    site = Site(4)
    site.enter(1)
    site.sweep()
    site.vcenters = [Hides(refs(4), ADDRESS, f"uuid-{ADDRESS}", clock=site.operations.clock)]
    site.enter(1)
    report = site.sweep()
    assert [(each.verb, each.reason) for each in report.actions] == [
        ("report", "its vCenter has it, but does not list it")
    ]
    assert site.maintained() == {"host-1"}


class HidesMode(Hides):
    """Refuses to tell the mode of host-1, too."""

    def in_maintenance_mode(self, moref: str) -> bool:
        if moref == "host-1":
            raise RequestRejectedError("the account lacks a privilege")
        return super().in_maintenance_mode(moref)


def test_a_host_whose_mode_may_not_be_read_holds_up_no_other() -> None:
    site = Site(4)
    site.enter(1, 2)
    site.sweep()
    hiding = HidesMode(refs(4), ADDRESS, f"uuid-{ADDRESS}", clock=site.operations.clock)
    site.vcenters = [hiding]
    hiding.enter("host-2")
    hiding.leave("host-2")
    report = site.sweep()
    assert {each.host.moref: each.verb for each in report.actions} == {
        "host-1": "report",
        "host-2": "end",
    }
    assert (report.faults, site.maintained()) == ([], {"host-1"})


def test_windows_that_were_written_before_a_failure_are_known_as_ours() -> None:
    site = Site(4)
    site.enter(1, 2)
    site.operations.failures = [None, None, OperationsUnavailableError("down")]
    site.sweep()
    [written] = site.operations.maintained()
    assert site.memory.has_started(site.operations.find(written), NOW)


def test_a_refused_sweep_corrects_nothing_but_what_it_has_renewed() -> None:
    site = Site(4, max_changes=0)
    site.enter(1)
    site.listener.meanwhile = [(site.vcenter, "host-1")]
    report = site.sweep()
    assert report.refusal
    assert (report.corrections, site.maintained()) == ([], set())


def test_each_overdue_host_is_told_of_once_a_day() -> None:
    site = Site(4)
    site.enter(1, 2)
    site.wait(15 * 24 * 60)
    assert [each.is_new for each in site.sweep().overdue] == [True, True]
    assert [each.is_new for each in site.sweep().overdue] == [False, False]


def test_open_ended_maintenance_of_a_host_that_is_gone_is_ended_where_it_is_adopted() -> None:
    site = Site(4, lease=None)
    site.operations.set_state(ref(1), OPEN_ENDED)
    site.vcenter.remove("host-1")
    assert site.sweep().counts()["end"] == 0
    assert site.sweep(adopt=True).counts()["end"] == 1
    assert site.maintained() == set()


def test_a_resource_that_tells_no_moref_is_not_taken_for_a_host_that_is_gone() -> None:
    nameless = [Resource("id", HostRef("", "esx1", ADDRESS), TIMED, "")]
    [action] = plan([], nameless, Policy(60), NOW, [], ours=["id"])
    assert (action.verb, action.reason) == ("report", f"has no MoRef to compare it by; {TIMED}")


def test_the_listener_is_told_everything_in_order() -> None:
    site = Site(501, addresses=("a.lab", "b.lab"))
    site.stay(1)
    site.operations.set_state(ref(1, "a.lab"), TIMED)
    site.vcenters[0].enter("host-2")
    site.vcenters[1].failures = [VCenterUnavailableError("down")]
    site.listener.meanwhile = [(site.vcenters[0], "host-2")]
    site.sweep()
    assert site.listener.told == [
        ("b.lab", "down"),
        ("a.lab", "vCenter", 500),
        ("a.lab", "vCenter", 501),
        ("a.lab", "vRealize Operations", 500),
        ("a.lab", "vRealize Operations", 501),
        ["end", "start"],
        ("end", "host-1", True),
        ("start", "host-2", True),
        ("exited", "host-2"),
    ]


def test_nobody_need_listen() -> None:
    class Restless(FakeVCenter):
        def hosts(self) -> Iterator[VCenterHost]:
            yield from super().hosts()
            for host, mode in self.modes.items():
                self._put(host.moref, not mode, "")

    site = Site(3, addresses=("a.lab", "b.lab"))
    clock = site.operations.clock
    restless = Restless(refs(3, "a.lab"), "a.lab", "uuid-a.lab", clock=clock)
    site.vcenters[0] = restless
    restless.enter("host-1")
    site.vcenters[1].failures = [VCenterUnavailableError("down")]
    report = reconcile(replace(site.context, listener=SweepListener()))
    assert (len(report.actions), len(report.corrections), len(report.faults)) == (1, 1, 1)
    assert site.operations.maintained() == set()


def test_a_timer_has_the_hosts_compared() -> None:
    site = Site(3)
    site.enter(1)
    outcome = dispatch(TIMER, site.context)
    assert outcome == Outcome(
        "reconciled",
        reason="3 hosts compared: 1 started, 0 renewed, 0 ended, 0 left alone, 0 not comparable",
    )
    assert site.maintained() == {"host-1"}


def test_a_sweep_that_left_something_alone_wants_to_be_seen() -> None:
    site = Site(3)
    site.operations.set_state(ref(1), OPEN_ENDED)
    assert dispatch(TIMER, site.context).needs_attention


def test_without_a_vcenter_there_is_nothing_to_compare_with() -> None:
    outcome = dispatch(TIMER, Context(FakeOperations(refs(1))))
    assert (outcome.action, outcome.needs_attention) == ("ignored", True)
    assert outcome.reason == "no vCenter is configured, so there is nothing to compare with"


def with_datastores(hosts: int = 4, lease: int | None = 60, max_changes: int | None = None) -> Site:
    """Each host has a datastore of its own, and the first two share another one, number 100."""
    site = Site(hosts, lease, max_changes=max_changes, includes=("Datastore",))
    for number in range(1, hosts + 1):
        site.mount(number, number)
    site.mount(100, 1, 2)
    return site


def verbs(report: Report) -> dict[str, Verb]:
    """What is done to each, by its MoRef."""
    return {each.host.moref: each.verb for each in report.actions}


@pytest.mark.parametrize("lease", [None, 60])
def test_companions_go_with_all_of_their_hosts(lease: int | None) -> None:
    site = with_datastores(lease=lease)
    site.enter(1)
    assert verbs(site.sweep()) == {"host-1": "start", "datastore-1": "start"}
    site.enter(2)
    report = site.sweep()
    assert verbs(report) == dict.fromkeys(("host-2", "datastore-2", "datastore-100"), "start")
    assert report.summary().startswith("4 hosts and 5 companions compared: 3 started")


def test_companions_are_renewed_and_ended_as_their_hosts_are() -> None:
    site = with_datastores()
    site.enter(1, 2)
    site.sweep()
    site.wait(31)
    site.memory = EventMemory(site.operations.clock)  # As after a restart.
    site.leave(2)
    renewed = dict.fromkeys(("host-1", "datastore-1"), "renew")
    ended = dict.fromkeys(("host-2", "datastore-2", "datastore-100"), "end")
    assert verbs(site.sweep()) == {**renewed, **ended}
    assert site.maintained() == {"host-1", "datastore-1"}


def test_a_persons_window_of_a_companion_is_left() -> None:
    site = with_datastores()
    site.operations.set_state(store(3), TIMED, 2880)
    site.operations.set_state(store(4), OPEN_ENDED)
    site.enter(1, 4)
    assert verbs(site.sweep())["datastore-3"] == "leave"
    assert verbs(site.sweep())["datastore-4"] == "leave"
    assert site.operations.state(store(4)) is OPEN_ENDED


def test_a_companion_of_hosts_that_may_not_be_seen_is_monitored() -> None:
    site = with_datastores()
    site.enter(1, 2)
    site.sweep()
    site.vcenter.hidden.add("host-2")
    site.wait(1)
    assert verbs(site.sweep())["datastore-100"] == "end"
    # What its vCenter does not list, but has, is not taken for gone either.
    assert site.maintained() == {"host-1", "host-2", "datastore-1"}


def test_a_companion_that_is_gone_is_ended_if_it_is_ours() -> None:
    site = with_datastores()
    site.enter(1)
    site.sweep()
    del site.vcenter.around[store(1)]
    [action] = [each for each in site.sweep().actions if each.host == store(1)]
    assert (action.verb, action.reason) == ("end", "its vCenter no longer has it")
    assert site.maintained() == {"host-1"}


def test_a_companion_that_is_gone_and_silenced_by_nobody_is_no_news() -> None:
    site = with_datastores()
    del site.vcenter.around[store(1)]
    site.vcenter.around[store(77)] = {"host-3"}
    assert site.sweep().actions == []
    site.enter(3)
    assert verbs(site.sweep())["datastore-77"] == "report"


class HidesCompanions(FakeVCenter):
    """Has a companion that it does not list."""

    def companions(self, kinds: Collection[str]) -> Iterator[Companion]:
        listed = super().companions(kinds)
        return (each for each in listed if each.ref != store(1))


@pytest.mark.parametrize("error", [None, RequestRejectedError("no privilege")])
def test_a_companion_that_is_not_listed_but_there_is_not_taken_for_gone(
    error: MaintenanceError | None,
) -> None:
    site = with_datastores()
    site.enter(1)
    site.sweep()
    hiding = HidesCompanions(refs(4), ADDRESS, site.vcenter.uuid, clock=site.operations.clock)
    hiding.modes, hiding.changes = site.vcenter.modes, site.vcenter.changes
    hiding.around = site.vcenter.around
    site.vcenters = [hiding]
    hiding.failures = [*([None] * 5), error]
    [action] = [each for each in site.sweep().actions if each.host == store(1)]
    assert (action.verb, action.reason) == ("report", "its vCenter has it, but does not list it")


def test_a_kind_that_cannot_be_compared_spares_the_hosts() -> None:
    site = with_datastores()
    site.enter(1)
    site.sweep()
    for number in (1, 2, 3):
        del site.vcenter.around[store(number)]
    site.enter(4)
    report = site.sweep()
    assert [str(fault) for fault in report.faults] == [
        f"{ADDRESS} has only 2 of the 5 datastores that vRealize Operations knows of it;"
        " taken for a fault"
    ]
    assert verbs(report) == {"host-4": "start"}
    assert report.companions == 0


def test_hosts_and_companions_have_a_brake_each() -> None:
    site = with_datastores(hosts=40, max_changes=30)
    site.enter(*range(1, 31))
    refusal = site.sweep().refusal
    # The hosts are 30, but with the one that two of them share the datastores are 31.
    assert str(refusal) == (
        "would change 31 of 41 companions, more than 30 (RECONCILE_MAX_CHANGES),"
        " so nothing was changed"
    )
    assert site.maintained() == set()
    site.leave(1)
    assert site.sweep().refusal is None
    assert len(site.maintained()) == 58


def test_a_whole_vcenter_in_a_window_is_told_by_its_hosts_alone() -> None:
    site = with_datastores(hosts=5)
    persons(site, 1, 2, 3, 4, 5)
    site.enter(1, 2)
    site.wait(1)
    site.leave(1, 2)
    site.operations.set_state(store(100), TIMED, 2880)
    report = site.sweep()
    whole = "its whole vCenter is in a timed window, which is not ours"
    left = {each.host.moref for each in report.actions if each.reason == whole}
    assert left == {"host-1", "host-2", "datastore-100"}
    assert len(site.maintained()) == 6


def test_only_hosts_are_overdue() -> None:
    site = with_datastores()
    site.enter(1)
    site.wait(15 * 24 * 60)
    assert [each.host for each in site.sweep().overdue] == [ref(1)]


@pytest.mark.parametrize("entering", [False, True])
def test_a_companion_whose_host_changes_during_the_sweep_is_corrected(entering: bool) -> None:
    site = with_datastores()
    site.enter(1, 2)
    if entering:
        site.sweep()
        site.leave(2)
    # Its hosts are as they were written: only what they share is not.
    site.listener.meanwhile = [(site.vcenter, "host-2")]
    site.wait(1)
    report = site.sweep()
    corrected = {each.host for each in report.corrections}
    assert corrected >= {ref(2)}
    shared = {"host-1", "datastore-1"}
    both = {"host-2", "datastore-2", "datastore-100"}
    assert site.maintained() == (shared | both if entering else shared)
    assert report.faults == []


def test_a_companion_alone_is_corrected_through_one_of_its_hosts() -> None:
    site = with_datastores()
    site.enter(1, 2)
    site.sweep()
    # Only the datastore differs when the sweep reads: the second host leaves meanwhile.
    site.operations.set_state(store(100), MONITORED)
    site.listener.meanwhile = [(site.vcenter, "host-2")]
    site.wait(1)
    report = site.sweep()
    assert verbs(report) == {"datastore-100": "start"}
    assert [each.host for each in report.corrections] == [ref(2)]
    assert site.maintained() == {"host-1", "datastore-1"}


def test_a_companion_that_was_written_and_is_right_is_not_looked_at_again() -> None:
    site = with_datastores()
    site.enter(1, 2)
    assert site.sweep().corrections == []
