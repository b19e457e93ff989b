"""Events that are sent: one at a time, as many as go, in a storm, and during an outage."""

import random
import threading
import time
from contextlib import ExitStack
from functools import partial
from statistics import median
from typing import Final

from bench import contestants, events, load, world
from bench.events import HttpMessage
from bench.load import Reply
from bench.results import CALL, KNATIVE, PEER, PLATFORM, Results, Turn, one_value, take_turns
from bench.world import Function, Operations

IN_FLIGHT: Final = 8
STORM_HOSTS: Final = 500
BACKLOG: Final = 1000
# As many as the triggers of deploy/knative send at once.
AT_ONCE: Final = 50
_WORKERS: Final = (
    ("warm", CALL, contestants.Least),
    ("warm", "ours, OpenFaaS (in-process)", contestants.OpenFaaS),
    ("warm", "ours, Lambda (in-process)", contestants.Lambda),
    ("verified", "events alone", contestants.EventsAlone),
    ("verified", "with vCenter", contestants.WithVCenter),
)


def one_event(results: Results, rounds: int, count: int) -> None:
    """Note ``warm`` and ``verified``, milliseconds up to the answer, and ``landed``, to the write.

    A round of a contestant is ``count`` events; its value is their median.
    """
    turns: dict[str, Turn] = {}
    with ExitStack() as stack:
        operations = stack.enter_context(world.simulator(20))
        for host, (measure, name, kind) in enumerate(_WORKERS, 5):
            worker = stack.enter_context(world.alone(kind, **operations.settings()))
            turns[name] = one_value(measure, worker.milliseconds, host, count)
        for host, name in enumerate((KNATIVE, PEER, PLATFORM), 1):
            server = stack.enter_context(world.server(name, operations))
            turns[name] = partial(_serve, name, server, operations, host, count)
        take_turns(results, rounds, turns)


def _serve(
    name: str, server: Function, operations: Operations, host: int, count: int
) -> dict[str, float]:
    replies = load.send(server.port, events.messages(host, count))
    warm = {"warm": 1000 * median(reply.seconds for reply in replies)}
    if name == PLATFORM:
        return warm
    writes = zip(operations.landed(count), replies, strict=True)
    return {**warm, "landed": 1000 * median(at - reply.sent for at, reply in writes)}


def rate(results: Results, rounds: int, seconds: float) -> None:
    """Note ``rate``, per second on one core, and ``cpu``, milliseconds of the processor for each.

    The simulator has another core; its rate are the calls that it can serve from there at most.
    """
    with ExitStack() as stack:
        with world.on_core(0):
            operations = stack.enter_context(world.simulator(2 * IN_FLIGHT, delay=0.0))
        with world.on_core(-1):
            alone = world.alone(contestants.Least, **operations.settings())
            least = stack.enter_context(alone)
            turns: dict[str, Turn] = {
                "the simulator: calls": one_value("rate", least.per_second, IN_FLIGHT, seconds),
                CALL: one_value("cpu", least.processor_milliseconds, 300),
            }
            for name in (PLATFORM, KNATIVE):
                server = stack.enter_context(world.server(name, operations))
                turns[name] = partial(_drive, server, seconds)
        with world.on_core(0):
            take_turns(results, rounds, turns)


def _drive(server: Function, seconds: float) -> dict[str, float]:
    before = world.cpu_seconds(server.process.pid)
    lanes = [events.messages(host) for host in range(1, IN_FLIGHT + 1)]
    count = len(load.send(server.port, *lanes, seconds=seconds))
    used = world.cpu_seconds(server.process.pid) - before
    return {"rate": count / seconds, "cpu": 1000 * used / count}


def storm(results: Results, rounds: int) -> None:
    """Note ``storm`` (seconds: total and p99), ``memory`` (MB) and ``wrong`` (hosts, in the end).

    Half of the hosts go in and out, the others stay in. Each round meets new processes.
    """
    for _ in range(rounds):
        with world.simulator(STORM_HOSTS) as operations, world.server(KNATIVE, operations) as ours:
            messages, right = _storm()
            started = time.perf_counter()
            deliveries = _deliver(ours, messages, len(messages))
            ended = sorted(each.ended - started for each in deliveries)
            held = world.status(ours.process.pid, "VmHWM") / 1024
            wrong = operations.maintained() ^ right
        results.add("until all were answered", storm=ended[-1])
        results.add("until 99 % were answered", storm=ended[len(ended) * 99 // 100 - 1])
        results.add("after a storm", wrong=len(wrong))
        results.add("server and worker together", memory=held)


def _storm() -> tuple[list[HttpMessage], set[str]]:
    """Return the messages, shuffled, and which hosts are in maintenance in the end."""
    hosts = range(1, STORM_HOSTS + 1)
    first = [events.event_data(host, entered=True) for host in hosts]
    then = [events.event_data(host, entered=host % 2 == 0) for host in hosts]
    messages = [events.message(each) for each in first + then]
    random.Random(1).shuffle(messages)  # noqa: S311 - always the same storm
    return messages, {each.host for each in then if each.name.startswith("Entered")}


def outage(results: Results, outages: tuple[float, ...]) -> None:
    """Note ``outage``: seconds from the end of each outage until hosts are right.

    ``lasted`` is how long each was, in seconds, ``refusals`` how often an event was sent in vain,
    on average, and ``left_over`` how many threads and sockets there are more than before.
    """
    for seconds in outages:
        with world.simulator(BACKLOG) as operations, world.server(KNATIVE, operations) as ours:
            _deliver(ours, _backlog(entered=False), AT_ONCE)
            before = _left(ours)
            operations.break_down()
            threading.Timer(seconds, operations.mend).start()
            deliveries = _deliver(ours, _backlog(entered=True), AT_ONCE)
            left_over = sum(max(0, _left(ours)[kind] - few) for kind, few in before.items())
            wrong = BACKLOG - len(operations.maintained())
            mended = operations.mended()
        ended = sorted(each.ended - mended for each in deliveries)
        results.add("until all are right", outage=ended[-1], lasted=seconds)
        results.add("until 95 % are right", outage=ended[BACKLOG * 95 // 100 - 1])
        results.add("an event", refusals=sum(each.refusals for each in deliveries) / BACKLOG)
        results.add("after an outage", wrong=wrong, left_over=left_over)


def _left(ours: Function) -> dict[str, int]:
    pid = ours.process.pid
    return {"threads": world.status(pid, "Threads"), "sockets": world.sockets(pid)}


def _deliver(ours: Function, messages: list[HttpMessage], at_once: int) -> list[Reply]:
    lanes = [[message] for message in messages]
    return load.send(ours.port, *lanes, at_once=at_once, until_taken=True)


def _backlog(*, entered: bool) -> list[HttpMessage]:
    return [events.message(events.event_data(n, entered=entered)) for n in range(1, BACKLOG + 1)]
