"""Events per second on one core, eight in flight, while the simulator has the other one."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

from bench import events, load, machine, world
from bench.results import Results, take_turns
from bench.world import Worker
from lab.processes import Function

IN_FLIGHT = 8
_CALLS = 300


def measure(results: Results, rounds: int, seconds: float) -> None:
    """Note ``rate``, per second, and ``cpu``, milliseconds of the function's processor per event.

    ``rate`` of ``simulator`` are the calls that it can serve from its core at most; ``cpu`` of
    ``least`` is for one call.
    """
    with ExitStack() as stack:
        with machine.on_core(0):
            operations = stack.enter_context(world.simulator(2 * IN_FLIGHT, delay=0.0))
        with machine.on_core(-1):
            platform = stack.enter_context(world.platform())
            knative = stack.enter_context(world.function(operations))
            least = stack.enter_context(world.worker("least", operations))

        turns: list[Callable[[Results, float], None]] = [
            partial(_turn, "platform", platform),
            partial(_turn, "knative", knative),
            partial(_least, least),
        ]
        with machine.on_core(0):
            take_turns(1, [partial(turn, Results(), seconds / 4) for turn in turns])
            take_turns(rounds, [partial(turn, results, seconds) for turn in turns])


def _turn(name: str, function: Function, results: Results, seconds: float) -> None:
    before = machine.cpu_seconds(function.process.pid)
    count = load.for_a_while(function.port, map(_lane, range(1, IN_FLIGHT + 1)), seconds)
    used = machine.cpu_seconds(function.process.pid) - before
    results.add("rate", name, count / seconds)
    results.add("cpu", name, 1000 * used / count)


def _least(worker: Worker, results: Results, seconds: float) -> None:
    rate = worker.ask(do="rate", threads=IN_FLIGHT, seconds=seconds)
    results.add("rate", "simulator", rate)
    results.add("cpu", "least", 1000 * worker.ask(do="cpu", count=_CALLS))


def _lane(host: int) -> Iterator[bytes]:
    """Enter and leave maintenance of one host in turn, for ever."""
    for number in itertools.count():
        yield events.request(events.event_data(host, entered=number % 2 == 0))
