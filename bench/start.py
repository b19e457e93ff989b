"""How long it takes to start: servers up to their first answer, and imports."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from bench import events, world
from bench.results import Results, take_turns
from bench.world import Worker, environment
from lab.processes import ROOT, command, free_port

OPTIONAL = ("boto3", "botocore", "pyVmomi", "click", "rich", "flask", "functions_framework")
_IMPORT = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
_LOADED = f"import sys, adapters.eventbridge; print(len(sys.modules.keys() & {set(OPTIONAL)}))"
_TIMEOUT_SECONDS = 30.0
Command = Callable[[int], Sequence[str]]


def measure(results: Results, rounds: int) -> None:
    """Note ``cold`` and ``import``, in milliseconds.

    ``cold`` lasts from starting a process to its first answer; of ``calls`` it is what the calls
    of a first event take by themselves, with a new connection and the login.
    """
    with world.simulator(20) as operations, world.worker("least", operations) as least:
        ours, settings = partial(command, "handle"), operations.settings
        turns = [
            partial(_server, "platform", world.nothing, {}),
            partial(_server, "knative", ours, settings),
            partial(_server, "peer", lambda port: world.PEER, settings),
            partial(_calls, least),
            partial(_import, "requests"),
            partial(_import, "adapters.eventbridge"),
            partial(_import, "requests", beside="functions_framework"),
            partial(_import, "adapters.knative", beside="functions_framework"),
        ]
        # The round before the first writes bytecode, where there is none.
        take_turns(1, [partial(turn, Results()) for turn in turns])
        take_turns(rounds, [partial(turn, results) for turn in turns])
    results.add("optional", "adapters.eventbridge", float(_said(_LOADED)))


def _server(name: str, run: Command, settings: Mapping[str, str], results: Results) -> None:
    port = free_port()
    environ = environment(**settings, PORT=str(port))
    request = events.request(events.event_data(1, entered=True))
    with (world.BUILD / f"cold-{name}.log").open("wb") as log:
        started = time.perf_counter()
        process = subprocess.Popen(run(port), cwd=ROOT, env=environ, stdout=log, stderr=log)
        try:
            first_answer(port, request)
            results.add("cold", name, 1000 * (time.perf_counter() - started))
        finally:
            process.terminate()
            process.wait()


def first_answer(port: int, request: bytes) -> None:
    """Send ``request`` as soon as somebody listens, and wait for the answer, which has to be 204.

    Raises OSError if it is another one, or none for 30 s.
    """
    ends = time.perf_counter() + _TIMEOUT_SECONDS
    while time.perf_counter() < ends:
        with (
            contextlib.suppress(ConnectionRefusedError),
            socket.create_connection(("127.0.0.1", port), _TIMEOUT_SECONDS) as connection,
        ):
            connection.sendall(request)
            status = connection.makefile("rb").readline()
            if b" 204 " not in status:
                raise OSError(f"the first answer was {status!r}")
            return
        time.sleep(0.001)
    raise OSError("nobody listens")


def _calls(least: Worker, results: Results) -> None:
    results.add("cold", "calls", 1000 * least.ask(do="first"))


def _import(module: str, results: Results, beside: str = "") -> None:
    seconds = _said((f"import {beside}; " if beside else "") + _IMPORT.format(module))
    name = f"{module} beside {beside}" if beside else module
    results.add("import", name, 1000 * float(seconds))


def _said(code: str) -> str:
    return subprocess.check_output(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), encoding="utf-8"
    )
