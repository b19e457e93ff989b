"""A dead letter: an event that a broker has given up, and what it says of why (decision 0024).

Source: Knative's "Event delivery": whoever gives an event up adds the extension attributes
``knativeerrordest``, ``knativeerrorcode`` and ``knativeerrordata``. RabbitMQ's dispatcher
(``pkg/dispatcher/dispatcher.go``) writes -1 for the code where there was no answer at all.
"""

import re
from dataclasses import dataclass
from typing import Any, Final, Self

from functions.events import MAX_NAME_LENGTH, Envelope, HostEvent, classify, event_to_log
from functions.masking import masked

_ADDED: Final = ("knativeerrordest", "knativeerrorcode", "knativeerrordata")
_NO_ANSWER: Final = "-1"
# What stands before the last @ may be a password, and what stands behind a ? a token.
_ADDRESS: Final = re.compile(r"(https?://)?(?:.*@)?([^?#]*).*", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that was given up, and what the dispatcher says of why.

    ``cloudevent`` is the event as it was before, with its data decoded, and what looks like a
    secret masked; ``is_whole``: nothing had to be, so that it can be sent again. ``event`` is None
    where it names no host of a vCenter's. Both texts are as the dispatcher gave them, without what
    may be a secret, and empty where it gave none.
    """

    cloudevent: Envelope
    is_whole: bool
    event: HostEvent | None
    error_code: str
    destination: str

    @classmethod
    def of(cls, envelope: Envelope) -> Self:
        """Read what arrived at the dead-letter sink, whoever's event it was."""
        original = _original(envelope)
        shown = masked(original)
        return cls(
            shown,
            shown == original,
            event_to_log(original),
            _short(envelope.get("knativeerrorcode")),
            _address(str(envelope.get("knativeerrordest") or ""))[:MAX_NAME_LENGTH],
        )

    def __str__(self) -> str:
        return f"dead letter: {self._what}: given up by the broker{self._why}"

    @property
    def event_time(self) -> str:
        """When it happened: by vCenter's clock, or else as the CloudEvent says."""
        if self.event and self.event.created:
            return self.event.created.isoformat()
        return _short(self.cloudevent.get("time"))

    @property
    def _what(self) -> str:
        if self.event is None:
            return f"{_name(self.cloudevent)} of {_short(self.cloudevent.get('source'))}"
        at = f" at {self.event_time}" if self.event_time else ""
        return f"{_name(self.cloudevent)} of {self.event.host}{at}"

    @property
    def _why(self) -> str:
        code = " without an answer" if self.error_code == _NO_ANSWER else f" with {self.error_code}"
        origin = f" from {self.destination}" if self.destination else ""
        return f"{code if self.error_code else ''}{origin}"


def _original(envelope: Envelope) -> dict[str, Any]:
    """Return what the event was before it was given up, with its data as JSON."""
    # The data are decoded by now: in base64, nobody would see a secret in them.
    original = {k: v for k, v in envelope.items() if k not in (*_ADDED, "data_base64")}
    if isinstance(original.get("data"), dict | list):
        original["datacontenttype"] = "application/json"
    return original


def _name(cloudevent: Envelope) -> str:
    kind = classify(cloudevent)
    return _short(kind.name if kind else cloudevent.get("type"))


def _address(url: str) -> str:
    found = _ADDRESS.fullmatch(url)
    return f"{found[1] or ''}{found[2]}" if found else ""


def _short(value: object) -> str:
    return "" if value is None else str(value)[:MAX_NAME_LENGTH]
