"""Sweep one vCenter when there is a reason to, and every so often, which renews leases."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from adapters.outgoing.deadline import deadline
from adapters.output import log
from adapters.output.listeners import Listener, Listeners
from adapters.watch.health import Health, Signs, VCenterHealth
from adapters.watch.pauses import pause
from functions import handlers
from functions.context import Context
from functions.errors import MaintenanceError, OperationsUnavailableError, SweepRefusedError
from functions.outcomes import Action
from functions.ports import VCenter

_logger: Final = logging.getLogger(__name__)

# How often it looks whether somebody asks, and shows that it lives.
_WAIT_SECONDS: Final = 1.0
_FIRST_PAUSE_SECONDS: Final = 5.0
_MAX_PAUSE_SECONDS: Final = 60.0
# How long a sweep waits for other vCenters to say who they are.
_IDENTIFY_SECONDS: Final = 10.0
# Many hosts that come or go one by one need no sweep each.
_APART_SECONDS: Final = 5.0
# What a process wrote that has died may not show yet when the next one sweeps at its beginning; the
# sweep after this finds it (decision 0023).
_SECOND_LOOK_SECONDS: Final = 60.0


class _Found(Listener):
    """Counts the hosts that a sweep has started or ended."""

    changed = 0

    def done(self, action: Action, seen: bool) -> None:
        """See SweepListener.done."""
        self.changed += action.changes


class Sweeping:
    """What one thread does for one vCenter.

    A sweep is due when somebody ``asks``, once more a minute later, and every ``interval`` seconds;
    it may take ``seconds``. One that has failed is due again after a growing pause. ``listener`` is
    told of each.
    """

    def __init__(
        self,
        vcenter: VCenter,
        context: Context,
        health: Health,
        of_vcenter: VCenterHealth,
        *,
        interval: float,
        seconds: float,
        listener: Listener | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = vcenter.address
        self._all = context.vcenters
        self._context = replace(context, vcenters=context.vcenters.only(vcenter))
        self._health = health
        self._of_vcenter = of_vcenter
        self._interval = interval
        self._seconds = seconds
        self._listener = listener or log.SweepLog()
        self._clock = clock
        self._asked = threading.Event()
        self._looks_again = False
        self._due = clock() + interval
        self._not_before = clock()
        self._failures = 0

    def ask(self) -> None:
        """Let a sweep begin at once; 5 s after the last one, if there was one just now."""
        self._asked.set()

    def run(self, signs: Signs, ended: threading.Event) -> None:
        """Go on until it has ``ended``."""
        while not ended.is_set():
            signs.show()
            if self._asked.wait(_WAIT_SECONDS):
                self._asked.clear()
                self._due, self._looks_again = max(self._clock(), self._not_before), True
            if self._clock() >= self._due:
                self._sweep()
                self._not_before = self._clock() + _APART_SECONDS

    def _sweep(self) -> None:
        try:
            self._told()
        except SweepRefusedError as error:
            # A person has to look; the next one is due when it always is.
            self._note(error, self._interval)
        except MaintenanceError as error:
            self._note(error, pause(self._failures, _FIRST_PAUSE_SECONDS, _MAX_PAUSE_SECONDS))
        except Exception:
            _logger.exception("sweep of %s: this is a bug; trying again", self._address)
            self._failed("a bug, see the log", _MAX_PAUSE_SECONDS)
        else:
            self._succeeded()

    def _told(self) -> None:
        # One that is down must not use up the time of all others' sweeps.
        self._identify_all()
        silent, found = self._of_vcenter.silent, _Found()
        context = replace(self._context, listener=Listeners([self._listener, found]))
        line_of = log.event_line(listener=self._listener, sweep=True)
        with line_of as line, deadline(self._seconds):
            outcome = handlers.reconcile(context)
            line.outcome = replace(outcome, reason=f"{self._address}: {outcome.reason}")
        if silent:
            self._of_vcenter.untold = found.changed

    def _identify_all(self) -> None:
        """Let all say who they are, unless that is known: a copy must not decide, even if alone."""
        with deadline(_IDENTIFY_SECONDS):
            for each in self._all:
                with suppress(MaintenanceError):
                    self._all.identify(each)

    def _note(self, error: MaintenanceError, seconds: float) -> None:
        if isinstance(error, OperationsUnavailableError):
            self._health.operations_problem = str(error)
            self._failed(self._of_vcenter.problem, seconds)
        else:
            self._failed(str(error), seconds)

    def _failed(self, problem: str, seconds: float) -> None:
        self._failures += 1
        self._due = self._clock() + min(seconds, self._interval)
        self._of_vcenter.swept, self._of_vcenter.problem = False, problem

    def _succeeded(self) -> None:
        self._failures = 0
        following = _SECOND_LOOK_SECONDS if self._looks_again else self._interval
        self._due, self._looks_again = self._clock() + min(following, self._interval), False
        self._health.operations_answered()
        self._of_vcenter.last_sweep = self._health.now()
        if self._of_vcenter.connected_since:
            self._of_vcenter.problem = ""
        # Who has asked meanwhile may know of what has happened since this one began.
        self._of_vcenter.swept = self._of_vcenter.swept or not self._asked.is_set()
