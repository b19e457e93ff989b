"""Both sides, connected for as long as a command runs."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from adapters.cli.ports import ConnectedClients
from adapters.config.settings import Settings
from adapters.outgoing.deadline import deadline
from adapters.output import log
from functions.errors import ConfigurationError

Connect = Callable[[Settings, Mapping[str, str]], ConnectedClients]

_LOGOUT_TIMEOUT_SECONDS: Final = 2.0
_NO_VCENTER: Final = (
    "no vCenter is configured, so there is nothing to compare with;"
    " set VCENTER_URL or VCENTERS_FILE"
)


@contextmanager
def connected(
    environ: Mapping[str, str], connect: Connect
) -> Iterator[tuple[Settings, ConnectedClients]]:
    """Read the settings, and let ``connect`` make the clients of them.

    In the end leave is taken quickly, since somebody may have pressed Ctrl-C.
    Raises ConfigurationError if a variable is wrong, or what one of them names.
    """
    settings = Settings.from_environ(environ)
    clients = connect(settings, environ)
    try:
        yield settings, clients
    finally:
        with deadline(_LOGOUT_TIMEOUT_SECONDS):
            clients.close()


@contextmanager
def both_sides(
    environ: Mapping[str, str], connect: Connect
) -> Iterator[tuple[Settings, ConnectedClients]]:
    """Do as ``connected`` does, say what is risky, and see to it that there is a vCenter.

    Without one there is only one side, which is a ConfigurationError.
    """
    with connected(environ, connect) as (settings, clients):
        log.warn_of_risks(settings)
        if not clients.vspheres:
            raise ConfigurationError(_NO_VCENTER)
        yield settings, clients
