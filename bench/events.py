"""Events, each later than the one before: older ones would not be applied."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from lab.events import HTTP_FORMATS as HTTP_FORMATS
from lab.events import NOT_OURS as NOT_OURS
from lab.events import EventData as EventData
from lab.events import HttpMessage as HttpMessage
from lab.events import lambda_event as lambda_event
from lab.events import router_envelope as router_envelope

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
        key=number,
        created=created.isoformat().replace("+00:00", "Z"),
    )


def in_turn(host: int) -> Iterator[EventData]:
    """Enter and leave maintenance mode in turn, for ever."""
    return (event_data(host, entered=number % 2 == 0) for number in itertools.count())


def message(event_data: EventData) -> HttpMessage:
    """Return an event as a Knative broker sends it for VEBA's router."""
    return HTTP_FORMATS["router-binary"](event_data)


def messages(host: int, count: int | None = None) -> Iterator[HttpMessage]:
    """Return ``count`` messages, or endlessly many, that enter and leave in turn."""
    return map(message, itertools.islice(in_turn(host), count))
