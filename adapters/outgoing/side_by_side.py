"""Calls side by side: each in a thread of its own, within the deadline of whoever asks for them.

The threads are daemons: who interrupts a program need not wait for a service that hangs.
"""

from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from itertools import islice
from queue import SimpleQueue
from threading import Thread
from typing import Final, NoReturn, TypeVar

T = TypeVar("T")

# More would only wait for each other in a service that has to make up long answers.
MOST: Final = 4

_Answer = Callable[[], T]


def side_by_side(tasks: Sequence[Callable[[], T]]) -> Iterator[T]:
    """See Together: four tasks at a time; a single one needs no thread."""
    if len(tasks) == 1:
        yield tasks[0]()
        return
    done: SimpleQueue[_Answer[T]] = SimpleQueue()
    waiting = iter(tasks)
    for task in islice(waiting, MOST):
        _begin(task, done)
    for _ in tasks:
        answer = done.get()()
        yield answer
        # Whoever has taken an answer may have let go of it: only then there is room for one more.
        del answer
        for task in islice(waiting, 1):
            _begin(task, done)


def begun(task: Callable[[], T]) -> Callable[[], T]:
    """Begin a task; what is returned waits for its end, and returns or raises what it does."""
    done: SimpleQueue[_Answer[T]] = SimpleQueue()
    _begin(task, done)
    return lambda: done.get()()


def _begin(task: Callable[[], T], done: "SimpleQueue[_Answer[T]]") -> None:
    context = copy_context()
    Thread(target=lambda: done.put(context.run(_answer, task)), daemon=True).start()


def _answer(task: Callable[[], T]) -> _Answer[T]:
    try:
        told = task()
    except BaseException as error:
        return _raiser(error)
    return lambda: told


def _raiser(error: BaseException) -> Callable[[], NoReturn]:
    def answer() -> NoReturn:
        raise error

    return answer
