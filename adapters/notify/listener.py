"""What needs attention of all that events and sweeps come to: each thing once a day.

What a sweep finds is told when it is over, all at once.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final

from adapters.notify.delivery import Delivery
from adapters.notify.words import Notice
from adapters.output.listeners import Handled, Listener
from functions.errors import (
    AmbiguousHostError,
    AuthenticationError,
    InvalidEventError,
    MaintenanceError,
    PermanentError,
    RequestRejectedError,
    SweepRefusedError,
    TransientError,
    UnverifiedEventError,
)
from functions.events import HostEvent
from functions.handlers import NOTHING_TO_COMPARE
from functions.outcomes import Action, Outcome, Overdue
from functions.ports import Companion, Resource, VCenterHost

_CLOSE_SECONDS: Final = 5.0
# Each of them once a day; who sends more of them has told enough.
_MAX_TOLD: Final = 10_000

_SUBJECTS: Final[Mapping[type[MaintenanceError], str]] = {
    AmbiguousHostError: "ambiguous",
    InvalidEventError: "damaged",
    RequestRejectedError: "rejected",
    SweepRefusedError: "refused",
    UnverifiedEventError: "unverified",
    PermanentError: "other",
    AuthenticationError: "credentials",
    TransientError: "lasting",
}


class Notifier(Listener):
    """Tells every service of ``deliveries``; ``now`` says which day it is, in UTC."""

    def __init__(
        self,
        deliveries: Sequence[Delivery],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._deliveries = deliveries
        self._today = _Today(lambda: now().astimezone(UTC).date())
        self._sweep = _Sweep()

    def compared(
        self,
        vcenter: str,
        hosts: Sequence[VCenterHost],
        resources: Sequence[Resource],
        actions: Sequence[Action],
        companions: Sequence[Companion] = (),
    ) -> None:
        """See SweepListener.compared."""
        self._sweep.vcenters.append(vcenter)

    def refused(self, error: SweepRefusedError) -> None:
        """See SweepListener.refused."""
        about = f"sweep of {', '.join(self._sweep.vcenters)}"
        self._sweep.found.append(Notice("refused", about, str(error)))

    def planned(self, actions: list[Action]) -> None:
        """See SweepListener.planned."""
        left = (each for each in actions if each.verb == "leave")
        self._sweep.found += [Notice("left", str(each.host), each.reason) for each in left]

    def overdue(self, found: Overdue) -> None:
        """See SweepListener.overdue."""
        self._sweep.found.append(Notice("overdue", str(found.host), found.reason))

    def corrected(self, outcome: Outcome) -> None:
        """See SweepListener.corrected."""
        self._sweep.found += _of_outcome(outcome)

    def failed(self, where: str, error: MaintenanceError) -> None:
        """See SweepListener.failed."""
        self._sweep.found += _of_error(error, where)

    def handled(self, handled: Handled) -> None:
        """See Listener.handled: what was found by a sweep in this thread is told, too."""
        found, self._sweep.found, self._sweep.vcenters = self._sweep.found, [], []
        if handled.outcome:
            found += _of_outcome(handled.outcome)
        if handled.error and not _was_told(handled.error):
            found += _of_error(handled.error)
        if new := [each for each in found if self._today.is_new(_key(each))]:
            for each in self._deliveries:
                each.tell(new)

    def close(self) -> None:
        """See Listener.close: what waits is sent now, for at most 5 seconds."""
        ends = time.monotonic() + _CLOSE_SECONDS
        for each in self._deliveries:
            each.end()
        for each in self._deliveries:
            each.join(ends - time.monotonic())


class _Sweep(threading.local):
    """What the sweep of this thread has found so far, and which vCenters it has compared."""

    def __init__(self) -> None:
        self.found: list[Notice] = []
        self.vcenters: list[str] = []


class _Today:
    """What was told of today, the newest 10 000 things of it."""

    def __init__(self, today: Callable[[], date]) -> None:
        self._today = today
        self._lock = threading.Lock()
        self._day = today()
        self._told: OrderedDict[tuple[str, ...], None] = OrderedDict()

    def is_new(self, key: tuple[str, ...]) -> bool:
        """Whether it was not asked for today; it was from now on."""
        with self._lock:
            if self._day != (day := self._today()):
                self._day = day
                self._told.clear()
            is_new = key not in self._told
            self._told[key] = None
            if len(self._told) > _MAX_TOLD:
                self._told.popitem(last=False)
        return is_new


def _key(notice: Notice) -> tuple[str, ...]:
    """Return what is told of once a day: a host and a reason, or whoever does not work."""
    if notice.subject == "left":
        return notice.subject, notice.about, notice.details
    if notice.subject in ("credentials", "lasting"):
        # Every host and every sweep meets it, in words that go on after that.
        return notice.subject, notice.details.partition(" refuse")[0]
    return notice.subject, notice.about


def _of_outcome(outcome: Outcome) -> list[Notice]:
    """Say what a person should look at, of the host and of what goes with it."""
    # What has made a sweep need attention was told by itself.
    told = [each for each in (outcome, *outcome.companions) if each.action != "reconciled"]
    return [_notice(each, outcome.event) for each in told if each.needs_attention]


def _notice(outcome: Outcome, event: HostEvent | None) -> Notice:
    about = str(outcome.host or (event and event.host) or "")
    return Notice(_subject(outcome), about, outcome.reason, _origin(event))


def _subject(outcome: Outcome) -> str:
    if outcome.action in ("left", "exited"):
        return {"left": "left", "exited": "unseen"}[outcome.action]
    if outcome.host:
        return "undiscovered"
    return "no vCenter" if outcome.reason == NOTHING_TO_COMPARE else "impostor"


def _of_error(error: MaintenanceError, where: str = "") -> list[Notice]:
    if not _lasts(error):
        return []
    subject = next(_SUBJECTS[each] for each in type(error).__mro__ if each in _SUBJECTS)
    about = str(error.event.host) if error.event else where
    return [Notice(subject, about, str(error), _origin(error.event))]


def _lasts(error: MaintenanceError) -> bool:
    """Whether somebody has to do something: what passes by itself is for alerts."""
    if isinstance(error, TransientError):
        return error.lasting or isinstance(error, AuthenticationError)
    return True


def _was_told(error: MaintenanceError) -> bool:
    return error.told or isinstance(error, SweepRefusedError)


def _origin(event: HostEvent | None) -> str:
    """Say which event it was, when it happened, and who caused it."""
    if event is None:
        return ""
    at = f" of {event.created.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if event.created else ""
    return f"{event.name}{at}{f', by {event.user}' if event.user else ''}"
