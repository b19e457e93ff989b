"""Tells what changed, or needs attention: both what events did, and what sweeps did."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from adapters.config.settings import Settings
from adapters.outcomes.messages import DONE, MEANINGS, Told, message, source_of
from adapters.outcomes.outbox import Outbox
from adapters.output.listeners import Handled, Listener
from functions.errors import (
    MaintenanceError,
    NotACloudEventError,
    PermanentError,
    SweepRefusedError,
)
from functions.events import RECONCILE, classify
from functions.outcomes import Action, Outcome, Overdue

# So many of each kind that one sweep tells of: with all kinds, fewer than an outbox keeps.
_MAX_OF_A_KIND: Final = 200
_CLOSE_SECONDS: Final = 1.0


def _now() -> datetime:
    return datetime.now(UTC)


class OutcomeListener(Listener):
    """Puts into ``outbox`` what there is to tell, by the ``settings``.

    Where a process stands still as soon as it has answered, ``flush_seconds`` is how long it may
    take for what was told until then.
    """

    def __init__(
        self,
        outbox: Outbox,
        settings: Settings,
        flush_seconds: float = 0.0,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self.outbox = outbox
        self._source = source_of(settings.vrops.url)
        self._extensions = settings.outcomes.extensions
        self._lease_minutes = settings.lease_minutes
        self._flush_seconds = flush_seconds
        self._now = now
        # Every sweep has a thread of its own, and several of them may run at once.
        self._sweep = threading.local()

    def handled(self, handled: Handled) -> None:
        """See Listener.handled."""
        if handled.outcome:
            self._tell_all(self._of_outcome(handled.outcome, in_sweep=False), handled)
        elif isinstance(handled.error, PermanentError):
            self._tell_all(self._of_error(handled.error), handled)
        self._sweep.told = Counter()
        if self._flush_seconds:
            self.outbox.flush(self._flush_seconds)

    def refused(self, error: SweepRefusedError) -> None:
        """See SweepListener.refused."""
        self._tell_of_sweep(Told("refused", None, str(error), True, in_sweep=True))

    def failed(self, where: str, error: MaintenanceError) -> None:
        """See SweepListener.failed: what the next sweep may find mended is not told."""
        if isinstance(error, PermanentError):
            reason = f"{where}: {error}"
            self._tell_of_sweep(Told("refused", None, reason, True, in_sweep=True))

    def planned(self, actions: list[Action]) -> None:
        """See SweepListener.planned: maintenance that is left alone is told of once a day."""
        for action in actions:
            if action.verb == "leave" and action.is_new:
                self._tell_of_action(action, needs_attention=True)

    def done(self, action: Action, seen: bool) -> None:
        """See SweepListener.done."""
        if action.changes:
            self._tell_of_action(action, needs_attention=action.verb == "end" and not seen)

    def corrected(self, outcome: Outcome) -> None:
        """See SweepListener.corrected."""
        for told in self._of_outcome(outcome, in_sweep=True):
            self._tell_of_sweep(told)

    def overdue(self, found: Overdue) -> None:
        """See SweepListener.overdue."""
        if found.is_new:
            told = Told("overdue", found.host, found.reason, True, overdue=found, in_sweep=True)
            self._tell_of_sweep(told)

    def close(self) -> None:
        """See Listener.close: what is waiting is sent, for a second at most."""
        self.outbox.close(_CLOSE_SECONDS)

    def _of_outcome(self, outcome: Outcome, *, in_sweep: bool) -> Iterator[Told]:
        """Say of a host what became of it and its companions, or else what became of those."""
        if _is_worth_telling(outcome):
            yield self._told(outcome, in_sweep)
            return
        for each in outcome.companions:
            if _is_worth_telling(each):
                yield self._told(replace(each, event=outcome.event), in_sweep)

    def _told(self, outcome: Outcome, in_sweep: bool) -> Told:
        return Told(
            outcome.action,
            outcome.host,
            outcome.reason,
            any(each.needs_attention for each in (outcome, *outcome.companions)),
            event=outcome.event,
            until=self._until(outcome),
            companions=outcome.companions,
            in_sweep=in_sweep,
        )

    def _until(self, outcome: Outcome) -> datetime | None:
        if outcome.action not in ("entered", "renewed") or not self._lease_minutes:
            return None
        return self._now() + timedelta(minutes=self._lease_minutes)

    @staticmethod
    def _of_error(error: MaintenanceError) -> Iterator[Told]:
        host = error.event.host if error.event else None
        yield Told("refused", host, str(error), True, event=error.event)

    def _tell_all(self, all_told: Iterator[Told], handled: Handled) -> None:
        if _is_about_an_event(handled):
            for told in all_told:
                self._tell(told)

    def _tell_of_action(self, action: Action, *, needs_attention: bool) -> None:
        told = Told(
            DONE[action.verb],
            action.host,
            action.reason,
            needs_attention,
            until=action.until,
            in_sweep=True,
        )
        self._tell_of_sweep(told)

    def _tell_of_sweep(self, told: Told) -> None:
        counts: Counter[str] = self._sweep.__dict__.setdefault("told", Counter())
        counts[told.action] += 1
        if counts[told.action] > _MAX_OF_A_KIND:
            self.outbox.drop(1, f"one sweep tells of {_MAX_OF_A_KIND} of a kind at most")
        else:
            self._tell(told)

    def _tell(self, told: Told) -> None:
        self.outbox.put(message(told, self._source, self._extensions, self._now()))


def _is_worth_telling(outcome: Outcome) -> bool:
    """Whether something changed, or a person should look."""
    changed = outcome.action in ("entered", "renewed", "exited")
    return outcome.action in MEANINGS and (changed or outcome.needs_attention)


def _is_about_an_event(handled: Handled) -> bool:
    """Whether this is about an event of vCenter's: of a sweep all is told by then.

    What is no such event is never told of, so that no outcome can lead to another one.
    """
    if isinstance(handled.error, NotACloudEventError):
        return False
    if handled.received is None:
        return handled.event is not None
    kind = classify(handled.received.envelope)
    return kind is not None and kind.name != RECONCILE
