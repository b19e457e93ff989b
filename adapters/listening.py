"""Who is told what becomes of events and sweeps, by the settings: the log first, always.

An optional package is imported in the function that builds what needs it, and only if its variable
is set, so that no start has to wait for what nobody has asked for.
"""

from collections.abc import Callable, Mapping
from typing import Final

from adapters.config.settings import Settings
from adapters.output.listeners import Listener, Listeners
from adapters.output.log import SweepLog
from functions.errors import ConfigurationError

Environ = Mapping[str, str]
# Takes the settings, the variables and the name of the door; None if it is not wanted.
Build = Callable[[Settings, Environ, str], Listener | None]


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


_OPTIONAL: Final[tuple[Build, ...]] = (_metrics,)


def listener(settings: Settings, environ: Environ, door: str) -> Listeners:
    """Return the one listener of a process that tells all that are wanted; ``door`` names it.

    Raises ConfigurationError if a package is missing, or a variable is wrong.
    """
    built = [build(settings, environ, door) for build in _OPTIONAL]
    return Listeners([SweepLog(), *(each for each in built if each)])
