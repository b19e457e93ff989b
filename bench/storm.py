"""A storm: a thousand events for five hundred hosts at once, in no order."""

import random
import time

from bench import events, load, machine, world
from bench.results import Results
from lab.processes import Function

HOSTS = 500


def measure(results: Results, rounds: int) -> None:
    """Note ``storm`` (seconds: total and p99), ``memory`` (MB) and ``wrong`` (hosts, in the end).

    Half of the hosts go in and out, the others stay in. Each round meets a new process.
    """
    with world.simulator(HOSTS) as operations:
        for _ in range(rounds):
            operations.end_all_maintenance()
            with world.function(operations) as function:
                right = _deliver(results, function)
            wrong = operations.maintained() ^ right
            results.add("wrong", "after a storm", len(wrong))


def _deliver(results: Results, function: Function) -> set[str]:
    requests, right = _storm()
    started = time.perf_counter()
    deliveries = load.deliver(function.port, requests, at_once=len(requests))
    results.add("storm", "until all were answered", time.perf_counter() - started)
    seconds = sorted(each.seconds for each in deliveries)
    results.add("storm", "until 99 % were answered", seconds[len(seconds) * 99 // 100 - 1])
    results.add("memory", "after a storm", machine.peak_megabytes(function.process.pid))
    return right


def _storm() -> tuple[list[bytes], set[str]]:
    """Return the requests, shuffled, and which hosts are in maintenance in the end."""
    hosts = range(1, HOSTS + 1)
    first = [events.event_data(host, entered=True) for host in hosts]
    then = [events.event_data(host, entered=host % 2 == 0) for host in hosts]
    requests = [events.request(each) for each in first + then]
    random.Random(1).shuffle(requests)  # noqa: S311 - always the same storm
    return requests, {each.host for each in then if each.name.startswith("Entered")}
