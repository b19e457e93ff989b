"""What waits to be sent, and the one thread that sends it: nobody's work waits for that.

What cannot be sent is dropped, and counted. An outcome is told by the log and by the next sweep,
too: a host must not stay silenced for longer because of a sink that is away.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from adapters.outcomes.answers import Answer, Sink, Verdict
from adapters.outgoing import tally
from functions.events import Envelope

_logger: Final = logging.getLogger("maintenance_mirror")

_MAX_WAITING: Final = 1000
_TRIES: Final = 5
_FIRST_PAUSE_SECONDS: Final = 1.0
_MAX_PAUSE_SECONDS: Final = 30.0
_WARNING_SECONDS: Final = 600.0
# The name of the thread.
THREAD: Final = "outcomes"


@dataclass
class _Waiting:
    event: Envelope
    tries: int = 0


class Outbox:
    """Keeps at most 1,000 events for ``sink``, and sends them in their order.

    Each is tried up to five times, with growing pauses in which nothing is sent. What is dropped
    is counted by ``dropped``, and named by a WARNING every ten minutes at most. ``clock`` tells
    seconds.
    """

    def __init__(
        self,
        sink: Sink,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sink = sink
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._in_hand, self._busy = 0, False
        self._thread: threading.Thread | None = None
        self._closing = self._closed = False
        self._failures = 0
        self._paused_until = 0.0
        self.dropped = 0
        self._untold = 0
        self._warned_at: float | None = None

    def put(self, event: Envelope) -> None:
        """Let ``event`` be sent as soon as may be; takes no time, and never raises."""
        with self._changed:
            fits = len(self._waiting) + self._in_hand < _MAX_WAITING
            why = "the process ends" if self._closing else "" if fits else "too many are waiting"
            if not why:
                self._waiting.append(_Waiting(event))
                self._run_thread()
                self._changed.notify_all()
        if why:
            self.drop(1, why)

    def drop(self, count: int, why: str) -> None:
        """Count what is not sent, and say so now and then."""
        with self._changed:
            self.dropped += count
            self._untold += count
            told = self._untold if self._is_time_to_warn() else 0
            self._untold -= told
        for _ in range(count):
            tally.drop("outcomes")
        if told:
            said = "%d outcomes were not sent to %s: %s"
            _logger.warning(said, told, self._sink.name, why)

    def flush(self, seconds: float) -> None:
        """Wait until all is sent, for ``seconds`` at most; not at all while the sink is away.

        One failure may be that of a connection which was closed while the process stood still.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_idle() or self._failures > 1, seconds)

    def close(self, seconds: float) -> None:
        """Send what is waiting without a pause, for ``seconds`` at most, and drop the rest."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            self._changed.wait_for(self._is_idle, seconds)
            left = len(self._waiting) + self._in_hand
            self._waiting.clear()
            self._closed, self._warned_at = True, None
        if left or self._untold:
            self.drop(left, "the process ends")

    def _run_thread(self) -> None:
        # Not before there is something to send: some servers fork after they have loaded us.
        if self._thread is None:
            thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
            thread.start()
            self._thread = thread

    def _run(self) -> None:
        while batch := self._next():
            answer = self._sent([each.event for each in batch])
            if lost := self._settle(batch, answer):
                self.drop(lost, answer.problem)
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _next(self) -> list[_Waiting]:
        """Return what is to be sent next, when it is time; nothing at the end."""
        with self._changed:
            while not self._waiting or self._pause() > 0:
                if self._closing and not self._waiting:
                    return []
                self._changed.wait(self._pause() if self._waiting else None)
            count = min(self._sink.batch, len(self._waiting))
            self._in_hand, self._busy = count, True
            return [self._waiting.popleft() for _ in range(count)]

    def _sent(self, events: Sequence[Envelope]) -> Answer:
        try:
            return self._sink.send(events)
        except Exception as error:  # The thread must live, whatever is wrong with one of them.
            return Answer([Verdict.REFUSED] * len(events), f"{type(error).__name__}, a bug")

    def _settle(self, batch: Sequence[_Waiting], answer: Answer) -> int:
        """Note what became of a batch; returns how many are lost."""
        with self._changed:
            if self._closed:
                return 0  # It was counted as dropped.
            again = self._to_try_again(batch, answer)
            closed = self._closing and Verdict.AGAIN in answer.verdicts
            lost = len(batch) - len(again) - list(answer.verdicts).count(Verdict.TAKEN)
            if closed:
                # Whoever ends has no time for one who is away.
                lost += len(self._waiting)
                self._waiting.clear()
            self._waiting.extendleft(reversed(again))
            self._in_hand = 0
            self._learn(Verdict.AGAIN in answer.verdicts)
            return lost

    def _to_try_again(self, batch: Sequence[_Waiting], answer: Answer) -> list[_Waiting]:
        pairs = zip(batch, answer.verdicts, strict=True)
        again = [each for each, verdict in pairs if verdict is Verdict.AGAIN]
        for each in again:
            each.tries += 1
        return [each for each in again if each.tries < _TRIES and not self._closing]

    def _learn(self, failed: bool) -> None:
        self._failures = self._failures + 1 if failed else 0
        if failed:
            pause = _FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures - 1, 10)
            self._paused_until = self._clock() + min(pause, _MAX_PAUSE_SECONDS)

    def _pause(self) -> float:
        return 0.0 if self._closing or not self._failures else self._paused_until - self._clock()

    def _is_idle(self) -> bool:
        return not self._waiting and not self._busy

    def _is_time_to_warn(self) -> bool:
        now = self._clock()
        if self._warned_at is not None and now - self._warned_at < _WARNING_SECONDS:
            return False
        self._warned_at = now
        return True
