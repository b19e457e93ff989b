"""How it went lately, for those who ask /healthz: that it answers says nothing of its work."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from adapters.output.listeners import OTHER, Handled, Listener, Shown
from functions.errors import AuthenticationError, RequestRejectedError
from functions.errors import OperationsUnavailableError as OperationsAway
from functions.errors import VCenterUnavailableError as VCenterAway
from functions.events import RECONCILE

# What keeps all events from being mirrored, and not only the one at hand.
_PROBLEMS: Final = (OperationsAway, VCenterAway, AuthenticationError, RequestRejectedError)


def _now() -> datetime:
    return datetime.now(UTC)


def alive(**more: object) -> Shown:
    """Return, as JSON, that the process lives, and what ``more`` there is to say."""
    text = json.dumps({"alive": True, **more}, indent=2)
    return Shown("application/json", text.encode() + b"\n")


class Recent(Listener):
    """Remembers when the last event of a host and the last sweep went well, and what is wrong now.

    ``now`` tells the time (aware).
    """

    def __init__(self, now: Callable[[], datetime] = _now) -> None:
        self._now = now
        self._event: datetime | None = None
        self._sweep: datetime | None = None
        self._problem = ""

    def handled(self, handled: Handled) -> None:
        """See Listener.handled."""
        if isinstance(handled.error, _PROBLEMS):
            self._problem = str(handled.error)
        if handled.outcome is None or handled.outcome.action == "ignored":
            return
        if handled.event_name == RECONCILE:
            self._sweep, self._problem = self._now(), ""
        elif handled.event_name != OTHER:
            self._event, self._problem = self._now(), ""

    def show(self) -> Shown:
        """Return it as JSON; a problem is shown until something has gone well."""
        return alive(
            last_event=_text(self._event), last_sweep=_text(self._sweep), problem=self._problem
        )


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
