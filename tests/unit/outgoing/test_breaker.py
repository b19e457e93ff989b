import threading

import pytest

from adapters.outgoing.breaker import CircuitBreaker
from functions.errors import OperationsUnavailableError, RequestRejectedError
from simulator import SettableClock


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(start=0)


@pytest.fixture
def breaker(clock: SettableClock) -> CircuitBreaker:
    return CircuitBreaker("vRealize Operations", OperationsUnavailableError, 3, 5, clock.now)


def attempt(breaker: CircuitBreaker, error: Exception | None = None) -> bool:
    """Whether the breaker lets a call through, which then fails with ``error``."""
    reached = False
    try:
        with breaker.guard():
            reached = True
            if error:
                raise error
    except (OperationsUnavailableError, RequestRejectedError):
        pass
    return reached


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        assert attempt(breaker, OperationsUnavailableError("down"))


def test_a_few_failures_change_nothing(breaker: CircuitBreaker) -> None:
    fail(breaker, 2)
    assert attempt(breaker)


def test_failures_in_a_row_open_it(breaker: CircuitBreaker) -> None:
    fail(breaker, 3)
    assert not attempt(breaker)


def test_failures_that_a_success_parts_do_not_open_it(breaker: CircuitBreaker) -> None:
    for _ in range(5):
        fail(breaker, 2)
        assert attempt(breaker)


def test_who_is_turned_away_learns_for_how_long(
    breaker: CircuitBreaker, clock: SettableClock
) -> None:
    fail(breaker, 3)
    clock.advance(2)
    with pytest.raises(OperationsUnavailableError) as turned_away, breaker.guard():
        pass
    assert turned_away.value.retry_after == 3


def test_after_the_pause_one_call_tries_the_ground(
    breaker: CircuitBreaker, clock: SettableClock
) -> None:
    fail(breaker, 3)
    clock.advance(5)
    with breaker.guard():
        assert [attempt(breaker) for _ in range(10)] == [False] * 10


def test_it_closes_when_that_call_succeeds(breaker: CircuitBreaker, clock: SettableClock) -> None:
    fail(breaker, 3)
    clock.advance(5)
    assert attempt(breaker)
    assert [attempt(breaker) for _ in range(10)] == [True] * 10


def test_it_stays_open_when_that_call_fails(breaker: CircuitBreaker, clock: SettableClock) -> None:
    fail(breaker, 3)
    for _ in range(3):
        clock.advance(5)
        fail(breaker, 1)
        assert not attempt(breaker)


def test_it_closes_when_that_call_is_refused_since_who_refuses_can_be_reached(
    breaker: CircuitBreaker, clock: SettableClock
) -> None:
    fail(breaker, 3)
    clock.advance(5)
    assert attempt(breaker, RequestRejectedError("403"))
    assert attempt(breaker)


def test_if_that_call_never_comes_back_another_one_tries(
    breaker: CircuitBreaker, clock: SettableClock
) -> None:
    fail(breaker, 3)
    clock.advance(5)
    with breaker.guard():
        clock.advance(5)
        assert attempt(breaker)


def test_of_many_threads_one_tries_the_ground(
    breaker: CircuitBreaker, clock: SettableClock
) -> None:
    fail(breaker, 3)
    clock.advance(5)
    barrier, inside = threading.Barrier(20), threading.Event()
    reached: list[bool] = []

    def call() -> None:
        barrier.wait()
        try:
            with breaker.guard():
                inside.wait(10)
                reached.append(True)
        except OperationsUnavailableError:
            reached.append(False)
        if len(reached) == 19:
            inside.set()

    threads = [threading.Thread(target=call) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reached.count(True) == 1
