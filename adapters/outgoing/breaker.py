"""A circuit breaker: while a service cannot be reached, say so at once.

Otherwise every thread of the server would stand in a time-out, and events that could be delivered
again later would pile up behind them (decision 0010).
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from adapters.outgoing import tally
from adapters.outgoing.tally import Party
from functions.errors import TransientError


class CircuitBreaker:
    """Opens for ``pause`` seconds after ``failures`` in a row; then one call finds out.

    ``service`` is who is called, for messages; the error ``unavailable`` says that it failed. The
    tally is told of ``party`` when it opens or closes.
    """

    def __init__(
        self,
        service: str,
        unavailable: type[TransientError],
        failures: int = 5,
        pause: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        party: Party = "vrops",
    ) -> None:
        self._service = service
        self._unavailable = unavailable
        self._allowed = failures
        self._pause = pause
        self._clock = clock
        self._party = party
        self._lock = threading.Lock()
        self._failures = 0
        self._closed_from = 0.0

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Let a call through and learn from it: ``unavailable`` is a failure.

        Any other error is none: what refuses a call can be reached.

        Raises ``unavailable`` itself, at once, while the breaker is open.
        """
        self._check()
        try:
            yield
        except self._unavailable:
            self._failed()
            raise
        except Exception:
            self._answered()
            raise
        self._answered()

    def _check(self) -> None:
        with self._lock:
            wait = self._closed_from - self._clock()
            if self._failures < self._allowed:
                return
            if wait > 0:
                raise self._unavailable(
                    f"{self._service} failed repeatedly and is given a pause", retry_after=wait
                )
            # This caller finds out; the others wait for one more pause.
            self._closed_from = self._clock() + self._pause

    def _failed(self) -> None:
        with self._lock:
            self._failures += 1
            self._closed_from = self._clock() + self._pause
            if self._failures == self._allowed:
                tally.breaker(self._party, self._service, is_open=True)

    def _answered(self) -> None:
        if not self._failures:
            return
        with self._lock:
            if self._failures >= self._allowed:
                tally.breaker(self._party, self._service, is_open=False)
            self._failures = 0
