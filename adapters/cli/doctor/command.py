"""doctor: what a person types."""

from contextlib import closing

import click

from adapters.cli.call import Call
from adapters.cli.doctor import checks, view
from adapters.cli.exit_codes import FAILED, OK


@click.command()
@click.pass_obj
def doctor(call: Call) -> int:
    """Check that all is well, and say what to do about what is not.

    Nothing is written anywhere.

    \b
    Example:
      maintenance-mirror doctor

    \b
    Exit codes:
      0  all is well; a line that begins with ! is worth a thought
      1  something has to be done
    """
    with closing(checks.examine(call.environ, call.connect)) as lines:
        return OK if view.show(lines, call.terminal) else FAILED
