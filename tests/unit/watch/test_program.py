"""adapters.watch.program: the process, from its start to its end, with both sides in memory."""

import json
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.config.settings import Settings
from adapters.watch import program
from adapters.watch.server import serving
from adapters.watch.sweeping import Sweeping
from functions.context import Context
from functions.errors import ConfigurationError, OperationsUnavailableError, VCenterUnavailableError
from functions.outcomes import SweepListener
from tests.unit.watch.doubles import ADDRESS, Telling, Told, World, host, seen, world

TIMEOUT_SECONDS = 60.0
ENVIRON = {
    "VROPS_URL": "https://vrops.lab.local",
    "VROPS_USERNAME": "mirror",
    "VROPS_PASSWORD": "hunter2",
    "VCENTER_URL": f"https://{ADDRESS}",
    "VCENTER_USERNAME": "reader",
    "VCENTER_PASSWORD": "hunter3",
    "HEALTH_ADDRESS": "127.0.0.1:0",
    "EVENT_DEADLINE_SECONDS": "1",
}
# Signals are for the main thread only.
in_main_thread = pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="needs the main thread"
)
pytestmark = [in_main_thread, pytest.mark.usefixtures("quick", "guarded", "logging_as_before")]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for what takes its time in earnest."""
    monkeypatch.setattr("adapters.watch.program._WATCHDOG_SECONDS", 0.02)
    monkeypatch.setattr("adapters.watch.mirroring._WAIT_SECONDS", 0.02)
    monkeypatch.setattr("adapters.watch.sweeping._WAIT_SECONDS", 0.02)


def late(*_: object) -> None:
    """What a signal does that arrives when the process has ended: nothing."""


@pytest.fixture
def guarded() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, late) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level


class Process:
    """Runs in the main thread; ``then`` is done beside it, when it is up, and ends it after."""

    def __init__(self, **variables: str) -> None:
        self.world: World = world()
        self.environ = {**ENVIRON, **variables}
        self.settings: Settings | None = None
        self.closed = 0
        self.port = 0
        self.waiting = threading.Event()
        self.listening: Callable[[], Told] = self._listening
        self.world.vcenter.sessions = [Telling([lambda: self.listening()] * 1000)]
        self.vspheres = [self.world.vcenter]

    def connect(self, settings: Settings, environ: Mapping[str, str]) -> "Process":
        self.settings = settings
        return self

    def context(self, listener: SweepListener) -> Context:
        return replace(self.world.context, listener=listener)

    def close(self) -> None:
        self.closed += 1
        self.waiting.set()

    def run(self, then: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> int:

        def noted(address: tuple[str, int], *shown: Any) -> Any:
            entered = serving(address, *shown)
            enter = entered.__enter__

            class Served:
                def __enter__(_) -> int:
                    self.port = enter()
                    return self.port

                def __exit__(_, *error: Any) -> None:
                    entered.__exit__(*error)

            return Served()

        monkeypatch.setattr("adapters.watch.program.serving", noted)
        beside = threading.Thread(target=self._beside, args=(then,), daemon=True)
        beside.start()
        try:
            return program.run(self.environ, self.connect)
        finally:
            beside.join(TIMEOUT_SECONDS)

    def asked(self, path: str) -> Any:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        connection.request("GET", path)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def until(self, true: Callable[[], object]) -> None:
        for _ in range(3000):
            if true():
                return
            threading.Event().wait(0.01)
        raise AssertionError("it does not become true")

    def _beside(self, then: Callable[[], object]) -> None:
        self.until(lambda: self.port and signal.getsignal(signal.SIGTERM) is not late)
        then()

    def _listening(self) -> Told:
        self.waiting.wait(TIMEOUT_SECONDS)
        return Told()


def end(*numbers: int) -> None:
    for number in numbers or [signal.SIGTERM]:
        os.kill(os.getpid(), number)


def test_it_repairs_what_differs_and_mirrors_what_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process()
    both = process.world
    both.vcenter.enter("host-1")

    def changed() -> Told:
        process.until(lambda: both.operations.maintained() == {host(1)})
        both.vcenter.enter("host-2")
        process.listening = process._listening
        return Told((seen(2, True),))

    process.listening = changed

    def then() -> None:
        process.until(lambda: len(both.operations.maintained()) == 2)
        process.until(lambda: process.asked("/readyz")["ready"])
        assert process.asked("/healthz")["alive"]
        end()

    assert process.run(then, monkeypatch) == 0
    assert both.operations.maintained() == {host(1), host(2)}
    assert process.closed == 1


@pytest.mark.parametrize("numbers", [[signal.SIGINT], [signal.SIGINT] * 2, [signal.SIGTERM] * 9])
def test_signals_end_it_orderly(numbers: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process()
    assert process.run(partial(end, *numbers), monkeypatch) == 0
    assert process.closed == 1
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == [late] * 2


def test_a_signal_ends_it_whatever_it_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process()

    class Interrupted(threading.Event):
        """An event in whose midst the signal arrives, where its lock is held."""

        held = False

        def wait(self, timeout: float | None = None) -> bool:
            if threading.current_thread() is threading.main_thread():
                self.held = True
                signal.raise_signal(signal.SIGTERM)
                self.held = False
            return super().wait(timeout)

        def set(self) -> None:
            assert not self.held, "a deadlock"
            super().set()

    stand_in = SimpleNamespace(**{**vars(threading), "Event": Interrupted})
    monkeypatch.setattr("adapters.watch.program.threading", stand_in)
    assert process.run(end, monkeypatch) == 0


def test_it_ends_while_everything_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process()
    hanging = threading.Event()

    def hang(*_: object) -> Any:
        hanging.set()
        process.waiting.wait(TIMEOUT_SECONDS)
        raise OperationsUnavailableError("it does not answer in time")

    for name in ("find", "resources", "start_all"):
        monkeypatch.setattr(process.world.operations, name, hang)
    process.listening = lambda: Told((seen(1, True), seen(2, False)))

    def then() -> None:
        assert hanging.wait(TIMEOUT_SECONDS)
        end()

    assert process.run(then, monkeypatch) == 0
    assert process.closed == 1


def test_a_thread_that_hangs_ends_the_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("adapters.watch.program._SLACK_SECONDS", -119.9)
    monkeypatch.setattr("adapters.watch.program._MENDING_SECONDS", 0.2)
    process = Process()
    assert process.run(lambda: None, monkeypatch) == 1
    assert process.closed == 1


def test_a_thread_that_dies_ends_the_process(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("adapters.watch.program._MENDING_SECONDS", 0.1)
    monkeypatch.setattr("adapters.watch.program.Sweeping.run", lambda *_: None)
    process = Process()
    assert process.run(lambda: None, monkeypatch) == 1
    assert "sweeping vcenter.lab.local: the thread has ended" in capfd.readouterr().err


def test_a_process_that_was_stopped_for_a_while_is_given_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = Process()
    looks: list[int] = []

    def faults(_: object) -> list[str]:
        """Somebody has let the process stand still: clocks have gone on, threads have not."""
        looks.append(0)
        if len(looks) == 3:
            monkeypatch.setattr("adapters.watch.program.time.monotonic", lambda: 1e9)
        if len(looks) == 9:
            end()
        return ["sweeping: no sign of life for 999 s"] if len(looks) in (3, 4) else []

    monkeypatch.setattr("adapters.watch.health.Health.faults", faults)
    assert process.run(lambda: None, monkeypatch) == 0


@pytest.mark.parametrize("listening", [True, False])
def test_systemd_is_told_that_it_is_up_lives_and_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listening: bool
) -> None:
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(TIMEOUT_SECONDS)
        listener.bind(name)
        process = Process(NOTIFY_SOCKET=name if listening else "/no/such/socket")
        told: list[bytes] = []

        def then() -> None:
            while listening and len(told) < 3:
                told.append(listener.recv(100))
            end()

        assert process.run(then, monkeypatch) == 0
        while listening and told[-1] != b"STOPPING=1":
            told.append(listener.recv(100))
    assert told[:2] == ([b"READY=1", b"WATCHDOG=1"] if listening else [])


@pytest.mark.parametrize("interval", [None, "", "15"])
def test_it_sweeps_every_quarter_of_an_hour_unless_it_is_told_otherwise(
    interval: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Process(**{} if interval is None else {"RECONCILE_INTERVAL_MINUTES": interval})
    intervals: list[float] = []

    def noted(*arguments: Any, interval: float, **options: Any) -> Any:
        intervals.append(interval)
        return Sweeping(*arguments, interval=interval, **options)

    monkeypatch.setattr("adapters.watch.program.Sweeping", noted)
    assert process.run(end, monkeypatch) == 0
    assert intervals == [900.0]


def test_without_a_vcenter_there_is_nothing_to_watch() -> None:
    environ = {name: value for name, value in ENVIRON.items() if "VCENTER" not in name}
    with pytest.raises(ConfigurationError, match="set VCENTER_URL or VCENTERS_FILE"):
        program.run(environ)


def test_the_page_is_there_if_somebody_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process(BOARD="true", RECONCILE_INTERVAL_MINUTES="60")
    process.world.vcenter.enter("host-1", "LAB\\anna")

    def then() -> None:
        process.until(lambda: process.asked("/readyz")["ready"])
        told = process.asked("/board.json")
        assert [(each["host"], each["user"]) for each in told["hosts"]] == [
            ("esx01.lab.local", "LAB\\anna")
        ]
        assert told["vcenters"][ADDRESS]["problem"] == ""
        assert "reconciled" in [each["what"] for each in told["happenings"]]
        assert process.asked("/healthz")["alive"]
        end()

    assert process.run(then, monkeypatch) == 0


def test_without_being_asked_for_there_is_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process()

    def then() -> None:
        assert process.asked("/") == process.asked("/board.json") == {}
        end()

    assert process.run(then, monkeypatch) == 0


def test_a_page_that_others_can_reach_needs_a_token() -> None:
    process = Process(BOARD="true", HEALTH_ADDRESS="0.0.0.0:0")
    with pytest.raises(ConfigurationError, match="BOARD needs BOARD_TOKEN"):
        program.run(process.environ, process.connect)
    assert process.settings is None


def test_an_address_in_use_ends_it_before_it_begins() -> None:
    process = Process()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environ = {**process.environ, "HEALTH_ADDRESS": f"127.0.0.1:{taken.getsockname()[1]}"}
        with pytest.raises(ConfigurationError, match="HEALTH_ADDRESS"):
            program.run(environ, process.connect)
    assert (process.closed, process.world.vcenter.begun) == (1, 0)


@pytest.mark.parametrize(
    ("failures", "remaining", "code"),
    [
        ([], 2, 0),
        ([OperationsUnavailableError("HTTP 503")], 2, 1),
        ([], 0, 1),
    ],
    ids=["well", "away", "empty"],
)
def test_once_is_one_sweep(failures: list[Any], remaining: int, code: int) -> None:
    process = Process()
    both = process.world
    both.vcenter.enter("host-1")
    both.operations.failures = failures
    both.vcenter.modes = dict([*both.vcenter.modes.items()][:remaining])
    assert program.run(process.environ, process.connect, once=True) == code
    assert both.operations.maintained() == (set() if code else {host(1)})
    assert (process.closed, both.vcenter.begun) == (1, 0)


def test_once_changes_no_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process()
    process.world = world(60)
    for number in range(1, 58):
        process.world.vcenter.enter(f"host-{number}")
    assert program.run(process.environ, process.connect, once=True) == 3
    assert process.world.operations.maintained() == set()


def test_a_vcenter_that_is_away_keeps_no_other_from_being_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = Process()
    process.world.vcenter.sessions = [VCenterUnavailableError("away")] * 1000

    def then() -> None:
        process.until(lambda: process.world.vcenter.begun)
        assert process.asked("/healthz")["alive"]
        told = process.asked("/readyz")
        assert not told["ready"]
        assert told["vcenters"][ADDRESS]["problem"]
        end()

    assert process.run(then, monkeypatch) == 0
