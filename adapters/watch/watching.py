"""Let one vCenter tell of its hosts, and begin anew whenever it stops.

A session's first answer tells which hosts there are, and a sweep that begins after that tells how
they are: so from any state on both sides, what is true comes in. After that only changes are told,
and each of them is but a hint, since vCenter is asked before and after each write (decision 0023).
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import Final

from adapters.outgoing.deadline import deadline
from adapters.output.log import logger
from adapters.watch.changes import Changes
from adapters.watch.health import Health, Signs, VCenterHealth
from adapters.watch.pauses import pause
from adapters.watch.ports import HostUpdates, Updates, WatchedVCenter
from adapters.watch.sweeping import Sweeping
from functions.errors import MaintenanceError, VCenterUnavailableError
from functions.events import ENTERED, EXITED, HostEvent
from functions.ports import VCenterHost

# vCenter answers at once when there is anything to tell. If it does not answer within this and
# its read time-out, nobody is there any more, which no packet may ever tell.
_WAIT_SECONDS: Final = 20
_ANSWER_SECONDS: Final = 15.0
_FIRST_PAUSE_SECONDS: Final = 1.0
_MAX_PAUSE_SECONDS: Final = 60.0
# Who says sooner than this that nothing has happened is asked again after this.
_AT_ONCE_SECONDS: Final = 1.0


class Watching:
    """What one thread does for one vCenter: it passes ``changes`` on, and asks for sweeps.

    ``seconds`` are for reading all hosts at the beginning.
    """

    def __init__(
        self,
        vcenter: WatchedVCenter,
        changes: Changes,
        sweeping: Sweeping,
        health: Health,
        of_vcenter: VCenterHealth,
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vcenter = vcenter
        self._changes = changes
        self._sweeping = sweeping
        self._health = health
        self._of_vcenter = of_vcenter
        self._seconds = seconds
        self._clock = clock
        self._failures = 0

    def run(self, signs: Signs, ended: threading.Event) -> None:
        """Go on until it has ``ended``; the last answer may have to be waited for."""
        while not ended.is_set():
            signs.show()
            try:
                self._watch(signs, ended)
            except MaintenanceError as error:
                self._lost(str(error), ended)
            except Exception:
                logger.exception("vCenter %s: this is a bug; beginning anew", self._vcenter.address)
                self._lost("a bug, see the log", ended)

    def _watch(self, signs: Signs, ended: threading.Event) -> None:
        with ExitStack() as watching:
            with deadline(self._seconds):
                hosts = watching.enter_context(self._vcenter.watch())
            self._connected(hosts)
            # Until then it may be one of many that end soon, each of which cost a login.
            lasting = self._clock() + _MAX_PAUSE_SECONDS
            while not ended.is_set():
                signs.show()
                self._listen(hosts, ended)
                self._check_sweeps()
                if self._clock() >= lasting:
                    self._failures = 0

    def _listen(self, hosts: HostUpdates, ended: threading.Event) -> None:
        asked = self._clock()
        with deadline(_WAIT_SECONDS + _ANSWER_SECONDS):
            updates = hosts.wait(_WAIT_SECONDS)
        self._of_vcenter.hosts = len(hosts)
        if updates.changed or updates.other_hosts:
            self._pass_on(updates)
        elif self._clock() - asked < _AT_ONCE_SECONDS:
            # A vCenter may do so, and a web page in its place does so always.
            ended.wait(_AT_ONCE_SECONDS)

    def _check_sweeps(self) -> None:
        """Raise VCenterUnavailableError if it may be silent: a sweep found what it did not tell."""
        if untold := self._of_vcenter.untold:
            raise VCenterUnavailableError(
                f"it told of nothing since the last sweep, but a sweep has changed {untold} hosts"
            )

    def _connected(self, hosts: HostUpdates) -> None:
        known = self._of_vcenter
        known.untold = 0
        # A sweep that is under way may have begun before the connection was lost.
        known.swept, known.hosts, known.problem = False, len(hosts), ""
        known.connected_since = self._health.now()
        self._say(logging.INFO, f"watched: {len(hosts)} hosts")
        self._sweeping.ask()

    def _pass_on(self, updates: Updates) -> None:
        now = self._health.now()
        for each in updates.changed:
            seen = each.host.moref not in updates.told_again
            self._changes.put(_event(each, now, seen=seen))
        if updates.other_hosts:
            # What is gone for good, only a sweep may decide, which stops where that cannot be.
            self._sweeping.ask()
        self._of_vcenter.last_update = now

    def _lost(self, problem: str, ended: threading.Event) -> None:
        seconds = pause(self._failures, _FIRST_PAUSE_SECONDS, _MAX_PAUSE_SECONDS)
        self._failures += 1
        known = self._of_vcenter
        known.connected_since, known.swept, known.problem = None, False, problem
        if not ended.is_set():
            self._say(logging.WARNING, f"not watched: {problem}; again in {seconds:.0f} s")
        ended.wait(seconds)

    def _say(self, level: int, text: str) -> None:
        address = self._vcenter.address
        fields = {"vcenter": address}
        logger.log(level, "vCenter %s: %s", address, text, extra={"fields": fields})


def _event(host: VCenterHost, now: datetime, *, seen: bool) -> HostEvent:
    """Return the change as the event that vCenter has of it; its key and user nobody tells."""
    name = ENTERED if host.in_maintenance_mode else EXITED
    return HostEvent(name, host.host, key=None, created=now, event_id="", seen=seen)
