"""functions.writing: one write for all, and what becomes of those that cannot be written."""

from collections.abc import Iterator, Sequence

import pytest

from adapters.memory import EventMemory
from functions.context import Context, Policy
from functions.errors import (
    HostNotFoundError,
    MaintenanceError,
    OperationsUnavailableError,
    RequestRejectedError,
)
from functions.events import HostRef
from functions.outcomes import Outcome
from functions.ownership import Stand
from functions.ports import Resource, ResourceState
from functions.writing import write
from tests.fakes import FakeOperations

HOST = HostRef("host-1", "esx1", "a.lab")
ONE, TWO = (HostRef(f"datastore-{n}", f"ds{n}", "a.lab", "Datastore") for n in (1, 2))
REFUSED = RequestRejectedError("403: no privilege")
PENDING = "accepted by vRealize Operations, but not visible yet"


class CountingOperations(FakeOperations):
    """Notes how many resources each write was about."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.writes: list[tuple[str, int]] = []

    def start_all(
        self, resources: Sequence[Resource], minutes: int | None
    ) -> Iterator[tuple[Resource, bool]]:
        self.writes.append(("start", len(resources)))
        yield from super().start_all(resources, minutes)

    def end_all(self, resources: Sequence[Resource]) -> Iterator[tuple[Resource, bool]]:
        self.writes.append(("end", len(resources)))
        yield from super().end_all(resources)


@pytest.fixture
def operations() -> CountingOperations:
    return CountingOperations([HOST, ONE, TWO])


def written(
    operations: FakeOperations, *refs: HostRef, stand: Stand = Stand.IN_FOR_LONG
) -> dict[str, Outcome]:
    """Write them all the same, and say by their names what became of them."""
    failures, operations.failures[:] = list(operations.failures), []
    resources = [operations.find(each) for each in refs]
    operations.failures[:] = failures
    outcomes = write(dict.fromkeys(resources, stand), Context(operations, policy=Policy(60)))
    return {each.host.name: outcome for each, outcome in outcomes.items()}


@pytest.mark.parametrize(
    ("stand", "verb", "action", "silenced"),
    [
        (Stand.IN_FOR_LONG, "start", "entered", {HOST, ONE, TWO}),
        (Stand.JUST_LEFT, "end", "exited", set()),
    ],
)
def test_several_are_written_by_one_call(
    stand: Stand,
    verb: str,
    action: str,
    silenced: set[HostRef],
    operations: CountingOperations,
) -> None:
    outcomes = written(operations, HOST, ONE, TWO, stand=stand)
    assert operations.writes == [(verb, 3)]
    assert {each.action for each in outcomes.values()} == {action}
    assert operations.maintained() == silenced


def test_one_alone_is_written_as_it_always_was(operations: CountingOperations) -> None:
    assert written(operations, HOST)["esx1"] == Outcome("entered", HOST)
    assert operations.writes == []
    operations.set_state(HOST, ResourceState.TIMED)
    assert written(operations, HOST)["esx1"].action == "renewed"


def test_ends_come_first(operations: CountingOperations) -> None:
    host, one, two = (operations.find(each) for each in (HOST, ONE, TWO))
    stands = {host: Stand.IN_FOR_LONG, one: Stand.JUST_LEFT, two: Stand.JUST_LEFT}
    outcomes = write(stands, Context(operations))
    assert operations.writes == [("end", 2)]
    assert [each.action for each in outcomes.values()] == ["exited", "exited", "entered"]


@pytest.mark.parametrize("error", [REFUSED, HostNotFoundError("ds1 is gone")])
def test_a_companion_that_cannot_be_written_holds_up_nobody_else(
    error: MaintenanceError, operations: CountingOperations
) -> None:
    # All at once are refused, and then the companion by itself.
    operations.failures[:] = [REFUSED, None, error]
    outcomes = written(operations, HOST, ONE, TWO)
    assert operations.maintained() == {HOST, TWO}
    assert outcomes["esx1"] == Outcome("entered", HOST)
    assert outcomes["ds1"] == Outcome("left", ONE, str(error), needs_attention=True)


def test_a_companion_that_cannot_be_ended_is_told_of(operations: CountingOperations) -> None:
    operations.set_state(ONE, ResourceState.TIMED)
    operations.failures[:] = [REFUSED]
    outcomes = written(operations, ONE, stand=Stand.JUST_LEFT)
    assert outcomes["ds1"] == Outcome("left", ONE, str(REFUSED), needs_attention=True)


@pytest.mark.parametrize("error", [REFUSED, HostNotFoundError("esx1 is gone")])
def test_a_host_that_cannot_be_written_raises(
    error: MaintenanceError, operations: CountingOperations
) -> None:
    operations.failures[:] = [REFUSED, error]
    with pytest.raises(type(error), match=str(error)):
        written(operations, HOST, ONE)


def test_what_may_succeed_later_is_not_tried_one_by_one(operations: CountingOperations) -> None:
    operations.failures[:] = [OperationsUnavailableError("down")]
    with pytest.raises(OperationsUnavailableError):
        written(operations, HOST, ONE)
    assert operations.maintained() == set()


@pytest.mark.parametrize(
    ("stand", "attention"), [(Stand.IN_FOR_LONG, False), (Stand.JUST_LEFT, True)]
)
def test_what_does_not_show_yet_is_said(
    stand: Stand, attention: bool, operations: CountingOperations
) -> None:
    operations.set_state(HOST, ResourceState.TIMED)
    operations.set_state(ONE, ResourceState.TIMED)
    if stand.in_maintenance:
        operations.set_state(HOST, ResourceState.MONITORED)
        operations.set_state(ONE, ResourceState.MONITORED)
    operations.slow = True
    outcomes = written(operations, HOST, ONE, stand=stand)
    assert {each.reason for each in outcomes.values()} == {PENDING}
    assert {each.needs_attention for each in outcomes.values()} == {attention}


class Replaced(FakeOperations):
    """The host is removed and added anew before what was written could be seen."""

    def start_all(
        self, resources: Sequence[Resource], minutes: int | None
    ) -> Iterator[tuple[Resource, bool]]:
        self.remove(HOST)
        self.add(HOST)
        return ((each, False) for each in resources)


def test_a_host_that_is_another_resource_by_now_is_tried_anew() -> None:
    with pytest.raises(HostNotFoundError, match="is another resource by now"):
        written(Replaced([HOST, ONE]), HOST, ONE)


def test_only_windows_that_were_started_are_remembered(operations: CountingOperations) -> None:
    memory = EventMemory(operations.clock)
    context = Context(operations, memory=memory, policy=Policy(60), now=operations.clock)
    host, one = operations.find(HOST), operations.find(ONE)
    operations.failures[:] = [REFUSED, None, REFUSED]
    write({host: Stand.IN_FOR_LONG, one: Stand.IN_FOR_LONG}, context)
    since = operations.clock()
    assert memory.has_started(host, since)
    assert not memory.has_started(one, since)
