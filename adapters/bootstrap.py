"""The composition root: settings -> clients -> dispatch, built once per process.

Driving adapters ask for a target's dispatch, hand it a way to read what arrived, and get the
Outcome or a MaintenanceError, which has been logged by then.
"""

import atexit
import os
import threading
from collections.abc import Callable, Mapping
from typing import Final

from adapters import console, log
from adapters.deadline import deadline
from adapters.envelopes import Received
from adapters.parties import Parties
from adapters.settings import CommonSettings, Limits, Settings
from functions import handlers
from functions.errors import ConfigurationError
from functions.events import Envelope, is_timer
from functions.mirror import Mirror
from functions.outcomes import Outcome

Read = Callable[[Limits], Received]
Dispatch = Callable[[Read], Outcome]


def start(target: str, environ: Mapping[str, str] = os.environ) -> Dispatch:
    """Build ``target``'s dispatch from the environment.

    Ends the process with one line on stderr, and no traceback, if the configuration is wrong.
    Raises AttributeError for a target that there is not: adapters build theirs as attributes.
    """
    if target not in TARGETS:
        raise AttributeError(f"no target {target!r} here, only {', '.join(TARGETS)}")
    try:
        return TARGETS[target](environ)
    except ConfigurationError as error:
        raise SystemExit(f"maintenance-mirror: wrong configuration: {error}") from None


def mirror(environ: Mapping[str, str]) -> Dispatch:
    """Mirror maintenance mode into vRealize Operations, by events and by sweeps."""
    settings = Settings.from_environ(environ)
    log.set_up(settings, default_format="json")
    log.warn_of_risks(settings)
    parties = Parties(settings, environ)
    atexit.register(parties.close)
    return mirroring(settings, parties.mirror(log.SweepLog()))


def mirroring(settings: Settings, mirror: Mirror) -> Dispatch:
    """Return the dispatch that works with ``mirror``: the way of every event."""
    sweeping = threading.Lock()

    def dispatch(read: Read) -> Outcome:
        with log.journal() as entry:
            entry.received = read(settings.limits)
            entry.outcome = handle(entry.received.envelope)
            return entry.outcome

    def handle(envelope: Envelope) -> Outcome:
        if not is_timer(envelope):
            with deadline(settings.deadline_seconds):
                return handlers.dispatch(envelope, mirror)
        # Whoever sends a timer's event again and again must not keep all threads busy.
        if not sweeping.acquire(blocking=False):
            return Outcome("ignored", reason="a sweep is under way already")
        try:
            with deadline(settings.sweep_seconds):
                return handlers.dispatch(envelope, mirror)
        finally:
            sweeping.release()

    return dispatch


def echo(environ: Mapping[str, str]) -> Dispatch:
    """Show every event on the console; needs no configuration at all."""
    settings = CommonSettings.from_environ(environ)
    log.set_up(settings, default_format="text")
    show = console.printer(settings.log_format or "text")

    def dispatch(read: Read) -> Outcome:
        with log.journal() as entry:
            entry.received = read(settings.limits)
            show(handlers.echo(entry.received.envelope))
            return Outcome("echoed")

    return dispatch


TARGETS: Final[Mapping[str, Callable[[Mapping[str, str]], Dispatch]]] = {
    "handle": mirror,
    "echo": echo,
}
