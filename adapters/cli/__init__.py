"""The command line for people: ``maintenance-mirror``, on click and rich.

::

    commands.py     the group of all commands, and how a command line is run
    doctor/         is all well, and what is to be done about it?
    notify.py       does a word to a person arrive?
    reconcile.py    a sweep that a person started, and watches
    send/           plays the event source
    serve.py        the same in a browser
    status/         which hosts differ, as a table, JSON, CSV or HTML
    watch.py        mirrors what vCenter itself tells, without VEBA
    call.py         what every command works with
    connection.py   both sides, connected for as long as a command runs
    ports.py        what is asked of the services beyond functions.ports
    formats.py      a vCenter event in every form that VEBA has ever given it
    terminal.py     what people see: no colour in a pipe, and no tricks of anybody's
    exit_codes.py   what a command ends with

A command is a module, or a package with a ``command.py``: its options, its help, and how what it
has found is shown.

click and rich are optional, so that nothing here imports them before the command line is run.
"""

import os
import sys

from adapters.cli.exit_codes import INTERRUPTED, WRONG_USE

_MISSING = "maintenance-mirror: the command line needs click and rich, the extra 'cli'"


def main() -> None:
    """Run the command line of this process, and end it with the command's exit code."""
    try:
        from adapters.cli.commands import run

        code = run(sys.argv[1:], os.environ)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except ModuleNotFoundError as missing:
        if missing.name not in ("click", "rich"):
            raise
        print(_MISSING, file=sys.stderr)
        code = WRONG_USE
    sys.exit(code)
