"""The group of all commands, and how a command line is run."""

import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Final

import click

from adapters.cli.call import Call
from adapters.cli.connection import Connect
from adapters.cli.doctor.command import doctor
from adapters.cli.exit_codes import FAILED, INTERRUPTED, OK, WRONG_USE
from adapters.cli.notify import notify
from adapters.cli.reconcile import reconcile
from adapters.cli.send.command import send
from adapters.cli.serve import serve
from adapters.cli.status.command import status
from adapters.cli.watch import watch
from adapters.clients import Clients
from functions.errors import ConfigurationError, MaintenanceError

_NAME: Final = "maintenance-mirror"


def run(arguments: Sequence[str], environ: Mapping[str, str], connect: Connect = Clients) -> int:
    """Run a command line, and return its exit code; ``connect`` makes the clients of settings.

    What can be foreseen is said in one line on stderr, without a traceback.
    """
    call = Call(environ, connect)
    try:
        return int(cli.main([*arguments], _NAME, standalone_mode=False, obj=call) or OK)
    except click.ClickException as error:
        error.show(sys.stderr)
        return error.exit_code
    except click.Abort:
        call.terminal.note("Interrupted.")
        return INTERRUPTED
    except ConfigurationError as error:
        call.terminal.error(f"wrong configuration: {error}")
        return WRONG_USE
    except MaintenanceError as error:
        call.terminal.error(str(error))
        return FAILED


def _version() -> str:
    try:
        return metadata.version(_NAME)
    except metadata.PackageNotFoundError:
        return "(not installed)"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("-v", "--verbose", count=True, help="Say more of what is done; -vv shows all calls.")
@click.version_option(_version(), prog_name=_NAME)
@click.pass_obj
def cli(call: Call, verbose: int) -> None:
    """Compare vCenter's maintenance mode with vRealize Operations, and repair what differs.

    It reads the same environment variables as the function: VROPS_URL, VROPS_USERNAME,
    VROPS_PASSWORD or VROPS_PASSWORD_FILE, VCENTER_URL and so on.

    \b
    Examples:
      maintenance-mirror doctor                 is all well?
      maintenance-mirror status                 which hosts differ, or are in maintenance?
      maintenance-mirror serve                  the same in a browser, all the time
      maintenance-mirror reconcile --dry-run    what would a sweep do?
      maintenance-mirror reconcile              repair what differs
      maintenance-mirror watch                  mirror what changes, without VEBA
    """
    call.terminal.listen(verbose)


for _command in (doctor, notify, reconcile, send, serve, status, watch):
    cli.add_command(_command)
