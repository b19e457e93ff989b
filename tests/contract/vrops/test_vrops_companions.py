"""What goes with hosts: which resources that are, and how many calls it takes to know.

The first claims are made of the fake and of the client, the others of the client alone.
"""

import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from adapters.outgoing.deadline import deadline
from adapters.vrops import Vrops
from functions.errors import (
    HostNotFoundError,
    MaintenanceError,
    OperationsUnavailableError,
    RequestRejectedError,
)
from functions.events import COMPANIONS, HOST, HostRef
from functions.ports import OperationsManager, Resource, ResourceState
from simulator import Companion, Host, SettableClock, Simulator, Switches, VCenter
from tests.contract.vrops.clients import asked, connected
from tests.fakes import FakeOperations

A, B = "vc-a.lab.local", "vc-b.lab.local"
UUIDS = {A: "11111111-0000-4000-8000-00000000000a", B: "11111111-0000-4000-8000-00000000000b"}
VCENTERS = [VCenter(A, uuid=UUIDS[A]), VCenter(B, uuid=UUIDS[B])]
DATASTORE, CLUSTER, MACHINE = COMPANIONS
MONITORED, OPEN_ENDED = ResourceState.MONITORED, ResourceState.OPEN_ENDED


def esx(number: int, vcenter: str = A) -> HostRef:
    return HostRef(f"host-{number}", f"esx{number}", vcenter)


def datastore(number: int, vcenter: str = A) -> HostRef:
    return HostRef(f"datastore-{number}", f"store{number}", vcenter, DATASTORE)


def around(vcenter: str) -> dict[HostRef, list[HostRef]]:
    """What is in a vCenter: the same MoRefs and names in both."""
    return {
        datastore(1, vcenter): [esx(1, vcenter)],
        datastore(2, vcenter): [esx(2, vcenter)],
        datastore(3, vcenter): [esx(1, vcenter), esx(2, vcenter)],
        HostRef("domain-c1", "cluster", vcenter, CLUSTER): [esx(1, vcenter), esx(2, vcenter)],
        HostRef("vm-1", "machine", vcenter, MACHINE): [esx(1, vcenter)],
    }


HOSTS = [esx(n, vcenter) for vcenter in (A, B) for n in (1, 2)]
AROUND = {**around(A), **around(B)}


def simulated(ref: HostRef, hosts: Iterable[HostRef]) -> Companion:
    return Companion(
        ref.name, ref.moref, ref.vcenter, kind=ref.kind, hosts=[each.name for each in hosts]
    )


@dataclass
class Running:
    """A simulator, its clock, and the client under test."""

    simulator: Simulator
    clock: SettableClock
    vrops: Vrops

    def cost(self) -> list[str]:
        """What was asked since the last time, after the login."""
        calls = asked(self.simulator)
        self.simulator.clear_calls()
        return [call for call in calls if call != "POST acquire"]

    def named(self, resources: Iterable[Resource]) -> list[str]:
        return [each.host.name for each in resources]


@contextmanager
def running(*, known_uuid: bool = True, **switches: Any) -> Iterator[Running]:
    """All that there is, with the client's clock, which is the simulator's."""
    clock = SettableClock()
    companions = [simulated(ref, hosts) for ref, hosts in AROUND.items()]
    hosts = [Host(each.name, each.moref, each.vcenter) for each in HOSTS]
    uuid_of = (lambda address: UUIDS.get(address, "")) if known_uuid else (lambda address: "")
    with (
        Simulator(
            hosts, VCENTERS, companions, switches=Switches(**switches), clock=clock
        ) as simulator,
        connected(simulator, clock.advance, uuid_of=uuid_of, clock=clock.now) as vrops,
    ):
        yield Running(simulator, clock, vrops)


@contextmanager
def fake() -> Iterator[OperationsManager]:
    operations = FakeOperations([*HOSTS, *AROUND], uuids=UUIDS)
    for companion, hosts in AROUND.items():
        operations.relate(companion, *hosts)
    yield operations


VARIANTS: dict[str, dict[str, Any]] = {
    "usual": {},
    "uuid-unknown": {"known_uuid": False},
    "above": {"datastore_relation": "parent"},
    "empty-rows": {"relations_expose_states": False},
    "pages": {"max_page_size": 1},
    "upper-case": {"vcid_upper_case": True, "extra_states": 2},
    "no-identifiers": {"adapters_expose_vcid": False, "identifiers_lookup": "refused"},
}


@pytest.fixture(params=["fake", *VARIANTS])
def operations(request: pytest.FixtureRequest) -> Iterator[OperationsManager]:
    if request.param == "fake":
        with fake() as manager:
            yield manager
        return
    with running(**VARIANTS[request.param]) as run:
        yield run.vrops


@pytest.fixture
def run() -> Iterator[Running]:
    with running() as started:
        yield started


def refs(resources: Iterable[Resource]) -> set[HostRef]:
    return {each.host for each in resources}


class TestEach:
    """Claims about the fake and the client."""

    @pytest.mark.parametrize("kinds", [(), (DATASTORE,), (CLUSTER, MACHINE), tuple(COMPANIONS)])
    @pytest.mark.parametrize("vcenter", [A, B])
    def test_a_host_is_found_with_what_is_related_to_it(
        self, operations: OperationsManager, vcenter: str, kinds: Collection[str]
    ) -> None:
        expected = {
            ref for ref, hosts in AROUND.items() if esx(1, vcenter) in hosts and ref.kind in kinds
        }
        for _ in range(3):
            host, *companions = operations.find_with(esx(1, vcenter), kinds)
            assert host == operations.find(esx(1, vcenter))
            assert (refs(companions), len(companions)) == (expected, len(expected))
            assert {each.state for each in companions} <= {MONITORED}
            assert all(each.moref == each.host.moref for each in companions)

    def test_a_host_that_nobody_knows_is_not_found(self, operations: OperationsManager) -> None:
        with pytest.raises(HostNotFoundError):
            operations.find_with(esx(9), COMPANIONS)

    def test_states_are_those_of_now(self, operations: OperationsManager) -> None:
        for _ in range(2):
            [_, store, *_] = operations.find_with(esx(1), [DATASTORE])
            for started in (True, False):
                act = operations.start_all if started else operations.end_all
                assert started_all(operations, store, act) == [(store.host, True)]
                found = {
                    each.host: each.state.maintained
                    for each in operations.find_with(esx(1), [DATASTORE])
                }
                assert found.pop(store.host) is started
                assert not any(found.values())
                [again] = operations.find_all([store.host])
                assert again.state.maintained is started

    def test_companions_are_found_by_their_morefs(self, operations: OperationsManager) -> None:
        wanted = list(around(B))
        for _ in range(2):
            found = operations.find_all(wanted)
            assert [each.host for each in found] == wanted
            assert {each.vcenter_uuid for each in found} == {UUIDS[B]}
        assert operations.find_all([]) == []

    def test_a_companion_may_be_called_anything(self, operations: OperationsManager) -> None:
        renamed = replace(datastore(1), name="another")
        [found] = operations.find_all([renamed])
        assert found.host == renamed
        nameless = replace(datastore(1), moref="")
        unknown = replace(datastore(9), name="store1")
        other_kind = replace(datastore(1), kind=CLUSTER)
        elsewhere = replace(datastore(1), vcenter="vc-c.lab.local")
        assert operations.find_all([nameless, unknown, other_kind, elsewhere]) == []

    def test_alone_is_what_is_related_to_one_host_only(self, operations: OperationsManager) -> None:
        host, *companions = operations.find_with(esx(1), COMPANIONS)
        alone = operations.alone(host, companions)
        assert {each.host.name for each in alone} == {"store1", "machine"}
        other = operations.find(esx(2))
        assert operations.alone(other, alone) == []
        assert operations.alone(host, []) == []

    @pytest.mark.parametrize("kind", [HOST, *COMPANIONS])
    def test_all_of_a_kind_in_a_vcenter_are_listed(
        self, operations: OperationsManager, kind: str
    ) -> None:
        listed = list(operations.resources(A, kind))
        assert refs(listed) == {
            each for each in (*HOSTS, *AROUND) if (each.vcenter, each.kind) == (A, kind)
        }

    def test_hosts_and_companions_are_written_together(self, operations: OperationsManager) -> None:
        group = operations.find_with(esx(1), COMPANIONS)
        started = list(operations.start_all(group, 30))
        assert sorted(str(each.host) for each, _ in started) == sorted(str(e.host) for e in group)
        assert all(seen for _, seen in started)
        again = operations.find_with(esx(1), COMPANIONS)
        assert {each.state for each in again} == {ResourceState.TIMED}
        untouched = operations.find_with(esx(2, B), COMPANIONS)
        assert {each.state for each in untouched} == {MONITORED}
        assert all(seen for _, seen in operations.end_all(again))
        assert {e.state for e in operations.find_with(esx(1), COMPANIONS)} == {MONITORED}

    def test_one_companion_is_written_as_a_host_is(self, operations: OperationsManager) -> None:
        [store] = operations.find_all([datastore(1)])
        assert operations.start_maintenance(store, None)
        [found] = operations.find_all([datastore(1)])
        assert found.state is OPEN_ENDED
        assert operations.end_maintenance(store)
        [found] = operations.find_all([datastore(1)])
        assert found.state is MONITORED


def started_all(
    operations: OperationsManager, resource: Resource, act: Any
) -> list[tuple[HostRef, bool]]:
    minutes = [30] if act == operations.start_all else []
    return [(each.host, seen) for each, seen in act([resource], *minutes)]


WARM = ["GET resources"]
COLD = ["GET adapters", "GET resources", "GET relationships"]


def test_one_call_is_enough_where_all_is_remembered(run: Running) -> None:
    costs = []
    for _ in range(3):
        run.vrops.find_with(esx(1), COMPANIONS)
        costs.append(run.cost())
    assert costs == [COLD, WARM, WARM]
    run.clock.advance(601)
    run.vrops.find_with(esx(1), COMPANIONS)
    assert run.cost() == COLD


def test_one_call_more_finds_companions_of_a_host_that_is_known(run: Running) -> None:
    run.vrops.find(esx(1))
    run.cost()
    run.vrops.find_with(esx(1), COMPANIONS)
    [of_host, relations] = run.cost()
    assert (of_host != WARM[0], relations) == (True, "GET relationships")


def test_without_kinds_nothing_else_is_asked(run: Running) -> None:
    costs = []
    for find in (lambda: run.vrops.find(esx(1)), lambda: run.vrops.find_with(esx(2), ())):
        for _ in range(2):
            find()
            costs.append([each.split()[0] for each in run.cost()])
    assert costs[:2] == [["GET", "GET"], ["GET"]]
    assert costs[2:] == [["GET"], ["GET"]]


def test_an_event_with_companions_costs_what_one_without_does(run: Running) -> None:
    costs = []
    for minutes in (30, 30, 30):
        group = run.vrops.find_with(esx(1), COMPANIONS)
        assert all(seen for _, seen in run.vrops.start_all(group, minutes))
        costs.append(run.cost())
        run.clock.advance(120)
    warm = ["GET resources", "PUT maintained", "GET resources"]
    assert costs == [[*COLD, *warm[1:]], warm, warm]


def test_rows_without_a_state_cost_one_call_more_when_cold() -> None:
    with running(relations_expose_states=False) as run:
        run.simulator.maintain("store1", vcenter=A)
        for cost in ([*COLD, "GET resources"], WARM):
            found = run.vrops.find_with(esx(1), COMPANIONS)
            states = {each.host.name: each.state for each in found}
            assert states.pop("store1") is OPEN_ENDED
            assert set(states.values()) == {MONITORED}
            assert run.cost() == cost


def test_many_companions_are_read_and_written_by_short_urls() -> None:
    with running() as run:
        for number in range(100, 600):
            run.simulator.add_companion(simulated(datastore(number), [esx(1)]))
        group = run.vrops.find_with(esx(1), [DATASTORE])
        assert (len(group), run.cost()) == (503, COLD)
        assert len(run.vrops.find_with(esx(1), [DATASTORE])) == 503
        assert len(list(run.vrops.start_all(group, 30))) == 503
        assert len(run.vrops.alone(group[0], group[1:])) == 501
        longest = max(len(call.path) + len(call.query) for call in run.simulator.calls)
        assert 3000 < longest < 4200
        batches = -(-503 // 83)
        assert run.cost() == [
            *WARM * batches,
            *["PUT maintained"] * batches,
            *WARM * batches,
            "POST relationships",
        ]


def test_a_thousand_companions_of_a_vcenter_are_one_call() -> None:
    companions = [simulated(datastore(number), [esx(1)]) for number in range(2500)]
    hosts = [Host(each.name, each.moref, each.vcenter) for each in HOSTS]
    with Simulator(hosts, VCENTERS, companions) as simulator, connected(simulator) as vrops:
        assert len(list(vrops.resources(A, DATASTORE))) == 2500
        assert asked(simulator) == ["POST acquire", "GET adapters", *WARM * 3]


def test_a_companion_that_came_since_is_found_by_its_moref(run: Running) -> None:
    run.vrops.find_with(esx(1), COMPANIONS)
    run.simulator.add_companion(simulated(datastore(9), [esx(1)]))
    assert "store9" not in run.named(run.vrops.find_with(esx(1), COMPANIONS))
    run.cost()
    costs = []
    for _ in range(3):
        assert run.named(run.vrops.find_all([datastore(9)])) == ["store9"]
        costs.append(run.cost())
    # The listing, and those that it has, anew.
    assert costs == [WARM * 2, WARM, WARM]
    run.clock.advance(601)
    assert "store9" in run.named(run.vrops.find_with(esx(1), COMPANIONS))


def test_one_that_nobody_knows_is_looked_for_once_a_minute(run: Running) -> None:
    costs = []
    for seconds in (0, 30, 31):
        run.clock.advance(seconds)
        assert run.vrops.find_all([datastore(8)]) == []
        costs.append(run.cost())
    assert costs == [["GET adapters", "GET resources"], [], ["GET adapters", "GET resources"]]
    run.simulator.add_companion(simulated(datastore(8), []))
    assert run.vrops.find_all([datastore(8)]) == []
    run.clock.advance(61)
    assert len(run.vrops.find_all([datastore(8)])) == 1


def test_a_listing_of_the_last_minute_does_not_tell_the_state_of_now(run: Running) -> None:
    run.vrops.find_all([datastore(1)])
    run.simulator.maintain("store2", vcenter=A)
    [found] = run.vrops.find_all([datastore(2)])
    assert found.state is OPEN_ENDED


def test_a_companion_that_is_gone_is_not_found(run: Running) -> None:
    wanted = list(around(A))
    run.vrops.find_with(esx(1), COMPANIONS)
    run.vrops.find_all(wanted)
    run.simulator.remove_companion("store1", A)
    for _ in range(2):
        assert "store1" not in run.named(run.vrops.find_with(esx(1), COMPANIONS))
        assert refs(run.vrops.find_all(wanted)) == {*wanted} - {datastore(1)}
        run.clock.advance(601)
    assert datastore(1) not in refs(run.vrops.resources(A, DATASTORE))


def test_a_host_that_was_added_again_is_another_one(run: Running) -> None:
    before, *_ = run.vrops.find_with(esx(1), COMPANIONS)
    run.simulator.remove_host("esx1", A)
    with pytest.raises(HostNotFoundError):
        run.vrops.find_with(esx(1), COMPANIONS)
    anew = run.simulator.add_host(Host("esx1", "host-9", A))
    run.simulator.relate("store1", ["esx1"], A)
    again = HostRef("host-9", "esx1", A)
    run.clock.advance(61)
    for _ in range(2):
        host, *companions = run.vrops.find_with(again, COMPANIONS)
        assert (host.identifier, run.named(companions)) == (anew.id, ["store1"])
    assert host.identifier != before.identifier


def test_a_name_that_another_host_bears_by_now_is_looked_up_anew(run: Running) -> None:
    by_name = HostRef("", "esx1", A)
    run.vrops.find_with(by_name, COMPANIONS)
    run.simulator.add_host(Host("renamed", "host-1", A))
    run.simulator.add_host(Host("esx1", "host-9", A))
    host, *companions = run.vrops.find_with(by_name, COMPANIONS)
    assert (host.moref, companions) == ("host-9", [])


def test_relations_that_lag_are_found_later() -> None:
    with running(relation_delay=300) as run:
        run.simulator.add_companion(simulated(datastore(9), [esx(1)]))
        host, *companions = run.vrops.find_with(esx(1), COMPANIONS)
        assert "store9" not in run.named(companions)
        [store] = run.vrops.find_all([datastore(9)])
        assert run.vrops.alone(host, [store]) == []
        run.clock.advance(601)
        host, *companions = run.vrops.find_with(esx(1), COMPANIONS)
        assert "store9" in run.named(companions)
        assert "store9" in run.named(run.vrops.alone(host, companions))


def test_a_datastore_that_another_host_mounts_is_not_alone_any_more(run: Running) -> None:
    for hosts, expected in ((["esx1", "esx2"], []), (["esx1"], ["store1"]), (["esx2"], [])):
        run.simulator.relate("store1", hosts, A)
        [host, *_] = run.vrops.find_with(esx(1), [DATASTORE])
        [store] = run.vrops.find_all([datastore(1)])
        assert run.named(run.vrops.alone(host, [store])) == expected


def test_a_host_whose_vcenter_is_unknown_has_companions_of_its_own(run: Running) -> None:
    run.simulator.add_host(Host("lonely", "host-77", A))
    run.simulator.relate("store1", ["lonely"], A)
    somewhere = HostRef("host-77", "lonely", "vc.elsewhere")
    host, store = run.vrops.find_with(somewhere, COMPANIONS)
    assert store.host == replace(datastore(1), vcenter="vc.elsewhere")
    assert run.named(run.vrops.alone(host, [store])) == ["store1"]


def test_without_an_adapter_instance_a_vcenter_is_known_by_its_uuid() -> None:
    clock = SettableClock()
    known = [VCenter("C", url="192.0.2.16", uuid=UUIDS[A])]
    companions = [replace(simulated(datastore(1), [esx(1)]), vcenter="C")]
    with (
        Simulator(
            [Host("esx1", "host-1", "C")],
            known,
            companions,
            switches=Switches(adapters_expose_vcid=False),
            clock=clock,
        ) as simulator,
        connected(simulator, uuid_of=UUIDS.__getitem__, clock=clock.now) as vrops,
    ):
        assert [each.host for each in vrops.find_all([datastore(1)])] == [datastore(1)]
        assert vrops.find_all([datastore(1, B)]) == []
        assert [each.host for each in vrops.resources(A, DATASTORE)] == [datastore(1)]


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_host_is_found_where_relations_are_refused(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with running(relationships=status) as run:
        for _ in range(20):
            found = run.vrops.find_with(esx(1), COMPANIONS)
            assert run.named(found) == ["esx1"]
        assert run.cost() == [*COLD, *WARM * 19]
        assert len(caplog.records) == 1
        assert str(status) in caplog.records[0].getMessage()
        for _ in range(9):
            run.clock.advance(61)
            assert len(run.vrops.find_with(esx(1), COMPANIONS)) == 1
        assert run.cost().count("GET relationships") == 9
        assert len(caplog.records) == 1
        run.clock.advance(61)
        run.vrops.find_with(esx(1), COMPANIONS)
        assert len(caplog.records) == 2


@pytest.mark.parametrize("status", [403, 404, 405, 500])
def test_nothing_is_alone_where_relations_are_refused(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with running(bulk_relationships=status) as run:
        host, *companions = run.vrops.find_with(esx(1), COMPANIONS)
        for _ in range(20):
            assert run.vrops.alone(host, companions) == []
        assert len(caplog.records) == 1
        assert run.vrops.find(esx(1)) == host


@pytest.mark.parametrize("status", [503, 429, 302])
def test_an_outage_of_relations_passes(run: Running, status: int) -> None:
    run.simulator.fault(path="/relationships", status=status, count=100)
    check_untold(run)


def test_a_body_that_makes_no_sense_passes(run: Running) -> None:
    run.simulator.fault(path="/relationships", status=200, body="html", count=2)
    check_untold(run)


def check_untold(run: Running) -> None:
    """Relations are not told just now: that is said, spares all else, and is asked again."""
    with pytest.raises(OperationsUnavailableError):
        run.vrops.find_with(esx(1), COMPANIONS)
    host, [store] = run.vrops.find(esx(1)), run.vrops.find_all([datastore(1)])
    with pytest.raises(OperationsUnavailableError):
        run.vrops.alone(host, [store])
    run.simulator.clear_faults()
    assert store.host in refs(run.vrops.find_with(esx(1), COMPANIONS))
    assert refs(run.vrops.alone(host, [store])) == {store.host}


@pytest.mark.parametrize(
    ("status", "error"), [(403, RequestRejectedError), (500, OperationsUnavailableError)]
)
def test_what_is_asked_about_the_host_itself_is_no_doubt(
    run: Running, status: int, error: type[MaintenanceError]
) -> None:
    for remembered in (False, True):
        run.simulator.fault(path="/resources", status=status, count=10)
        with pytest.raises(error):
            run.vrops.find_with(esx(1), COMPANIONS)
        run.simulator.clear_faults()
        assert len(run.vrops.find_with(esx(1), COMPANIONS)) > 1, remembered


def test_an_event_that_has_no_time_left_asks_nobody(run: Running) -> None:
    host, *companions = run.vrops.find_with(esx(1), COMPANIONS)
    run.cost()
    with deadline(0):
        with pytest.raises(OperationsUnavailableError):
            run.vrops.find_with(esx(1), COMPANIONS)
        with pytest.raises(OperationsUnavailableError):
            run.vrops.alone(host, companions)
    assert run.cost() == []


def test_a_slow_answer_about_relations_leaves_the_host_some_time(run: Running) -> None:
    run.vrops.find(esx(1))
    run.simulator.fault(path="/relationships", delay=60, count=100)
    with deadline(6):
        with pytest.raises(OperationsUnavailableError):
            run.vrops.find_with(esx(1), COMPANIONS)
        assert run.vrops.start_maintenance(run.vrops.find(esx(1)), 30)


def test_a_revoked_token_is_renewed_for_a_question_with_a_body(run: Running) -> None:
    host, *companions = run.vrops.find_with(esx(1), COMPANIONS)
    run.simulator.revoke_tokens()
    assert len(run.vrops.alone(host, companions)) == 2
    assert run.simulator.logins == 2


def test_one_that_is_gone_spares_the_others(run: Running) -> None:
    group = run.vrops.find_with(esx(1), COMPANIONS)
    gone = replace(group[1], identifier="22222222-0000-4000-8000-000000000000")
    others = [group[0], *group[2:]]
    started = {each.identifier: seen for each, seen in run.vrops.start_all([gone, *others], 30)}
    assert started == {gone.identifier: False, **{each.identifier: True for each in others}}


def test_a_refusal_of_many_is_raised_for_the_core_to_go_on_one_by_one(run: Running) -> None:
    group = run.vrops.find_with(esx(1), COMPANIONS)
    run.simulator.fault(path="/resources/maintained", status=403)
    with pytest.raises(RequestRejectedError):
        list(run.vrops.start_all(group, 30))
    assert run.vrops.start_maintenance(group[0], 30)


@pytest.mark.parametrize("start", [True, False])
def test_a_companion_that_the_server_cannot_write_spares_all_others(
    start: bool, run: Running
) -> None:
    group = run.vrops.find_with(esx(1), COMPANIONS)
    if not start:
        list(run.vrops.start_all(group, 30))
    for path in ("/resources/maintained", f"/{group[1].identifier}/maintained"):
        run.simulator.fault(path=path, status=500, count=100)
    written = run.vrops.start_all(group, 30) if start else run.vrops.end_all(group)
    seen: list[tuple[Resource, bool]] = []
    with pytest.raises(OperationsUnavailableError):
        seen.extend(written)
    states = {each.host: each.state for each in run.vrops.find_with(esx(1), COMPANIONS)}
    done = {each for each, state in states.items() if state.maintained == start}
    assert done == refs(group) - {group[1].host}
