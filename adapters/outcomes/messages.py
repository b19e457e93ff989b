"""Which outcome is which CloudEvent: MEANINGS, a table, and what their data holds.

The data is described by docs/outcomes.schema.json; texts and lists are bounded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final
from uuid import uuid4

from functions.events import (
    ENTERED,
    MAX_NAME_LENGTH,
    OUTCOME_TYPE,
    Envelope,
    HostEvent,
    HostRef,
    vcenter_address,
)
from functions.outcomes import Outcome, Overdue, Verb

# The last part of the type, by what was done.
MEANINGS: Final[Mapping[str, str]] = {
    "entered": "silenced",
    "renewed": "renewed",
    "exited": "monitored",
    "left": "left",
    "overdue": "overdue",
    "refused": "refused",
    "ignored": "ignored",
}
# What a sweep does, in the words of what was done.
DONE: Final[Mapping[Verb, str]] = {"start": "entered", "end": "exited", "leave": "left"}
# What a sweep says again as long as nobody mends it.
_LASTING: Final = ("left", "overdue", "refused")
_ID_LENGTH: Final = 32
_MAX_REASON_LENGTH: Final = 1000
_MAX_COMPANIONS: Final = 30


@dataclass(frozen=True)
class Told:
    """What there is to tell: ``action`` is a key of MEANINGS; None is what nobody knows.

    ``until`` is when a window that was started ends by itself. ``event`` is the one that led to
    it; None where a sweep found out. ``overdue`` is what there is to tell of a host that is.
    """

    action: str
    host: HostRef | None
    reason: str
    needs_attention: bool = False
    event: HostEvent | None = None
    until: datetime | None = None
    overdue: Overdue | None = None
    companions: Sequence[Outcome] = ()
    in_sweep: bool = False


def source_of(vrops_url: str) -> str:
    """Return the ``source`` of all events: who we are, and whom we tell of maintenance."""
    return f"maintenance-mirror/{vcenter_address(vrops_url)}"


def message(told: Told, source: str, extensions: Mapping[str, str], now: datetime) -> Envelope:
    """Return the CloudEvent that says so, in structured mode, with further attributes.

    Its id is the same whenever the same is told again: of an event, whatever its sender calls it
    in each try, and of what a sweep finds every time, for a day of UTC.
    """
    host = told.host
    return {
        **extensions,
        "specversion": "1.0",
        "type": f"{OUTCOME_TYPE}.{MEANINGS[told.action]}",
        "source": source,
        "id": _identity(told, now),
        **({"subject": _shown(host.name or host.moref)} if host else {}),
        "time": _time(now),
        "datacontenttype": "application/json",
        "data": _data(told),
    }


def _identity(told: Told, now: datetime) -> str:
    event = told.event
    if event is not None:
        # VEBA draws the id of an event anew for every replay (functions.events.HostEvent).
        known = event.key is not None or event.created is not None
        which = (event.key, event.created) if known else (event.event_id,)
        return _digest(told, event.vcenter, event.name, *which)
    if told.in_sweep and told.action in _LASTING:
        return _digest(told, told.reason, now.date())
    return uuid4().hex


def _digest(told: Told, *parts: object) -> str:
    host = told.host
    whose = (host.vcenter, host.kind, host.moref or host.name) if host else ()
    text = repr((told.action, whose, *map(str, parts)))
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:_ID_LENGTH]


def _data(told: Told) -> dict[str, Any]:
    listed = told.companions[:_MAX_COMPANIONS]
    return {
        **_about(told.host),
        "action": told.action,
        "reason": _cut(told.reason),
        "needs_attention": told.needs_attention,
        "found_by": "sweep" if told.in_sweep else "event",
        "event": _event(told),
        "until": _time(told.until) if told.until else None,
        "companions": [_companion(each) for each in listed],
        "more_companions": len(told.companions) - len(listed),
    }


def _about(host: HostRef | None) -> dict[str, str | None]:
    if host is None:
        return {"host": None, "moref": None, "vcenter": None, "kind": None}
    name, moref, vcenter = (
        each[:MAX_NAME_LENGTH] for each in (host.name, host.moref, host.vcenter)
    )
    return {"host": name, "moref": moref, "vcenter": vcenter, "kind": host.kind}


def _companion(outcome: Outcome) -> dict[str, Any]:
    cut = outcome.reason[:MAX_NAME_LENGTH]
    return {**_about(outcome.host), "action": outcome.action, "reason": cut}


def _event(told: Told) -> dict[str, Any] | None:
    if told.event:
        created = told.event.created
        when = _time(created) if created else None
        name = told.event.name[:MAX_NAME_LENGTH]
        return {"name": name, "key": told.event.key, "user": told.event.user, "time": when}
    if told.overdue and told.overdue.entered:
        change = told.overdue.entered
        user = change.user[:MAX_NAME_LENGTH]
        return {"name": ENTERED, "key": None, "user": user, "time": _time(change.at)}
    return None


def _cut(reason: str) -> str:
    return reason[:_MAX_REASON_LENGTH]


def _shown(name: str) -> str:
    """Return a name without what no attribute of a CloudEvent may hold."""
    printable = (each if each.isprintable() else "?" for each in name[:MAX_NAME_LENGTH])
    return "".join(printable) or "?"


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
