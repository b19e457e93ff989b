"""vRealize Operations is off for a while: what becomes of the events of that time."""

import threading
import time

from bench import events, load, machine, world
from bench.results import Results
from bench.world import Operations

BACKLOG = 1000
# As many as the triggers of deploy/knative send at once.
AT_ONCE = 50


def measure(results: Results, outages: tuple[float, ...]) -> None:
    """Note ``outage``: seconds from the end of each outage until hosts are right.

    ``lasted`` is how long each was, in seconds, ``refusals`` how often an event was sent in vain,
    on average, and ``left over`` how many threads and sockets there are more than before.
    """
    for seconds in outages:
        with world.simulator(BACKLOG) as operations, world.function(operations) as function:
            pid = function.process.pid
            load.deliver(function.port, _backlog(entered=False), AT_ONCE)
            before = machine.threads_and_sockets(pid)
            ended = _outage(results, operations, function.port, seconds)
            after = machine.threads_and_sockets(pid)
        results.add("lasted", "the outage", seconds)
        results.add("outage", "until all are right", ended[-1])
        results.add("outage", "until 95 % are right", ended[BACKLOG * 95 // 100 - 1])
        for what, many, few in zip(("threads", "sockets"), after, before, strict=True):
            results.add("left over", what, max(0, many - few))


def _outage(results: Results, operations: Operations, port: int, seconds: float) -> list[float]:
    """Return when each event was taken, in seconds after the end of the outage, sorted."""
    operations.break_down()
    mended: list[float] = []

    def mend() -> None:
        operations.mend()
        mended.append(time.perf_counter())

    threading.Timer(seconds, mend).start()
    deliveries = load.deliver(port, _backlog(entered=True), AT_ONCE)
    results.add("refusals", "an event", sum(each.refusals for each in deliveries) / BACKLOG)
    results.add("wrong", "after an outage", BACKLOG - len(operations.maintained()))
    return sorted(each.ended - mended[0] for each in deliveries)


def _backlog(*, entered: bool) -> list[bytes]:
    return [events.request(events.event_data(n, entered=entered)) for n in range(1, BACKLOG + 1)]
