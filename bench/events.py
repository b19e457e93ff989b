"""Events, each later than the one before: older ones would not be applied."""

import itertools
from datetime import UTC, datetime, timedelta

from bench.lab import VCENTER
from lab.events import HTTP_FORMATS, EventData

_START = datetime.now(UTC) - timedelta(hours=1)
_numbers = itertools.count(1)


def event_data(host: int, *, entered: bool) -> EventData:
    """Return the next event, about the ``host``-th of the hosts that a simulator makes up."""
    number = next(_numbers)
    created = _START + timedelta(milliseconds=number)
    return EventData(
        name=f"{'Entered' if entered else 'Exit'}MaintenanceModeEvent",
        host=f"esx{host:02}.lab.local",
        moref=f"host-{1000 + host}",
        vcenter=VCENTER,
        key=number,
        created=created.isoformat().replace("+00:00", "Z"),
    )


def request(event_data: EventData) -> bytes:
    """Return an event as the bytes that a Knative broker sends for VEBA's router."""
    return HTTP_FORMATS["router-binary"](event_data).request()


def one_by_one(count: int, host: int = 1) -> list[bytes]:
    """Return requests that enter and leave maintenance of one host in turn."""
    return [request(event_data(host, entered=number % 2 == 0)) for number in range(count)]
