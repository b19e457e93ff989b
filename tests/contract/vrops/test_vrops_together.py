"""What many threads ask for at the same time goes as one call, and nobody is harmed by another."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from adapters.outgoing import grouping
from adapters.outgoing.deadline import deadline
from adapters.outgoing.grouping import Grouping
from adapters.vrops import Vrops
from adapters.vrops.resolver import _Identity
from functions.errors import (
    HostNotFoundError,
    MaintenanceError,
    OperationsUnavailableError,
    RequestRejectedError,
)
from functions.events import HostRef
from functions.ports import Resource, ResourceState
from simulator import SettableClock, Simulator, Switches
from tests.contract.vrops.clients import asked, connected, esx

SECONDS = 60.0
HOSTS = 12
UNKNOWN = "22222222-0000-4000-8000-000000000000"
STARTED = ResourceState.MONITORED


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "_PATIENCE_SECONDS", SECONDS)


def together(of: Grouping[Any, Any], acts: Sequence[Callable[[], Any]]) -> list["Future[Any]"]:
    """Let the others act while the call of the first is under way, and return how all ended."""
    over, one = threading.Event(), of._one

    def call(item: Any) -> Any:
        assert over.wait(SECONDS)
        return one(item)

    of._one = call
    with ThreadPoolExecutor(len(acts)) as pool:
        futures = [pool.submit(acts[0])]
        _until(lambda: of._under_way is not None)
        futures += [pool.submit(act) for act in acts[1:]]
        _until(lambda: len(of._waiting) == len(acts) - 1)
        over.set()
    of._one = one
    return futures


def _until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.002)


def found(vrops: Vrops, count: int = HOSTS) -> list[Resource]:
    return [vrops.find(esx(number)) for number in range(1, count + 1)]


def starts(vrops: Vrops, resources: Sequence[Resource]) -> list["Future[Any]"]:
    acts = [lambda each=each: vrops.start_maintenance(each, None) for each in resources]
    return together(vrops._starting(None)._grouping, acts)


def ends(vrops: Vrops, resources: Sequence[Resource]) -> list["Future[Any]"]:
    acts = [lambda each=each: vrops.end_maintenance(each) for each in resources]
    return together(vrops._ends._grouping, acts)


def maintained(simulator: Simulator) -> int:
    return sum(state.startswith("MAINTAINED") for state in simulator.states().values())


def test_looks_are_one_call_and_each_has_the_state_of_its_own() -> None:
    with Simulator(HOSTS) as simulator, connected(simulator) as vrops:
        first, *_ = found(vrops)
        simulator.maintain("esx03.lab.local")
        simulator.clear_calls()
        acts = [lambda n=n: vrops.find(esx(n)).state for n in range(1, HOSTS + 1)]
        states = [each.result() for each in together(vrops._resolver._looks, acts)]
        assert states == [*[STARTED] * 2, ResourceState.OPEN_ENDED, *[STARTED] * (HOSTS - 3)]
        assert asked(simulator) == [f"GET {first.identifier}", "GET resources"]


def test_hosts_that_are_looked_up_are_found_in_one_listing() -> None:
    with Simulator(HOSTS + 1) as simulator, connected(simulator) as vrops:
        vrops.find(esx(HOSTS + 1))
        simulator.clear_calls()
        acts = [lambda n=n: vrops.find(esx(n)) for n in range(1, HOSTS + 1)]
        resources = [each.result() for each in together(vrops._resolver._identities, acts)]
        assert [each.host for each in resources] == [esx(n) for n in range(1, HOSTS + 1)]
        assert len({each.identifier for each in resources}) == HOSTS
        # One by its identifiers, all hosts of the vCenter, and the others among them anew.
        assert asked(simulator) == ["GET resources"] * 3


def test_of_an_instance_of_which_few_are_looked_up_not_all_hosts_are_listed() -> None:
    with Simulator(HOSTS) as simulator, connected(simulator) as vrops:
        resolver = vrops._resolver
        [known] = vrops.inspection().instances()
        wanted = [_Identity(known, f"host-{1000 + n}") for n in range(1, 6)]
        few = [_Identity(replace(known, identifier="few"), "host-1006")]
        simulator.clear_calls()
        assert list(resolver._identify_together([*wanted, *few])) == wanted
        assert asked(simulator) == ["GET resources"] * 2


def test_a_few_are_found_in_a_listing_that_there_is() -> None:
    with Simulator(HOSTS) as simulator, connected(simulator) as vrops:
        resolver = vrops._resolver
        [known] = vrops.inspection().instances()
        many = [_Identity(known, f"host-{1000 + n}") for n in range(1, 6)]
        few = [_Identity(known, f"host-{1000 + n}") for n in range(6, 8)]
        resolver._identify_together(many)
        simulator.clear_calls()
        assert list(resolver._identify_together(few)) == few
        # They are read anew: the listing may be a minute old.
        assert asked(simulator) == ["GET resources"]


def test_a_listing_that_takes_too_long_leaves_time_to_look_them_up_one_by_one() -> None:
    with Simulator(HOSTS + 1) as simulator, connected(simulator) as vrops:
        vrops.find(esx(HOSTS + 1))
        simulator.fault(path="*/api/resources", delay=SECONDS, count=100)

        def find(number: int) -> HostRef:
            with deadline(6.0):
                return vrops.find(esx(number)).host

        acts = [lambda n=n: find(n) for n in range(1, HOSTS + 1)]
        hosts = [each.result() for each in together(vrops._resolver._identities, acts)]
        assert hosts == [esx(n) for n in range(1, HOSTS + 1)]


def test_a_few_are_found_in_time_though_a_listing_cannot_be_read_anew() -> None:
    with Simulator(HOSTS) as simulator, connected(simulator) as vrops:
        [known] = vrops.inspection().instances()
        vrops._resolver._listing(known)
        simulator.fault(path="*/api/resources", delay=SECONDS, count=100)

        def find(number: int) -> HostRef:
            with deadline(4.0):
                return vrops.find(esx(number)).host

        acts = [lambda n=n: find(n) for n in range(1, 5)]
        hosts = [each.result() for each in together(vrops._resolver._identities, acts)]
        assert hosts == [esx(n) for n in range(1, 5)]


def test_writes_are_one_call_and_windows_of_another_length_one_of_their_own() -> None:
    with Simulator(HOSTS) as simulator, connected(simulator) as vrops:
        first, second, *others = found(vrops)
        simulator.clear_calls()
        assert all(each.result() for each in starts(vrops, [first, *others]))
        # The first one by itself, the others at once; and what is written is looked at likewise.
        alone = ["PUT maintained", f"GET {first.identifier}"]
        assert sorted(asked(simulator)) == sorted([*alone, "PUT maintained", "GET resources"])
        assert vrops.start_maintenance(second, 30)
        assert asked(simulator).count("PUT maintained") == 3
        states = list(simulator.states().values())
        assert states == ["MAINTAINED_MANUAL", "MAINTAINED", *["MAINTAINED_MANUAL"] * len(others)]
        simulator.clear_calls()
        assert all(each.result() for each in ends(vrops, [first, second, *others]))
        assert asked(simulator).count("DELETE maintained") == 2
        assert maintained(simulator) == 0


def test_urls_stay_short_however_many_there_are() -> None:
    with Simulator(200) as simulator, connected(simulator) as vrops:
        resources = list(vrops.resources("vcenter.lab.local"))
        simulator.clear_calls()
        assert all(each.result() for each in starts(vrops, resources))
        assert maintained(simulator) == 200
        assert asked(simulator).count("PUT maintained") == 4
        assert max(len(call.path) + len(call.query) for call in simulator.calls) < 4200


def test_what_does_not_show_at_once_is_looked_at_until_it_does() -> None:
    with (
        Simulator(HOSTS, switches=Switches(visible_delay=0.4)) as simulator,
        connected(simulator, None) as vrops,
    ):
        resources = found(vrops)
        simulator.clear_calls()
        assert all(each.result() for each in starts(vrops, resources))
        # By themselves, each would have looked three times at least.
        assert len(simulator.calls) < 3 * HOSTS


def test_who_may_not_be_looked_at_together_is_looked_at_alone() -> None:
    with Simulator(HOSTS) as simulator, connected(simulator) as vrops:
        resources = found(vrops)
        simulator.fault(path="*/api/resources", status=403, count=100)
        assert all(each.result() for each in starts(vrops, resources))
        assert asked(simulator).count("PUT maintained") == 2


@pytest.mark.parametrize("fault", [{"status": 503}, {"cut": "before"}], ids=str)
def test_that_nobody_can_look_is_no_failure_of_what_was_written(
    fault: dict[str, Any], pauses: list[float]
) -> None:
    with Simulator(HOSTS) as simulator, connected(simulator) as vrops:
        resources = found(vrops)
        simulator.fault(path="*/api/resources", count=100, **fault)
        assert {each.exception() for each in starts(vrops, resources)} == {None}
        assert maintained(simulator) == HOSTS
        assert asked(simulator).count("PUT maintained") == 2


def test_a_look_that_takes_too_long_is_no_failure_and_holds_up_no_write() -> None:
    with (
        Simulator(HOSTS) as simulator,
        connected(simulator, None, confirm_seconds=0.5) as vrops,
    ):
        first, second, *others = found(vrops)
        gone = replace(second, host=esx(99), identifier=UNKNOWN)
        simulator.fault(path="*/api/resources", delay=SECONDS, count=100)

        def start(resource: Resource) -> bool:
            with deadline(4.0):
                return vrops.start_maintenance(resource, None)

        acts = [lambda each=each: start(each) for each in [first, gone, *others]]
        ended = together(vrops._starting(None)._grouping, acts)
        # It is among those who are refused together, so that all are written in halves.
        assert isinstance(ended.pop(1).exception(), HostNotFoundError)
        assert {each.exception() for each in ended} == {None}
        assert maintained(simulator) == len(others) + 1


def test_of_several_of_whom_only_some_were_looked_at_all_are_looked_at_at_once() -> None:
    with Simulator(2) as simulator, connected(simulator, confirm_seconds=0) as vrops:
        resources = found(vrops, 2)
        seen = {resources[0].identifier: STARTED}
        confirmed = vrops._confirmations.many(resources, maintained=False, seen=seen)
        assert list(confirmed) == [(each, True) for each in resources]


@pytest.mark.parametrize("act", [starts, ends])
def test_one_that_is_gone_spares_the_others(
    act: Callable[[Vrops, Sequence[Resource]], list["Future[Any]"]],
) -> None:
    with Simulator(HOSTS) as simulator, connected(simulator) as vrops:
        first, second, *others = found(vrops)
        gone = replace(second, host=esx(99), identifier=UNKNOWN)
        ended = act(vrops, [first, gone, *others])
        assert isinstance(ended.pop(1).exception(), HostNotFoundError)
        assert all(each.result() for each in ended)
        assert maintained(simulator) == (len(others) + 1 if act is starts else 0)


# What is refused is written in halves; what fails for the time being, urllib3 tries again.
@pytest.mark.parametrize("status", [400, 503])
def test_nothing_is_written_anew_for_whom_it_is_too_late(status: int) -> None:
    with Simulator(HOSTS) as simulator, connected(simulator) as vrops:
        resources = found(vrops)
        simulator.fault(path="/api/resources/maintained", status=status, delay=3.0)

        def start(resource: Resource, seconds: float) -> bool:
            with deadline(seconds):
                return vrops.start_maintenance(resource, None)

        late = resources[5]
        acts = [
            lambda each=each: start(each, 2.0 if each is late else SECONDS) for each in resources
        ]
        ended = together(vrops._starting(None)._grouping, acts)
        assert isinstance(ended.pop(5).exception(), OperationsUnavailableError)
        assert all(each.result() for each in ended)
        assert maintained(simulator) == HOSTS - 1


@pytest.mark.parametrize("status", [406, 412, 431])
def test_who_is_refused_together_for_whatever_reason_is_told_alone(status: int) -> None:
    with Simulator(HOSTS) as simulator, connected(simulator) as vrops:
        resources = found(vrops)
        simulator.fault(path="/api/resources/maintained", status=status, count=100)
        assert all(each.result() for each in starts(vrops, resources))
        assert maintained(simulator) == HOSTS


@pytest.mark.parametrize("status", [400, 403])
def test_who_may_not_list_looks_hosts_up_one_by_one(status: int) -> None:
    with Simulator(HOSTS + 1) as simulator, connected(simulator) as vrops:
        vrops.find(esx(HOSTS + 1))
        simulator.fault(path="/api/resources", status=status, count=100)
        acts = [lambda n=n: vrops.find(esx(n)).host for n in range(1, HOSTS + 1)]
        hosts = [each.result() for each in together(vrops._resolver._identities, acts)]
        assert hosts == [esx(n) for n in range(1, HOSTS + 1)]


@pytest.mark.parametrize("status", [400, 403, 404, 405, 500, 501])
@pytest.mark.parametrize(("act", "method"), [(starts, "PUT"), (ends, "DELETE")])
def test_a_server_that_refuses_many_is_told_one_by_one(
    act: Callable[[Vrops, Sequence[Resource]], list["Future[Any]"]], method: str, status: int
) -> None:
    with Simulator(HOSTS) as simulator, connected(simulator) as vrops:
        resources = found(vrops)
        simulator.clear_calls()
        simulator.fault(path="/api/resources/maintained", status=status, count=100)
        assert all(each.result() for each in act(vrops, resources))
        assert maintained(simulator) == (HOSTS if act is starts else 0)
        # Eleven at once, five and six, two and three, three and three; and then one by one.
        assert asked(simulator).count(f"{method} maintained") == 7 + HOSTS


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, RequestRejectedError), (403, RequestRejectedError), (500, OperationsUnavailableError)],
)
def test_one_that_is_refused_is_told_so_and_no_other(
    status: int, error: type[MaintenanceError]
) -> None:
    with Simulator(HOSTS) as simulator, connected(simulator) as vrops:
        resources = found(vrops)
        bad = resources[5]
        simulator.fault(path="/api/resources/maintained", status=status, count=100)
        simulator.fault(path=f"/{bad.identifier}/maintained", status=status, count=100)
        ended = starts(vrops, resources)
        assert isinstance(ended.pop(5).exception(), error)
        assert all(each.result() for each in ended)
        assert maintained(simulator) == HOSTS - 1


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 429}, {"cut": "before"}], ids=str)
def test_an_outage_is_not_split_and_everybody_has_an_error_of_their_own(
    fault: dict[str, Any], pauses: list[float]
) -> None:
    with Simulator(HOSTS) as simulator, connected(simulator) as vrops:
        resources = found(vrops)
        simulator.clear_calls()
        simulator.fault(path="/api/resources/maintained", count=100, **fault)
        first, *others = starts(vrops, resources)
        assert first.result()
        errors = [each.exception() for each in others]
        assert {type(each) for each in errors} == {OperationsUnavailableError}
        assert len({id(each) for each in errors}) == HOSTS - 1
        # Four times more, as each call is, and nobody by a call of their own.
        assert asked(simulator).count("PUT maintained") == 1 + 5


@pytest.mark.parametrize("status", [200, 404, 500])
@pytest.mark.parametrize("shown_after", [0.0, 3.0])
def test_ends_of_which_some_never_began_end_the_others(status: int, shown_after: float) -> None:
    clock = SettableClock()
    switches = Switches(delete_when_not_maintained=status, visible_delay=shown_after)
    with (
        Simulator(HOSTS, switches=switches, clock=clock) as simulator,
        connected(simulator, clock.advance) as vrops,
    ):
        for number in (1, 4, 7):
            simulator.maintain(f"esx{number:02}.lab.local")
        assert all(each.result() for each in ends(vrops, found(vrops)))
        clock.advance(shown_after)
        assert maintained(simulator) == 0


def test_a_resource_that_a_listing_does_not_tell_is_asked_for_alone() -> None:
    switches = Switches(max_page_size=2)
    with Simulator(HOSTS, switches=switches) as simulator, connected(simulator) as vrops:
        resources = found(vrops)
        simulator.clear_calls()
        acts = [lambda each=each: vrops.find(each.host) for each in resources]
        assert [each.result() for each in together(vrops._resolver._looks, acts)] == resources
        assert len(simulator.calls) == 2 + HOSTS - 3
