"""Wait until what was written shows, each for as long as they like, and look for all at once.

Whoever's turn comes first looks for all whose turn comes soon: so many cost as few calls as one,
and their threads sleep meanwhile. Who waits alone looks alone, as often, and at the same moments.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from types import MappingProxyType
from typing import Final

from adapters.outgoing.deadline import remaining
from adapters.vrops.client import batches
from adapters.vrops.resolver import Resolver
from functions.errors import HostNotFoundError, PermanentError, TransientError
from functions.ports import Resource, ResourceState

# The pauses in seconds between looks at a state that was just written; tools of others wait 3 to 5.
_LOOKS: Final = (0.0, 0.25, 0.5, 1.0, 1.25, 2.0)
# Whose turn comes within that many seconds is looked for, too.
_SOON_SECONDS: Final = 0.25
# Whoever looks for others may get stuck: then each looks again.
_PATIENCE_SECONDS: Final = 0.5

# What was seen, by the identifiers of resources.
States = Mapping[str, ResourceState]
NOTHING: Final[States] = MappingProxyType({})


class _Turn:
    """The next look of one who waits, at the resources ``pending``, which is ``due`` at a time.

    Somebody else may have ``taken`` it, and has ``seen`` what there is to see when it is ``over``.
    """

    def __init__(self, pending: Sequence[Resource], maintained: bool, due: float) -> None:
        self.pending = pending
        self.due = due
        self.taken = False
        self.over = threading.Event()
        self.seen: States = {}
        self._maintained = maintained

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to look for."""
        return all(_shows(each, self.seen, self._maintained) for each in self.pending)


class Confirmations:
    """Looks at what was written, for all threads of a process.

    ``seconds`` is the longest that anybody waits. ``sleep`` takes seconds, too; without one, a
    thread sleeps until somebody else has looked for it.
    """

    def __init__(
        self,
        resolver: Resolver,
        seconds: float,
        sleep: Callable[[float], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolver = resolver
        self._seconds = seconds
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._turns: list[_Turn] = []

    def look(self, written: Sequence[Resource]) -> States:
        """Look once, at what one call has written for several; never raises.

        Who is not seen by that looks again, and hears what is theirs.
        """
        with suppress(PermanentError):
            return self._states(written)
        return NOTHING

    def one(self, resource: Resource, *, maintained: bool, seen: States = NOTHING) -> bool:
        """Look until the state shows; False means that it does not in time.

        ``seen`` is what somebody has seen since it was written. Raises HostNotFoundError if
        ``resource`` is gone.
        """
        if _shows(resource, seen, maintained):
            return True
        return any(
            _shows(resource, looked, maintained)
            if resource.identifier
            in (looked := self._seen_by_others([resource], maintained, pause))
            else self._shows(resource, maintained)
            for pause in self._pauses(looked_at=resource.identifier in seen)
        )

    def many(
        self, written: Sequence[Resource], *, maintained: bool, seen: States = NOTHING
    ) -> Iterator[tuple[Resource, bool]]:
        """Look at many until they show; what does not in time is accepted, but not seen."""
        pending = list(written)
        looked_at = all(each.identifier in seen for each in pending)
        looks = self._looks(pending, maintained, looked_at=looked_at)
        for looked in chain([seen], looks):
            yield from ((each, True) for each in pending if _shows(each, looked, maintained))
            pending[:] = [each for each in pending if not _shows(each, looked, maintained)]
            if not pending:
                return
        yield from ((each, False) for each in pending)

    def _looks(
        self, pending: Sequence[Resource], maintained: bool, *, looked_at: bool
    ) -> Iterator[States]:
        """Look at what is ``pending`` by then, again and again."""
        for pause in self._pauses(looked_at=looked_at):
            yield self._seen_by_others(pending, maintained, pause) or self._states(pending)

    def _pauses(self, *, looked_at: bool) -> Iterator[float]:
        """Yield the pause before each look, for as long as is configured and the event has.

        The first look is at once, if nobody has looked already.
        """
        waited = 0.0
        for pause in _LOOKS[1 if looked_at else 0 :]:
            waited += pause
            if waited > self._seconds or pause >= remaining():
                return
            yield pause

    def _shows(self, resource: Resource, maintained: bool) -> bool:
        try:
            return self._resolver.read(resource).maintained == maintained
        except HostNotFoundError:
            raise
        except TransientError:
            return False  # The write was accepted: that it cannot be seen now is no failure.

    def _states(self, resources: Sequence[Resource]) -> States:
        seen: dict[str, ResourceState] = {}
        for batch in batches(resources):
            with suppress(TransientError):  # As in _shows.
                seen.update(self._resolver.states(batch))
        return seen

    def _seen_by_others(
        self, pending: Sequence[Resource], maintained: bool, pause: float
    ) -> States:
        """Wait, and return what was seen together with others; nothing where nobody else waits."""
        turn = _Turn(pending, maintained, self._clock() + pause)
        with self._in_line(turn):
            self._wait(turn.over, pause)
            if turn.over.is_set():
                # It was looked for, somewhat early: what is left of the pause still counts.
                return turn.seen if turn.settled else self._rested(turn)
            group = self._taken(turn)
            if len(group) > 1:
                self._look(group)
            elif not group:
                turn.over.wait(min(remaining(), _PATIENCE_SECONDS))
        return turn.seen

    def _rested(self, turn: _Turn) -> States:
        self._wait(threading.Event(), max(0.0, turn.due - self._clock()))
        return turn.seen

    def _wait(self, over: threading.Event, seconds: float) -> None:
        if self._sleep:
            self._sleep(seconds)
        else:
            over.wait(seconds)

    @contextmanager
    def _in_line(self, turn: _Turn) -> Iterator[None]:
        with self._lock:
            self._turns.append(turn)
        try:
            yield
        finally:
            with self._lock:
                if turn in self._turns:
                    self._turns.remove(turn)

    def _taken(self, turn: _Turn) -> Sequence[_Turn]:
        """Take this turn, and all that come soon; none, if somebody else has taken it."""
        soon = self._clock() + _SOON_SECONDS
        with self._lock:
            if turn.taken:
                return ()
            group = [turn, *(each for each in self._turns if each is not turn and each.due < soon)]
            self._turns = [each for each in self._turns if each not in group]
            for each in group:
                each.taken = True
            return group

    def _look(self, group: Sequence[_Turn]) -> None:
        """Look once for all; whatever becomes of it, nobody is left waiting."""
        try:
            wanted = {each.identifier: each for turn in group for each in turn.pending}
            seen = self.look(list(wanted.values()))
            for turn in group:
                turn.seen = seen
        finally:
            for turn in group:
                turn.over.set()


def _shows(resource: Resource, seen: States, maintained: bool) -> bool:
    state = seen.get(resource.identifier)
    return state is not None and state.maintained == maintained
