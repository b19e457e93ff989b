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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.outgoing import grouping
from adapters.outgoing.deadline import deadline
from adapters.vrops import Vrops
from functions.context import Context, Policy
from functions.errors import TransientError
from functions.handlers import dispatch
from lab.events import EventData, router_envelope
from simulator import Simulator, Switches
from tests.contract.vrops.clients import connected

DEADLINE_SECONDS = 12.0
# The machine may be busy with other things: what counts is that no event hangs.
SLACK_SECONDS = 5.0
LONG = 0.05
CALLS_PER_FAULT = 20
CALLS_PER_REVOCATION = 200
MAX_DELIVERIES = 500

FAULTS: list[dict[str, Any]] = [
    {"status": 503},
    {"status": 502, "body": "html"},
    {"status": 504, "body": "empty"},
    {"status": 500},
    {"status": 404},
    {"status": 429, "retry_after": 0},
    {"status": 200, "body": "html"},
    {"cut": "before"},
    {"cut": "after"},
    {"delay": 0.2},
    {"delay": 0.2, "status": 503},
]


@dataclass(frozen=True)
class Storm:
    """So many ``hosts`` at once, each with so many ``events``, one after the other.

    What is written shows after ``shown_after`` seconds. A call ``takes`` 5 ms, as over a network,
    or so long that all who are about to ask have asked by its end, however busy the machine. With a
    ``lease``, entering is written whatever shows: without one, and without a vCenter, an exit
    that does not show yet may hide it (decision 0012).
    """

    threads: int
    hosts: int
    events: int = 2
    shown_after: float = 0.0
    lease: int | None = None
    takes: float = 0.005

    @property
    def policy(self) -> Policy:
        """How long maintenance lasts."""
        return Policy(self.lease)

    def simulated(self) -> Simulator:
        """A vRealize Operations that knows all of them."""
        return Simulator(
            self.hosts, switches=Switches(visible_delay=self.shown_after, call_delay=self.takes)
        )

    def expected(self) -> dict[str, str]:
        """How each host is in the end: every other one is in maintenance."""
        return {_name(n): self._expected(n) for n in range(self.hosts)}

    def of_host(self, number: int) -> Iterator[dict[str, Any]]:
        """Enter and leave in turn."""
        for count in range(self.events):
            enters = (count + number) % 2 == 0
            name = "EnteredMaintenanceModeEvent" if enters else "ExitMaintenanceModeEvent"
            host, moref = _name(number), f"host-{1001 + number}"
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            yield router_envelope(EventData(name=name, host=host, moref=moref, created=now))

    def _expected(self, number: int) -> str:
        enters_last = (self.events - 1 + number) % 2 == 0
        maintained = "MAINTAINED" if self.lease else "MAINTAINED_MANUAL"
        return maintained if enters_last else "STARTED"


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
    """Lets about every twentieth call fail, each in another way, and tokens be forgotten, too."""

    simulator: Simulator
    revocations: int = 0
    faults: int = 0

    def run(self, over: threading.Event) -> None:
        kinds = random.Random(1).sample(FAULTS, len(FAULTS))
        while not over.wait(0.01):
            calls = len(self.simulator.calls)
            while self.faults < calls // CALLS_PER_FAULT:
                self.simulator.fault(path="/api/resources", **kinds[self.faults % len(kinds)])
                self.faults += 1
            if self.revocations < calls // CALLS_PER_REVOCATION:
                self.simulator.revoke_tokens()
                self.revocations += 1
        self.simulator.clear_faults()


@pytest.mark.parametrize(
    "storm",
    [
        Storm(32, 60, events=6, shown_after=0.3, lease=60),
        pytest.param(Storm(64, 200, events=10), marks=pytest.mark.exhaustive),
        pytest.param(Storm(256, 500), marks=pytest.mark.exhaustive),
        pytest.param(
            Storm(256, 500, events=6, shown_after=0.3, lease=60), marks=pytest.mark.exhaustive
        ),
    ],
    ids=str,
)
def test_a_storm_is_weathered(storm: Storm, caplog: pytest.LogCaptureFixture) -> None:
    # A captured record would hold the error that it tells of, which holds the connections.
    caplog.set_level(logging.CRITICAL, "urllib3")
    before = _resources()
    deliveries = Deliveries()
    with (
        storm.simulated() as simulator,
        connected(simulator, None, pool_size=storm.threads, confirm_seconds=0.5) as vrops,
    ):
        with _sabotaged(simulator) as saboteur:
            _deliver_all(storm, vrops, deliveries)
        time.sleep(storm.shown_after)
        states, calls = simulator.states(), len(simulator.calls)
        logins = simulator.logins
    assert len(deliveries.successes) == storm.hosts * storm.events
    assert max(deliveries.seconds) < DEADLINE_SECONDS + SLACK_SECONDS
    assert states == storm.expected()
    assert saboteur.faults >= calls // (2 * CALLS_PER_FAULT)
    assert deliveries.failures or storm.events < 10
    assert logins <= saboteur.revocations + 1
    assert _resources() == before


@pytest.mark.parametrize(
    ("storm", "most_calls"),
    [
        # Each event is three calls by itself, and one more until it is known who the host is.
        (Storm(256, 500, takes=LONG), 200),
        (Storm(64, 100, takes=LONG), 130),
        # A look at 100 hosts is two calls, and each looks four times.
        (Storm(100, 100, events=1, shown_after=1.0, takes=LONG), 50),
        pytest.param(
            Storm(512, 500, events=1, shown_after=4.0, takes=LONG),
            200,
            marks=pytest.mark.exhaustive,
        ),
    ],
    ids=str,
)
def test_many_events_at_once_cost_few_calls(
    storm: Storm, most_calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "_PATIENCE_SECONDS", DEADLINE_SECONDS)
    deliveries = Deliveries()
    with storm.simulated() as simulator, connected(simulator, None, pool_size=512) as vrops:
        _deliver_all(storm, vrops, deliveries)
        assert simulator.states() == storm.expected()
        assert deliveries.failures == []
        assert len(deliveries.successes) == storm.hosts * storm.events
        assert len(simulator.calls) <= most_calls
        assert simulator.logins == 1
        assert simulator.connections <= 32


def _deliver_all(storm: Storm, vrops: Vrops, deliveries: Deliveries) -> None:
    """As a processor does: many hosts at once, the events of one host in their order."""
    with ThreadPoolExecutor(storm.threads) as pool:
        work = [
            pool.submit(_deliver, storm, vrops, number, deliveries) for number in range(storm.hosts)
        ]
        for each in work:
            each.result()


def _deliver(storm: Storm, vrops: Vrops, number: int, deliveries: Deliveries) -> None:
    context = Context(vrops, policy=storm.policy)
    waiting = deque(storm.of_host(number))
    for _ in range(MAX_DELIVERIES):
        if not waiting:
            return
        started = time.monotonic()
        try:
            with deadline(DEADLINE_SECONDS):
                deliveries.successes.append(dispatch(waiting[0], context).action)
            waiting.popleft()
        except TransientError as error:
            deliveries.failures.append(str(error))
            time.sleep(min(error.retry_after, 0.1))
        finally:
            deliveries.seconds.append(time.monotonic() - started)
    pytest.fail(f"events of {_name(number)} were delivered {MAX_DELIVERIES} times in vain")


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
