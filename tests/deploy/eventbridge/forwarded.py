"""Events on their way from VEBA's router to the function, and what the function does with each.

``FORWARDED`` holds every example as the router hands it to EventBridge, and more that it could;
``FOREIGN`` is what it never sends, though it may be on the bus.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from adapters.eventbridge import detail
from functions.context import Context
from functions.errors import InvalidEventError
from functions.events import HostRef
from functions.handlers import dispatch
from lab.events import (
    ENTER,
    EXAMPLES,
    EXIT,
    HOSTLESS,
    IMPOSTOR,
    NOT_OURS,
    REMOVED,
    lambda_event,
    older_lambda_event,
)
from tests.fakes import FakeOperations
from tests.messages import LIMITS, read_file

Event = dict[str, Any]

# What begins or resembles ours, and is not.
NAMES: Final = (
    "EnteringMaintenanceModeEvent",
    "CanceledHostOperationEvent",
    "HostRemovedFromClusterEvent",
    "enteredmaintenancemodeevent",
    "EnteredMaintenanceModeEvent ",
)
_HOST: Final = HostRef(ENTER.moref, ENTER.host, ENTER.vcenter)
_NOT_OURS: Final = ("not a vCenter event", "not a maintenance event")


def handled(event: Event) -> bool:
    """Say whether the function has something to do with an event: mirror it, refuse it, warn."""
    try:
        outcome = dispatch(detail(event, LIMITS).envelope, Context(FakeOperations([_HOST])))
    except InvalidEventError:
        return True
    return outcome.reason not in _NOT_OURS


def entry(event: Event, bus: str) -> dict[str, str]:
    """Return the one entry of the router's call of PutEvents for an event."""
    return {
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
        "EventBusName": bus,
    }


def _event(envelope: Mapping[str, Any]) -> Event:
    """What EventBridge makes of a CloudEvent that the router sends."""
    kind = envelope.get("subject") or envelope["type"]
    return {
        **lambda_event(ENTER),
        "source": envelope["source"],
        "detail-type": kind,
        "detail": envelope,
    }


def _examples() -> dict[str, Event]:
    return {path.name: _event(read_file(path).envelope) for path in sorted(EXAMPLES.iterdir())}


def _by_the_router(event: Event) -> bool:
    return bool(event["detail"]["type"].startswith("com.vmware.event.router/"))


def _further() -> dict[str, Event]:
    """What no example shows: generic events under each of our names, and names like ours."""
    events = {"hostless": lambda_event(HOSTLESS), "not ours, older": older_lambda_event(NOT_OURS)}
    for event_data in (ENTER, EXIT, REMOVED):
        for generic in (IMPOSTOR.event_class, "extendedevent"):
            posted = replace(event_data, event_class=generic)
            events[f"{generic} {event_data.name}"] = lambda_event(posted)
    return events | {f"name {name!r}": lambda_event(replace(ENTER, name=name)) for name in NAMES}


_EXAMPLES: Final = _examples()
FORWARDED: Final = {name: each for name, each in _EXAMPLES.items() if _by_the_router(each)}
FORWARDED.update(_further())
FOREIGN: Final = {name: each for name, each in _EXAMPLES.items() if not _by_the_router(each)}
# Of other services on the same bus; a subject elsewhere is not the one that counts.
_OTHER: Final = {**lambda_event(ENTER), "source": "com.example", "detail-type": ENTER.name}
FOREIGN.update(
    {
        "empty": {**_OTHER, "detail": {}},
        "null": {**_OTHER, "detail": {"subject": None}},
        "a number": {**_OTHER, "detail": {"subject": 1}},
        "deeper": {**_OTHER, "detail": {"data": {"subject": ENTER.name}}},
        "above": {**_OTHER, "subject": ENTER.name, "detail": {"data": {}}},
    }
)
