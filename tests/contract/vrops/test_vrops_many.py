"""All hosts of a vCenter, read and written in few calls: by the fake, and by the client."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import product

import pytest

from adapters.outgoing.deadline import deadline
from functions.errors import OperationsUnavailableError
from functions.events import HostRef
from functions.ports import OperationsManager, Resource, ResourceState
from simulator import Host, SettableClock, Simulator, Switches, VCenter
from tests.contract.vrops.clients import asked, connected
from tests.fakes import FakeOperations

A, B = "vc-a.lab.local", "vc-b.lab.local"
UUIDS = {A: "11111111-0000-4000-8000-00000000000a", B: "11111111-0000-4000-8000-00000000000b"}
VCENTERS = [VCenter(A, uuid=UUIDS[A]), VCenter(B, uuid=UUIDS[B])]
# The same MoRefs and names in both.
REFS = [HostRef(f"host-{n}", f"esx{n}", vcenter) for vcenter in (A, B) for n in range(1, 6)]
TIMED = ResourceState.TIMED
OPEN_ENDED = ResourceState.OPEN_ENDED


@contextmanager
def fake() -> Iterator[OperationsManager]:
    yield FakeOperations(REFS)


@contextmanager
def client(switches: Switches, *, known_uuid: bool = True) -> Iterator[OperationsManager]:
    clock = SettableClock()
    with Simulator(_hosts(), VCENTERS, switches=switches, clock=clock) as simulator:
        uuid_of = (lambda address: UUIDS[address]) if known_uuid else (lambda address: "")
        with connected(simulator, clock.advance, uuid_of=uuid_of) as vrops:
            yield vrops


def _hosts() -> list[Host]:
    return [Host(each.name, each.moref, each.vcenter) for each in REFS]


@pytest.fixture(
    params=[
        "fake",
        "uuid-unknown",
        *product((False, True), (200, 404, 500), (0.0, 3.0)),
    ],
    ids=str,
)
def operations(request: pytest.FixtureRequest) -> Iterator[OperationsManager]:
    if request.param == "fake":
        opened: AbstractContextManager[OperationsManager] = fake()
    elif request.param == "uuid-unknown":
        opened = client(Switches(), known_uuid=False)
    else:
        exposed, delete, delay = request.param
        opened = client(
            Switches(
                adapters_expose_vcid=exposed,
                delete_when_not_maintained=delete,
                visible_delay=delay,
                vcid_upper_case=exposed,
                max_page_size=2,
            )
        )
    with opened as manager:
        yield manager


def states(operations: OperationsManager) -> dict[HostRef, ResourceState]:
    return {each.host: each.state for vc in (A, B) for each in operations.resources(vc)}


def chosen(operations: OperationsManager, *refs: HostRef) -> list[Resource]:
    return [each for vc in (A, B) for each in operations.resources(vc) if each.host in refs]


def test_every_host_of_a_vcenter_is_read_and_none_of_another(
    operations: OperationsManager,
) -> None:
    for vcenter in (A, B):
        listed = list(operations.resources(vcenter))
        assert {each.host for each in listed} == {ref for ref in REFS if ref.vcenter == vcenter}
        assert [each.moref for each in listed] == [each.host.moref for each in listed]
    assert len({each.identifier for vc in (A, B) for each in operations.resources(vc)}) == 10


@pytest.mark.parametrize(("minutes", "state"), [(30, TIMED), (None, OPEN_ENDED)])
def test_many_are_started_and_ended_and_no_other(
    minutes: int | None, state: ResourceState, operations: OperationsManager
) -> None:
    meant = {REFS[0], REFS[1], REFS[6]}
    started = list(operations.start_all(chosen(operations, *meant), minutes))
    assert {(resource.host, seen) for resource, seen in started} == {(ref, True) for ref in meant}
    assert {ref for ref, found in states(operations).items() if found is state} == meant
    ended = list(operations.end_all(chosen(operations, REFS[0], REFS[6])))
    assert {(resource.host, seen) for resource, seen in ended} == {
        (REFS[0], True),
        (REFS[6], True),
    }
    assert {ref for ref, found in states(operations).items() if found.maintained} == {REFS[1]}


def test_ending_many_of_which_some_never_began_ends_the_others(
    operations: OperationsManager,
) -> None:
    list(operations.start_all(chosen(operations, REFS[2]), 30))
    ended = list(operations.end_all(chosen(operations, *REFS)))
    assert all(seen for _, seen in ended)
    assert not any(state.maintained for state in states(operations).values())


def test_nothing_to_do_is_no_call(operations: OperationsManager) -> None:
    assert list(operations.start_all([], 30)) == list(operations.end_all([])) == []


GONE = "22222222-0000-4000-8000-000000000000"


def test_one_that_is_gone_spares_the_others(simulator: Simulator) -> None:
    with connected(simulator) as vrops:
        [one, *others] = vrops.resources("vcenter.lab.local")
        gone = replace(one, identifier=GONE)
        started = {each.identifier: seen for each, seen in vrops.start_all([gone, *others], 30)}
        assert started == {GONE: False, others[0].identifier: True, others[1].identifier: True}
        assert [*simulator.states().values()] == ["STARTED", "MAINTAINED", "MAINTAINED"]
        ended = {each.identifier: seen for each, seen in vrops.end_all([*others, gone])}
        assert [ended[each.identifier] for each in others] == [True, True]
        assert set(simulator.states().values()) == {"STARTED"}


def test_what_vcenter_no_longer_has_is_not_listed(simulator: Simulator) -> None:
    simulator.remove_host("esx02.lab.local")
    with connected(simulator) as vrops:
        names = [each.host.name for each in vrops.resources("vcenter.lab.local")]
    assert names == ["esx01.lab.local", "esx03.lab.local"]


def test_a_vcenter_that_nobody_collects_has_no_hosts(simulator: Simulator) -> None:
    with connected(simulator) as vrops:
        assert list(vrops.resources("another.lab.local")) == []


def test_an_accepted_write_that_does_not_show_is_not_seen() -> None:
    clock = SettableClock()
    switches = Switches(visible_delay=3600)
    with (
        Simulator(3, switches=switches, clock=clock) as simulator,
        connected(simulator, clock.advance) as vrops,
    ):
        resources = list(vrops.resources("vcenter.lab.local"))
        assert [seen for _, seen in vrops.start_all(resources, 30)] == [False] * 3


def test_a_failure_hides_nothing_that_was_accepted() -> None:
    with Simulator(200) as simulator, connected(simulator) as vrops:
        resources = list(vrops.resources("vcenter.lab.local"))
        simulator.fault(method="PUT", count=1, delay=0.001)
        simulator.fault(method="PUT", count=10, status=500)
        seen: list[Resource] = []
        with pytest.raises(OperationsUnavailableError):
            seen.extend(resource for resource, shown in vrops.start_all(resources, 30) if shown)
        maintained = {name for name, state in simulator.states().items() if state == "MAINTAINED"}
        assert {each.host.name for each in seen} == maintained
        assert 0 < len(maintained) < 200


def test_a_read_that_fails_while_confirming_is_no_failure(simulator: Simulator) -> None:
    with connected(simulator) as vrops:
        resources = list(vrops.resources("vcenter.lab.local"))
        simulator.fault(method="GET", path="/resources", status=500)
        assert [seen for _, seen in vrops.start_all(resources, 30)] == [True] * 3


def test_writing_many_costs_a_call_for_eighty_and_urls_stay_short() -> None:
    with Simulator(1000) as simulator, connected(simulator) as vrops:
        resources = list(vrops.resources("vcenter.lab.local"))
        simulator.clear_calls()
        assert all(seen for _, seen in vrops.start_all(resources, 30))
        assert set(simulator.states().values()) == {"MAINTAINED"}
        assert asked(simulator) == ["PUT maintained"] * 13 + ["GET resources"] * 13
        longest = max(len(call.path) + len(call.query) for call in simulator.calls)
        assert 3000 < longest < 4200


def test_an_event_that_has_no_time_left_writes_nothing(simulator: Simulator) -> None:
    with connected(simulator) as vrops:
        resources = list(vrops.resources("vcenter.lab.local"))
        simulator.clear_calls()
        with deadline(0), pytest.raises(OperationsUnavailableError):
            list(vrops.start_all(resources, 30))
        assert simulator.calls == []
