"""Calls of one kind that many want to make at the same time, made as one (decision 0027).

Whoever finds no call under way makes their own at once, in their own thread. Whoever comes while
one is under way waits for its end; all who wait by then go as one. Nobody waits for company, but in
a crowd, where calls of a kind keep a distance.
"""

import threading
import time
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from itertools import accumulate
from typing import Any, Final, Generic, TypeVar

from adapters.outgoing.deadline import remaining
from functions.errors import MaintenanceError, PermanentError, TransientError

Item = TypeVar("Item", bound=Hashable)
Answer = TypeVar("Answer")

# Whoever has waited that long goes beside the call that is under way: it may have got stuck.
_PATIENCE_SECONDS: Final = 0.5
# After a call for so many, the next one begins that many seconds after it at the earliest: however
# quick the server is, the calls of a storm are few. Where it takes longer anyway, nobody waits.
_CROWD: Final = 8
_DISTANCE_SECONDS: Final = 0.04
# If no more than this many are refused, each of them finds out alone.
_FEW: Final = 4


class _Member(Generic[Item, Answer]):
    """One who waits to be ``woken``: to lead a group, or because its call is ``over``.

    If there is no answer then, and no error, it goes alone. Who has ``left`` wants none. Who
    ``begins_at`` a time lets the next group go then.
    """

    def __init__(self, item: Item) -> None:
        self.item = item
        self.ends = time.monotonic() + remaining()
        self.woken = threading.Event()
        self.over = False
        self.begins_at: float | None = None
        self.leads: Sequence[_Member[Item, Answer]] = ()
        self.answers: tuple[Answer, ...] = ()
        self.error: MaintenanceError | None = None
        self.left = False


class Grouping(Generic[Item, Answer]):
    """Makes the calls of one kind, for all threads of a process.

    ``one`` makes the call for an item, and ``many`` one call for several different ones, which
    ``weigh`` no more than ``size``: it returns the answers that it has got, and whoever is not
    among them makes a call of their own. So does everybody if it raises a PermanentError: that is
    about all of them at once. Any other MaintenanceError is an outage, and each gets one. The error
    ``unavailable`` says that there is no time left.

    Who is answered was answered by a call that began after it was asked for (decision 0012).
    """

    def __init__(
        self,
        one: Callable[[Item], Answer],
        many: Callable[[Sequence[Item]], Mapping[Item, Answer]],
        size: int,
        unavailable: type[TransientError],
        weigh: Callable[[Item], int] = lambda item: 1,
    ) -> None:
        self._one = one
        self._many = many
        self._size = size
        self._weigh = weigh
        self._unavailable = unavailable
        self._lock = threading.Lock()
        # The newest call; one that was overtaken, since it took long, keeps nobody waiting.
        self._under_way: object = None
        self._next_at = 0.0
        self._waiting: list[_Member[Item, Answer]] = []
        self._led = threading.local()

    def call(self, item: Item) -> Answer:
        """Return the answer for ``item``; raises what ``one`` and ``many`` do.

        Nobody waits beyond their own deadline, and no deadline ends the call of others.
        """
        mine = object()
        if member := self._joined(item, mine):
            return self._answered(member)
        with self._being_under_way(mine):
            return self._one(item)

    def awaited(self, items: Sequence[Item], seconds: float = 0.0) -> Sequence[Item]:
        """Return those that somebody waits for, and will for more than so many ``seconds``.

        For ``many``, which may take several calls: what is written for somebody who has left may
        come after what others wrote since.
        """
        now = time.monotonic()
        wanted = {each.item for each in self._staying() if each.ends - now > seconds}
        return [each for each in items if each in wanted]

    def patience(self, items: Collection[Item]) -> float:
        """Return in how many seconds the first of those leaves who wait for any of ``items``."""
        ends = min(each.ends for each in self._staying() if each.item in items)
        return max(0.0, ends - time.monotonic())

    def _staying(self) -> Sequence[_Member[Item, Answer]]:
        """Return the members of this thread's call that still want an answer."""
        return [each for each in self._led.members if not each.left]

    def _joined(self, item: Item, call: object) -> _Member[Item, Answer] | None:
        """Stand in line, if a call is under way; otherwise ``call`` is, from now on."""
        with self._lock:
            if self._under_way is None:
                self._under_way = call
                return None
            member: _Member[Item, Answer] = _Member(item)
            self._waiting.append(member)
            return member

    def _answered(self, member: _Member[Item, Answer]) -> Answer:
        try:
            self._wait(member)
        except BaseException:
            self._leave(member)
            raise
        if member.leads:
            self._lead(member)
        if member.error:
            raise member.error
        return member.answers[0] if member.answers else self._one(member.item)

    def _wait(self, member: _Member[Item, Answer]) -> None:
        while not (member.leads or member.over):
            if not remaining():
                raise self._unavailable("the event's deadline is over")
            if member.woken.wait(min(remaining(), _patience(member))):
                member.woken.clear()
            elif remaining():
                self._begin_with(member)

    def _begin_with(self, member: _Member[Item, Answer]) -> None:
        """Let those who wait go now, if this one is still among them."""
        member.begins_at = None
        with self._lock:
            if member in self._waiting:
                self._begin()

    def _begin(self) -> None:
        """Let those who wait go as one; the one with the most time leads, so that it cuts nobody.

        To be called with the lock held.
        """
        group = list(self._first())
        del self._waiting[: len(group)]
        leader = max(group, key=lambda each: each.ends)
        leader.leads = group
        self._under_way = leader
        self._next_at = time.monotonic() + _DISTANCE_SECONDS if len(group) >= _CROWD else 0.0
        leader.woken.set()

    def _first(self) -> Iterator[_Member[Item, Answer]]:
        """Yield those who have waited longest, as many as one call can take, and one at least."""
        weights = accumulate(self._weigh(each.item) for each in self._waiting)
        for place, (each, weight) in enumerate(zip(self._waiting, weights, strict=True)):
            if place and weight > self._size:
                return
            yield each

    def _lead(self, leader: _Member[Item, Answer]) -> None:
        """Make one call for a group; whatever becomes of it, nobody is left waiting."""
        try:
            with self._being_under_way(leader):
                self._call_many(leader)
        finally:
            for each in leader.leads:
                each.over = True
                each.woken.set()

    def _call_many(self, leader: _Member[Item, Answer]) -> None:
        self._led.members = leader.leads
        items = list(dict.fromkeys(each.item for each in leader.leads))
        try:
            answers = self._many(items) if len(items) > 1 else {items[0]: self._one(items[0])}
        except PermanentError:
            return  # Whom it is about, a call of their own tells: nobody may be lost for another.
        except MaintenanceError as error:
            # One instance must not be raised by several threads: each adds its own traceback.
            for each in leader.leads:
                each.error = copy(error)
            raise
        for each in leader.leads:
            each.answers = (answers[each.item],) if each.item in answers else ()

    @contextmanager
    def _being_under_way(self, call: object) -> Iterator[None]:
        try:
            yield
        finally:
            with self._lock:
                if self._under_way is call:
                    self._next()

    def _next(self) -> None:
        self._under_way = None
        if not self._waiting:
            return
        if time.monotonic() < self._next_at:
            self._rest()
        else:
            self._begin()

    def _rest(self) -> None:
        """Let the one who has waited longest begin the next call when it is time."""
        first = self._waiting[0]
        first.begins_at = self._next_at
        self._under_way = first
        first.woken.set()

    def _leave(self, member: _Member[Item, Answer]) -> None:
        """Give up waiting; whom this one was to lead goes with somebody else."""
        member.left = True
        with self._lock:
            if member in self._waiting:
                self._waiting.remove(member)
            self._waiting[:0] = [each for each in member.leads if not each.left]
            if self._under_way is member:
                self._next()


def _patience(member: _Member[Any, Any]) -> float:
    """Return for how many seconds one waits before it lets the others go."""
    if member.begins_at is None:
        return _PATIENCE_SECONDS
    return max(0.0, member.begins_at - time.monotonic())


def halved(
    items: Sequence[Item], call: Callable[[Sequence[Item]], Mapping[Item, Answer] | None]
) -> Mapping[Item, Answer]:
    """Return the answers of ``call``, made for halves again and again where it is refused (None).

    A few that are refused have no answer, nor have those after an outage, unless it is met at
    once: that is raised.
    """
    answers = call(items)
    if answers is not None:
        return answers
    if len(items) <= _FEW:
        return {}
    half = len(items) // 2
    return {**_attempt(items[:half], call), **_attempt(items[half:], call)}


def _attempt(
    items: Sequence[Item], call: Callable[[Sequence[Item]], Mapping[Item, Answer] | None]
) -> Mapping[Item, Answer]:
    try:
        return halved(items, call)
    except MaintenanceError:
        return {}
