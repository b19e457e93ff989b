"""send: the event, in the format of an event source."""

import json
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from adapters.cli import formats
from adapters.cli.formats import EventData, HttpMessage
from functions.events import ENTERED, EXITED, KEYS, REMOVED, HostRef

EVENTS: Final = {"enter": ENTERED, "exit": EXITED, "removed": REMOVED}
_SENTENCES: Final = {
    "enter": "Host {} has entered maintenance mode",
    "exit": "Host {} has exited maintenance mode",
    "removed": "Removed host {}",
}


def event_data(verb: str, host: HostRef, now: datetime) -> EventData:
    """Return an event of ``now``, whose key grows with the time."""
    return EventData(
        name=EVENTS[verb],
        host=host.name,
        moref=host.moref,
        vcenter=host.vcenter,
        key=_key(now),
        created=now.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        user="maintenance-mirror",
        message=_SENTENCES[verb].format(host.name),
        datacenter="",
        cluster="",
        event_class="event",
        event_id=str(uuid.uuid4()),
    )


def _key(now: datetime) -> int:
    """Return the seconds since 1970 as vCenter counts: with 32 bits, and on from below zero."""
    return (int(now.timestamp()) + KEYS // 2) % KEYS - KEYS // 2


def _eventbridge(event: EventData) -> HttpMessage:
    """Return the request of Lambda's runtime interface emulator."""
    document = formats.lambda_event(event, str(uuid.uuid4()), event.created)
    return HttpMessage({"Content-Type": "application/json"}, json.dumps(document).encode())


FORMATS: Final[Mapping[str, Callable[[EventData], HttpMessage]]] = {
    **formats.HTTP_FORMATS,
    "eventbridge": _eventbridge,
}
