"""Who is told what becomes of events and sweeps, beside the log: metrics and whatever else is on.

A listener is told in the thread that does the work, after the line of the log is written. So it
is quick: what takes long belongs into a thread of its own.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, NamedTuple

from adapters.incoming.envelopes import Received
from functions.errors import MaintenanceError, SweepRefusedError
from functions.events import RECONCILE, HostEvent, classify
from functions.handlers import HANDLERS
from functions.outcomes import Action, Outcome, Overdue, SweepListener
from functions.ports import Companion, Resource, VCenterHost

_logger: Final = logging.getLogger("maintenance_mirror")

OTHER: Final = "other"


class Shown(NamedTuple):
    """What a listener has to show to whoever asks over HTTP, and its Content-Type."""

    content_type: str
    body: bytes


@dataclass(frozen=True)
class Handled:
    """How one event, or one sweep, ended: exactly one of ``outcome`` and ``error`` is there.

    ``received`` is None where nothing could be read, and where no event asked for it, as of all
    that a watched vCenter tells; ``sweep`` says of these whether it was a sweep. What is tried
    again is told of each time.
    """

    received: Received | None
    outcome: Outcome | None
    error: MaintenanceError | None
    seconds: float
    sweep: bool = False

    @property
    def event_name(self) -> str:
        """The name of the event as HANDLERS has it, or "other": whoever sends it, so few exist."""
        name = RECONCILE if self.sweep else self._name()
        return name if name in HANDLERS else OTHER

    @property
    def event(self) -> HostEvent | None:
        """The event as it was read; None where its host could not be, and of a sweep."""
        event: HostEvent | None = (self.outcome or self.error).event  # type: ignore[union-attr]
        return event

    def _name(self) -> str:
        if self.received is None:
            return self.event.name if self.event else OTHER
        kind = classify(self.received.envelope)
        # One that only calls itself by the name of ours is none of ours.
        return kind.name if kind and kind.genuine else OTHER


class Listener(SweepListener):
    """Is told what becomes of each event, and how sweeps go. This one does not care."""

    def handled(self, handled: Handled) -> None:
        """One event or one sweep is over, and its line of the log is written."""

    def close(self) -> None:
        """The process ends; whoever has a thread or a connection gives it up within a second."""

    def show(self) -> Shown | None:
        """Return what is told at /metrics; None if that is not this one's."""
        return None


class Listeners(Listener):
    """Passes everything on to all ``listeners``, in that order.

    What one of them raises harms neither the work nor the others. It is logged as an ERROR, once
    for each of them and each class of error, and without its text, which may hold a secret.
    """

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = tuple(listeners)
        self._lock = threading.Lock()
        self._logged: set[tuple[str, str]] = set()

    def handled(self, handled: Handled) -> None:
        """See Listener.handled."""
        self._tell(lambda each: each.handled(handled))

    def close(self) -> None:
        """See Listener.close."""
        self._tell(lambda each: each.close())

    def show(self) -> Shown | None:
        """See Listener.show."""
        return next(filter(None, (each.show() for each in self._listeners)), None)

    def read(self, vcenter: str, side: str, count: int) -> None:
        """See SweepListener.read."""
        self._tell(lambda each: each.read(vcenter, side, count))

    def accompanied(self, vcenter: str, companions: Sequence[Companion]) -> None:
        """See SweepListener.accompanied."""
        self._tell(lambda each: each.accompanied(vcenter, companions))

    def compared(
        self,
        vcenter: str,
        hosts: Sequence[VCenterHost],
        resources: Sequence[Resource],
        actions: Sequence[Action],
    ) -> None:
        """See SweepListener.compared."""
        self._tell(lambda each: each.compared(vcenter, hosts, resources, actions))

    def refused(self, error: SweepRefusedError) -> None:
        """See SweepListener.refused."""
        self._tell(lambda each: each.refused(error))

    def planned(self, actions: list[Action]) -> None:
        """See SweepListener.planned."""
        self._tell(lambda each: each.planned(actions))

    def done(self, action: Action, seen: bool) -> None:
        """See SweepListener.done."""
        self._tell(lambda each: each.done(action, seen))

    def corrected(self, outcome: Outcome) -> None:
        """See SweepListener.corrected."""
        self._tell(lambda each: each.corrected(outcome))

    def overdue(self, found: Overdue) -> None:
        """See SweepListener.overdue."""
        self._tell(lambda each: each.overdue(found))

    def failed(self, where: str, error: MaintenanceError) -> None:
        """See SweepListener.failed."""
        self._tell(lambda each: each.failed(where, error))

    def _tell(self, tell: Callable[[Listener], None]) -> None:
        for each in self._listeners:
            try:
                tell(each)
            except Exception as error:
                self._log(type(each).__name__, error)

    def _log(self, listener: str, error: Exception) -> None:
        kind = listener, type(error).__name__
        with self._lock:
            is_new = kind not in self._logged
            self._logged.add(kind)
        if is_new:
            told = "%s failed with %s at %s; the work goes on, and this is told once"
            _logger.error(told, *kind, _place(error.__traceback__))


def _place(traceback: TracebackType | None) -> str:
    """Say where in the code it was raised, which holds no secret."""
    while traceback and traceback.tb_next:
        traceback = traceback.tb_next
    if traceback is None:
        return "an unknown place"
    return f"{traceback.tb_frame.f_globals.get('__name__')}:{traceback.tb_lineno}"
