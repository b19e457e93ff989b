"""Events that are sent: one at a time, as many as go, in a storm, and during an outage."""

import os
import random
import threading
import time
from contextlib import ExitStack
from functools import partial
from statistics import median
from typing import Final

from bench import load, machine, world
from bench.contestants import CONTESTANTS
from bench.results import CALL, KNATIVE, PEER, PLATFORM, Results, Turn
from lab.events import EventData
from lab.operations import Operations
from lab.processes import Function

IN_FLIGHT: Final = 8
STORM_HOSTS: Final = 500
BACKLOG: Final = 1000
# More than there are threads, and fewer than the triggers of deploy/knative may send: 300.
AT_ONCE: Final = 50
# So many events at a time that the simulator still shows all of their calls.
_BATCH: Final = 6


def one_event(results: Results) -> None:
    """Note ``warm`` and ``verified``, milliseconds up to the answer, and ``landed``, to the write.

    A round of a contestant is some batches of events; its value is their median.
    """
    batches = 1 if results.about["quick"] else 5
    workers = [(measure, name) for measure in ("warm", "verified") for name in CONTESTANTS[measure]]
    turns: dict[str, Turn] = {}
    with ExitStack() as stack:
        operations = stack.enter_context(world.simulator(20))
        for host, (measure, name) in enumerate(workers, 5):
            turns[name] = partial(world.alone, operations, measure, name, host, batches * _BATCH)
        for host, name in enumerate((KNATIVE, PEER, PLATFORM), 1):
            server = stack.enter_context(world.server(name, operations))
            turns[name] = partial(_serve, name, server, operations, host, batches)
        results.take_turns(turns)


def _serve(
    name: str, server: Function, operations: Operations, host: int, batches: int
) -> dict[str, float]:
    warm, landed = [], []
    for _ in range(batches):
        replies = load.send(server.url, load.in_turn(host, _BATCH))
        warm += [1000 * reply.seconds for reply in replies]
        if name != PLATFORM:
            landed += until_written(operations, [reply.sent for reply in replies])
    return {"warm": median(warm), **({"landed": median(landed)} if landed else {})}


def until_written(operations: Operations, begun: list[float]) -> list[float]:
    """Return the milliseconds from each of these moments, since 1970, to the write it caused."""
    calls = operations.calls()["latest"]
    writes = [each for each in calls if each["path"].endswith("/maintained")][-len(begun) :]
    return [
        1000 * (write["at"] + write["seconds"] - at)
        for write, at in zip(writes, begun, strict=True)
    ]


def rate(results: Results) -> None:
    """Note ``rate``, per second on one core, and ``cpu``, milliseconds of the processor for each.

    The simulator has another core; its rate are the calls that it can serve from there at most.
    """
    seconds = 0.5 if results.about["quick"] else 3.0
    with ExitStack() as stack:
        with machine.on_core(0):
            operations = stack.enter_context(world.simulator(2 * IN_FLIGHT, delay=0.0))
        alone = partial(machine.on_core(-1)(world.alone), operations)
        turns: dict[str, Turn] = {
            name: partial(alone, "rate", name, IN_FLIGHT, seconds) for name in CONTESTANTS["rate"]
        }
        turns[CALL] = partial(alone, "cpu", CALL, 300)
        for name in (PLATFORM, KNATIVE):
            with machine.on_core(-1):
                server = stack.enter_context(world.server(name, operations))
            turns[name] = partial(_drive, server, seconds)
        with machine.on_core(0):
            results.take_turns(turns)


def _drive(server: Function, seconds: float) -> dict[str, float]:
    before, started = machine.used(server.process.pid)["ticks"], time.perf_counter()
    lanes = [load.in_turn(host) for host in range(1, IN_FLIGHT + 1)]
    # Each lane ends with the event that is under way when the time is over, so that one counts.
    replies = load.send(server.url, *lanes, seconds=seconds)
    ticks = machine.used(server.process.pid)["ticks"] - before
    lasted = max(reply.ended for reply in replies) - started
    cpu = 1000 * ticks / os.sysconf("SC_CLK_TCK") / len(replies)
    return {"rate": len(replies) / lasted, "cpu": cpu}


def storm(results: Results) -> None:
    """Note ``storm``, in seconds, and what ``_deliver`` notes; each round meets new processes."""
    hosts = range(1, STORM_HOSTS + 1)
    for _ in range(results.about["rounds"]):
        events = [load.event(host, entered=True) for host in hosts]
        events += [load.event(host, entered=host % 2 == 0) for host in hosts]
        random.Random(1).shuffle(events)  # noqa: S311 - always the same storm
        with world.simulator(STORM_HOSTS) as operations, world.server(KNATIVE, operations) as ours:
            deliver, started = partial(_deliver, results, operations, ours), time.perf_counter()
            ended = deliver("after a storm", events, len(events))
        results.add("until all were answered", storm=ended[-1] - started)
        results.add("until 99 % were answered", storm=ended[len(ended) * 99 // 100 - 1] - started)


def outage(results: Results) -> None:
    """Note ``outage``: seconds from the end of each outage until hosts are right.

    ``left_over`` is how many threads and sockets there are more than before.
    """
    hosts, when = range(1, BACKLOG + 1), "after an outage"
    for seconds in (4.0,) if results.about["quick"] else (60.0, 10.0, 10.0, 10.0, 10.0):
        exits, enters = ([load.event(n, entered=mode) for n in hosts] for mode in (False, True))
        with world.simulator(BACKLOG) as operations, world.server(KNATIVE, operations) as ours:
            deliver = partial(_deliver, results, operations, ours)
            deliver("before an outage", exits, AT_ONCE)
            before, over = machine.used(ours.process.pid), time.perf_counter() + seconds
            operations.fault(status=503, count=1_000_000)
            threading.Timer(seconds, operations.clear_faults).start()
            ended = deliver(when, enters, AT_ONCE)
            more = machine.used(ours.process.pid) - before
        results.add(when, left_over=more["Threads"] + more["sockets"])
        lasted = f"after {seconds:g} s"
        results.add(f"{lasted}: until all are right", outage=ended[-1] - over)
        results.add(f"{lasted}: until 95 % are right", outage=ended[BACKLOG * 95 // 100 - 1] - over)


def _deliver(
    results: Results,
    operations: Operations,
    ours: Function,
    when: str,
    events: list[EventData],
    at_once: int,
) -> list[float]:
    """Deliver events until all are taken, and return when each was, in order.

    Notes ``wrong`` (hosts, in the end), ``memory`` (the most so far, in MB) and ``refusals``, how
    often an event was sent in vain, on average.
    """
    replies = load.send(ours.url, *([each] for each in events), at_once=at_once)
    latest = {each.host: each for each in sorted(events, key=lambda each: each.key)}
    right = {name for name, each in latest.items() if each.name.startswith("Entered")}
    results.add(when, wrong=len(world.maintained(operations) ^ right))
    results.add(when, memory=machine.used(ours.process.pid)["VmHWM"] / 1024)
    results.add(when, refusals=sum(each.refusals for each in replies) / len(replies))
    return sorted(each.ended for each in replies)
