"""Who is talked to, and how leave is taken of them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from adapters.cli.ports import ConnectedClients
from adapters.config.settings import Settings
from adapters.outgoing.deadline import deadline

Connect = Callable[[Settings, Mapping[str, str]], ConnectedClients]

_FAREWELL_SECONDS: Final = 2.0


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
        with deadline(_FAREWELL_SECONDS):
            clients.close()
