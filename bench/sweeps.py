"""Sweeps of more and more hosts: calls, time and memory."""

from functools import partial

from bench import world
from bench.results import Results, take_turns
from bench.world import Operations


def measure(results: Results, rounds: int, sizes: tuple[int, ...]) -> None:
    """Note ``sweep`` (seconds), ``sweep calls`` and ``sweep memory`` (MB more than before).

    All hosts are right, or a tenth of them is in maintenance mode and monitored. Each sweep has a
    process of its own.
    """
    for hosts in sizes:
        with world.simulator(hosts) as operations:
            turns = [partial(_turn, results, operations, hosts, n) for n in (0, hosts // 10)]
            take_turns(rounds, turns)


def _turn(results: Results, operations: Operations, hosts: int, wrong: int) -> None:
    operations.end_all_maintenance()
    name = f"{hosts:,} hosts, {wrong:,} wrong"
    with world.worker("sweep", operations) as worker:
        before = operations.count()
        found = worker.ask(do="run", hosts=hosts, wrong=wrong)
        results.add("sweep calls", name, operations.count() - before)
    results.add("sweep", name, found["seconds"])
    results.add("sweep memory", name, found["megabytes"])
