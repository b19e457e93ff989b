"""adapters.outgoing.hold: who waits for a service that is away, for how long, and how many."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.outgoing.deadline import deadline
from adapters.outgoing.hold import Hold
from functions.errors import (
    AuthenticationError,
    HostNotFoundError,
    InvalidEventError,
    MaintenanceError,
    OperationsUnavailableError,
    TransientError,
    VCenterUnavailableError,
)
from simulator import SettableClock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SettableClock:
    """The clock of deadlines, which stands still until somebody sleeps."""
    clock = SettableClock(start=0)
    monkeypatch.setattr("adapters.outgoing.deadline.time.monotonic", clock.now)
    return clock


class Attempts:
    """Fails with ``failures`` one after the other, and then succeeds."""

    def __init__(self, *failures: MaintenanceError) -> None:
        self._failures = list(failures)
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        if self._failures:
            raise self._failures.pop(0)
        return "done"


def away(times: int) -> list[MaintenanceError]:
    return [OperationsUnavailableError("away")] * times


def held(attempts: Callable[[], str], clock: SettableClock, places: int = 1) -> str:
    with deadline(12):
        return Hold(places, sleep=clock.advance).run(attempts)


@pytest.mark.parametrize("error", [OperationsUnavailableError, VCenterUnavailableError])
def test_an_outage_that_is_shorter_than_the_deadline_is_not_noticed(
    error: type[MaintenanceError], clock: SettableClock
) -> None:
    assert held(Attempts(*[error("away")] * 11), clock) == "done"
    assert clock.now() == 11


def test_it_gives_up_with_the_last_reason_while_an_answer_is_still_in_time(
    clock: SettableClock,
) -> None:
    attempts = Attempts(*away(20), VCenterUnavailableError("x"))
    with pytest.raises(OperationsUnavailableError, match="away"):
        held(attempts, clock)
    assert attempts.count == 12
    assert clock.now() <= 12


@pytest.mark.parametrize("error", [AuthenticationError, HostNotFoundError, InvalidEventError])
def test_what_does_not_pass_in_seconds_is_not_waited_for(
    error: type[MaintenanceError], clock: SettableClock
) -> None:
    attempts = Attempts(error("x"))
    with pytest.raises(error):
        held(attempts, clock)
    assert (attempts.count, clock.now()) == (1, 0)


def test_what_fails_in_another_way_while_it_is_held_ends_the_waiting(clock: SettableClock) -> None:
    with pytest.raises(HostNotFoundError):
        held(Attempts(*away(2), HostNotFoundError("x")), clock)
    assert clock.now() == 2


def test_without_a_place_it_fails_at_once(clock: SettableClock) -> None:
    attempts = Attempts(*away(1))
    with pytest.raises(OperationsUnavailableError):
        held(attempts, clock, places=0)
    assert (attempts.count, clock.now()) == (1, 0)


def test_of_many_events_only_so_many_wait_and_healthy_work_goes_on() -> None:
    waiting, over = threading.Semaphore(0), threading.Event()

    def sleep(seconds: float) -> None:
        waiting.release()
        assert over.wait(30)

    def attempt() -> str:
        if not over.is_set():
            raise OperationsUnavailableError("away")
        return "done"

    hold = Hold(2, sleep=sleep)

    def handle() -> str:
        with deadline(60):
            return hold.run(attempt)

    with ThreadPoolExecutor(4) as server:
        held = [server.submit(handle) for _ in range(2)]
        for _ in held:
            assert waiting.acquire(timeout=30)
        refused = [server.submit(handle) for _ in range(20)]
        assert all(isinstance(each.exception(30), OperationsUnavailableError) for each in refused)
        assert server.submit(lambda: hold.run(lambda: "healthy")).result(30) == "healthy"
        over.set()
        assert [each.result(30) for each in held] == ["done", "done"]
        # Their places are free again.
        assert server.submit(handle).result(30) == "done"


@pytest.mark.parametrize("error", [OperationsUnavailableError, VCenterUnavailableError])
def test_what_only_a_person_can_mend_is_not_waited_for(
    error: type[TransientError], clock: SettableClock
) -> None:
    attempts = Attempts(error("its certificate is refused", lasting=True))
    with pytest.raises(error):
        held(attempts, clock)
    assert (attempts.count, clock.now()) == (1, 0)
