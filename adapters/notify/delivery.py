"""A thread for each service: what is told within a while makes one message, sent until it is taken.

Nobody who tells it something waits for it. The while is half a minute, and grows to a quarter of an
hour where messages follow each other, so that a flood of them stays a few. A service that refuses
is asked again; one that does not answer is not, since it may have taken the message.
"""

import logging
import threading
from collections.abc import Sequence
from typing import Final

from adapters.notify.services import Answer, Attempts, Service
from adapters.notify.words import Notice, message
from adapters.outgoing import tally
from adapters.output.lines import SILENT_THREAD

_logger: Final = logging.getLogger("maintenance_mirror")

_GATHER_SECONDS: Final = 30.0
_MAX_GATHER_SECONDS: Final = 900.0
_CALM_SECONDS: Final = 900.0
_PAUSES_SECONDS: Final = (10.0, 60.0, 600.0)
# Some megabytes, while a service is away.
_MAX_WAITING: Final = 10_000


class Delivery:
    """Tells one service, in a thread of its own that begins with the first that there is to tell.

    ``gather`` is how long the first of a message waits for others, and ``pauses`` how long a
    message that was refused waits for its next try, both in seconds. ``dropped`` counts the
    messages that came to nothing.
    """

    def __init__(
        self,
        service: Service,
        gather: float = _GATHER_SECONDS,
        pauses: Sequence[float] = _PAUSES_SECONDS,
    ) -> None:
        self._service = service
        self._gather = gather
        self._pauses = pauses
        self._waiting: list[Notice] = []
        self._changed = threading.Condition()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.dropped = 0

    def tell(self, notices: Sequence[Notice]) -> None:
        """Let them be told; never waits. What is too much, or too late, is dropped."""
        with self._changed:
            if self._ended.is_set():
                # Whatever still works has more time than this has: nobody would look at it.
                self._drop(len(notices), "the process ends")
                return
            room = _MAX_WAITING - len(self._waiting)
            self._waiting += notices[:room]
            self._drop(len(notices[room:]), "too much waits for it")
            # A server may fork before its first event, which takes no thread along.
            if self._thread is None:
                self._thread = self._begin()
            self._changed.notify()

    def end(self) -> None:
        """Let it tell what waits at once, without pauses, and end."""
        with self._changed:
            self._ended.set()
            self._changed.notify()

    def join(self, seconds: float) -> None:
        """Wait until it has ended, at most so long, and say if it has not."""
        if self._thread:
            self._thread.join(max(0.0, seconds))
            if self._thread.is_alive():
                told = "%s may not know of the last things: it takes too long, and the process ends"
                _logger.warning(told, self._service.name)

    def _begin(self) -> threading.Thread:
        # Nobody waits for a service when the process ends.
        thread = threading.Thread(
            target=self._run, name=f"{SILENT_THREAD} {self._service.name}", daemon=True
        )
        thread.start()
        return thread

    def _run(self) -> None:
        gather = self._gather
        while self._something_waits():
            self._ended.wait(gather)
            taken = self._taken()
            try:
                self._send(taken)
            except Exception:
                _logger.exception("%s: this is a bug", self._service.name)
                self._drop(len(taken), "a bug, see above")
            gather = self._following(gather)

    def _following(self, gather: float) -> float:
        """Return how long the next message gathers: longer, unless there is none for a while."""
        with self._changed:
            calm = not self._changed.wait_for(self._is_wanted, _CALM_SECONDS)
        return self._gather if calm else min(2 * gather, _MAX_GATHER_SECONDS)

    def _something_waits(self) -> bool:
        """Wait until there is something to tell; False when there will be nothing any more."""
        with self._changed:
            self._changed.wait_for(self._is_wanted)
            return bool(self._waiting)

    def _is_wanted(self) -> bool:
        return bool(self._waiting) or self._ended.is_set()

    def _taken(self) -> list[Notice]:
        with self._changed:
            taken, self._waiting = self._waiting, []
        return taken

    def _send(self, notices: Sequence[Notice]) -> None:
        attempts = Attempts(message(notices, self._service.most))
        for pause in (*self._pauses, None):
            answer = self._service.send(attempts)
            if answer is Answer.TAKEN:
                return
            if pause is None or answer is Answer.NONE:
                break
            self._ended.wait(max(pause, self._service.pause_seconds))
        self._drop(len(notices), _WHY[answer])

    def _drop(self, count: int, why: str) -> None:
        if count:
            with self._changed:
                self.dropped += 1
            tally.drop("notifications")
            _logger.warning("%s was not told of %d things: %s", self._service.name, count, why)


_WHY: Final = {
    Answer.REFUSED: "it refuses the message, or cannot be reached",
    Answer.NONE: "it did not answer in time, so it may know all the same",
}
