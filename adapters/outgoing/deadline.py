"""One deadline per event, however deep the call: tokens, lookups, retries and pauses share it.

VEBA's OpenFaaS processor gives up after 15 seconds and sends a duplicate, so that an event that
takes longer is worse than one that fails (decision 0010).
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ends: ContextVar[float] = ContextVar("deadline", default=math.inf)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Give everything within ``seconds`` of time; an inner deadline never extends an outer one."""
    token = _ends.set(min(time.monotonic() + seconds, _ends.get()))
    try:
        yield
    finally:
        _ends.reset(token)


@contextmanager
def cleaning_up(seconds: float) -> Iterator[None]:
    """Give what must not be left behind ``seconds`` of its own, even if the deadline is over."""
    token = _ends.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends.reset(token)


def remaining() -> float:
    """Return the seconds that are left: never negative, infinite without a deadline."""
    return max(0.0, _ends.get() - time.monotonic())
