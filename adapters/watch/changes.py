"""What was seen to change and is not in yet: of each host the last change, until it is.

So no more is kept than there are hosts, however long vRealize Operations is away.
"""

import heapq
import itertools
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from adapters.watch.pauses import pause
from functions.events import HostEvent, HostRef

_FIRST_PAUSE_SECONDS: Final = 1.0
_MAX_PAUSE_SECONDS: Final = 30.0
# How much of the queue may be out of date, beside as much as what counts.
_MAX_STALE: Final = 64


@dataclass(frozen=True, slots=True)
class Change:
    """A host's last change, as the event that it would be, and how often it has failed so far."""

    event: HostEvent
    failures: int = 0

    @property
    def host(self) -> tuple[str, str]:
        """Whose it is: the vCenter's address, and the MoRef."""
        host: HostRef = self.event.host
        return host.vcenter, host.moref


class Changes:
    """The changes of all hosts, for all threads; one host is handled by one thread at a time.

    ``spread`` is that of ``pause``.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._spread = spread
        self._changed = threading.Condition()
        self._waiting: dict[tuple[str, str], Change] = {}
        self._in_hand: set[tuple[str, str]] = set()
        # Some of these are out of date: what counts is whether the change is still waiting.
        self._queue: list[tuple[float, int, Change]] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        """How many hosts are not as they should be yet, as far as was seen."""
        with self._changed:
            return len(self._waiting.keys() | self._in_hand)

    def put(self, event: HostEvent) -> None:
        """Let this be the last change of its host."""
        with self._changed:
            self._put(Change(event), 0.0)

    def take(self, seconds: float) -> Change | None:
        """Return a change to handle, or None if none is due within ``seconds``.

        Whoever gets one says ``done`` or ``again`` in the end.
        """
        ends = self._clock() + seconds
        with self._changed:
            while True:
                change = self._due()
                if change or (left := min(ends, self._next()) - self._clock()) <= 0:
                    return change
                self._changed.wait(left)

    def done(self, change: Change) -> None:
        """Say that it is in, or never will be."""
        with self._changed:
            self._release(change)

    def again(self, change: Change, seconds: float = 0.0) -> None:
        """Say that it may succeed later, after ``seconds`` at the earliest.

        If the host has changed once more by now, only that counts.
        """
        grown = pause(change.failures, _FIRST_PAUSE_SECONDS, _MAX_PAUSE_SECONDS, self._spread)
        with self._changed:
            if change.host not in self._waiting:
                self._put(Change(change.event, change.failures + 1), max(grown, seconds))
            self._release(change)

    def hurry(self) -> None:
        """Let everything that waits be due: whoever was away is back."""
        with self._changed:
            for change in list(self._waiting.values()):
                self._enqueue(change, self._clock() + self._spread())

    def _put(self, change: Change, seconds: float) -> None:
        self._waiting[change.host] = change
        self._enqueue(change, self._clock() + seconds)

    def _release(self, change: Change) -> None:
        self._in_hand.discard(change.host)
        if (newer := self._waiting.get(change.host)) and not newer.failures:
            self._enqueue(newer, self._clock())

    def _enqueue(self, change: Change, due: float) -> None:
        heapq.heappush(self._queue, (due, next(self._numbers), change))
        if len(self._queue) > 2 * len(self._waiting) + _MAX_STALE:
            self._queue = [each for each in self._queue if self._counts(each[-1])]
            heapq.heapify(self._queue)
        self._changed.notify()

    def _due(self) -> Change | None:
        while self._queue and self._queue[0][0] <= self._clock():
            *_, change = heapq.heappop(self._queue)
            if self._counts(change) and change.host not in self._in_hand:
                self._in_hand.add(change.host)
                return self._waiting.pop(change.host)
        return None

    def _counts(self, change: Change) -> bool:
        return self._waiting.get(change.host) is change

    def _next(self) -> float:
        return self._queue[0][0] if self._queue else float("inf")
