"""The composition root: settings -> clients -> dispatch, built once per process.

Each door has a table of Targets: what it offers under which name. It starts one of them, and calls
what it gets with each request of its runtime's: that returns the Outcome or raises a
MaintenanceError, which has been logged by then.
"""

import atexit
import gc
import os
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Generic, NamedTuple, TypeVar

from adapters import listening
from adapters.clients import Clients
from adapters.config.settings import CommonSettings, Limits, Settings
from adapters.incoming.envelopes import Received
from adapters.outgoing.deadline import deadline
from adapters.outgoing.hold import Hold
from adapters.output import console, log
from adapters.output.listeners import Listener, Listeners, Shown
from adapters.output.recent import Recent, alive
from functions import handlers
from functions.context import Context
from functions.dead_letters import DeadLetter
from functions.errors import ConfigurationError
from functions.events import Envelope, is_timer
from functions.outcomes import Outcome

Request = TypeVar("Request")
Environ = Mapping[str, str]
Read = Callable[[Limits], Received]
Dispatch = Callable[[Read], Outcome]
# Takes the path of what is asked for by GET.
Look = Callable[[str], Shown | None]

_WAITRESS_THREADS: Final = 4
# Events in flight are many objects that live for a moment. Python would look for cycles among them
# after each 700 more; with 64 events in flight, that takes a tenth of the time.
OBJECTS_BETWEEN_COLLECTIONS: Final = 10_000


class Target(NamedTuple, Generic[Request]):
    """What a door offers under one name: what to ``build``, and how to ``read`` its requests."""

    build: Callable[[Environ], Dispatch]
    read: Callable[[Request, Limits], Received]


def nothing_else(path: str) -> Shown | None:
    """Tell that the process lives, for those that have nothing else to show."""
    return alive() if path == "/healthz" else None


class Answering(Generic[Request]):
    """Takes a runtime's request, and lets ``dispatch`` ``read`` it.

    ``look`` is what is shown to who asks for a path by GET; None for one that there is not.
    """

    def __init__(self, dispatch: Dispatch, read: Callable[[Request, Limits], Received]) -> None:
        self._dispatch = dispatch
        self._read = read
        self.look: Look = dispatch.look if isinstance(dispatch, MirrorDispatch) else nothing_else

    def __call__(self, request: Request) -> Outcome:
        """Return what became of it, or raise a MaintenanceError."""
        return self._dispatch(partial(self._read, request))


def answering(
    dispatch: Dispatch, read: Callable[[Request, Limits], Received]
) -> Answering[Request]:
    """Return what takes a runtime's request, and lets ``dispatch`` ``read`` it."""
    return Answering(dispatch, read)


def start(
    targets: Mapping[str, Target[Request]], name: str, environ: Environ = os.environ
) -> "Answering[Request]":
    """Build what answers requests to the target called ``name``, from the environment.

    Ends the process with one line on stderr, and no traceback, if the configuration is wrong.
    Raises AttributeError for a target that there is not: doors build theirs as attributes.
    """
    if name not in targets:
        raise AttributeError(f"no target {name!r} here, only {', '.join(targets)}")
    target = targets[name]
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    try:
        return answering(target.build(environ), target.read)
    except ConfigurationError as error:
        raise SystemExit(f"maintenance-mirror: wrong configuration: {error}") from None


def mirror(environ: Environ, door: str = "other", holds: bool = False) -> Dispatch:
    """Return what mirrors maintenance mode into vRealize Operations, by events and by sweeps.

    ``door`` is the name of the one that calls it. ``holds`` is for those whose sender gives up
    within seconds: an event then waits for a service that is away, unless HOLD_EVENTS says
    otherwise.

    Raises ConfigurationError if a variable is wrong, or a package is missing.
    """
    settings = Settings.from_environ(environ)
    log.set_up(settings, default_format="json")
    log.warn_of_risks(settings)
    listener = listening.listener(settings, environ, door)
    clients = Clients(settings, environ)
    atexit.register(listener.close)
    atexit.register(clients.close)
    context = clients.context(listener)
    return MirrorDispatch(settings, context, _hold(settings, holds), listener)


def echo(environ: Environ) -> Dispatch:
    """Return what shows every event on the console; needs no configuration at all.

    Raises ConfigurationError if a variable is wrong nevertheless.
    """
    settings = CommonSettings.from_environ(environ)
    log.set_up(settings, default_format="text")
    return EchoDispatch(settings)


def dead_letters(environ: Environ) -> Dispatch:
    """Return what writes down every event that a broker has given up; needs no configuration.

    Raises ConfigurationError if a variable is wrong nevertheless.
    """
    settings = CommonSettings.from_environ(environ)
    log.set_up(settings, default_format="json")
    return DeadLettersDispatch(settings)


def _hold(settings: Settings, holds: bool) -> Hold:
    """Return a hold on half of the server's threads, so that healthy work has the other half."""
    wanted = holds if settings.hold_events is None else settings.hold_events
    threads = settings.vrops.pool_size
    # OpenFaaS' template leaves its server, waitress, at the four that it has by itself.
    threads = min(threads, _WAITRESS_THREADS) if holds else threads
    return Hold(max(1, threads // 2) if wanted else 0)


class MirrorDispatch:
    """The way of every event that is mirrored: read, handled in ``context``, told in one line.

    ``hold`` lets it wait for a service that is away; without one it fails at once. ``listener`` is
    told what became of it.
    """

    def __init__(
        self,
        settings: Settings,
        context: Context,
        hold: Hold | None = None,
        listener: Listener | None = None,
    ) -> None:
        self._settings = settings
        self._context = context
        self._hold = hold or Hold(0)
        self._recent = Recent()
        self._given = listener or Listener()
        self._listener = Listeners([self._recent, self._given])
        self._sweeping = threading.Lock()

    def __call__(self, read: Read) -> Outcome:
        """Handle what ``read`` returns; raises a MaintenanceError where that fails."""
        with log.event_line(listener=self._listener) as line:
            line.received = read(self._settings.limits)
            line.outcome = self._handle(line.received.envelope)
            return line.outcome

    def look(self, path: str) -> Shown | None:
        """Return how it goes for /healthz, and the metrics for /metrics, if there are any."""
        looks = {"/healthz": self._recent.show, "/metrics": self._given.show}
        return looks[path]() if path in looks else None

    def _handle(self, envelope: Envelope) -> Outcome:
        if is_timer(envelope):
            return self._sweep(envelope)
        with deadline(self._settings.deadline_seconds):
            return self._hold.run(partial(handlers.dispatch, envelope, self._context))

    def _sweep(self, envelope: Envelope) -> Outcome:
        # Whoever repeats a timer's event must not keep all threads busy (decision 0013).
        if not self._sweeping.acquire(blocking=False):
            return Outcome("ignored", reason="a sweep is under way already")
        try:
            with deadline(self._settings.sweep_seconds):
                return handlers.dispatch(envelope, self._context)
        finally:
            self._sweeping.release()


class EchoDispatch:
    """The way of every event that is only shown."""

    def __init__(self, settings: CommonSettings) -> None:
        self._limits = settings.limits
        self._show = console.printer(settings.log_format or "text")

    def __call__(self, read: Read) -> Outcome:
        """Show what ``read`` returns; raises a MaintenanceError where that is no event."""
        with log.event_line() as line:
            line.received = read(self._limits)
            self._show(handlers.echo(line.received.envelope))
            return Outcome("echoed")


class DeadLettersDispatch:
    """The way of every event that was given up: it is written down, to be sent again by hand."""

    def __init__(self, settings: CommonSettings) -> None:
        self._limits = settings.limits

    def __call__(self, read: Read) -> Outcome:
        """Write down what ``read`` returns; raises a MaintenanceError where that is no event."""
        with log.event_line() as line:
            line.received = read(self._limits)
            line.dead_letter = DeadLetter.of(line.received.envelope)
            return Outcome("given up", event=line.dead_letter.event)
