"""The board of a process that sweeps and handles events: it says what reading both sides would."""

import random
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.board.comparison import Row, flat
from adapters.board.live import Live
from adapters.board.model import Board, Reading
from adapters.board.reader import Reader
from adapters.output.listeners import Handled, Listener, Listeners
from adapters.output.log import event_line
from functions import handlers
from functions.context import Context, Policy, VCenters
from functions.errors import (
    MaintenanceError,
    OperationsUnavailableError,
    RequestRejectedError,
    VCenterUnavailableError,
)
from functions.events import ENTERED, EXITED, HostEvent, HostRef
from functions.outcomes import Outcome
from functions.ports import ResourceState
from tests.fakes import Clock, FakeOperations, FakeVCenter
from tests.unit.board.boards import ADDRESS, USER, host

COUNT = 8


class Site:
    """Both sides in memory, with a process that works on them, and its board."""

    def __init__(
        self,
        lease: int | None = 120,
        max_changes: int | None = None,
        datastores: Mapping[HostRef, Collection[int]] | None = None,
    ) -> None:
        self.hosts = [host(number) for number in range(1, COUNT + 1)]
        self.clock = Clock()
        self.vcenter = FakeVCenter(self.hosts, clock=self.clock)
        self.operations = FakeOperations(self.hosts, clock=self.clock)
        for datastore, numbers in (datastores or {}).items():
            self.vcenter.around[datastore] = {f"host-{number}" for number in numbers}
            self.operations.add(datastore)
            self.operations.relate(datastore, *map(host, numbers))
        vcenters = VCenters({ADDRESS: self.vcenter})
        includes = ("Datastore",) if datastores else ()
        rules = Policy(lease, max_changes=max_changes, includes=includes)
        self.live = Live(rules, self.clock)
        self.live.vcenters = vcenters
        self.listener: Listener = Listeners([self.live])
        self.context = Context(
            self.operations, vcenters, policy=rules, listener=self.listener, now=self.clock
        )

    def sweep(self) -> None:
        with suppress(MaintenanceError), event_line(listener=self.listener, sweep=True) as line:
            line.outcome = handlers.reconcile(self.context)

    def changes(self, number: int, mode: bool, user: str = USER) -> None:
        """Let a host enter or leave; nobody is told."""
        (self.vcenter.enter if mode else self.vcenter.leave)(f"host-{number}", user)

    def tells(self, number: int, mode: bool, user: str = "") -> None:
        """Let an event of a host be handled, as a watched vCenter tells it."""
        name, at = (ENTERED if mode else EXITED), self.clock()
        event = HostEvent(name, host(number), None, at, "", user, seen=True)
        with suppress(MaintenanceError), event_line(listener=self.listener) as line:
            line.outcome = handlers.mode_changed(event, self.context)

    def board(self) -> Board:
        return self.live.board((), ())

    def row(self, number: int) -> Row:
        return next(row for row in self.board().rows if row.host.moref == f"host-{number}")

    def read(self) -> dict[HostRef, tuple[object, ...]]:
        """Return what reading both sides anew tells."""
        reader = Reader(self.context, 10)
        reader.read()
        return {row.host: _said(row) for row in flat(reader.board().rows)}

    def shown(self) -> dict[HostRef, tuple[object, ...]]:
        return {row.host: _said(row) for row in flat(self.board().rows)}


def _said(row: Row) -> tuple[object, ...]:
    return row.in_maintenance_mode, row.state, row.overdue, row.agrees


def test_an_event_shows_at_once_and_a_sweep_tells_by_whom() -> None:
    site = Site()
    site.sweep()
    site.changes(1, True)
    site.tells(1, True)
    row = site.row(1)
    assert (row.in_maintenance_mode, row.state, row.whose) == (True, ResourceState.TIMED, "ours")
    assert row.entered
    assert (row.entered.at, row.entered.user) == (site.clock(), "")
    assert row.until == site.clock() + timedelta(minutes=120)
    site.sweep()
    row = site.row(1)
    assert row.entered
    assert row.entered.user == USER
    site.changes(1, False)
    site.tells(1, False)
    row = site.row(1)
    assert (row.matters, row.until, row.entered) == (False, None, None)


def test_a_window_ends_at_most_a_lease_after_it_was_begun_or_renewed() -> None:
    site = Site()
    site.changes(1, True)
    site.sweep()
    begun = site.clock()
    assert site.row(1).until == begun + timedelta(minutes=120)
    site.clock.advance(30)
    site.changes(2, True)
    site.tells(2, True)
    site.sweep()
    until = site.row(1).until
    assert until
    assert until - begun in (timedelta(minutes=120), timedelta(minutes=150))


@pytest.mark.parametrize("lease", [None, 120])
@pytest.mark.parametrize("seed", range(25))
def test_it_says_what_reading_both_sides_would_say(seed: int, lease: int | None) -> None:
    chance, site = random.Random(seed), Site(lease)
    site.sweep()

    def by_a_person(number: int) -> None:
        states = [*ResourceState]
        site.operations.set_state(host(number), chance.choice(states), None)

    steps: list[Callable[[int], None]] = [by_a_person, lambda number: site.clock.advance(7)]
    for _ in range(30):
        number, mode = chance.randint(1, COUNT), chance.random() < 0.5
        if chance.random() < 0.6 and site.vcenter.modes[host(number)] != mode:
            site.changes(number, mode)
            site.tells(number, mode)
        else:
            chance.choice(steps)(number)
        site.clock.advance(1)
    site.sweep()
    assert site.shown() == site.read()


LOCAL = HostRef("datastore-1", "local-01", ADDRESS, "Datastore")
SHARED = HostRef("datastore-2", "shared", ADDRESS, "Datastore")


@pytest.mark.parametrize("seed", range(10))
def test_so_it_does_of_what_goes_with_hosts(seed: int) -> None:
    chance, site = random.Random(seed), Site(datastores={LOCAL: [1], SHARED: [1, 2]})
    site.sweep()
    for _ in range(20):
        number = chance.randint(1, 3)
        mode = not site.vcenter.modes[host(number)]
        site.changes(number, mode)
        site.tells(number, mode)
        assert site.shown() == site.read()
        assert {row.host for row in site.board().rows} == {*site.hosts}
        # Not for as long as a window lasts: when one of a person's ends, nobody tells.
        site.clock.advance(chance.choice([0, 1, 5]))
        if chance.random() < 0.3:
            site.sweep()
            assert site.shown() == site.read()


def test_a_companion_is_under_the_first_of_its_hosts_and_only_there() -> None:
    site = Site(datastores={LOCAL: [1], SHARED: [1, 2]})
    site.changes(1, True)
    site.sweep()
    assert [(each.host, each.of_hosts) for each in site.row(1).companions] == [
        (LOCAL, 1),
        (SHARED, 2),
    ]
    assert site.row(2).companions == ()
    site.changes(2, True)
    site.tells(2, True)
    assert [each.state for each in site.row(1).companions] == [ResourceState.TIMED] * 2
    assert site.row(2).companions == ()


def test_a_companion_that_was_left_is_told_with_its_host() -> None:
    live = Live(Policy())
    left = Outcome("left", SHARED, "a person's", needs_attention=True)
    event = HostEvent(ENTERED, host(1), None, None, "")
    outcome = Outcome("entered", host(1), event=event, companions=(Outcome("entered", LOCAL), left))
    live.handled(Handled(None, outcome, None, 0.1))
    [told] = live.board((), ()).happenings or ()
    reason = f"companions: 1 entered, 1 left; {SHARED}: left: a person's"
    assert (told.what, told.matters, told.reason) == ("entered", True, reason)


@pytest.mark.parametrize("state", ResourceState)
@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize("lease", [None, 120])
@pytest.mark.parametrize("told", [True, False])
def test_an_event_leaves_behind_what_is_there(
    state: ResourceState, mode: bool, lease: int | None, told: bool
) -> None:
    site = Site(lease)
    site.sweep()
    site.operations.set_state(host(1), state)
    site.changes(1, mode)
    site.tells(1, told)
    assert site.row(1).in_maintenance_mode == mode
    assert site.shown()[host(1)] == site.read()[host(1)]


def test_what_fails_shows_with_the_reason_and_goes_when_it_is_done() -> None:
    site = Site()
    site.sweep()
    site.changes(1, True)
    site.operations.failures = [OperationsUnavailableError("answers 503")] * 9
    for _ in range(3):
        site.tells(1, True)
    row = site.row(1)
    assert (row.agrees, row.reason) == (False, "answers 503")
    newest, *others = site.board().happenings or ()
    assert (newest.what, newest.host, newest.matters) == (
        "OperationsUnavailableError",
        "esx01.lab.local",
        True,
    )
    assert "OperationsUnavailableError" not in [each.what for each in others]
    site.operations.failures = []
    site.tells(1, True)
    assert (site.row(1).agrees, site.row(1).reason) == (True, "")


def test_what_a_sweep_may_not_do_stands_there() -> None:
    site = Site(max_changes=1)
    for number in (1, 2, 3):
        site.changes(number, True)
    site.sweep()
    assert {site.row(number).verb for number in (1, 2, 3)} == {"start"}
    newest = (site.board().happenings or ())[0]
    assert (newest.what, newest.matters) == ("SweepRefusedError", True)


def test_an_event_that_comes_while_a_sweep_reads_is_not_forgotten() -> None:
    site = Site()
    site.sweep()
    resources = list(site.operations.resources(ADDRESS))
    hosts = list(site.vcenter.hosts())
    site.live.read(ADDRESS, "vCenter", len(hosts))
    site.changes(1, True)
    site.tells(1, True)
    site.live.compared(ADDRESS, hosts, resources, [])
    assert site.row(1).in_maintenance_mode
    site.clock.advance(1)
    site.changes(1, False)
    site.sweep()
    assert not site.row(1).in_maintenance_mode


def test_a_host_that_is_gone_is_gone_from_the_board() -> None:
    site = Site()
    site.sweep()
    site.vcenter.remove("host-1")
    site.operations.remove(host(1))
    site.sweep()
    assert len(site.board().rows) == COUNT - 1


def test_nobody_is_asked_for_it() -> None:
    site = Site()
    site.changes(1, True)
    site.sweep()
    away = VCenterUnavailableError("away")
    site.vcenter.failures, site.operations.failures = [away], [away]
    for _ in range(10):
        site.board()
    assert (site.vcenter.failures, site.operations.failures) == ([away], [away])


def test_a_vcenter_that_does_not_tell_since_when_leaves_that_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuses(*_: object) -> None:
        raise RequestRejectedError("no privilege")

    site = Site()
    site.changes(1, True)
    monkeypatch.setattr(site.vcenter, "entered", refuses)
    site.sweep()
    row = site.row(1)
    assert (row.in_maintenance_mode, row.entered, row.overdue) == (True, None, None)


def test_a_host_of_a_vcenter_that_was_not_read_yet_is_shown() -> None:
    site = Site()
    site.changes(1, True)
    site.tells(1, True)
    assert [row.host for row in site.board().rows] == [host(1)]


def test_a_correction_shows() -> None:
    site = Site()
    site.sweep()
    site.live.corrected(Outcome("entered", host(1)))
    assert site.row(1).in_maintenance_mode
    site.live.corrected(Outcome("ignored", host(1)))
    site.live.corrected(Outcome("left", host(1)))
    assert site.row(1).in_maintenance_mode
    site.live.corrected(Outcome("exited", host(1)))
    assert not site.row(1).matters


def test_it_is_the_same_board_until_something_changes() -> None:
    site = Site()
    site.sweep()
    reading = Reading(ADDRESS, site.clock())
    first = site.live.board([reading], [])
    assert site.live.board([replace(reading)], []) is first
    assert site.live.board([replace(reading, problem="away")], []) is not first
    assert site.live.board([reading], ["away"]) is not first


def test_only_the_newest_happenings_are_kept() -> None:
    site = Site()
    for number in range(100):
        site.clock.advance(1)
        site.changes(number % COUNT + 1, number % 2 == 0)
        site.tells(number % COUNT + 1, number % 2 == 0)
    happened = site.board().happenings or ()
    assert 0 < len(happened) <= 30
    assert [each.at for each in happened] == sorted((each.at for each in happened), reverse=True)


def test_a_window_that_nobody_has_renewed_is_over() -> None:
    site = Site()
    site.changes(1, True)
    site.sweep()
    before = site.board()
    site.clock.advance(119)
    assert site.board() is before
    site.clock.advance(1)
    assert site.shown() == site.read()
    assert (site.row(1).agrees, site.row(1).state) == (False, ResourceState.MONITORED)
    assert site.board() is site.board()
