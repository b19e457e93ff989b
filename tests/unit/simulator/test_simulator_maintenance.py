from collections.abc import Callable
from typing import Any

import pytest

from simulator import Host, SettableClock, Switches

Run = Callable[..., Any]

NOBODY = "00000000-0000-0000-0000-000000000000"


def read(caller: Any, name: str = "esx01") -> str:
    path = caller.maintained(name).removesuffix("/maintained")
    return str(caller.api("GET", path).json()["resourceStatusStates"][-1]["resourceState"])


def in_minutes(clock: SettableClock, minutes: float) -> int:
    return int((clock.now() + 60 * minutes) * 1000)


def test_success_has_neither_body_nor_content_type(run: Run) -> None:
    caller = run()
    for answer in (caller.maintain("esx01"), caller.end("esx01")):
        assert (answer.status_code, answer.content) == (200, b"")
        assert "Content-Type" not in answer.headers


def test_without_parameters_maintenance_lasts_until_it_is_ended(
    run: Run, clock: SettableClock
) -> None:
    caller = run()
    caller.maintain("esx01")
    clock.advance(365 * 86_400)
    caller.log_in()
    assert read(caller) == caller.simulator.state("esx01") == "MAINTAINED_MANUAL"
    caller.end("esx01")
    assert read(caller) == "STARTED"


def test_a_duration_is_in_minutes(run: Run, clock: SettableClock) -> None:
    caller = run()
    caller.maintain("esx01", params={"duration": 10})
    clock.advance(599)
    assert read(caller) == "MAINTAINED"
    clock.advance(1)
    assert read(caller) == "STARTED"


def test_an_end_is_in_milliseconds(run: Run, clock: SettableClock) -> None:
    caller = run()
    caller.maintain("esx01", params={"end": in_minutes(clock, 10)})
    clock.advance(599)
    assert read(caller) == "MAINTAINED"
    clock.advance(1)
    assert read(caller) == "STARTED"


def test_a_window_with_end_beats_its_duration(run: Run, clock: SettableClock) -> None:
    caller = run()
    caller.maintain("esx01", params={"duration": 60, "end": in_minutes(clock, 5)})
    clock.advance(300)
    assert read(caller) == "STARTED"


def test_an_end_in_the_past_has_already_ended(run: Run) -> None:
    caller = run()
    assert caller.maintain("esx01", params={"end": 0}).status_code == 200
    assert read(caller) == "STARTED"


@pytest.mark.parametrize(("query", "state"), [("end=", "MANUAL"), ("end=&duration=5", "")])
def test_an_empty_end_is_no_end(run: Run, query: str, state: str) -> None:
    caller = run()
    caller.maintain("esx01", params=query)
    assert read(caller) == f"MAINTAINED_{state}".rstrip("_")


def test_parameters_in_a_body_are_ignored(run: Run) -> None:
    caller = run()
    caller.maintain("esx01", json={"duration": 5})
    assert read(caller) == "MAINTAINED_MANUAL"


@pytest.mark.parametrize("query", ["duration=0", "duration=-5", "duration=1.5", "duration=x"])
@pytest.mark.parametrize("more", ["", f"&duration={2**31}", "&end=-1", "&end=soon"])
def test_a_window_that_is_no_number_is_refused(run: Run, query: str, more: str) -> None:
    caller = run()
    answer = caller.maintain("esx01", params=query + more)
    assert (answer.status_code, answer.json()["apiErrorCode"]) == (400, 1501)
    assert read(caller) == "STARTED"


def test_the_last_window_wins(run: Run, clock: SettableClock) -> None:
    caller = run()
    caller.maintain("esx01", params={"duration": 5})
    caller.maintain("esx01")
    assert read(caller) == "MAINTAINED_MANUAL"
    caller.maintain("esx01", params={"duration": 5})
    assert read(caller) == "MAINTAINED"
    caller.maintain("esx01", params={"duration": 60})
    clock.advance(300)
    assert read(caller) == "MAINTAINED"


def test_expiry_restores_the_state_before(run: Run, clock: SettableClock) -> None:
    caller = run([Host("esx01", state="UNKNOWN")])
    caller.maintain("esx01", params={"duration": 5})
    clock.advance(300)
    assert read(caller) == "UNKNOWN"


def test_a_change_becomes_visible_after_the_delay(run: Run, clock: SettableClock) -> None:
    caller = run(switches=Switches(visible_delay=3))
    caller.maintain("esx01")
    assert read(caller) == "STARTED"
    clock.advance(3)
    assert read(caller) == "MAINTAINED_MANUAL"
    caller.end("esx01")
    clock.advance(2)
    assert read(caller) == "MAINTAINED_MANUAL"
    clock.advance(1)
    assert read(caller) == "STARTED"


def test_changes_on_their_way_become_visible_one_by_one(run: Run, clock: SettableClock) -> None:
    caller = run(switches=Switches(visible_delay=3))
    seen = []
    for change in (caller.maintain, caller.end, caller.maintain):
        change("esx01")
        clock.advance(2)
        seen.append(read(caller))
    clock.advance(3)
    assert [*seen, read(caller)] == [
        "STARTED",
        "MAINTAINED_MANUAL",
        "STARTED",
        "MAINTAINED_MANUAL",
    ]


@pytest.mark.parametrize("status", [200, 404, 500])
def test_ending_what_never_began_answers_as_switched(run: Run, status: int) -> None:
    caller = run(switches=Switches(delete_when_not_maintained=status))
    assert caller.end("esx01").status_code == status
    caller.maintain("esx01")
    assert caller.end("esx01").status_code == 200


def test_what_was_accepted_can_be_ended_before_it_is_visible(run: Run) -> None:
    caller = run(switches=Switches(delete_when_not_maintained=404, visible_delay=3))
    caller.maintain("esx01")
    assert caller.end("esx01").status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("status", [400, 404])
def test_an_unknown_and_a_malformed_id_are_refused(run: Run, method: str, status: int) -> None:
    caller = run(switches=Switches(malformed_uuid=status))
    unknown = caller.api(method, f"/resources/{NOBODY}/maintained")
    assert unknown.json()["message"] == f"No such Resource - {NOBODY}."
    malformed = caller.api(method, "/resources/host-29/maintained")
    assert (unknown.status_code, malformed.status_code) == (404, status)


def test_many_hosts_are_maintained_at_once(run: Run) -> None:
    caller = run(3)
    ids = [caller.simulator.resource(name).id for name in list(caller.simulator.states())[:2]]
    caller.api("PUT", "/resources/maintained", params={"id": ids, "duration": 5})
    assert list(caller.simulator.states().values()) == ["MAINTAINED", "MAINTAINED", "STARTED"]
    caller.api("DELETE", "/resources/maintained", params={"id": ids[:1]})
    assert list(caller.simulator.states().values()) == ["STARTED", "MAINTAINED", "STARTED"]


def test_one_unknown_id_among_many_changes_nothing(run: Run) -> None:
    caller = run()
    ids = [caller.simulator.resource("esx01").id, NOBODY]
    assert caller.api("PUT", "/resources/maintained", params={"id": ids}).status_code == 404
    assert caller.simulator.state("esx01") == "STARTED"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_many_hosts_need_at_least_one_id(run: Run, method: str) -> None:
    assert run().api(method, "/resources/maintained").status_code == 400


def test_an_adapter_takes_its_hosts_into_maintenance_and_back(run: Run) -> None:
    caller = run([Host("esx01", vcenter="a"), Host("esx02", vcenter="b")], ["a", "b"])
    path = f"/adapters/{caller.simulator.resource('esx01').vcenter.adapter_id}/maintained"
    assert caller.api("PUT", path).status_code == 400
    assert caller.api("PUT", path, params={"duration": 5}).status_code == 200
    assert caller.simulator.states() == {"esx01": "MAINTAINED", "esx02": "STARTED"}
    assert caller.api("DELETE", path).status_code == 204
    assert caller.simulator.state("esx01") == "STARTED"
    assert caller.api("PUT", f"/adapters/{NOBODY}/maintained?duration=5").status_code == 404


def adapter(caller: Any, name: str = "esx01") -> str:
    return str(caller.simulator.resource(name).vcenter.adapter_id)


@pytest.mark.parametrize(
    "query", ["", "duration=", "duration=0", "duration=x", "end=4102444800000"]
)
def test_an_adapter_is_maintained_for_a_duration_only(run: Run, query: str) -> None:
    caller = run()
    assert (
        caller.api("PUT", f"/adapters/{adapter(caller)}/maintained", params=query).status_code
        == 400
    )
    assert caller.simulator.state("esx01") == "STARTED"


def test_what_an_adapter_is_in_stands_above_what_its_hosts_are_in(
    run: Run, clock: SettableClock
) -> None:
    caller = run()
    caller.maintain("esx01")
    caller.api("PUT", f"/adapters/{adapter(caller)}/maintained", params={"duration": 5})
    assert caller.simulator.states() == {"esx01": "MAINTAINED", "esx02": "MAINTAINED"}
    caller.end("esx02")
    assert read(caller, "esx02") == "MAINTAINED"
    clock.advance(300)
    assert caller.simulator.states() == {"esx01": "MAINTAINED_MANUAL", "esx02": "STARTED"}


def test_an_adapter_can_stand_for_each_of_its_hosts(run: Run, clock: SettableClock) -> None:
    caller = run(switches=Switches(adapter_maintenance="each"))
    caller.maintain("esx01")
    caller.api("PUT", f"/adapters/{adapter(caller)}/maintained", params={"duration": 5})
    caller.end("esx02")
    assert caller.simulator.states() == {"esx01": "MAINTAINED", "esx02": "STARTED"}
    clock.advance(300)
    assert caller.simulator.states() == {"esx01": "STARTED", "esx02": "STARTED"}


def test_an_adapter_can_be_in_maintenance_without_its_hosts_showing_it(run: Run) -> None:
    caller = run(switches=Switches(adapter_maintenance="nothing"))
    caller.simulator.maintain_adapter(minutes=5)
    assert set(caller.simulator.states().values()) == {"STARTED"}
    assert caller.simulator.adapter_state() == "MAINTAINED"


@pytest.mark.parametrize("mode", ["above", "each"])
def test_a_host_that_is_gone_is_in_no_maintenance_of_its_adapter(run: Run, mode: str) -> None:
    caller = run(switches=Switches(adapter_maintenance=mode))
    caller.simulator.remove_host("esx02")
    caller.simulator.maintain_adapter(minutes=5)
    assert caller.simulator.states() == {"esx01": "MAINTAINED", "esx02": "NOT_EXISTING"}


def test_a_host_that_is_discovered_meanwhile_shows_what_its_adapter_is_in(run: Run) -> None:
    caller = run()
    caller.simulator.maintain_adapter(minutes=5)
    caller.simulator.add_host("esx03")
    assert caller.simulator.state("esx03") == "MAINTAINED"


def test_maintenance_of_an_adapter_becomes_visible_after_the_delay(
    run: Run, clock: SettableClock
) -> None:
    caller = run(switches=Switches(visible_delay=3))
    path = f"/adapters/{adapter(caller)}/maintained"
    for method, before, after in (
        ("PUT", "STARTED", "MAINTAINED"),
        ("DELETE", "MAINTAINED", "STARTED"),
    ):
        caller.api(method, path, params={"duration": 5})
        assert read(caller) == before
        clock.advance(3)
        assert read(caller) == after


def test_an_adapter_is_a_resource_too(run: Run) -> None:
    caller = run()
    path = f"/resources/{adapter(caller)}"
    shown = caller.api("GET", path).json()
    assert shown["resourceKey"]["resourceKindKey"] == "VMwareAdapter Instance"
    assert [each["resourceState"] for each in shown["resourceStatusStates"]] == ["STARTED"]
    # As a published script does it: there is no open-ended maintenance by /adapters.
    assert caller.api("PUT", f"{path.upper().replace('/RESOURCES', '/resources')}/maintained").ok
    shown = caller.api("GET", path).json()
    assert [each["resourceState"] for each in shown["resourceStatusStates"]] == [
        "MAINTAINED_MANUAL"
    ]
    assert read(caller) == "MAINTAINED_MANUAL"
    assert caller.api("DELETE", f"{path}/maintained").status_code == 200
    assert read(caller) == caller.simulator.adapter_state() == "STARTED"
    assert set(caller.names()) == {"esx01", "esx02"}


def test_a_person_maintains_one_of_several_adapters(run: Run, clock: SettableClock) -> None:
    simulator = run([Host("esx01", vcenter="a"), Host("esx02", vcenter="b")], ["a", "b"]).simulator
    for vcenter in (None, "c"):
        with pytest.raises(LookupError, match="name one of them"):
            simulator.maintain_adapter(vcenter=vcenter)
    simulator.maintain_adapter(vcenter="a")
    assert simulator.states() == {"esx01": "MAINTAINED_MANUAL", "esx02": "STARTED"}
    simulator.end_adapter_maintenance(vcenter="a")
    simulator.maintain_adapter(vcenter="b", minutes=5)
    assert [simulator.adapter_state(each) for each in ("a", "b")] == ["STARTED", "MAINTAINED"]
    clock.advance(300)
    assert set(simulator.states().values()) == {"STARTED"}


def test_a_person_maintains_at_once_whatever_the_delay(run: Run, clock: SettableClock) -> None:
    caller = run(switches=Switches(visible_delay=60))
    caller.simulator.maintain("esx01")
    caller.simulator.maintain("esx02", minutes=5)
    assert caller.simulator.states() == {"esx01": "MAINTAINED_MANUAL", "esx02": "MAINTAINED"}
    clock.advance(300)
    caller.simulator.end_maintenance("esx01")
    assert caller.simulator.states() == {"esx01": "STARTED", "esx02": "STARTED"}
