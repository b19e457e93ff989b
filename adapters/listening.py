"""Who is told what becomes of events and sweeps, by the settings: the log first, always.

An optional package is imported in the function that builds what needs it, and only if its variable
is set, so that no start has to wait for what nobody has asked for.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from adapters.config.settings import Settings
from adapters.output.listeners import Listener, Listeners
from adapters.output.log import SweepLog
from functions.errors import ConfigurationError

if TYPE_CHECKING:
    from adapters.outcomes.answers import Sink

Environ = Mapping[str, str]
# Takes the settings, the variables and the name of the door; None if it is not wanted.
Build = Callable[[Settings, Environ, str], Listener | None]

# How long a process of Lambda's, which stands still as soon as it has answered, sends outcomes.
_FLUSH_SECONDS: Final = 2.0


def _notifier(settings: Settings, environ: Environ, door: str) -> Listener | None:
    if settings.notify_urls is None:
        return None
    if door == "eventbridge":
        # Lambda stops the process as soon as it has replied, and goes on with it some day, or not.
        told = "NOTIFY_URLS is not for Lambda, whose processes stand still between two events"
        raise ConfigurationError(f"{told}: let OUTCOME_EVENT_BUS and SNS tell a person")
    from adapters.notify import notifier

    return notifier(settings.notify_urls)


def _metrics(settings: Settings, environ: Environ, door: str) -> Listener | None:
    if not settings.metrics:
        return None
    leases = settings.lease_minutes is not None
    if door == "eventbridge":
        from adapters.metrics.embedded import EmbeddedMetrics

        return EmbeddedMetrics(leases=leases)
    try:
        from adapters.metrics.prometheus import PrometheusMetrics
    except ModuleNotFoundError as missing:
        if missing.name != "prometheus_client":
            raise
        problem = "METRICS needs prometheus-client, the extra 'metrics'"
        raise ConfigurationError(problem) from None
    return PrometheusMetrics(door, [each.addresses[0] for each in settings.vcenters], leases=leases)


def _outcome_sink(settings: Settings, environ: Environ, door: str) -> Listener | None:
    if settings.outcomes.sink is None:
        return None
    from adapters.outcomes.web_sink import WebSink

    return _telling(WebSink(settings.outcomes), settings, door)


def _outcome_event_bus(settings: Settings, environ: Environ, door: str) -> Listener | None:
    if settings.outcomes.event_bus is None:
        return None
    from adapters.outcomes.event_bus import EventBus

    return _telling(EventBus(settings.outcomes.event_bus), settings, door)


def _telling(sink: "Sink", settings: Settings, door: str) -> Listener:
    from adapters.outcomes.listener import OutcomeListener
    from adapters.outcomes.outbox import Outbox

    flush_seconds = _FLUSH_SECONDS if door == "eventbridge" else 0.0
    return OutcomeListener(Outbox(sink), settings, flush_seconds)


_OPTIONAL: Final[tuple[Build, ...]] = (
    _metrics,
    _outcome_sink,
    _outcome_event_bus,
    _notifier,
)


def listener(settings: Settings, environ: Environ, door: str) -> Listeners:
    """Return the one listener of a process that tells all that are wanted; ``door`` names it.

    Raises ConfigurationError if a package is missing, or a variable is wrong.
    """
    built = [build(settings, environ, door) for build in _OPTIONAL]
    return Listeners([SweepLog(), *(each for each in built if each)])
