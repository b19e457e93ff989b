"""bench, but for its times: turns, spreads, goals, the page, and the contestants' work."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from bench import events, load, peer
from bench.goals import Goal, goals
from bench.least import Least
from bench.memory import MemoryVCenter
from bench.page import render, write
from bench.results import Results, Spread, take_turns
from simulator import Host, Simulator
from tests.documents import broken_links, crowded_lines
from tests.formats import HTTP_FORMATS
from tests.messages import read
from tests.processes import environment

FIELDS = ("VROPS_URL", "VROPS_USERNAME", "VROPS_PASSWORD", "VROPS_CA_FILE")
HOST = "esx01.lab.local"
MEASURES = {
    "warm": ("least", "platform", "openfaas", "eventbridge", "knative", "peer"),
    "landed": ("knative", "peer"),
    "verified": ("unverified", "verified"),
    "rate": ("platform", "knative", "simulator"),
    "cpu": ("platform", "knative", "least"),
    "storm": ("all", "99 %"),
    "memory": ("after a storm",),
    "wrong": ("after a storm", "after an outage"),
    "cold": ("calls", "platform", "knative", "peer"),
    "import": ("requests", "adapters.eventbridge"),
    "optional": ("adapters.eventbridge",),
    "zip": ("in all", "ours"),
    "image": ("ours",),
    "sweep": ("1,000 hosts, 0 wrong",),
    "sweep calls": ("1,000 hosts, 0 wrong",),
    "sweep memory": ("1,000 hosts, 0 wrong",),
    "outage": ("until all are right",),
    "lasted": ("the outage",),
    "refusals": ("an event",),
    "left over": ("threads", "sockets"),
}


@pytest.fixture
def results() -> Results:
    """Results in which every number is 2, of two rounds."""
    about = {"date": "2026-11-24", "machine": "a machine", "cores": 2, "python": "3.11"}
    about |= {"seconds": 120, "quick": False}
    found = Results(about, skipped={"something": "it is not here."})
    for measure, contestants in MEASURES.items():
        for contestant in contestants:
            found.add(measure, contestant, 1.0)
            found.add(measure, contestant, 3.0)
    return found


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    hosts = [Host(f"test-{HOST}", "host-1002"), Host(HOST, "host-1001")]
    with Simulator(hosts) as running:
        environ = environment(running)
        for name in FIELDS:
            monkeypatch.setenv(name, environ[name])
        yield running


def test_contestants_take_turns_within_each_round() -> None:
    turns: list[str] = []
    take_turns(2, [partial(turns.append, name) for name in "ABC"])
    assert "".join(turns) == "ABCABC"


@pytest.mark.parametrize(
    ("values", "spread"),
    [
        ([5.0], Spread(5, 5, 5)),
        ([4.0, 1.0, 3.0, 2.0, 5.0], Spread(3, 2, 4)),
        ([1.0, 1.0, 1.0, 1.0, 99.0], Spread(1, 1, 1)),
    ],
)
def test_a_spread_is_the_median_and_its_quartiles(values: list[float], spread: Spread) -> None:
    assert Spread.of(values) == spread


def test_results_survive_json(results: Results) -> None:
    assert Results.from_json(results.as_json()) == results


@pytest.mark.parametrize(
    ("value", "limit", "at_least", "met", "missed_by"),
    [
        (10, 10, False, True, "0%"),
        (12, 10, False, False, "20%"),
        (10, 10, True, True, "0%"),
        (5, 10, True, False, "50%"),
        (3, 0, False, False, "3"),
    ],
)
def test_a_goal_is_met_up_to_its_limit_or_says_by_how_much_it_is_missed(
    value: float, limit: float, at_least: bool, met: bool, missed_by: str
) -> None:
    goal = Goal("speed", value, limit, "ms", at_least=at_least)
    assert (goal.met, goal.missed_by) == (met, missed_by)


def test_every_goal_is_on_the_page_and_a_missed_one_says_why(results: Results) -> None:
    page = render(results)
    found = list(goals(results))
    assert {goal.met for goal in found} == {True, False}
    for goal in found:
        verdict = "met" if goal.met else f"**missed by {goal.missed_by}**"
        assert f"| {verdict} | {goal.what} |" in page
        assert goal.met or f"- Why not *{goal.what}*: {goal.why}" in page
        assert goal.why.endswith(".")


def test_what_was_not_measured_is_left_out_and_said() -> None:
    about = {"date": "today", "machine": "a machine", "cores": 2, "python": "3", "seconds": 1}
    results = Results({**about, "quick": True}, skipped={"all of it": "there was no time."})
    assert list(goals(results)) == []
    assert "Not measured: all of it, since there was no time." in render(results)


def test_the_page_is_one_sentence_for_each_line_and_its_links_lead_somewhere(
    results: Results, tmp_path: Path
) -> None:
    write(results, tmp_path)
    page = tmp_path / "benchmarks.md"
    assert crowded_lines(page) == []
    assert broken_links(page) == []


def test_every_event_is_later_than_the_one_before() -> None:
    first, second = (events.event_data(1, entered=True) for _ in range(2))
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
    assert len(least.write(2)) == 2
    assert [call.method for call in simulator.calls] == ["PUT", "PUT"]
    assert simulator.connections == 1
    least.first_event()
    least.close()
    assert (simulator.connections, len(simulator.calls)) == (2, 2 + 5)


def test_a_vcenter_in_memory_knows_its_hosts() -> None:
    vcenter = MemoryVCenter("vc", "uuid", 2, 0)
    vcenter.in_maintenance.add("host-1002")
    assert vcenter.in_maintenance_mode("host-1002")
    assert [(each.host.name, each.in_maintenance_mode) for each in vcenter.hosts()] == [
        ("esx01.lab.local", False),
        ("esx02.lab.local", True),
    ]


@contextmanager
def answering(*heads: str) -> Iterator[int]:
    """A function that gives these answers, one to each request; yields its port."""
    waiting = iter(heads)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.wfile.write(next(waiting).encode())
            self.close_connection = True

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


BUSY = "HTTP/1.1 503 Busy\r\nRetry-After: 0.01\r\nContent-Length: 2\r\n\r\nno"
DONE = "HTTP/1.1 204 Done\r\nConnection: close\r\n\r\n"


def test_an_event_is_delivered_again_until_it_is_taken() -> None:
    with answering(BUSY, BUSY, DONE, DONE) as port:
        deliveries = load.deliver(port, events.one_by_one(2), at_once=1)
    assert sorted(each.refusals for each in deliveries) in ([0, 2], [1, 1])


@pytest.mark.parametrize(
    "send",
    [
        lambda port: load.deliver(port, events.one_by_one(1), at_once=1),
        lambda port: load.for_a_while(port, [events.one_by_one(1)], 10),
    ],
)
def test_an_answer_that_was_not_expected_ends_the_measurement(
    send: Callable[[int], object],
) -> None:
    refusal = "HTTP/1.1 422 No\r\nContent-Length: 0\r\n\r\n"
    with answering(refusal) as port, pytest.raises(OSError, match="answered with 422"):
        send(port)


def test_a_connection_that_the_server_closes_is_made_anew() -> None:
    with answering(DONE, DONE) as port:
        assert [each.status for each in load.one_at_a_time(port, events.one_by_one(2))] == [204] * 2
