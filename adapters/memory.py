"""What this process was sent, has written and has told of: until its end (decision 0012)."""

import threading
from collections.abc import Callable, Hashable
from datetime import UTC, datetime, timedelta
from typing import Final

from adapters.outgoing.cache import TimedCache
from functions.events import HostEvent
from functions.ports import Resource

# Brokers and Lambda try again for hours, the router replays an hour.
_REMEMBERED_SECONDS: Final = 24 * 3600.0
# Clocks differ by minutes. What claims to come from further ahead would make all later events old.
_MAX_AHEAD: Final = timedelta(minutes=5)


def _now() -> datetime:
    return datetime.now(UTC)


class EventMemory:
    """The Memory of a process, for all its threads; it ends with the process."""

    def __init__(self, now: Callable[[], datetime] = _now) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._events: TimedCache[tuple[str, str], HostEvent] = TimedCache(_REMEMBERED_SECONDS)
        self._started: TimedCache[str, datetime] = TimedCache(_REMEMBERED_SECONDS)
        self._noticed: TimedCache[Hashable, bool] = TimedCache(_REMEMBERED_SECONDS)

    def started(self, resource: Resource, at: datetime) -> None:
        """See Memory.started; for more than a day, it is vCenter's events that tell."""
        self._started.put(resource.identifier, at)

    def has_started(self, resource: Resource, since: datetime) -> bool:
        """See Memory.has_started."""
        started = self._started.get(resource.identifier)
        return started is not None and started >= since

    def noticed(self, what: Hashable) -> bool:
        """See Memory.noticed."""
        with self._lock:
            known = self._noticed.get(what) is not None
            self._noticed.put(what, True)
        return known

    def newest(self, event: HostEvent) -> HostEvent:
        """See Memory.newest; an event from the future is not remembered."""
        host = event.host
        key = (host.vcenter, host.moref or host.name.casefold())
        with self._lock:
            known = self._events.get(key)
            if known and event.is_older_than(known):
                return known
            if not event.created or event.created <= self._now() + _MAX_AHEAD:
                self._events.put(key, event)
            return event
