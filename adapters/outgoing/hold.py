"""Hold an event while a service is away, where its sender would give up too soon (decision 0018).

VEBA's router tries an event four times within three seconds, whatever Retry-After says. It waits
15 seconds for each answer, though, so that an event that is held lives through most of a minute.
"""

import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from adapters.outgoing.deadline import remaining
from functions.errors import OperationsUnavailableError, TransientError, VCenterUnavailableError

T = TypeVar("T")

# What may pass within seconds. A host that is not discovered and a refused password do not, nor
# what is lasting, such as a certificate that is refused.
_AWAY: Final = (OperationsUnavailableError, VCenterUnavailableError)
# As short as this costs nothing: while the breaker is open, an attempt fails without a call.
_PAUSE_SECONDS: Final = 1.0
# With less time than this, another attempt could not end well.
_ATTEMPT_SECONDS: Final = 0.5


class Hold:
    """Tries an event again within its deadline while vRealize Operations or a vCenter is away.

    At most ``places`` events at a time are held, each of which occupies a thread; further ones
    fail at once, as all do where there is no place. ``pause`` is in seconds.
    """

    def __init__(
        self,
        places: int,
        pause: float = _PAUSE_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._places = threading.BoundedSemaphore(places)
        self._pause = pause
        self._sleep = sleep

    def run(self, attempt: Callable[[], T]) -> T:
        """Return what ``attempt`` returns at last; to be called within a deadline.

        Raises what it raised last when the time is over, or there is no place.
        """
        try:
            return attempt()
        except _AWAY as error:
            if error.lasting or not self._places.acquire(blocking=False):
                raise
            failure: TransientError = error
        try:
            return self._again(attempt, failure)
        finally:
            self._places.release()

    def _again(self, attempt: Callable[[], T], failure: TransientError) -> T:
        while remaining() > self._pause + _ATTEMPT_SECONDS:
            self._sleep(self._pause)
            try:
                return attempt()
            except _AWAY as error:
                failure = error
        raise failure
