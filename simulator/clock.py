"""The time as the simulator sees it: the real one, or one that a test sets."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Anything that knows the time."""

    def now(self) -> float:
        """Return seconds since 1970-01-01 UTC."""


class SystemClock:
    """The real time."""

    def now(self) -> float:
        """Return seconds since 1970-01-01 UTC."""
        return time.time()


class SettableClock:
    """A clock that stands still until somebody advances it."""

    def __init__(self, start: float = 1_767_225_600.0) -> None:
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return seconds since 1970-01-01 UTC."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        with self._lock:
            self._now += seconds
