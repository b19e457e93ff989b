"""Since when hosts are in maintenance mode, as far as vCenter's events reach back."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from pyVmomi import vim

from adapters.vcenter.faults import ObjectGoneError, SessionEndedError
from adapters.vcenter.inventory import read
from adapters.vcenter.session import Session
from functions.errors import MaintenanceError

# The most events that vCenter hands out at once.
_PAGE_SIZE: Final = 1000
_MAX_PAGES: Final = 10


def entered(session: Session, morefs: Collection[str]) -> dict[str, datetime]:
    """Return when each of the hosts entered maintenance mode last, where an event tells."""
    since: dict[str, datetime] = {}
    for events in _pages(session):
        for event in events:
            _note(event, morefs, since)
        if len(since) == len(morefs):
            break
    return since


def _pages(session: Session) -> Iterator[Any]:
    """Yield events of that kind, the newest page first."""
    wanted = vim.event.EventFilterSpec(eventTypeId=["EnteredMaintenanceModeEvent"])
    collector = session.content.eventManager.CreateCollectorForEvents(filter=wanted)
    try:
        collector.SetCollectorPageSize(maxCount=_PAGE_SIZE)
        # From here on, what is read goes back from the latest page.
        collector.ResetCollector()
        yield read(session, collector, "latestPage")
        for _ in range(_MAX_PAGES - 1):
            events = collector.ReadPreviousEvents(maxCount=_PAGE_SIZE)
            if not events:
                return
            yield events
    finally:
        with suppress(MaintenanceError, SessionEndedError, ObjectGoneError):
            collector.DestroyCollector()


def _note(event: Any, morefs: Collection[str], since: dict[str, datetime]) -> None:
    # The filter lets through what only calls itself so, as an EventEx of anybody's may.
    if not isinstance(event, vim.event.EnteredMaintenanceModeEvent) or not event.host:
        return
    moref, created = event.host.host._GetMoId(), event.createdTime.astimezone(UTC)
    if moref in morefs:
        since[moref] = max(created, since.get(moref, created))
