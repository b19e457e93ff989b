"""One event at a time, when everything is warm: how long until it is answered, and written."""

from contextlib import ExitStack
from functools import partial
from statistics import median

from bench import events, load, world
from bench.load import Reply
from bench.results import Results, take_turns
from bench.world import Operations, Worker
from lab.processes import Function

# The simulator shows its last 30 calls, of which the peer makes four for each event.
_CHUNK = 6
_INSIDE = ("least", "openfaas", "eventbridge", "unverified", "verified")


def measure(results: Results, rounds: int, chunks: int) -> None:
    """Note ``warm`` and ``verified``, milliseconds up to the answer, and ``landed``, to the write.

    A round of a contestant is ``chunks`` times six events; its value is their median.
    """
    with ExitStack() as stack:
        operations = stack.enter_context(world.simulator(20))
        platform = stack.enter_context(world.platform())
        knative = stack.enter_context(world.function(operations))
        peer = stack.enter_context(world.peer(operations))
        turns = [
            partial(_worker, role, stack.enter_context(world.worker(role, operations)))
            for role in _INSIDE
        ]
        turns += [
            partial(_server, "platform", platform, operations, 10),
            partial(_server, "knative", knative, operations, 1),
            partial(_server, "peer", peer, operations, 4),
        ]
        take_turns(1, [partial(turn, Results(), 1) for turn in turns])
        take_turns(rounds, [partial(turn, results, chunks) for turn in turns])


def _worker(role: str, worker: Worker, results: Results, chunks: int) -> None:
    seconds = worker.ask(do="run", count=chunks * _CHUNK)
    measure = "verified" if role.endswith("verified") else "warm"
    results.add(measure, role, 1000 * median(seconds))


def _server(
    name: str, function: Function, operations: Operations, host: int, results: Results, chunks: int
) -> None:
    replies: list[Reply] = []
    landed: list[float] = []
    for _ in range(chunks):
        sent = load.one_at_a_time(function.port, events.one_by_one(_CHUNK, host))
        written = operations.writes()[-_CHUNK:]
        landed += [at - reply.sent for at, reply in zip(written, sent, strict=False)]
        replies += sent
    results.add("warm", name, 1000 * median(each.seconds for each in replies))
    if name != "platform":
        results.add("landed", name, 1000 * median(landed))
