"""The composition root: settings -> clients -> dispatch, built once per process.

Driving adapters ask for a target's dispatch, hand it a way to read what arrived, and get the
Outcome or a MaintenanceError, which has been logged by then.
"""

import atexit
import os
from collections.abc import Callable, Mapping
from typing import Final

from adapters import console, log
from adapters.credentials import CredentialSource, EnvironCredentials
from adapters.deadline import deadline
from adapters.envelopes import Received
from adapters.settings import CommonSettings, Limits, Settings
from adapters.vrops import Vrops
from functions import handlers
from functions.errors import ConfigurationError
from functions.outcomes import Outcome
from functions.ports import OperationsManager

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
    """Mirror maintenance events into vRealize Operations."""
    settings = Settings.from_environ(environ)
    log.set_up(settings, default_format="json")
    if settings.vrops.insecure_tls:
        log.logger.warning("VROPS_INSECURE_TLS: anyone on the way can read the password")
    operations = Vrops(settings.vrops, _credentials(settings, environ))
    atexit.register(operations.close)
    return mirroring(settings, operations)


def _credentials(settings: Settings, environ: Mapping[str, str]) -> CredentialSource:
    if settings.secret_id is None:
        return EnvironCredentials(environ)
    # boto3 is there on Lambda, and heavy everywhere.
    from adapters.aws_secrets import AwsSecret

    return AwsSecret(settings.secret_id)


def mirroring(settings: Settings, operations: OperationsManager) -> Dispatch:
    """Return the dispatch that mirrors into ``operations``: the way of every event."""

    def dispatch(read: Read) -> Outcome:
        with log.journal() as entry, deadline(settings.deadline_seconds):
            entry.received = read(settings.limits)
            entry.outcome = handlers.dispatch(
                entry.received.envelope, operations, settings.lease_minutes
            )
            return entry.outcome

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
