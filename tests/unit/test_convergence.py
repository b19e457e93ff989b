"""functions.convergence and functions.context: what is true of a host, whatever an event says."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.memory import EventMemory
from functions.context import Context, NoMemory, Policy, VCenters
from functions.convergence import converge, mirror_event
from functions.errors import (
    AmbiguousHostError,
    HostNotFoundError,
    HostUnsettledError,
    OperationsUnavailableError,
    RequestRejectedError,
    UnverifiedEventError,
    VCenterUnavailableError,
)
from functions.events import ENTERED, EXITED, REMOVED, HostEvent, HostRef
from functions.mode_sources import AskedVCenter
from functions.outcomes import Outcome
from functions.ports import Resource, ResourceState
from tests.fakes import Clock, FakeOperations, FakeVCenter

MONITORED = ResourceState.MONITORED
TIMED = ResourceState.TIMED
OPEN_ENDED = ResourceState.OPEN_ENDED
A, B, ELSEWHERE, UNKNOWN = "a.lab", "b.lab", "elsewhere.lab", "unknown.lab"
UUIDS = {A: "UUID-A", B: "uuid-b", ELSEWHERE: "uuid-e"}
HOST = HostRef("host-1", "esx1", A)
# The same MoRef, and the same name, in other vCenters.
OTHER = HostRef("host-1", "esx2", B)
NAMESAKE = HostRef("host-8", "esx3", B)
ELSEWHERES = HostRef("host-1", "esx9", ELSEWHERE)
PENDING = "accepted by vRealize Operations, but not visible yet"


@dataclass
class Restless(FakeVCenter):
    """A vCenter whose host changes its mode after some of the looks; True: after this one."""

    turns: list[bool] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)

    def in_maintenance_mode(self, moref: str) -> bool:
        seen = super().in_maintenance_mode(moref)
        self.looks.append(moref)
        if self.turns and self.turns.pop(0):
            self._put(moref, not seen, "")
        return seen


@pytest.fixture
def operations() -> FakeOperations:
    return FakeOperations([HOST, OTHER, NAMESAKE, ELSEWHERES], uuids=UUIDS)


@pytest.fixture
def vcenter() -> Restless:
    return Restless([HOST], A, "uuid-a")


@pytest.fixture
def context(operations: FakeOperations, vcenter: Restless) -> Context:
    vcenters = VCenters({A: vcenter, "alias.lab": vcenter, B: FakeVCenter([OTHER], B, "uuid-b")})
    return Context(operations, vcenters, EventMemory(), now=vcenter.clock)


def asked(
    host: HostRef, wanted: bool, operations: FakeOperations, vcenter: FakeVCenter, policy: Policy
) -> Outcome:
    """Converge on what a vCenter says, as an event of its host does."""
    context = Context(operations, policy=policy, now=vcenter.clock)
    return converge(host, wanted, AskedVCenter(vcenter, context), context)


def seen(
    name: str, operations: FakeOperations, vcenter: FakeVCenter, at: datetime | None = None
) -> Outcome:
    """Mirror what this process has seen in a vCenter, now unless said otherwise."""
    context = Context(operations, VCenters({A: vcenter}), policy=Policy(60), now=vcenter.clock)
    change = HostEvent(name, HOST, None, at or vcenter.clock(), "", seen=True)
    return mirror_event(change, name == ENTERED, context)


def event(
    name: str, host: HostRef = HOST, minute: int | None = 0, key: int | None = None
) -> HostEvent:
    created = None if minute is None else datetime(2026, 3, 14, 9, minute, tzinfo=UTC)
    return HostEvent(name, host, key, created, "id")


def enter(context: Context, host: HostRef = HOST, minute: int | None = 0) -> Outcome:
    return mirror_event(event(ENTERED, host, minute), True, context)


def leave(context: Context, host: HostRef = HOST, minute: int | None = 0) -> Outcome:
    return mirror_event(event(EXITED, host, minute), False, context)


def removed(context: Context, host: HostRef = HOST, minute: int | None = 0) -> Outcome:
    return mirror_event(event(REMOVED, host, minute), False, context)


@pytest.mark.parametrize("lease", [None, 60])
@pytest.mark.parametrize("wanted", [False, True])
@pytest.mark.parametrize("mode", [False, True])
@pytest.mark.parametrize("maintained_before", [False, True])
def test_what_vcenter_says_is_written_whatever_was_wanted(
    maintained_before: bool,
    mode: bool,
    wanted: bool,
    lease: int | None,
    operations: FakeOperations,
    vcenter: Restless,
) -> None:
    maintained = TIMED if lease else OPEN_ENDED
    state = maintained if maintained_before else MONITORED
    operations.set_state(HOST, state)
    vcenter.enter("host-1")
    vcenter.leave("host-1")
    if mode:
        vcenter.enter("host-1")
    outcome = asked(HOST, wanted, operations, vcenter, Policy(lease))
    assert operations.state(HOST) is (maintained if mode else MONITORED)
    assert outcome.action == (("renewed" if state.maintained else "entered") if mode else "exited")
    said = f"it is {'in' if mode else 'not in'} maintenance mode by now"
    assert outcome.reason == ("" if mode == wanted else said)
    assert not outcome.needs_attention
    assert vcenter.looks == ["host-1", "host-1"]


@pytest.mark.parametrize("mode", [False, True])
def test_what_looks_right_is_written_all_the_same(
    mode: bool, operations: FakeOperations, vcenter: Restless
) -> None:
    operations.set_state(HOST, OPEN_ENDED if mode else MONITORED)
    vcenter.modes[HOST] = mode
    operations.failures = [None, OperationsUnavailableError("down")]
    with pytest.raises(OperationsUnavailableError):
        asked(HOST, mode, operations, vcenter, Policy())


@pytest.mark.parametrize(
    ("mode", "changes", "looks", "action"),
    [
        (False, [], 2, "exited"),
        (True, [], 2, "renewed"),
        (False, [True], 4, "entered"),
        (True, [True], 4, "exited"),
        (False, [True, True], 4, "exited"),
        (False, [True, False, True], 6, "exited"),
        (True, [True, False, True, False, True, False, True], 10, "entered"),
    ],
)
def test_it_is_written_until_vcenter_says_the_same_afterwards(
    mode: bool,
    changes: list[bool],
    looks: int,
    action: str,
    operations: FakeOperations,
    vcenter: Restless,
) -> None:
    operations.set_state(HOST, OPEN_ENDED)
    vcenter.modes[HOST] = mode
    vcenter.turns = changes
    outcome = asked(HOST, mode, operations, vcenter, Policy())
    assert (outcome.action, len(vcenter.looks)) == (action, looks)
    assert operations.state(HOST).maintained == vcenter.modes[HOST]


def test_a_host_that_does_not_come_to_rest_is_tried_again_later(
    operations: FakeOperations, vcenter: Restless
) -> None:
    vcenter.turns = [True, False] * 5
    with pytest.raises(HostUnsettledError, match=r"host esx1 \(host-1\) of a\.lab goes in and out"):
        asked(HOST, True, operations, vcenter, Policy())
    assert len(vcenter.looks) == 10


def test_what_does_not_show_yet_is_done_and_what_was_not_wanted_is_told_too(
    operations: FakeOperations, vcenter: Restless
) -> None:
    operations.slow = True
    vcenter.enter("host-1")
    assert asked(HOST, True, operations, vcenter, Policy()) == Outcome("entered", HOST, PENDING)
    operations.settle()
    vcenter.leave("host-1")
    reason = f"it is not in maintenance mode by now; {PENDING}"
    assert asked(HOST, True, operations, vcenter, Policy()) == Outcome("exited", HOST, reason, True)


@pytest.mark.parametrize("mode", [False, True])
def test_with_leases_a_persons_maintenance_is_left(
    mode: bool, operations: FakeOperations, vcenter: Restless
) -> None:
    operations.set_state(HOST, OPEN_ENDED)
    vcenter.modes[HOST] = mode
    outcome = asked(HOST, mode, operations, vcenter, Policy(60))
    assert operations.state(HOST) is OPEN_ENDED
    assert (outcome.action, outcome.needs_attention) == ("unchanged" if mode else "left", not mode)
    assert outcome.reason == "open-ended, so a person's, since ours have a lease"


def test_a_window_that_this_process_has_started_is_renewed_by_the_next_event(
    operations: FakeOperations, vcenter: Restless
) -> None:
    context = Context(
        operations, VCenters({A: vcenter}), EventMemory(), Policy(60), now=vcenter.clock
    )
    vcenter.enter("host-1")
    assert enter(context).action == "entered"
    vcenter.clock.advance(10)
    operations.clock.advance(10)
    assert enter(context).action == "renewed"
    assert operations.ends(HOST) == operations.clock() + timedelta(minutes=60)


def test_what_this_process_has_started_is_ended_though_vcenter_tells_nothing(
    operations: FakeOperations, vcenter: Restless
) -> None:
    vcenters, memory = VCenters({A: vcenter}), EventMemory()
    context = Context(operations, vcenters, memory, Policy(60), now=vcenter.clock)
    vcenter.enter("host-1")
    assert enter(context).action == "entered"
    vcenter.leave("host-1")
    vcenter.purged_before = vcenter.clock() + timedelta(minutes=1)
    assert leave(context).action == "exited"
    assert operations.maintained() == set()
    vcenter.clock.advance(71)
    persons(operations)
    assert leave(context).action == "left"


def persons(operations: FakeOperations, minutes: int = 2880) -> datetime | None:
    """Put the host into a window of a person's; returns when it ends."""
    operations.start_maintenance(operations.find(HOST), minutes)
    return operations.ends(HOST)


@pytest.mark.parametrize("wanted", [False, True])
def test_a_window_of_a_host_that_was_not_in_maintenance_mode_is_a_persons(
    wanted: bool, operations: FakeOperations, vcenter: Restless
) -> None:
    vcenter.enter("host-1")
    vcenter.leave("host-1")
    vcenter.clock.advance(60 + 10 + 1)  # the lease and the margin, and a minute more
    ends = persons(operations)
    outcome = asked(HOST, wanted, operations, vcenter, Policy(60))
    assert (outcome.action, outcome.needs_attention) == ("left", True)
    assert "a timed window of a host that was not in maintenance mode" in outcome.reason
    assert operations.ends(HOST) == ends


@pytest.mark.parametrize("minutes", [0, 30, 69])
def test_what_may_be_ours_is_ended_up_to_a_lease_and_a_margin_after_the_host_has_left(
    minutes: int, operations: FakeOperations, vcenter: Restless
) -> None:
    vcenter.enter("host-1")
    vcenter.leave("host-1")
    vcenter.clock.advance(minutes)
    operations.start_maintenance(operations.find(HOST), 60)
    assert asked(HOST, False, operations, vcenter, Policy(60)).action == "exited"
    assert operations.maintained() == set()


def test_entering_shortens_no_window_that_was_there_before(
    operations: FakeOperations, vcenter: Restless
) -> None:
    ends = persons(operations)
    vcenter.enter("host-1")
    outcome = asked(HOST, True, operations, vcenter, Policy(60))
    assert (outcome.action, outcome.needs_attention) == ("left", True)
    assert outcome.reason.startswith("already in a timed window, perhaps a person's")
    assert operations.ends(HOST) == ends


def test_a_window_left_behind_by_an_earlier_stay_is_renewed_on_entering(
    operations: FakeOperations, vcenter: Restless
) -> None:
    vcenter.enter("host-1")
    vcenter.leave("host-1")
    operations.start_maintenance(operations.find(HOST), 5)
    vcenter.enter("host-1")
    assert asked(HOST, True, operations, vcenter, Policy(60)).action == "renewed"
    assert operations.minutes(HOST) == 60


@pytest.mark.parametrize("mode", [False, True])
def test_without_leases_a_timed_window_is_never_ours(
    mode: bool, operations: FakeOperations, vcenter: Restless
) -> None:
    ends = persons(operations)
    if mode:
        vcenter.enter("host-1")
    outcome = asked(HOST, mode, operations, vcenter, Policy())
    assert (outcome.action, outcome.needs_attention) == ("left", True)
    assert outcome.reason == "a timed window, so not ours, since ours have no lease"
    assert operations.ends(HOST) == ends


def test_events_that_vcenter_has_purged_are_no_evidence(
    operations: FakeOperations, vcenter: Restless
) -> None:
    vcenter.enter("host-1")
    vcenter.leave("host-1")
    vcenter.clock.advance(1)
    vcenter.purged_before = vcenter.clock()
    ends = persons(operations)
    assert asked(HOST, False, operations, vcenter, Policy(60)).action == "left"
    assert operations.ends(HOST) == ends


def test_an_account_that_may_not_read_events_leaves_windows_and_says_so(
    operations: FakeOperations, vcenter: Restless
) -> None:
    vcenter.enter("host-1")
    vcenter.leave("host-1")
    ends = persons(operations)
    vcenter.failures = [None, RequestRejectedError("no privilege")]
    outcome = asked(HOST, False, operations, vcenter, Policy(60))
    assert (outcome.action, outcome.needs_attention) == ("left", True)
    assert "vCenter's events do not tell" in outcome.reason
    assert operations.ends(HOST) == ends


@pytest.mark.parametrize("readable", [True, False])
def test_a_host_that_was_seen_to_leave_needs_no_event_of_that(
    readable: bool, operations: FakeOperations, vcenter: Restless
) -> None:
    persons(operations)
    vcenter.enter("host-1")
    vcenter.modes[HOST] = False  # The event of that is still to come.
    vcenter.failures = [] if readable else [None, None, RequestRejectedError("no privilege")]
    assert seen(EXITED, operations, vcenter).action == "exited"
    assert operations.state(HOST) is MONITORED


def test_a_host_that_was_seen_to_enter_has_just_entered(
    operations: FakeOperations, vcenter: Restless
) -> None:
    ends = persons(operations)
    vcenter.modes[HOST] = True  # The event of that is still to come.
    assert seen(ENTERED, operations, vcenter).action == "left"
    assert operations.ends(HOST) == ends


def test_what_was_seen_before_vcenters_newest_event_tells_nothing(
    operations: FakeOperations, vcenter: Restless
) -> None:
    ends = persons(operations)
    before = vcenter.clock()
    vcenter.clock.advance(1)
    vcenter.enter("host-1")
    vcenter.modes[HOST] = False
    assert seen(EXITED, operations, vcenter, before).action == "left"
    assert operations.ends(HOST) == ends


def test_a_host_that_entered_after_its_mode_was_read_is_looked_at_again(
    operations: FakeOperations, vcenter: Restless
) -> None:
    ends = persons(operations)
    vcenter.turns = [True]  # it enters right after the first look
    outcome = asked(HOST, False, operations, vcenter, Policy(60))
    assert (outcome.action, outcome.needs_attention) == ("left", True)
    assert operations.ends(HOST) == ends


def test_where_nothing_can_be_ours_nothing_is_written(
    operations: FakeOperations, vcenter: Restless
) -> None:
    operations.failures = [None, OperationsUnavailableError("a write would fail")]
    outcome = asked(HOST, False, operations, vcenter, Policy(60))
    assert (outcome.action, outcome.needs_attention) == ("unchanged", False)
    assert "nothing of ours is there" in outcome.reason


def test_a_failing_vcenter_lets_nothing_be_written(
    operations: FakeOperations, vcenter: Restless
) -> None:
    vcenter.failures = [VCenterUnavailableError("down")]
    with pytest.raises(VCenterUnavailableError):
        asked(HOST, True, operations, vcenter, Policy())
    assert operations.maintained() == set()


def test_a_second_look_that_fails_is_no_success(
    operations: FakeOperations, vcenter: Restless
) -> None:
    vcenter.failures = [None, VCenterUnavailableError("down")]
    with pytest.raises(VCenterUnavailableError):
        asked(HOST, False, operations, vcenter, Policy())


def test_a_host_is_asked_about_by_its_resources_moref(
    context: Context, operations: FakeOperations, vcenter: Restless
) -> None:
    vcenter.enter("host-1")
    outcome = enter(context, replace(HOST, moref=""))
    assert (outcome.action, vcenter.looks) == ("entered", ["host-1", "host-1"])
    assert operations.maintained() == {HOST}


def test_a_host_whose_resource_does_not_tell_is_asked_about_by_its_own_moref(
    operations: FakeOperations, vcenter: Restless
) -> None:
    class Silent(FakeOperations):
        def find(self, host: HostRef) -> Resource:
            return replace(super().find(host), moref="")

    asked(HOST, True, Silent([HOST]), vcenter, Policy())
    assert vcenter.looks == ["host-1", "host-1"]


def test_a_host_that_its_vcenter_does_not_have_is_done_with(
    context: Context, operations: FakeOperations, vcenter: Restless
) -> None:
    vcenter.remove("host-1")
    assert enter(context) == Outcome("ignored", HOST, "its vCenter no longer has it")
    assert operations.maintained() == set()
    operations.remove(HOST)
    assert leave(context) == Outcome("ignored", HOST, "its vCenter no longer has it")


@pytest.mark.parametrize(
    ("lease", "stayed", "state", "ends"),
    [
        (60, True, TIMED, True),
        (60, False, TIMED, False),
        (60, True, OPEN_ENDED, False),
        (None, True, OPEN_ENDED, True),
        (None, True, TIMED, False),
    ],
)
def test_what_is_ours_of_a_host_that_is_gone_is_ended_and_the_rest_is_told(
    lease: int | None,
    stayed: bool,
    state: ResourceState,
    ends: bool,
    context: Context,
    operations: FakeOperations,
    vcenter: Restless,
) -> None:
    if stayed:
        vcenter.enter("host-1")
    vcenter.remove("host-1")
    operations.set_state(HOST, state)
    outcome = removed(replace(context, policy=Policy(lease)))
    assert (outcome.action, outcome.needs_attention) == (
        ("exited", False) if ends else ("left", True)
    )
    assert outcome.reason.startswith("its vCenter no longer has it")
    assert operations.state(HOST) is (MONITORED if ends else state)


def test_the_past_of_a_host_that_is_gone_is_asked_for_only_where_it_is_maintained(
    context: Context, vcenter: Restless, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(vcenter, "mode_changes", lambda since, moref="": asked.append(moref))
    vcenter.remove("host-1")
    outcome = removed(replace(context, policy=Policy(60)))
    assert (outcome.action, asked) == ("ignored", [])


def test_a_resource_without_a_moref_may_be_another_host_than_the_one_that_is_gone(
    context: Context, operations: FakeOperations, vcenter: Restless
) -> None:
    class Silent(FakeOperations):
        def find(self, host: HostRef) -> Resource:
            return replace(super().find(host), moref="")

    vcenter.enter("host-1")
    vcenter.remove("host-1")
    known = Silent([HOST])
    known.set_state(HOST, TIMED)
    outcome = removed(replace(context, operations=known, policy=Policy(60)))
    assert (outcome.action, known.state(HOST)) == ("ignored", TIMED)


def test_a_host_that_is_dropped_on_both_sides_at_the_same_time_is_done_with(
    operations: FakeOperations, context: Context, vcenter: Restless
) -> None:
    vcenter.remove("host-1")
    operations.failures = [None, HostNotFoundError("dropped meanwhile")]
    outcome = leave(context)
    assert (outcome.action, outcome.reason) == ("ignored", "its vCenter no longer has it")


@pytest.mark.parametrize("lease", [None, 60])
def test_what_we_started_and_does_not_show_yet_is_ended_when_its_host_is_removed(
    operations: FakeOperations, context: Context, vcenter: Restless, lease: int | None
) -> None:
    leased = replace(context, policy=Policy(lease))
    vcenter.enter("host-1")
    operations.slow = True
    enter(leased)
    vcenter.remove("host-1")
    assert removed(leased).action == "exited"
    operations.settle()
    assert operations.maintained() == set()


def test_a_host_that_was_removed_and_is_still_there_is_as_its_vcenter_says(
    context: Context, operations: FakeOperations, vcenter: Restless
) -> None:
    vcenter.enter("host-1")
    outcome = removed(context)
    assert (outcome.action, operations.maintained()) == ("entered", {HOST})


def test_without_a_vcenter_a_removed_host_is_one_that_has_left(operations: FakeOperations) -> None:
    context = alone(operations, 60)
    enter(context)
    assert removed(context, minute=1).action == "exited"
    assert enter(context).reason == "older than the HostRemovedEvent that was handled before"
    assert operations.maintained() == set()


@pytest.mark.parametrize(("minutes", "tried_again"), [(29, True), (31, False)])
def test_a_host_that_is_never_known_is_given_up_after_a_while(
    minutes: int, tried_again: bool, context: Context, vcenter: Restless
) -> None:
    vcenter.clock.moment = datetime(2026, 3, 14, 9, 0, tzinfo=UTC) + timedelta(minutes=minutes)
    unknown = replace(HOST, moref="host-99", name="esx99")
    if tried_again:
        with pytest.raises(HostNotFoundError):
            enter(context, replace(unknown, vcenter=ELSEWHERE))
        return
    outcome = enter(context, replace(unknown, vcenter=ELSEWHERE))
    assert (outcome.action, outcome.needs_attention) == ("ignored", True)
    assert "not tried again, since the event is old" in outcome.reason


def test_an_event_that_does_not_tell_its_time_is_never_too_old(context: Context) -> None:
    with pytest.raises(HostNotFoundError):
        enter(context, HostRef("host-99", "esx99", ELSEWHERE), minute=None)


@pytest.mark.parametrize("name", ["", "esx1", "esx2", "esx3"])
@pytest.mark.parametrize("moref", ["", "host-1", "host-8", "host-77"])
@pytest.mark.parametrize("source", [A, "alias.lab", B, UNKNOWN, ""])
def test_no_forged_event_silences_a_host_whatever_it_says_and_in_whose_name(
    source: str, moref: str, name: str, context: Context, operations: FakeOperations
) -> None:
    with suppress(HostNotFoundError):
        enter(context, HostRef(moref, name, source))
    assert operations.maintained() == set()


def test_another_vcenters_address_means_that_ones_host_of_the_same_moref(
    context: Context, operations: FakeOperations, vcenter: Restless
) -> None:
    vcenter.enter("host-1")
    assert enter(context, replace(HOST, vcenter=B)).action == "exited"
    assert (operations.maintained(), vcenter.looks) == (set(), [])


def test_an_unconfigured_vcenters_address_reaches_no_host_of_a_configured_one(
    context: Context, operations: FakeOperations
) -> None:
    with pytest.raises(HostNotFoundError):
        enter(context, HostRef("", "esx1", ELSEWHERE))
    enter(context, HostRef("host-1", "esx1", ELSEWHERE))
    assert operations.maintained() == {ELSEWHERES}


def test_an_address_that_nobody_knows_is_the_vcenters_whose_host_it_is(
    context: Context, operations: FakeOperations, vcenter: Restless
) -> None:
    vcenter.enter("host-1")
    assert enter(context, replace(HOST, vcenter=UNKNOWN)).action == "entered"
    assert leave(context, replace(HOST, vcenter="alias.lab")).action == "renewed"
    assert operations.maintained() == {HOST}


def test_events_of_a_vcenter_that_is_not_configured_are_believed(
    context: Context, operations: FakeOperations
) -> None:
    assert enter(context, ELSEWHERES).action == "entered"
    assert operations.maintained() == {ELSEWHERES}


def test_they_are_refused_where_verification_is_required(
    context: Context, operations: FakeOperations, vcenter: Restless
) -> None:
    strict = replace(context, policy=Policy(require_verification=True))
    vcenter.enter("host-1")
    for send in (enter, leave):
        with pytest.raises(UnverifiedEventError, match=r"no configured vCenter .* esx9 \(host-1\)"):
            send(strict, ELSEWHERES)
    assert enter(strict).action == "entered"
    assert enter(strict, replace(HOST, vcenter=UNKNOWN)).action == "renewed"
    assert operations.maintained() == {HOST}


def test_without_any_vcenter_verification_cannot_be_had(operations: FakeOperations) -> None:
    with pytest.raises(UnverifiedEventError):
        enter(Context(operations, policy=Policy(require_verification=True)))
    assert operations.maintained() == set()


def test_an_ambiguous_name_is_refused_before_anybody_is_asked(
    context: Context, operations: FakeOperations, vcenter: Restless
) -> None:
    operations.add(HostRef("host-5", "esx1", B))
    with pytest.raises(AmbiguousHostError):
        enter(context, HostRef("", "esx1", UNKNOWN))
    assert vcenter.looks == []


def test_a_vcenter_is_iterated_once_however_many_addresses_it_has(
    context: Context, vcenter: Restless
) -> None:
    assert [each.address for each in context.vcenters] == [A, B]
    assert context.vcenters.at("alias.lab") is context.vcenters.at(A) is vcenter
    assert context.vcenters.at(UNKNOWN) is None
    assert (bool(context.vcenters), bool(VCenters())) == (True, False)


@pytest.mark.parametrize(
    ("uuid", "address"), [("uuid-A", A), ("UUID-B", B), ("uuid-c", None), ("", None)]
)
def test_a_resource_says_by_its_uuid_in_any_case_whose_it_is(
    uuid: str, address: str | None, context: Context
) -> None:
    owner = context.vcenters.owning(Resource("id", HOST, MONITORED, "host-1", uuid))
    assert (owner.address if owner else None) == address


def test_a_vcenter_that_is_down_does_not_hide_the_one_that_owns(
    context: Context, vcenter: Restless
) -> None:
    resource = Resource("id", HOST, MONITORED, "host-1", "uuid-b")
    vcenter.failures = [down := VCenterUnavailableError("down")]
    owner = context.vcenters.owning(resource)
    assert (owner.address if owner else None) == B
    vcenter.failures = [down]
    with pytest.raises(VCenterUnavailableError):
        context.vcenters.owning(replace(resource, vcenter_uuid="uuid-c"))


def test_a_vcenter_without_a_uuid_owns_nothing() -> None:
    vcenters = VCenters({A: FakeVCenter([HOST], A, "")})
    assert vcenters.owning(Resource("id", HOST, MONITORED, "host-1", "")) is None


def alone(operations: FakeOperations, lease: int | None = None) -> Context:
    return Context(operations, memory=EventMemory(), policy=Policy(lease))


@pytest.mark.parametrize("state", [TIMED, OPEN_ENDED])
def test_by_events_alone_entering_what_is_in_maintenance_changes_nothing(
    state: ResourceState, operations: FakeOperations
) -> None:
    operations.set_state(HOST, state)
    assert enter(alone(operations)) == Outcome("unchanged", HOST, f"already {state}")
    assert operations.state(HOST) is state


def test_by_events_alone_a_lease_is_renewed(operations: FakeOperations) -> None:
    assert enter(alone(operations, 60)).action == "entered"
    operations.clock.advance(30)
    assert enter(alone(operations, 60)).action == "renewed"
    assert operations.ends(HOST) == operations.clock() + timedelta(minutes=60)


@pytest.mark.parametrize("state", list(ResourceState))
def test_by_events_alone_leaving_is_always_written(
    state: ResourceState, operations: FakeOperations
) -> None:
    operations.set_state(HOST, state)
    assert leave(alone(operations)) == Outcome("exited", HOST)
    assert operations.maintained() == set()


def test_an_older_event_changes_nothing_and_says_why(operations: FakeOperations) -> None:
    context = alone(operations)
    leave(context, minute=2)
    assert enter(context, minute=1) == Outcome(
        "unchanged", HOST, "older than the ExitMaintenanceModeEvent that was handled before"
    )
    assert operations.maintained() == set()
    assert enter(context, minute=3).action == "entered"
    assert leave(context, minute=2).action == "unchanged"
    assert operations.maintained() == {HOST}


def test_an_event_is_older_only_than_one_of_the_same_host(operations: FakeOperations) -> None:
    context = alone(operations)
    leave(context, minute=2)
    assert enter(context, OTHER, minute=1).action == "entered"
    assert operations.maintained() == {OTHER}


def test_a_repeated_event_is_not_older_than_itself(operations: FakeOperations) -> None:
    context = alone(operations)
    assert enter(context).action == "entered"
    assert enter(context).action == "unchanged"
    assert [leave(context, minute=1).action for _ in range(2)] == ["exited", "exited"]


def test_who_remembers_nothing_takes_each_event_for_the_newest(operations: FakeOperations) -> None:
    context = Context(operations)
    assert isinstance(context.memory, NoMemory)
    leave(context, minute=2)
    assert enter(context, minute=1).action == "entered"


def test_an_event_that_failed_is_newer_all_the_same(operations: FakeOperations) -> None:
    context = alone(operations)
    enter(context, minute=1)
    operations.failures = [OperationsUnavailableError("down")]
    with pytest.raises(OperationsUnavailableError):
        leave(context, minute=2)
    assert enter(context, minute=1).action == "unchanged"
    assert leave(context, minute=2).action == "exited"


@dataclass
class Interrupted(FakeOperations):
    """Something happens right before the first write is accepted."""

    before: list[Callable[[], object]] = field(default_factory=list)

    def _change(self, resource: Resource, state: ResourceState, minutes: int | None) -> bool:
        if self.before:
            self.before.pop()()
        return super()._change(resource, state, minutes)


@pytest.mark.parametrize(
    ("older", "newer", "maintained"), [(enter, leave, set()), (leave, enter, {HOST})]
)
def test_a_newer_event_wins_while_the_older_one_is_being_written(
    older: Callable[..., Outcome], newer: Callable[..., Outcome], maintained: set[HostRef]
) -> None:
    operations = Interrupted([HOST])
    context = alone(operations)
    outcomes: list[Outcome] = []

    def run_the_newer_one() -> None:
        thread = threading.Thread(target=lambda: outcomes.append(newer(context, minute=2)))
        thread.start()
        thread.join(30)

    operations.before.append(run_the_newer_one)
    outcome = older(context, minute=1)
    assert len(outcomes) == 1
    assert outcome.reason.startswith("it is")
    assert operations.maintained() == maintained


def test_times_of_a_clock_do_not_matter_to_what_vcenter_says(
    operations: FakeOperations, vcenter: Restless
) -> None:
    context = Context(operations, VCenters({A: vcenter}), EventMemory(Clock()))
    vcenter.enter("host-1")
    assert leave(context, minute=9).action == "entered"
    assert enter(context, minute=1).action == "renewed"
    assert enter(context, minute=None).action == "renewed"
    assert operations.maintained() == {HOST}
