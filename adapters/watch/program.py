"""The process: its threads, its end, and a watchdog over all of them."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from adapters import listening
from adapters.clients import Clients
from adapters.config.settings import Settings
from adapters.outgoing.deadline import deadline
from adapters.output import log
from adapters.output.listeners import Listener, Listeners
from adapters.output.log import logger
from adapters.watch import supervisor
from adapters.watch.changes import Changes
from adapters.watch.health import Health, Signs, VCenterHealth
from adapters.watch.mirroring import Mirroring
from adapters.watch.ports import Services, WatchedVCenter
from adapters.watch.server import serving
from adapters.watch.sweeping import Sweeping
from adapters.watch.watching import Watching
from functions import handlers
from functions.context import Context
from functions.errors import ConfigurationError, MaintenanceError, SweepRefusedError

if TYPE_CHECKING:  # The page is imported only if it is wanted.
    from adapters.board.live import Live
    from adapters.board.server import Respond

Environ = Mapping[str, str]
Connect = Callable[[Settings, Environ], Services]
Run = Callable[[Signs, threading.Event], None]

OK: Final = 0
FAILED: Final = 1
REFUSED: Final = 3

# Nobody has to set these. Without a lease, what a process that has died has left open-ended would
# be taken for a person's, and stay (decision 0023).
_DEFAULTS: Final = {"RECONCILE_INTERVAL_MINUTES": "15", "MAINTENANCE_LEASE_MINUTES": "1440"}
_WATCHDOG_SECONDS: Final = 1.0
# Nothing that a thread does without a sign takes longer than a sweep, or an event, and this: a
# vCenter that cannot be reached is given a pause of 90 seconds.
_SLACK_SECONDS: Final = 120.0
# How long a fault may last before the process ends, so that somebody starts another one.
_MENDING_SECONDS: Final = 30.0
_LOGOUT_SECONDS: Final = 2.0


def run(environ: Environ, connect: Connect = Clients, *, once: bool = False) -> int:
    """Watch all vCenters until a signal ends it, or sweep ``once``; returns the exit code.

    Raises ConfigurationError if a variable is wrong, or no vCenter is configured.
    """
    settings = Settings.from_environ(_with_defaults(environ))
    if not settings.vcenters:
        raise ConfigurationError("no vCenter is configured: set VCENTER_URL or VCENTERS_FILE")
    log.set_up(settings, default_format="json")
    log.warn_of_risks(settings)
    listener = listening.listener(settings, environ, "watch")
    services = connect(settings, environ)
    try:
        if once:
            return _swept(services.context(listener), settings, listener)
        live = _live(settings)
        told = Listeners([listener, live]) if live else listener
        context = services.context(told)
        if live:
            live.vcenters = context.vcenters
        return Process(settings, services.vspheres, context, environ, told, live).run()
    finally:
        with deadline(_LOGOUT_SECONDS):
            services.close()
        listener.close()


def _with_defaults(environ: Environ) -> Environ:
    return {**environ, **{name: environ.get(name) or said for name, said in _DEFAULTS.items()}}


def _live(settings: Settings) -> "Live | None":
    if not settings.board:
        return None
    from adapters.board.live import Live

    return Live(settings.policy)


def _swept(context: Context, settings: Settings, listener: Listener) -> int:
    line_of = log.event_line(listener=listener, sweep=True)
    try:
        with line_of as line, deadline(settings.sweep_seconds):
            line.outcome = handlers.reconcile(context)
    except SweepRefusedError:
        return REFUSED
    except MaintenanceError:
        return FAILED
    return OK


class Process:
    """All threads of the process, and the watchdog over them, which the main thread is."""

    def __init__(
        self,
        settings: Settings,
        vcenters: Sequence[WatchedVCenter],
        context: Context,
        environ: Environ,
        listener: Listener,
        live: "Live | None" = None,
    ) -> None:
        self._live = live
        self._settings = settings
        self._listener = listener
        self._environ = environ
        self._context = context
        self._ended = threading.Event()
        # A signal may interrupt anything, even an event that is being set or waited for.
        self._signals: SimpleQueue[int] = SimpleQueue()
        self._changes = Changes()
        self._vcenters = {each.address: each for each in vcenters}
        known = [VCenterHealth(address) for address in self._vcenters]
        self._health = Health(known, self._changes.__len__)

    def run(self) -> int:
        """Go on until a signal ends it, or it cannot go on; returns the exit code."""
        address = self._settings.health_address
        served = serving(address, self._health, self._listener, self._pages())
        with served as port, self._until_signalled():
            logger.info("health at port %d: /healthz and /readyz", port)
            if self._live:
                logger.info("page at port %d", port)
            writers = self._start()
            supervisor.notify("READY=1", self._environ)
            code = self._watchdog()
            supervisor.notify("STOPPING=1", self._environ)
            self._ended.set()
            self._finish(writers)
        return code

    def _pages(self) -> "Respond | None":
        if self._live is None:
            return None
        from adapters.watch import board

        return board.pages(self._live, self._health, self._settings.board_token)

    def _start(self) -> list[threading.Thread]:
        """Start all threads; returns those that write."""
        seconds = self._settings.deadline_seconds
        mirroring = Mirroring(self._changes, self._context, self._health, seconds, self._listener)
        count = self._settings.vrops.pool_size
        writers = [self._thread(f"mirroring {n}", mirroring.run) for n in range(1, count + 1)]
        for of_vcenter in self._health.vcenters:
            address = of_vcenter.address
            sweeping = self._sweeping(of_vcenter)
            writers.append(self._thread(f"sweeping {address}", sweeping.run))
            self._thread(f"watching {address}", self._watching(of_vcenter, sweeping).run)
        return writers

    def _sweeping(self, of_vcenter: VCenterHealth) -> Sweeping:
        return Sweeping(
            self._vcenters[of_vcenter.address],
            self._context,
            self._health,
            of_vcenter,
            interval=60.0 * (self._settings.interval_minutes or 0),
            seconds=self._settings.sweep_seconds,
            listener=self._listener,
        )

    def _watching(self, of_vcenter: VCenterHealth, sweeping: Sweeping) -> Watching:
        return Watching(
            self._vcenters[of_vcenter.address],
            self._changes,
            sweeping,
            self._health,
            of_vcenter,
            self._settings.sweep_seconds,
        )

    def _thread(self, name: str, run: Run) -> threading.Thread:
        longest = max(self._settings.sweep_seconds, self._settings.deadline_seconds)
        signs = Signs(name, longest + _SLACK_SECONDS)
        thread = threading.Thread(target=run, name=name, args=(signs, self._ended), daemon=True)
        signs.thread = thread
        thread.start()
        self._health.signs.append(signs)
        return thread

    def _watchdog(self) -> int:
        """Return when a signal has come, or a fault of the process has lasted for too long."""
        # Looks are counted, and not the time: a process that stood still is not to blame for that.
        looks = 0
        while not self._signalled(_WATCHDOG_SECONDS):
            faults = self._health.faults()
            looks = looks + 1 if faults else 0
            if not faults:
                supervisor.notify("WATCHDOG=1", self._environ)
            elif looks * _WATCHDOG_SECONDS > _MENDING_SECONDS:
                logger.error("ending, so that another process can begin: %s", "; ".join(faults))
                return FAILED
        return OK

    def _signalled(self, seconds: float) -> bool:
        try:
            self._signals.get(timeout=seconds)
        except Empty:
            return False
        return True

    def _finish(self, writers: Sequence[threading.Thread]) -> None:
        """Let what is being written be finished; what is not, the next process finds out."""
        ends = time.monotonic() + self._settings.deadline_seconds + 1
        for thread in writers:
            thread.join(max(0.0, ends - time.monotonic()))

    @contextmanager
    def _until_signalled(self) -> Iterator[None]:
        """Let SIGTERM and SIGINT end it; only the main thread can listen to them."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = [signal.signal(each, lambda *told: self._signals.put(told[0])) for each in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)
