"""Who is talked to, and how leave is taken of them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from adapters.deadline import deadline
from adapters.parties import Parties
from adapters.settings import Settings

Connect = Callable[[Settings, Mapping[str, str]], Parties]

_FAREWELL_SECONDS: Final = 2.0


@contextmanager
def connected(environ: Mapping[str, str], connect: Connect) -> Iterator[tuple[Settings, Parties]]:
    """Read the settings, and let ``connect`` make the parties of them.

    In the end leave is taken quickly, since somebody may have pressed Ctrl-C.
    Raises ConfigurationError if a variable is wrong, or what one of them names.
    """
    settings = Settings.from_environ(environ)
    parties = connect(settings, environ)
    try:
        yield settings, parties
    finally:
        with deadline(_FAREWELL_SECONDS):
            parties.close()
