"""bench, but for its times: turns, spreads, goals, the page, and the contestants' work."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from bench import load, page, peer
from bench.contestants import CONTESTANTS, Least, companions_of, dealt
from bench.results import CALL, KNATIVE, LEAST, PEER, PLATFORM, Results, spread
from lab.events import HTTP_FORMATS
from lab.memory import UUID
from lab.processes import ROOT, environment
from lab.vcenters import ADDRESS
from simulator import Companion, Host, Simulator, VCenter
from tests.documents import broken_links, crowded_lines
from tests.messages import read

HOST = "esx01.lab.local"
ABOUT = {
    **{"date": "today", "machine": "a machine", "cores": 2, "python": "3", "seconds": 1},
    **{"rounds": 2, "threads": 2, "delivery_seconds": 2},
}
MEASURES = {
    (CALL, PLATFORM, KNATIVE, PEER): "warm landed rate cpu cold",
    (PLATFORM, LEAST, KNATIVE, PEER): "crowd crowd_cpu",
    ("events alone", "with vCenter", "its two questions alone"): "verified",
    ("a host alone", "a host with 3 companions"): "companions companions_calls",
    ("watched, 10 hosts", "watched, 10,000 hosts", "as an event", "its calls alone"): "watched",
    ("told a client, 10 hosts", "written, 10 hosts"): "told",
    ("a first event's calls alone",): "cold",
    tuple(
        f"{door}{beside}"
        for door in (KNATIVE, "ours, Lambda's emulator")
        for beside in ("", ", with a vCenter")
    ): "first",
    ("requests", "adapters.eventbridge"): "imports optional",
    ("requests, after functions_framework",): "imports",
    ("adapters.knative, after functions_framework",): "imports",
    ("adapters.vcenter, after adapters.knative",): "imports",
    ("ours, Lambda's emulator", "a handler that only imports requests"): "init",
    (
        "after a storm",
        "in a slow storm",
        "after an outage",
    ): "wrong again memory left_over refusals",
    ("1,000 events for 500 hosts",): "storm_calls",
    ("until all were answered",): "storm slow_storm",
    (
        *("10,000 hosts, 0 wrong", "10,000 hosts, only listed"),
        *(f"100,000 hosts in 40 vCenters, {what}" for what in ("0 wrong", "only listed")),
    ): "sweep sweep_calls sweep_memory sweep_peak sweep_calls_beyond",
    ("some",): "outage zip image",
}


@pytest.fixture
def results() -> Results:
    """Results in which every number is 2, of two rounds."""
    found = Results({**ABOUT, "quick": False}, skipped={"something": "it is not here."})
    for contestants, measures in MEASURES.items():
        for contestant in 2 * contestants:
            found.add(contestant, **dict.fromkeys(measures.split(), 2.0))
    return found


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with Simulator([Host(f"test-{HOST}", "host-1002"), Host(HOST, "host-1001")]) as running:
        for name, value in environment(running).items():
            monkeypatch.setenv(name, value)
        yield running


def test_contestants_take_turns_within_each_round_after_one_that_does_not_count() -> None:
    turns, results = iter(range(9)), Results({"rounds": 2})
    results.take_turns({name: lambda: {"turn": next(turns)} for name in "ABC"})
    assert results.values["turn"] == {"A": [3, 6], "B": [4, 7], "C": [5, 8]}


def test_a_spread_is_the_median_and_its_quartiles() -> None:
    assert spread([5.0]) == [5, 5, 5]
    assert spread([4.0, 1.0, 3.0, 2.0, 5.0]) == [2, 3, 4]
    assert spread([1.0, 1.0, 1.0, 1.0, 99.0]) == [1, 1, 1]


def test_results_survive_json(results: Results) -> None:
    assert Results(**json.loads(json.dumps(asdict(results)))) == results


def test_a_goal_is_met_up_to_its_limit_or_says_by_how_much_it_is_missed() -> None:
    def verdict(value: float, bound: str, limit: float) -> tuple[bool, str]:
        goal = page.Goal("speed", value, bound, limit, "ms", "", "")
        return goal.met, goal.verdict

    assert verdict(10, "most", 10) == verdict(10, "least", 10) == (True, "met")
    assert verdict(12, "most", 10) == (False, "missed by 20%")
    assert verdict(5, "least", 10) == (False, "missed by 50%")
    assert verdict(3, "most", 0) == (False, "missed by 3")


def test_every_goal_is_on_the_page_and_a_missed_one_says_why(results: Results) -> None:
    found, text = page.goals(results), page.render(results)
    assert len(found) == 28
    assert {goal.met for goal in found} == {True, False}
    for goal in found:
        verdict = "met" if goal.met else f"**{goal.verdict}**"
        assert f"| {verdict} | {goal.what} |" in text
        assert goal.met or f"- Why not *{goal.what}*: {goal.why}" in text
        assert goal.why.endswith(".")


def test_what_was_not_measured_is_left_out_and_said() -> None:
    results = Results({**ABOUT, "quick": True}, skipped={"all of it": "there was no time."})
    assert page.goals(results) == []
    text = page.render(results)
    assert "Not measured: all of it, since there was no time." in text
    assert "in a hurry: a machine, 2 cores" in text


def test_the_page_is_one_sentence_for_each_line_and_its_links_lead_somewhere(
    results: Results, tmp_path: Path
) -> None:
    written = tmp_path / "benchmarks.md"
    written.write_text(page.render(results), encoding="utf-8")
    assert crowded_lines(written) == []
    assert broken_links(written) == []


def test_tables_are_in_order_with_spreads_and_bars_to_scale(results: Results) -> None:
    results.values["warm"] = {"slow": [90, 100, 110], "fast": [50]}
    fast, slow = page.render(results).partition("| fast |")[2].splitlines()[:2]
    assert fast == f" 50 |  | {'█' * 12} |"
    assert slow == f"| slow | 100 | 95 to 105 | {'█' * 24} |"


def test_every_event_is_later_than_the_one_before() -> None:
    first, second = load.in_turn(1, 2)
    assert first.created < second.created
    assert first.key < second.key
    message = HTTP_FORMATS["router-binary"](first)
    assert read(message).envelope["subject"] == "EnteredMaintenanceModeEvent"


def test_the_peer_needs_four_connections_for_four_calls(simulator: Simulator) -> None:
    hosts = {name: simulator.state(name) for name in simulator.states()}
    with pytest.warns(match="Unverified HTTPS request"):
        peer.mirror("EnteredMaintenanceModeEvent", "test-esx01")
    assert [call.method for call in simulator.calls] == ["POST", "GET", "PUT", "GET"]
    assert simulator.connections == 4
    assert simulator.states() == {**hosts, f"test-{HOST}": "MAINTAINED_MANUAL"}


def test_the_least_is_one_call_on_one_connection(simulator: Simulator) -> None:
    least = Least()
    simulator.clear_calls()
    assert least.mirror()
    assert [call.method for call in simulator.calls] == ["PUT"]
    assert simulator.connections == 1
    least.first_event()
    assert (simulator.connections, len(simulator.calls)) == (2, 1 + 5)
    simulator.clear_calls()
    assert least.sweep() == len(simulator.states())
    least.close()
    assert (simulator.connections, len(simulator.calls)) == (3, 2 + 2)


def test_the_least_of_a_group_is_a_write_of_each_kind_and_a_look(simulator: Simulator) -> None:
    least = Least()
    least.mirror_all({HOST: "PUT", f"test-{HOST}": "PUT"})
    simulator.clear_calls()
    least.mirror_all({HOST: "", f"test-{HOST}": ""})
    least.mirror_all({HOST: "PUT", f"test-{HOST}": "DELETE"})
    least.close()
    assert [call.method for call in simulator.calls] == ["GET", "PUT", "DELETE", "GET"]
    assert simulator.states() == {HOST: "MAINTAINED_MANUAL", f"test-{HOST}": "STARTED"}


def said(operations: Simulator, *words: str) -> Any:
    """Let a contestant take its turn, in a process of its own; it says what its round came to."""
    command = [sys.executable, "-m", "bench.contestants", *words]
    environ = environment(operations)
    return json.loads(
        subprocess.check_output(command, cwd=ROOT, env=environ, stderr=subprocess.PIPE)
    )


def test_a_host_with_companions_is_written_together_with_them() -> None:
    companions = [
        Companion(each.ref.name, each.ref.moref, kind=each.ref.kind, hosts=["esx02.lab.local"])
        for each in companions_of(2)
    ]
    with Simulator(2, [VCenter(ADDRESS, ADDRESS, UUID)], companions) as operations:
        said(operations, "companions", "a host with 3 companions", "2", "1")
        assert {operations.state(each.name) for each in companions} == {"MAINTAINED_MANUAL"}


def test_hosts_of_an_estate_are_those_that_a_simulator_deals_out() -> None:
    vcenters = [VCenter(address, address, uuid) for address, uuid in map(dealt, range(3))]
    with Simulator(7, vcenters) as operations:
        said(operations, "sweep", "estate", "7", "3")
        # The login, the adapter instances, and a page of each: so there was nothing to write.
        assert len(operations.calls) == 2 + 3
        assert said(operations, "sweep", "listing", "7") > 0


@pytest.mark.parametrize("contestant", CONTESTANTS["watched"])
def test_each_change_that_is_measured_is_written_once(contestant: str) -> None:
    with Simulator(1, [VCenter(ADDRESS, ADDRESS, UUID)]) as operations:
        times = said(operations, "watched", contestant, "1", "1", "2")
        writes = [call for call in operations.calls if call.path.endswith("/maintained")]
    assert len(times) == len(writes) == 2


@contextmanager
def answering(*answers: str) -> Iterator[str]:
    """A function that gives these answers, each on a connection of its own; yields its URL."""

    def serve() -> None:
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(f"HTTP/1.1 {answer}\r\n\r\n".encode())

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        serving = threads.submit(serve)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        serving.result()


BUSY = "503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close"
DONE = "204 Done\r\nConnection: close"


def test_an_event_is_delivered_again_until_it_is_taken() -> None:
    with answering(BUSY, BUSY, DONE, DONE) as url:
        lanes = [[event] for event in load.in_turn(1, 2)]
        replies = load.send(url, *lanes, at_once=1)
    assert sorted(each.refusals for each in replies) in ([0, 2], [1, 1])


@pytest.mark.parametrize("at_once", [0, 1])
def test_an_answer_that_was_not_expected_ends_the_measurement(at_once: int) -> None:
    refusal = "422 No\r\nContent-Length: 0"
    with answering(refusal) as url, pytest.raises(OSError, match="answered with 422"):
        load.send(url, load.in_turn(1, 1), at_once=at_once)


def test_a_flood_is_sent_before_the_first_answer_and_again_until_it_is_taken() -> None:
    with answering(BUSY, DONE, BUSY, DONE) as url:
        replies = load.flood(url, load.in_turn(1, 2))
    assert sorted(each.refusals for each in replies) in ([0, 2], [1, 1])


def test_an_answer_that_was_not_expected_ends_a_flood() -> None:
    refusal = "422 No\r\nContent-Length: 0"
    with answering(refusal) as url, pytest.raises(OSError, match="answered with 422"):
        load.flood(url, load.in_turn(1, 1))


def test_a_flood_does_not_wait_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(OSError, match=r"no answer within 0\.1 s"):
            load.flood(url, load.in_turn(1, 1), 0.1)


def test_a_connection_that_the_server_closes_is_made_anew() -> None:
    with answering(DONE, DONE) as url:
        assert len(load.send(url, load.in_turn(1, 2))) == 2


def test_an_event_that_outlasts_the_interval_is_counted() -> None:
    with answering(DONE) as url:
        assert len(load.send(url, load.in_turn(1), seconds=0)) == 1
