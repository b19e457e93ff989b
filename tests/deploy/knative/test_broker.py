"""Events through a real RabbitMQ and what the dispatcher of each release does, to the function.

Times are what the overlays say, but for the pauses between tries: where waiting for them would
take hours, a test multiplies them by its ``scale``.
"""

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lab.events import HTTP_FORMATS, EventData
from lab.processes import Function, command, environment, free_port, function, started
from lab.vcsim import NotBuiltError
from simulator import Host, Simulator
from tests.deploy.knative.broker import (
    ENTER,
    EXIT,
    PREFETCH,
    Broker,
    RabbitMQ,
    concurrency,
    needs_rabbitmq,
    program,
    queue_proxy,
    rabbitmq,
    retries,
    settings,
    until,
)
from tests.vcenters import Vcsim, collecting

pytestmark = [
    *needs_rabbitmq,
    pytest.mark.exhaustive,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("rabbitmq"),
]
KNOWN = [f"esx{number:03}.lab.local" for number in range(1, 201)]
UNKNOWN = [f"new{number:03}.lab.local" for number in range(1, 121)]
EXITED = "ExitMaintenanceModeEvent"
# The pauses of all tries of an event, 8 s to more than an hour, take 82 s with this.
HUNDREDTH = 0.01
Start = Callable[..., Broker]


@pytest.fixture(scope="module")
def rabbit() -> Iterator[RabbitMQ]:
    try:
        program()
    except NotBuiltError as error:
        pytest.skip(f"the dispatcher cannot be built: {error}")
    with rabbitmq() as running:
        yield running


@pytest.fixture(scope="module")
def dead_letters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    log = tmp_path_factory.mktemp("dead-letters") / "log"
    with function(log, target="dead_letters", LOG_FORMAT="json") as running:
        yield running


def host(name: str) -> Host:
    return Host(name, f"host-{name}", "vcenter.lab.local")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator([host(name) for name in KNOWN]) as running:
        yield running


class Mirror:
    """The function behind queue-proxy, set up as the overlay of a release says."""

    def __init__(
        self, stack: ExitStack, simulator: Simulator, folder: Path, release: str, **more: str
    ) -> None:
        self._stack, self._folder, self._release = stack, folder, release
        self._environ = environment(simulator, **settings(release), **more)
        self._port = free_port()
        self.running = self._start()
        self.url = self.proxy("proxy", concurrency(release))

    def _start(self) -> Function:
        log = self._folder / f"{self._release}-function"
        running = started(command("handle", self._port), self._port, log, environ=self._environ)
        return self._stack.enter_context(running)

    def proxy(self, name: str, limit: int, *options: str) -> str:
        """Put a queue-proxy in front of it; returns its address."""
        self.proxy_log = self._folder / f"{self._release}-{name}"
        proxy = queue_proxy(self.proxy_log, self.running.url, limit, *options)
        return self._stack.enter_context(proxy)[0]

    def restart(self, how: signal.Signals) -> None:
        """End it, and start it anew in the same place."""
        os.killpg(self.running.process.pid, how)
        self.running.process.wait(60)
        self.running = self._start()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def mirrors(stack: ExitStack, simulator: Simulator, tmp_path: Path) -> Callable[[str], Mirror]:
    """What starts the function as it is on a release."""
    return partial(Mirror, stack, simulator, tmp_path)


@pytest.fixture
def mirror(mirrors: Callable[[str], Mirror]) -> Mirror:
    return mirrors("1.13")


@pytest.fixture
def brokers(rabbit: RabbitMQ, dead_letters: Function, stack: ExitStack, tmp_path: Path) -> Start:
    """What starts a broker of a release, in front of a function, with a place for dead letters."""

    def start(release: str, subscriber: str, *changes: str, scale: float = 1.0) -> Broker:
        broker = Broker(rabbit, tmp_path, release, subscriber, dead_letters.url, scale, changes)
        stack.callback(broker.stop)
        broker.start()
        return broker

    return start


def letters(dead_letters: Function, broker: Broker) -> list[dict[str, Any]]:
    """Return what the place for dead letters has said of a broker's events."""
    lines = [json.loads(line) for line in dead_letters.output.splitlines()]
    return [line for line in lines if line["event_id"].startswith(f"{broker.name}-")]


def settled(broker: Broker, count: int) -> None:
    """Return as soon as so many enter events are settled."""
    until(lambda: len(broker.enter.outcomes()) == count, broker.enter.outcomes)


def maintained(simulator: Simulator, hosts: list[str]) -> bool:
    states = simulator.states()
    return {states[name] for name in hosts} == {"MAINTAINED"}


def all_maintained(simulator: Simulator, hosts: list[str]) -> None:
    until(lambda: maintained(simulator, hosts), simulator.states)


def down(simulator: Simulator) -> None:
    """Let vRealize Operations answer 503."""
    simulator.fault(status=503, count=1_000_000)


def test_two_hundred_events_take_one_try_each(
    brokers: Start, mirror: Mirror, simulator: Simulator
) -> None:
    broker = brokers("1.13", mirror.url)
    for name in KNOWN:
        broker.publish(name)
    settled(broker, len(KNOWN))
    assert maintained(simulator, KNOWN)
    assert broker.enter.tries() == [204] * len(KNOWN)


def test_whom_queue_proxy_refuses_is_tried_again(
    brokers: Start, mirror: Mirror, simulator: Simulator
) -> None:
    # One at once and ten that wait, for fifty that come.
    broker = brokers("1.13", mirror.proxy("narrow", 1), scale=HUNDREDTH)
    simulator.fault(delay=0.2, count=20)
    for name in KNOWN[:50]:
        broker.publish(name)
    until(lambda: "refused" in mirror.proxy_log.read_text(encoding="utf-8"))
    all_maintained(simulator, KNOWN[:50])


@pytest.mark.parametrize("release", ["1.1", "1.8", "1.13"])
@pytest.mark.parametrize(("entering", "leaving"), [(60, 0), (60, 60)])
def test_unknown_hosts_cost_known_ones_nothing(
    release: str,
    entering: int,
    leaving: int,
    brokers: Start,
    mirrors: Callable[[str], Mirror],
    simulator: Simulator,
) -> None:
    broker = brokers(release, mirrors(release).url)
    waiting = {broker.publish(name) for name in UNKNOWN[:entering]}
    waiting |= {broker.publish(name, EXITED) for name in UNKNOWN[60 : 60 + leaving]}
    known = [broker.publish(name) for name in KNOWN[:20]]
    settled(broker, len(known))
    assert maintained(simulator, KNOWN[:20])
    # All others are still in retry: nobody waited for any of them.
    until(lambda: broker.enter.in_retry() | broker.parts[EXIT].in_retry() == waiting)


@pytest.mark.parametrize(
    ("changes", "unknown", "at_once"),
    [(("-parallelism=50",), 60, 50), ((), 120, PREFETCH)],
    ids=["parallelism 50", "more than the prefetch"],
)
def test_who_waits_behind_unknown_hosts_waits_until_one_of_them_is_settled(
    changes: tuple[str, ...],
    unknown: int,
    at_once: int,
    brokers: Start,
    mirror: Mirror,
    simulator: Simulator,
) -> None:
    broker = brokers("1.13", mirror.url, *changes, scale=HUNDREDTH)
    for name in UNKNOWN[:unknown]:
        broker.publish(name)
    broker.publish(KNOWN[0])
    until(lambda: len(broker.enter.in_retry()) == at_once)
    for name in UNKNOWN[:unknown]:
        simulator.add_host(host(name))
    settled(broker, unknown + 1)
    # As many as there are places were tried, and nobody else until one of them was settled.
    done = [line for line in broker.enter.lines if "id" in line]
    first = next(number for number, line in enumerate(done) if "outcome" in line)
    assert len({line["id"] for line in done[:first]}) == at_once
    assert maintained(simulator, [KNOWN[0], *UNKNOWN[:unknown]])


@pytest.mark.xdist_group("rabbitmq-outage")
def test_an_outage_of_90_seconds(
    brokers: Start, mirrors: Callable[[str], Mirror], simulator: Simulator
) -> None:
    newer = [brokers(release, mirrors(release).url) for release in ("1.8", "1.13")]
    # Contour's Envoy closes connections that are idle for a minute.
    behind = mirrors("1.1").proxy("envoy", concurrency("1.1"), "-idle=60s")
    linear = brokers("1.1", behind)
    older = brokers("0.20", mirrors("0.20").url)
    down(simulator)
    over = threading.Timer(90, simulator.clear_faults)
    over.start()
    waiting = zip([*newer, linear], (KNOWN[:20], KNOWN[20:40], KNOWN[40:60]), strict=True)
    for broker, hosts in waiting:
        for name in hosts:
            broker.publish(name)
    lost = older.publish(KNOWN[100])
    over.join()
    all_maintained(simulator, KNOWN[:60])
    for broker in newer:
        settled(broker, 20)
        # At 0, 8, 24, 56 and 120 s.
        assert sorted(broker.enter.tries()) == [204] * 20 + [503] * 80
    # Three tries within a fifth of a second, and then it is the next one's turn.
    after = older.publish(KNOWN[101])
    until(lambda: after in older.enter.outcomes())
    assert older.enter.tries(lost) == [503] * 3
    assert older.enter.outcomes() == {lost: "given up", after: "delivered"}
    assert simulator.state(KNOWN[100]) == "STARTED"


def test_knative_0_20_keeps_the_order_and_no_dead_letters(
    brokers: Start, mirror: Mirror, dead_letters: Function
) -> None:
    broker = brokers("0.20", mirror.url)
    published = [broker.publish(name) for name in [UNKNOWN[0], *KNOWN[:9]]]
    settled(broker, len(published))
    assert list(broker.enter.outcomes()) == published
    assert [broker.enter.tries(each) for each in published] == [[503] * 3] + [[204]] * 9
    assert letters(dead_letters, broker) == []


def test_a_restart_of_rabbitmq_loses_what_waits_before_knative_1_8(
    brokers: Start, mirror: Mirror, simulator: Simulator, rabbit: RabbitMQ
) -> None:
    hosts = {
        release: KNOWN[10 * number :][:10]
        for number, release in enumerate(("0.20", "1.1", "1.8", "1.13"))
    }
    running = {release: brokers(release, mirror.url) for release in hosts}
    for release, broker in running.items():
        broker.enter.stop()
        for name in hosts[release][:9]:
            broker.publish(name)
    rabbit.stop()
    rabbit.start()
    # That of 1.1 does not connect again. That of 0.20 ends, and Kubernetes starts it anew.
    assert running["1.1"].try_to_publish(KNOWN[199]) == 500
    running["1.1"].parts["ingress"].stop()
    running["1.1"].receive()
    for release, broker in running.items():
        # Whatever is left comes before this one.
        broker.publish(hosts[release][9])
        broker.dispatch(ENTER)
        all_maintained(simulator, hosts[release][9:])
    for release, kept in (("0.20", 1), ("1.1", 1), ("1.8", 10), ("1.13", 10)):
        settled(running[release], kept)
        assert maintained(simulator, hosts[release]) == (kept == 10)


def test_a_restart_of_rabbitmq_loses_nothing_that_is_in_retry(
    brokers: Start, mirror: Mirror, simulator: Simulator, rabbit: RabbitMQ, dead_letters: Function
) -> None:
    broker = brokers("1.13", mirror.url, scale=HUNDREDTH)
    down(simulator)
    published = {broker.publish(name) for name in KNOWN[:20]}
    until(lambda: broker.enter.in_retry() == published)
    rabbit.stop()
    rabbit.start()
    simulator.clear_faults()
    all_maintained(simulator, KNOWN[:20])
    # It connects again when it has settled what it was working on, and is handed all of it again.
    until(lambda: broker.enter.tries().count(204) == 40)
    assert letters(dead_letters, broker) == []


@pytest.mark.parametrize(
    ("release", "changes", "code"),
    [
        ("1.13", (), set()),
        ("1.13", ("-cancelled-fails",), {"503"}),
        ("1.8", (), {""}),
        ("1.1", (), {""}),
    ],
)
def test_a_dispatcher_that_is_restarted_may_make_dead_letters_of_what_is_in_retry(
    release: str,
    changes: tuple[str, ...],
    code: set[str],
    brokers: Start,
    mirror: Mirror,
    simulator: Simulator,
    dead_letters: Function,
) -> None:
    broker = brokers(release, mirror.url, *changes)
    down(simulator)
    published = {broker.publish(name) for name in KNOWN[:20]}
    until(lambda: broker.enter.in_retry() == published)
    broker.enter.stop()
    assert broker.enter.outcomes().keys() == published
    simulator.clear_faults()
    if code:
        until(lambda: len(broker.parts["dead"].outcomes()) == 20)
        assert sorted(line["host"] for line in letters(dead_letters, broker)) == KNOWN[:20]
    else:
        broker.dispatch(ENTER)
        all_maintained(simulator, KNOWN[:20])
    # Knative 1.13 alone tells why.
    assert {line["error_code"] for line in letters(dead_letters, broker)} == code


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_function_that_is_restarted_in_the_middle_loses_nothing(
    how: signal.Signals,
    brokers: Start,
    mirror: Mirror,
    simulator: Simulator,
    dead_letters: Function,
) -> None:
    broker = brokers("1.13", mirror.url, scale=HUNDREDTH)
    publishing = threading.Thread(target=lambda: [broker.publish(name) for name in KNOWN])
    publishing.start()
    until(lambda: len(broker.enter.outcomes()) > 20)
    mirror.restart(how)
    publishing.join()
    all_maintained(simulator, KNOWN)
    settled(broker, len(KNOWN))
    assert set(broker.enter.outcomes().values()) == {"delivered"}
    assert letters(dead_letters, broker) == []


def test_what_knative_1_1_tries_again_does_not_arrive_on_a_new_connection(
    brokers: Start, mirror: Mirror
) -> None:
    # The second pause is longer than what stands in between keeps a connection that is idle, and
    # no pause is as long as gunicorn does, 2 s: a proxy may meet it as it closes one, and say 502.
    changes = ("-policy=exponential", "-delay=0.7s", "-retry=3")
    url = mirror.proxy("idle", 32, "-idle=2s")
    running = {release: brokers(release, url, *changes) for release in ("1.1", "1.8", "1.13")}
    for broker in running.values():
        broker.publish(UNKNOWN[0])
    until(lambda: all(broker.enter.outcomes() for broker in running.values()))
    tries = {release: broker.enter.tries() for release, broker in running.items()}
    assert tries == {"1.1": [503, 503, 0, 0], "1.8": [503] * 4, "1.13": [503] * 4}


def test_how_long_the_functions_server_keeps_connections_matters_to_queue_proxy_alone(
    brokers: Start, mirror: Mirror
) -> None:
    # gunicorn closes what is idle for 2 s.
    changes = ("-policy=exponential", "-delay=2s", "-retry=2")
    alone = brokers("1.1", mirror.running.url, *changes)
    behind = brokers("1.1", mirror.url, *changes)
    for broker in (alone, behind):
        broker.publish(UNKNOWN[0])
    until(lambda: alone.enter.outcomes() and behind.enter.outcomes())
    assert alone.enter.tries() == [503, 0, 0]
    assert behind.enter.tries() == [503, 503, 503]


@pytest.mark.parametrize("release", ["1.1", "1.8", "1.13"])
def test_a_refused_event_is_no_dead_letter_and_tried_again_by_knative_1_1(
    release: str, brokers: Start, mirror: Mirror, dead_letters: Function
) -> None:
    broker = brokers(release, mirror.url, scale=0.001)
    published = broker.publish("", moref="")
    until(lambda: published in broker.enter.outcomes())
    tries = 1 + retries(release) if release == "1.1" else 1
    assert broker.enter.tries() == [422] * tries
    assert broker.enter.outcomes() == {published: "delivered"}
    assert letters(dead_letters, broker) == []


def test_what_a_real_ingress_refuses(brokers: Start, mirror: Mirror) -> None:
    broker = brokers("1.13", mirror.url)
    answers = {}
    for name, encode in HTTP_FORMATS.items():
        message = encode(EventData())
        answers[name] = broker.post(message.headers, message.body)
    # What is structured and not labelled as such; OpenFaaS is sent it without any label.
    refused = {name for name, status in answers.items() if status == 400}
    assert refused == {"router-labelled-json", *(each for each in answers if "openfaas" in each)}
    assert {answers[name] for name in answers.keys() - refused} == {202}


def test_an_exit_that_overtakes_its_enter_does_no_harm_where_vcenter_is_asked(
    brokers: Start, vcenter: Vcsim, stack: ExitStack, tmp_path: Path
) -> None:
    at_work, done = vcenter.hosts[:2]
    vcenter.enter(at_work.moref)
    with collecting(vcenter) as simulator:
        mirror = Mirror(stack, simulator, tmp_path, "1.13", **vcenter.variables)
        broker = brokers("1.13", mirror.url, scale=HUNDREDTH)
        down(simulator)
        broker.parts[ENTER].stop()
        for each in (at_work, done):
            for name in ("EnteredMaintenanceModeEvent", EXITED):
                broker.publish(each.name, name, moref=each.moref, vcenter=each.vcenter)
        simulator.clear_faults()
        until(lambda: len(broker.parts[EXIT].outcomes()) == 2)
        broker.dispatch(ENTER)
        settled(broker, 2)
        assert simulator.state(at_work.name) == "MAINTAINED"
        assert simulator.state(done.name) == "STARTED"
