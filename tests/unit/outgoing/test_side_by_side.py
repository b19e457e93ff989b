"""adapters.outgoing.side_by_side: how many at a time, in whose time, and who waits for whom."""

import threading
from collections.abc import Callable
from functools import partial

import pytest

from adapters.outgoing.deadline import deadline, remaining
from adapters.outgoing.side_by_side import MOST, begun, side_by_side
from functions.context import one_by_one
from functions.ports import Together

TIMEOUT = 30


@pytest.mark.parametrize("together", [one_by_one, side_by_side])
@pytest.mark.parametrize("count", [0, 1, 2, MOST, 3 * MOST])
def test_each_task_is_done_once(together: Together, count: int) -> None:
    done: list[int] = []

    def task(number: int) -> int:
        done.append(number)
        return number

    told = list(together([partial(task, number) for number in range(count)]))
    assert sorted(told) == sorted(done) == list(range(count))


def test_a_single_task_needs_no_thread() -> None:
    assert list(side_by_side([threading.get_ident])) == [threading.get_ident()]


def test_one_that_hangs_keeps_no_other_waiting() -> None:
    hangs = threading.Event()

    def waits() -> int:
        return -1 if hangs.wait(TIMEOUT) else 0

    others: list[Callable[[], int]] = [partial(int, number) for number in range(1, 10)]
    told = side_by_side([waits, *others])
    assert sorted(next(told) for _ in range(9)) == list(range(1, 10))
    hangs.set()
    assert list(told) == [-1]


def test_no_more_are_under_way_or_not_taken_than_may_be_and_those_at_once() -> None:
    begins, all_there = threading.Semaphore(0), threading.Barrier(MOST, timeout=TIMEOUT)

    def task() -> int:
        begins.release()
        return all_there.wait()

    told = side_by_side([task] * (2 * MOST))
    assert next(told) >= 0
    assert [begins.acquire(timeout=TIMEOUT) for _ in range(MOST)] == [True] * MOST
    # Nobody has let go of what was told, so that there is no room for one more.
    assert not begins.acquire(blocking=False)
    assert len(list(told)) == 2 * MOST - 1


def test_each_has_what_is_left_of_the_deadline() -> None:
    with deadline(0):
        assert list(side_by_side([remaining] * 3)) == [0.0] * 3
        assert begun(remaining)() == 0.0


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt()])
@pytest.mark.parametrize("together", [one_by_one, side_by_side])
def test_what_a_task_raises_is_raised(together: Together, error: BaseException) -> None:
    def fails() -> None:
        raise error

    with pytest.raises(type(error)):
        list(together([fails, fails]))
    with pytest.raises(type(error)):
        begun(fails)()


def test_what_is_begun_goes_on_meanwhile() -> None:
    goes_on = threading.Event()
    answer: Callable[[], None] = begun(goes_on.set)
    assert goes_on.wait(TIMEOUT)
    answer()
