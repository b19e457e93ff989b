"""Bring each change in: the same way into the core as an event's, again until it is done."""

import logging
import threading
from typing import Final

from adapters.outgoing.deadline import deadline
from adapters.output import log
from adapters.output.listeners import Listener
from adapters.watch.changes import Change, Changes
from adapters.watch.health import Health, Signs
from functions import handlers
from functions.context import Context
from functions.errors import (
    AmbiguousHostError,
    AuthenticationError,
    HostNotFoundError,
    MaintenanceError,
    OperationsUnavailableError,
    RequestRejectedError,
    TransientError,
)

_logger: Final = logging.getLogger(__name__)

_WAIT_SECONDS: Final = 1.0
# vRealize Operations may ask for more, but a host must not wait longer for whoever is back.
_MAX_PAUSE_SECONDS: Final = 60.0
# What only vRealize Operations can say, which is there by then.
_ANSWERS: Final = (HostNotFoundError, AmbiguousHostError)
# What keeps it from what it was to be told; who it is that refuses, the text says.
_PROBLEMS: Final = (OperationsUnavailableError, AuthenticationError, RequestRejectedError)


class Mirroring:
    """What one thread does: take a change, mirror it, take the next; ``seconds`` are for each.

    ``listener`` is told what became of each.
    """

    def __init__(
        self,
        changes: Changes,
        context: Context,
        health: Health,
        seconds: float,
        listener: Listener | None = None,
    ) -> None:
        self._changes = changes
        self._context = context
        self._health = health
        self._seconds = seconds
        self._listener = listener or Listener()

    def run(self, signs: Signs, ended: threading.Event) -> None:
        """Go on until it has ``ended``; a change that is in hand by then is finished."""
        while not ended.is_set():
            signs.show()
            if change := self._changes.take(_WAIT_SECONDS):
                self._mirror(change)

    def _mirror(self, change: Change) -> None:
        try:
            self._told(change)
        except TransientError as error:
            self._note(error)
            self._changes.again(change, min(error.retry_after, _MAX_PAUSE_SECONDS))
        except MaintenanceError as error:
            # It was told in the log; sweeps look at the host again.
            self._note(error)
            self._changes.done(change)
        except Exception:
            level = logging.DEBUG if change.failures else logging.ERROR
            said = "%s: this is a bug; trying again"
            _logger.log(level, said, change.event.host, exc_info=True)
            self._changes.again(change, _MAX_PAUSE_SECONDS)
        else:
            if self._health.operations_problem:
                self._changes.hurry()
            self._health.operations_answered()
            self._changes.done(change)

    def _told(self, change: Change) -> None:
        again = bool(change.failures)
        line_of = log.event_line(again=again, listener=self._listener)
        with line_of as line, deadline(self._seconds):
            line.outcome = handlers.mode_changed(change.event, self._context)

    def _note(self, error: MaintenanceError) -> None:
        if isinstance(error, _PROBLEMS):
            self._health.operations_problem = str(error)
        elif isinstance(error, _ANSWERS):
            self._health.operations_answered()
