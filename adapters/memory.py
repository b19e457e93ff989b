"""The newest event of each host, as far as this process was sent it (decision 0012)."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from adapters.outgoing.cache import TimedCache
from functions.events import HostEvent

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
