"""What arrived at the Suite API, without anything secret."""

import threading
from collections import deque
from dataclasses import dataclass

REMEMBERED = 100_000


@dataclass(frozen=True)
class Call:
    """One call: no header and no body, since those hold passwords and tokens.

    `status` is None where the connection was cut instead of answering, `at` is the
    real time of arrival in seconds since 1970.
    """

    method: str
    path: str
    query: str
    status: int | None
    seconds: float
    at: float


class Calls:
    """The calls that arrived, oldest first; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[Call] = deque(maxlen=REMEMBERED)
        self._count = 0

    def record(self, call: Call) -> None:
        """Remember a call."""
        with self._lock:
            self._calls.append(call)
            self._count += 1

    def all(self) -> list[Call]:
        """Return the calls remembered."""
        with self._lock:
            return list(self._calls)

    def latest(self, number: int) -> tuple[int, list[Call]]:
        """Return how many calls there ever were, and the last `number` of them."""
        with self._lock:
            start = max(0, len(self._calls) - number)
            return self._count, [self._calls[n] for n in range(start, len(self._calls))]

    def clear(self) -> None:
        """Forget the calls."""
        with self._lock:
            self._calls.clear()
