"""The command line for people: ``maintenance-mirror``, on click and rich.

::

    commands.py     the commands: what each one takes, and the exit codes
    connecting.py   who is talked to, and how leave is taken of them
    sweeping.py     reconcile
    status.py       status: what differs, as a table, JSON or CSV
    sending.py      send: plays the router
    locating.py     send: which host is meant
    formats.py      a vCenter event in every form that VEBA has ever given it
    doctor/         doctor: is all well, and what is to be done about it
    examining.py    doctor: how that is shown
    terminal.py     what people see: no colour in a pipe, and no tricks of anybody's

click and rich are optional, so that nothing here imports them before the command line is run.
"""

import os
import sys

_MISSING = "maintenance-mirror: the command line needs click and rich, the extra 'cli'"
_INTERRUPTED = 130


def main() -> None:
    """Run the command line of this process, and end it with the command's exit code."""
    try:
        from adapters.cli.commands import run

        code = run(sys.argv[1:], os.environ)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except ModuleNotFoundError as missing:
        if missing.name not in ("click", "rich"):
            raise
        print(_MISSING, file=sys.stderr)
        code = 2
    sys.exit(code)
