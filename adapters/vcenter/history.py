"""When hosts entered and left maintenance mode, as far as vCenter's own events reach back.

Sources: vSphere Web Services API Reference, EventManager, EventFilterSpec and HistoryCollector. To
query events or to collect them needs the privilege System.View, which the role Read-only has; to
read what was collected needs none.
"""

import threading
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from pyVmomi import vim

from adapters.outgoing.cache import TimedCache
from adapters.outgoing.deadline import cleaning_up
from adapters.vcenter.faults import ArgumentRefusedError, ObjectGoneError, SessionEndedError
from adapters.vcenter.inventory import MOREF, printable, read
from adapters.vcenter.session import Session, Sessions
from functions.errors import MaintenanceError, RequestRejectedError
from functions.ports import ModeChange

_ENTERED: Final = "EnteredMaintenanceModeEvent"
_EXIT: Final = "ExitMaintenanceModeEvent"
_CLASSES: Final = (vim.event.EnteredMaintenanceModeEvent, vim.event.ExitMaintenanceModeEvent)
# The most events that vCenter hands out at once, and how many are read in all.
_PAGE_SIZE: Final = 1000
_MAX_PAGES: Final = 10
_MAX_EVENTS: Final = _PAGE_SIZE * _MAX_PAGES
_REMEMBERED_SECONDS: Final = 24 * 60 * 60.0
_DESTROY_SECONDS: Final = 3.0

_Filter = vim.event.EventFilterSpec
_Wanted = Mapping[str, Any]


class History:
    """What a vCenter's events tell of maintenance mode, and what is remembered of that.

    An answer is remembered for a day at most: a process that stood still for longer may have
    missed what came after it.
    """

    def __init__(self, sessions: Sessions, clock: Callable[[], float]) -> None:
        self._sessions = sessions
        # The newest enter event of a host, or nothing where it is known that there is none.
        self._known: TimedCache[str, tuple[ModeChange, ...]]
        self._known = TimedCache(_REMEMBERED_SECONDS, clock=clock)
        self._lock = threading.Lock()

    def mode_changes(self, since: datetime, moref: str) -> Sequence[ModeChange]:
        """See VCenter.mode_changes; what is remembered is refreshed by what is found."""
        if moref and not MOREF.fullmatch(moref):
            return []
        changes = self._sessions.run(partial(_changes, since=since.astimezone(UTC), moref=moref))
        self._refresh(changes)
        return changes

    def entered(self, morefs: Collection[str]) -> Mapping[str, ModeChange]:
        """See VCenter.entered; nobody is called where all of it is remembered."""
        remembered = {moref: self._known.get(moref) for moref in morefs}
        unknown = frozenset(moref for moref, known in remembered.items() if known is None)
        found = self._sessions.run(partial(_last_entered, morefs=unknown)) if unknown else {}
        self._learn(unknown, found)
        return {**{moref: known[0] for moref, known in remembered.items() if known}, **found}

    def _learn(self, asked: Iterable[str], found: Mapping[str, ModeChange]) -> None:
        with self._lock:
            for moref in asked:
                self._remember(moref, found.get(moref))

    def _refresh(self, changes: Sequence[ModeChange]) -> None:
        # In the end the newest of each host, and of all: a full cache forgets the oldest.
        newest = {change.moref: change for change in reversed(changes)}
        with self._lock:
            for moref, change in newest.items():
                if change.entered:
                    self._remember(moref, change)
                else:
                    self._known.drop(moref)

    def _remember(self, moref: str, change: ModeChange | None) -> None:
        """Remember ``change``, unless another thread has seen a newer one meanwhile."""
        known = self._known.get(moref) or ()
        if change and not (known and known[0].at > change.at):
            known = (change,)
        self._known.put(moref, known)


def _changes(session: Session, since: datetime, moref: str) -> list[ModeChange]:
    """Return the changes since then, the newest first."""
    wanted = {"eventTypeId": [_ENTERED, _EXIT], "time": _Filter.ByTime(beginTime=since)}
    with _needing_a_privilege(session):
        events = _of_one(session, moref, wanted) if moref else _all(session, wanted)
    changes = [change for change in _in_order(events) if change.at >= since]
    return [change for change in changes if moref in ("", change.moref)]


def _of_one(session: Session, moref: str, wanted: _Wanted) -> list[Any]:
    """Return events of one host; those of all hosts, if vCenter does not have it any more."""
    host = vim.HostSystem(moref, session.stub)
    alone = _Filter.ByEntity(entity=host, recursion=_Filter.RecursionOption.self)
    try:
        return _all(session, {**wanted, "entity": alone})
    except (ObjectGoneError, ArgumentRefusedError):
        return _all(session, wanted)


def _all(session: Session, wanted: _Wanted) -> list[Any]:
    return [event for page in _pages(session, wanted) for event in page][:_MAX_EVENTS]


def _last_entered(session: Session, morefs: Collection[str]) -> dict[str, ModeChange]:
    """Return when each host entered last, reading no further back than it takes."""
    found: dict[str, ModeChange] = {}
    wanted = {"eventTypeId": [_ENTERED]}
    with _needing_a_privilege(session), closing(_pages(session, wanted)) as pages:
        for page in pages:
            for change in _in_order(page):
                if change.moref in morefs:
                    found.setdefault(change.moref, change)
            if len(found) == len(morefs):
                break
    return found


@contextmanager
def _needing_a_privilege(session: Session) -> Iterator[None]:
    try:
        yield
    except RequestRejectedError:
        raise RequestRejectedError(
            f"{session.service}: the account may not read events: it needs the privilege"
            " System.View, which the role Read-only has, on the vCenter itself, propagated to its"
            " children"
        ) from None


def _pages(session: Session, wanted: _Wanted) -> Generator[Sequence[Any], None, None]:
    """Yield the events that are wanted, the newest page first.

    Fewer than a page are one call. Which ones a full page leaves out, and in which order the
    events within a page are, is not documented.
    """
    spec = _Filter(maxCount=_PAGE_SIZE, **wanted)
    events = session.content.eventManager.QueryEvents(filter=spec) or ()
    if len(events) < _PAGE_SIZE:
        yield events
    else:
        yield from _collected(session, spec)


def _collected(session: Session, spec: Any) -> Iterator[Sequence[Any]]:
    """Yield the events once each, the newest page first, until 10,000 are read or there are none.

    What is read goes back from the latest page: from before its oldest event by the documentation,
    and from before its newest with vcsim.
    """
    collector = session.content.eventManager.CreateCollectorForEvents(filter=spec)
    seen: set[int] = set()
    try:
        collector.ResetCollector()
        yield _unseen(read(session, collector, "latestPage"), seen)
        for _ in range(_MAX_PAGES):
            page = collector.ReadPreviousEvents(maxCount=_PAGE_SIZE)
            if not page:
                return
            yield _unseen(page, seen)
            if len(seen) >= _MAX_EVENTS:
                return
    finally:
        _destroy(collector)


def _unseen(page: Sequence[Any], seen: set[int]) -> list[Any]:
    fresh = {event.key: event for event in page if event.key not in seen}
    seen.update(fresh)
    return list(fresh.values())


def _destroy(collector: Any) -> None:
    """Give it up even after the deadline: a session has 32 collectors, and lasts for long."""
    ignored = suppress(MaintenanceError, SessionEndedError, ObjectGoneError)
    with ignored, cleaning_up(_DESTROY_SECONDS):
        collector.DestroyCollector()


def _in_order(events: Iterable[Any]) -> list[ModeChange]:
    """Return what changed, the newest first; of two events of one moment, the later key is newer.

    The filter lets through what only calls itself so, as an EventEx of anybody's may.
    """
    genuine = [each for each in events if isinstance(each, _CLASSES) and _is_of_a_host(each)]
    genuine.sort(key=lambda event: (event.createdTime, event.key), reverse=True)
    return [_change(event) for event in genuine]


def _is_of_a_host(event: Any) -> bool:
    return bool(event.createdTime and event.host and event.host.host)


def _change(event: Any) -> ModeChange:
    return ModeChange(
        moref=event.host.host._GetMoId(),
        entered=isinstance(event, vim.event.EnteredMaintenanceModeEvent),
        at=event.createdTime.astimezone(UTC),
        user=printable(event.userName),
    )
