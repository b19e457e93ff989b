"""functions.handlers: what each event means."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.context import Context, Policy, VCenters
from functions.errors import HostNotFoundError, InvalidEventError, OperationsUnavailableError
from functions.events import RECONCILE, HostRef
from functions.handlers import HANDLERS, dispatch
from functions.outcomes import Outcome
from functions.ports import ResourceState
from lab.events import (
    ENTER,
    EXIT,
    HOSTLESS,
    NOT_OURS,
    REMOVED,
    EventData,
    router_envelope,
    source_envelope,
)
from tests.fakes import FakeOperations, FakeVCenter

HOST = HostRef("host-1001", "esx01.lab.local", "vcenter.lab.local")
OTHER = HostRef("host-1002", "esx010.lab.local", "vcenter.lab.local")
MONITORED = ResourceState.MONITORED
TIMED = ResourceState.TIMED
OPEN_ENDED = ResourceState.OPEN_ENDED


TIMERS = ["dev.knative.sources.ping", "maintenance-mirror.reconcile"]


def send(event_data: EventData, operations: FakeOperations, lease: int | None = None) -> Outcome:
    return dispatch(router_envelope(event_data), Context(operations, policy=Policy(lease)))


@pytest.fixture
def operations() -> FakeOperations:
    return FakeOperations([HOST, OTHER])


def test_entering_starts_open_ended_maintenance(operations: FakeOperations) -> None:
    assert send(ENTER, operations) == Outcome("entered", HOST)
    assert operations.state(HOST) is OPEN_ENDED
    assert operations.maintained() == {HOST}


def test_entering_with_a_lease_starts_a_timed_window(operations: FakeOperations) -> None:
    assert send(ENTER, operations, lease=90) == Outcome("entered", HOST)
    assert (operations.state(HOST), operations.minutes(HOST)) == (TIMED, 90)


@pytest.mark.parametrize("state", [TIMED, OPEN_ENDED])
def test_entering_what_is_in_maintenance_changes_nothing_without_leases(
    state: ResourceState, operations: FakeOperations
) -> None:
    operations.set_state(HOST, state)
    assert send(ENTER, operations) == Outcome("unchanged", HOST, f"already {state}")
    assert operations.state(HOST) is state


def test_entering_renews_our_window_and_leaves_a_persons(operations: FakeOperations) -> None:
    operations.set_state(HOST, TIMED)
    assert send(ENTER, operations, lease=90) == Outcome("renewed", HOST)
    assert operations.minutes(HOST) == 90
    operations.set_state(HOST, OPEN_ENDED)
    outcome = send(ENTER, operations, lease=90)
    assert (outcome.action, outcome.needs_attention) == ("unchanged", False)
    assert operations.state(HOST) is OPEN_ENDED


@pytest.mark.parametrize("event_data", [ENTER, EXIT])
@pytest.mark.parametrize("write", [router_envelope, source_envelope])
def test_where_there_is_a_vcenter_it_decides(
    write: Any, event_data: EventData, operations: FakeOperations
) -> None:
    vcenter = FakeVCenter([HOST, OTHER])
    context = Context(operations, VCenters({vcenter.address: vcenter}))
    vcenter.enter(HOST.moref)
    assert dispatch(write(event_data), context).action == "entered"
    assert operations.maintained() == {HOST}
    vcenter.leave(HOST.moref)
    assert dispatch(write(event_data), context).action == "exited"
    assert operations.maintained() == set()


@pytest.mark.parametrize("state", list(ResourceState))
def test_leaving_ends_whatever_there_is(state: ResourceState, operations: FakeOperations) -> None:
    operations.set_state(HOST, state)
    assert send(EXIT, operations) == Outcome("exited", HOST)
    assert operations.state(HOST) is MONITORED


@pytest.mark.parametrize("state", list(ResourceState))
def test_being_removed_ends_whatever_there_is(
    state: ResourceState, operations: FakeOperations
) -> None:
    operations.set_state(HOST, state)
    assert send(REMOVED, operations) == Outcome("exited", HOST)
    assert operations.state(HOST) is MONITORED


@pytest.mark.parametrize("write", [router_envelope, source_envelope])
def test_a_host_that_is_said_to_be_removed_and_is_still_there_has_its_true_mode(
    write: Any, operations: FakeOperations
) -> None:
    vcenter = FakeVCenter([HOST, OTHER])
    vcenter.enter(HOST.moref)
    context = Context(operations, VCenters({vcenter.address: vcenter}))
    assert dispatch(write(REMOVED), context).action == "entered"
    assert operations.maintained() == {HOST}


def test_leaving_is_written_even_if_the_state_looks_right(operations: FakeOperations) -> None:
    operations.slow = True
    send(ENTER, operations)  # accepted, but a look would still say MONITORED
    send(EXIT, operations)
    operations.settle()
    assert operations.maintained() == set()


def test_leaving_ends_our_window_and_leaves_a_persons(operations: FakeOperations) -> None:
    send(ENTER, operations, lease=90)
    assert send(EXIT, operations, lease=90) == Outcome("exited", HOST)
    operations.set_state(HOST, OPEN_ENDED)
    outcome = send(EXIT, operations, lease=90)
    assert (outcome.action, outcome.needs_attention) == ("left", True)
    assert operations.state(HOST) is OPEN_ENDED


def test_what_does_not_show_yet_is_done_all_the_same(operations: FakeOperations) -> None:
    operations.slow = True
    entered = send(ENTER, operations)
    assert (entered.action, entered.needs_attention) == ("entered", False)
    assert "not visible yet" in entered.reason
    operations.settle()
    exited = send(EXIT, operations)
    assert (exited.action, exited.needs_attention) == ("exited", True)
    assert "not visible yet" in exited.reason


def test_another_event_is_ignored(operations: FakeOperations) -> None:
    assert send(NOT_OURS, operations) == Outcome("ignored", reason="not a maintenance event")
    assert operations.maintained() == set()


@pytest.mark.parametrize("envelope", [{}, {"type": "com.example"}, {"type": 7, "data": None}])
def test_what_vcenter_never_said_is_ignored(
    envelope: dict[str, Any], operations: FakeOperations
) -> None:
    assert dispatch(envelope, Context(operations)) == Outcome(
        "ignored", reason="not a vCenter event"
    )


@pytest.mark.parametrize("event_type", TIMERS)
def test_the_time_to_compare_is_an_event_like_any_other(
    event_type: str, operations: FakeOperations
) -> None:
    vcenter = FakeVCenter([HOST, OTHER])
    vcenter.enter(OTHER.moref)
    context = Context(operations, VCenters({vcenter.address: vcenter}))
    assert dispatch({"type": event_type}, context).action == "reconciled"
    assert operations.maintained() == {OTHER}


@pytest.mark.parametrize("name", HANDLERS)
@pytest.mark.parametrize("event_class", ["eventex", "extendedevent"])
@pytest.mark.parametrize("write", [router_envelope, source_envelope])
def test_an_impostor_is_ignored_and_noticed(
    write: Any, event_class: str, name: str, operations: FakeOperations
) -> None:
    operations.set_state(HOST, OPEN_ENDED)
    envelope = write(EventData(name=name, event_class=event_class))
    outcome = dispatch(envelope, Context(operations))
    assert (outcome.action, outcome.needs_attention) == ("ignored", True)
    assert outcome.reason == f"an {event_class} that only calls itself {name}"
    assert operations.state(HOST) is OPEN_ENDED


def test_an_event_without_a_host_is_refused(operations: FakeOperations) -> None:
    with pytest.raises(InvalidEventError):
        send(HOSTLESS, operations)


@pytest.mark.parametrize("event_data", [ENTER, EXIT])
def test_a_host_that_is_not_known_is_no_success(event_data: EventData) -> None:
    now = replace(event_data, created=datetime.now(UTC).isoformat())
    with pytest.raises(HostNotFoundError):
        send(now, FakeOperations([OTHER]))


def test_a_host_that_was_removed_on_both_sides_is_done_with() -> None:
    now = replace(REMOVED, created=datetime.now(UTC).isoformat())
    outcome = send(now, FakeOperations([OTHER]))
    assert (outcome.action, outcome.needs_attention) == ("ignored", False)
    assert outcome.reason.endswith("; it was removed")


@pytest.mark.parametrize("event_data", [ENTER, EXIT, REMOVED])
def test_an_appliance_that_fails_is_no_success(
    event_data: EventData, operations: FakeOperations
) -> None:
    operations.failures = [OperationsUnavailableError("down")]
    with pytest.raises(OperationsUnavailableError):
        send(event_data, operations)
    assert send(event_data, operations).action in ("entered", "exited")


@pytest.mark.parametrize("write", [router_envelope, source_envelope])
def test_no_event_of_vcenter_is_the_time_to_compare(write: Any, operations: FakeOperations) -> None:
    vcenter = FakeVCenter([HOST, OTHER])
    vcenter.enter(OTHER.moref)
    context = Context(operations, VCenters({vcenter.address: vcenter}))
    outcome = dispatch(write(EventData(name=RECONCILE)), context)
    assert (outcome.action, outcome.needs_attention) == ("ignored", True)
    assert operations.maintained() == set()
