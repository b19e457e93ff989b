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
from bench.contestants import CONTESTANTS, companions_of
from bench.results import CALL, KNATIVE, LEAST, PEER, PLATFORM, Results, Turn
from functions.ports import Companion
from lab.events import EventData
from lab.operations import Operations
from lab.processes import Function

IN_FLIGHT: Final = 8
MANY_IN_FLIGHT: Final = 64
STORM_HOSTS: Final = 500
BACKLOG: Final = 1000
# Fewer than the triggers of deploy/knative may send: 300.
AT_ONCE: Final = 50
# After which states show in the slower storm; clients look for longer.
SHOWS_SECONDS: Final = 4.0
# More than it takes to handle all events of a storm one after the other, with all threads.
_PATIENCE_SECONDS: Final = 600.0
# So many events at a time that the simulator still shows all of their calls.
_BATCH: Final = 6


def one_event(results: Results) -> None:
    """Note ``warm`` and others, milliseconds up to the answer, and ``landed``, to the write.

    Those others are ``verified``, and ``companions``, also by their ``companions_calls``. A round
    of a contestant is some batches of events; its value is their median.
    """
    batches = 1 if results.about["quick"] else 4
    measures = ("warm", "verified", "companions")
    workers = [(measure, name) for measure in measures for name in CONTESTANTS[measure]]
    turns: dict[str, Turn] = {}
    with ExitStack() as stack:
        accompanied = 4 + len(workers)
        options = [word for each in companions_of(accompanied) for word in _option(each)]
        operations = stack.enter_context(world.simulator(20, *options))
        for host, (measure, name) in enumerate(workers, 5):
            turn = _accompanied if measure == "companions" else world.alone
            turns[name] = partial(turn, operations, measure, name, host, batches * _BATCH)
        for host, name in enumerate((KNATIVE, PEER, PLATFORM), 1):
            server = stack.enter_context(world.server(name, operations))
            turns[name] = partial(_serve, name, server, operations, host, batches)
        results.take_turns(turns)


def _option(companion: Companion) -> list[str]:
    """Return the simulator's option for what goes with one host."""
    (moref,) = companion.hosts
    host = f"esx{int(moref.removeprefix('host-')) - 1000:02}.lab.local"
    return [
        "--companion",
        f"{companion.ref.kind},{companion.ref.name},{companion.ref.moref},{host}",
    ]


def _accompanied(operations: Operations, measure: str, *contestant: object) -> dict[str, float]:
    """Let it take its turn, and count the calls from its last write but one to its last."""
    found = world.alone(operations, measure, *contestant)
    calls = [each["path"] for each in operations.calls()["latest"]]
    *_, before, last = [n for n, path in enumerate(calls) if path.endswith("/maintained")]
    return {**found, "companions_calls": last - before}


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
            results.take_turns(turns, 5)


def crowd(results: Results) -> None:
    """Note ``crowd`` and ``crowd_cpu``, as ``rate`` does, with many more events in flight."""
    seconds = 0.5 if results.about["quick"] else 2.0
    turns: dict[str, Turn] = {}
    with ExitStack() as stack:
        with machine.on_core(0):
            operations = stack.enter_context(world.simulator(MANY_IN_FLIGHT, delay=0.0))
        for name in (PLATFORM, LEAST, KNATIVE, PEER):
            with machine.on_core(-1):
                server = stack.enter_context(world.server(name, operations))
            turns[name] = partial(_crowd, server, seconds)
        with machine.on_core(0):
            results.take_turns(turns, 5)


def _crowd(server: Function, seconds: float) -> dict[str, float]:
    found = _drive(server, seconds, MANY_IN_FLIGHT)
    return {"crowd": found["rate"], "crowd_cpu": found["cpu"]}


def _drive(server: Function, seconds: float, in_flight: int = IN_FLIGHT) -> dict[str, float]:
    before, started = machine.used(server.process.pid)["ticks"], time.perf_counter()
    lanes = [load.in_turn(host) for host in range(1, in_flight + 1)]
    # Each lane ends with the event that is under way when the time is over, so that one counts.
    replies = load.send(server.url, *lanes, seconds=seconds)
    ticks = machine.used(server.process.pid)["ticks"] - before
    lasted = max(reply.ended for reply in replies) - started
    cpu = 1000 * ticks / os.sysconf("SC_CLK_TCK") / len(replies)
    return {"rate": len(replies) / lasted, "cpu": cpu}


def profile(results: Results) -> None:
    """Note ``profile``, milliseconds of an event, and ``profile_calls``, by whose code it is."""
    with world.simulator(20, delay=0.0) as operations:
        for _ in range(results.rounds(3)):
            spent = world.alone(operations, "profile", "ours", 1, 30)["profile"]
            spent["in all"] = [sum(numbers) for numbers in zip(*spent.values(), strict=True)]
            for whose, (own, calls) in spent.items():
                results.add(whose, profile=own, profile_calls=calls)


def storm(results: Results) -> None:
    """Note ``storm``, in seconds, its ``storm_calls``, and what ``_deliver`` notes.

    Each round meets new processes.
    """
    hosts = range(1, STORM_HOSTS + 1)
    for _ in range(results.rounds(5)):
        events = [load.event(host, entered=True) for host in hosts]
        events += [load.event(host, entered=host % 2 == 0) for host in hosts]
        random.Random(1).shuffle(events)  # noqa: S311 - always the same storm
        with world.simulator(STORM_HOSTS) as operations, world.server(KNATIVE, operations) as ours:
            deliver, before = partial(_deliver, results, operations, ours), operations.calls()
            started = time.perf_counter()
            ended = deliver("after a storm", events, len(events))
            calls = operations.calls()["count"] - before["count"]
        results.add(f"{len(events):,} events for {STORM_HOSTS} hosts", storm_calls=calls)
        results.add("until all were answered", storm=ended[-1] - started)
        results.add("until 99 % were answered", storm=ended[len(ended) * 99 // 100 - 1] - started)


def slow_storm(results: Results) -> None:
    """Note ``slow_storm``, in seconds, and what ``_deliver`` notes, where states show late.

    ``again`` is how many events a broker would have sent again: they were answered too late, or
    with anything but 2xx.
    """
    hosts = range(1, STORM_HOSTS + 1)
    for _ in range(results.rounds(3)):
        events = [load.event(host, entered=True) for host in hosts]
        late = ("--visible-delay", str(SHOWS_SECONDS))
        with (
            world.simulator(STORM_HOSTS, *late) as operations,
            world.server(KNATIVE, operations) as ours,
        ):
            deliver, started = partial(_deliver, results, operations, ours), time.perf_counter()
            ended = deliver("in a slow storm", events, len(events), SHOWS_SECONDS)
        results.add("until half were answered", slow_storm=ended[len(ended) // 2] - started)
        results.add("until all were answered", slow_storm=ended[-1] - started)


def outage(results: Results) -> None:
    """Note ``outage``: seconds from the end of each outage until hosts are right.

    ``left_over`` is how many threads and sockets there are more than before.
    """
    hosts, when = range(1, BACKLOG + 1), "after an outage"
    for seconds in (4.0,) if results.about["quick"] else (60.0, 10.0, 10.0):
        exits, enters = ([load.event(n, entered=mode) for n in hosts] for mode in (False, True))
        with world.simulator(BACKLOG) as operations, world.server(KNATIVE, operations) as ours:
            deliver = partial(_deliver, results, operations, ours)
            # As many at once as need all threads that the outage may need: those are kept.
            deliver("before an outage", exits, 2 * AT_ONCE)
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
    shows: float = 0.0,
) -> list[float]:
    """Deliver events until all are taken, and return when each was, in order.

    At most so many are sent ``at_once``, or all of them, before the first is answered. States show
    ``shows`` seconds late.

    Notes ``wrong`` (hosts, in the end), ``memory`` (the most so far, in MB) and ``refusals``, how
    often an event was sent in vain, on average; and ``again``, how many events a broker would have
    sent again.
    """
    if at_once < len(events):
        lanes = ([each] for each in events)
        replies = load.send(ours.url, *lanes, at_once=at_once, patience=_PATIENCE_SECONDS)
    else:
        replies = load.flood(ours.url, events, _PATIENCE_SECONDS)
    again = [each for each in replies if each.refusals or each.seconds > world.DELIVERY_SECONDS]
    latest = {each.host: each for each in sorted(events, key=lambda each: each.key)}
    time.sleep(shows)
    right = {name for name, each in latest.items() if each.name.startswith("Entered")}
    results.add(when, wrong=len(world.maintained(operations) ^ right), again=len(again))
    results.add(when, memory=machine.used(ours.process.pid)["VmHWM"] / 1024)
    results.add(when, refusals=sum(each.refusals for each in replies) / len(replies))
    return sorted(each.ended for each in replies)
