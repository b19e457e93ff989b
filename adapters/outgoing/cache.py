"""A cache with a time limit and a size limit; decision 0015 says why it is ours."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class TimedCache(Generic[K, V]):
    """Remembers values for ``seconds``; at ``size`` entries the oldest makes room."""

    def __init__(
        self, seconds: float, size: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._size = size
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Return what was put under ``key``, unless that is too long ago."""
        with self._lock:
            ends, value = self._entries.get(key, (0.0, None))
        return value if self._clock() < ends else None

    def put(self, key: K, value: V, seconds: float | None = None) -> None:
        """Remember ``value`` from now on, for ``seconds`` if that is not as long as usual."""
        with self._lock:
            self._entries.pop(key, None)
            self._entries[key] = (self._clock() + (seconds or self._seconds), value)
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget ``key``, if it is known."""
        with self._lock:
            self._entries.pop(key, None)
