"""A data centre on a bad day: many events at once, on a server that forgets, fails and stalls."""

import gc
import logging
import os
import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from adapters.outgoing.deadline import deadline
from adapters.vrops import Vrops
from functions.context import Context
from functions.errors import TransientError
from functions.handlers import dispatch
from lab.events import EventData, router_envelope
from simulator import Simulator
from tests.contract.vrops.clients import connected

THREADS = 64
HOSTS = 200
EVENTS_PER_HOST = 10
DEADLINE_SECONDS = 12.0
# The machine may be busy with other things: what counts is that no event hangs.
SLACK_SECONDS = 5.0
CALLS_PER_FAULT = 10
CALLS_PER_REVOCATION = 1000
MAX_DELIVERIES = 500

FAULTS: list[dict[str, Any]] = [
    {"status": 503},
    {"status": 502, "body": "html"},
    {"status": 504, "body": "empty"},
    {"status": 500},
    {"status": 429, "retry_after": 0},
    {"status": 200, "body": "html"},
    {"cut": "before"},
    {"cut": "after"},
    {"delay": 0.2},
    {"delay": 0.2, "status": 503},
]


@dataclass
class Deliveries:
    """What became of the events; lists, since appending is safe from all threads.

    Of failures the text only: an error's traceback would keep connections from being closed.
    """

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    successes: list[str] = field(default_factory=list)


@dataclass
class Saboteur:
    """Lets about every tenth call fail, and all tokens be forgotten now and then."""

    simulator: Simulator
    revocations: int = 0
    faults: int = 0

    def run(self, over: threading.Event) -> None:
        dice = random.Random(1)
        while not over.wait(0.01):
            calls = len(self.simulator.calls)
            while self.faults < calls // CALLS_PER_FAULT:
                self.simulator.fault(path="/api/resources", **dice.choice(FAULTS))
                self.faults += 1
            if self.revocations < calls // CALLS_PER_REVOCATION:
                self.simulator.revoke_tokens()
                self.revocations += 1
        self.simulator.clear_faults()


@pytest.mark.exhaustive
def test_a_storm_is_weathered(caplog: pytest.LogCaptureFixture) -> None:
    # A captured record would hold the error that it tells of, which holds the connections.
    caplog.set_level(logging.CRITICAL, "urllib3")
    before = _resources()
    deliveries = Deliveries()
    with (
        Simulator(HOSTS) as simulator,
        connected(simulator, time.sleep, pool_size=THREADS, confirm_seconds=0.5) as vrops,
    ):
        with _sabotaged(simulator) as saboteur:
            _deliver_all(vrops, deliveries)
        states = simulator.states()
        logins = simulator.logins
    assert len(deliveries.successes) == HOSTS * EVENTS_PER_HOST
    assert max(deliveries.seconds) < DEADLINE_SECONDS + SLACK_SECONDS
    assert states == {_name(n): _expected(n) for n in range(HOSTS)}
    assert saboteur.faults > HOSTS * EVENTS_PER_HOST // CALLS_PER_FAULT
    assert deliveries.failures
    assert saboteur.revocations > 0
    assert logins <= saboteur.revocations + 1
    assert _resources() == before


def _deliver_all(vrops: Vrops, deliveries: Deliveries) -> None:
    """As a processor does: many hosts at once, the events of one host in their order."""
    with ThreadPoolExecutor(THREADS) as pool:
        work = [pool.submit(_deliver, vrops, number, deliveries) for number in range(HOSTS)]
        for each in work:
            each.result()


def _deliver(vrops: Vrops, number: int, deliveries: Deliveries) -> None:
    waiting = deque(_events(number))
    for _ in range(MAX_DELIVERIES):
        if not waiting:
            return
        started = time.monotonic()
        try:
            with deadline(DEADLINE_SECONDS):
                deliveries.successes.append(dispatch(waiting[0], Context(vrops)).action)
            waiting.popleft()
        except TransientError as error:
            deliveries.failures.append(str(error))
            time.sleep(min(error.retry_after, 0.1))
        finally:
            deliveries.seconds.append(time.monotonic() - started)
    pytest.fail(f"events of {_name(number)} were delivered {MAX_DELIVERIES} times in vain")


def _events(number: int) -> Iterator[dict[str, Any]]:
    """Enter and leave in turn; every other host is in maintenance in the end."""
    for count in range(EVENTS_PER_HOST):
        enters = (count + number) % 2 == 0
        name = "EnteredMaintenanceModeEvent" if enters else "ExitMaintenanceModeEvent"
        yield router_envelope(
            EventData(name=name, host=_name(number), moref=f"host-{1001 + number}")
        )


def _expected(number: int) -> str:
    enters_last = (EVENTS_PER_HOST - 1 + number) % 2 == 0
    return "MAINTAINED_MANUAL" if enters_last else "STARTED"


def _name(number: int) -> str:
    return f"esx{number + 1:02}.lab.local"


@contextmanager
def _sabotaged(simulator: Simulator) -> Iterator[Saboteur]:
    saboteur, over = Saboteur(simulator), threading.Event()
    thread = threading.Thread(target=saboteur.run, args=(over,))
    thread.start()
    try:
        yield saboteur
    finally:
        over.set()
        thread.join()


def _resources() -> tuple[int, int]:
    """How many threads there are, and how many sockets where the system tells."""
    # urllib3 closes the connections of a pool when the last error that mentions it is collected.
    gc.collect()
    files = Path("/proc/self/fd")
    kinds = [_kind(file) for file in files.iterdir()] if files.is_dir() else []
    return threading.active_count(), kinds.count("socket")


def _kind(file: Path) -> str:
    try:
        return os.readlink(file).partition(":")[0]
    except OSError:
        return "the one that listed the others"
