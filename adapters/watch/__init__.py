"""The door for those who have no VEBA: vCenter itself tells what changes (decision 0023).

::

    program.py      the process: its threads, its end, and a watchdog over them
    watching.py     a vCenter tells of its hosts, and is watched anew when it stops
    changes.py      of each host the last change, until it is in
    mirroring.py    brings a change in, as an event would be
    sweeping.py     compares all hosts of a vCenter
    health.py       what is known of all that; server.py tells it over HTTP
    board.py        the page that shows it
    supervisor.py   tells it to systemd

``python -m adapters.watch`` runs it, with nothing installed but what it needs; people have
``maintenance-mirror watch``.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from functions.errors import ConfigurationError

_WRONG_USE = 2
_HELP = """Mirror maintenance mode from vCenter itself into vRealize Operations, without VEBA.

It reads the same environment variables as the function: docs/configuration.md lists them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the door until a signal ends it, and return the exit code of the process."""
    parser = argparse.ArgumentParser(prog="python -m adapters.watch", description=_HELP)
    parser.add_argument("--once", action="store_true", help="sweep once, and end")
    once: bool = parser.parse_args(arguments).once
    # A wrong option is told at once, and not after half a second of imports.
    from adapters.watch.program import run

    try:
        return run(os.environ, once=once)
    except ConfigurationError as error:
        print(f"maintenance-mirror: wrong configuration: {error}", file=sys.stderr)
        return _WRONG_USE
