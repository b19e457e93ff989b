"""Finish the events in flight when the process is told to stop, and refuse new ones.

of-watchdog passes SIGTERM on at once, and Python would die of it in the middle of an event. The
template's server, waitress, ends its loop by SystemExit, and only that loop sends replies. So the
loop goes on until the events are done, and the interpreter ends as always, which releases the
token and the sessions (decision 0018).
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from functions.errors import ShuttingDownError

# An event has 12 seconds. What takes longer is a sweep, and the next one finds what it left.
_DRAIN_SECONDS: Final = 13.0
# What the server needs to send the last reply, which is some hundred bytes.
_SEND_SECONDS: Final = 0.5
# Kubernetes kills after 30 seconds.
_EXIT_SECONDS: Final = 25.0

_logger: Final = logging.getLogger("maintenance_mirror")


def _end() -> None:
    os._exit(0)


class Drain:
    """Counts the events in flight, and ends the process after the last one when it is told to.

    ``seconds`` is how long it waits for them. ``signalled`` lets the main thread end the process,
    and ``end`` ends it by force if that takes longer than 25 seconds in all.
    """

    def __init__(
        self,
        seconds: float = _DRAIN_SECONDS,
        signalled: Callable[[], None] = lambda: os.kill(os.getpid(), signal.SIGTERM),
        end: Callable[[], None] = _end,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._seconds = seconds
        self._signalled = signalled
        self._end = end
        self._sleep = sleep
        self._changed = threading.Condition()
        self._in_flight = 0
        self._told = False
        self._done = False

    def install(self) -> None:
        """Listen to SIGTERM; only the main thread can, and nothing happens in any other."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self.stop)

    @contextmanager
    def event(self) -> Iterator[None]:
        """Count an event as in flight; one that came too late is refused by ``check``."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def check(self) -> None:
        """Raise ShuttingDownError if the process was told to stop."""
        if self._told:
            raise ShuttingDownError("the process was told to stop; another one takes the event")

    def stop(self, number: int = signal.SIGTERM, frame: FrameType | None = None) -> None:
        """Refuse new events from now on, and end the process after the last one in flight.

        It is the handler of SIGTERM, so that it takes no lock that the main thread may hold.

        Raises SystemExit when it is called once more after the last event.
        """
        if self._done:
            raise SystemExit(0)
        if not self._told:
            self._told = True
            threading.Thread(target=self._leave, daemon=True).start()

    def _count(self, more: int) -> None:
        with self._changed:
            self._in_flight += more
            self._changed.notify_all()

    def _leave(self) -> None:
        ends = time.monotonic() + _EXIT_SECONDS
        _logger.info("told to stop: %d events in flight, new ones are refused", self._in_flight)
        with self._changed:
            self._changed.wait_for(lambda: not self._in_flight, self._seconds)
        self._sleep(_SEND_SECONDS)
        self._done = True
        self._signalled()
        # Usually the process, and this thread with it, is gone long before.
        self._sleep(max(0.0, ends - time.monotonic()))
        self._end()
