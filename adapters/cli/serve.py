"""serve: the page of all hosts that are in maintenance, for a browser."""

import signal
import time
from typing import TYPE_CHECKING, Final

import click

from adapters.cli.call import Call
from adapters.cli.connection import both_sides
from adapters.cli.exit_codes import OK
from adapters.config.settings import Secret, Settings
from adapters.config.variables import Malformed, host_and_port, is_loopback
from functions.errors import ConfigurationError
from functions.outcomes import SweepListener

if TYPE_CHECKING:
    from adapters.board.reader import Reader

_A_DAY_OF_SECONDS: Final = 86400


def _address(call: click.Context, option: click.Parameter, value: str) -> tuple[str, int]:
    try:
        return host_and_port(value)
    except Malformed:
        raise click.BadParameter("is not of the form host:port") from None


@click.command()
@click.option(
    "--address",
    callback=_address,
    default="127.0.0.1:8090",
    show_default=True,
    metavar="HOST:PORT",
    help="Where to listen; port 0 is any. Others than this machine need BOARD_TOKEN.",
)
@click.option(
    "--every",
    type=click.IntRange(1, _A_DAY_OF_SECONDS),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait between two readings of both sides.",
)
@click.pass_obj
def serve(call: Call, address: tuple[str, int], every: int) -> int:
    """Show in a browser which hosts differ, or are in maintenance, until it is stopped.

    Both sides are read every so often, and nothing is written. What cannot be read stays as it
    was, with its time and the reason. The door without VEBA shows the same with BOARD=true, and
    what it has done, and asks nobody for it.

    \b
    Examples:
      maintenance-mirror serve
      maintenance-mirror serve --every 300 --address 0.0.0.0:8090

    \b
    Exit codes:
      0  it was stopped
      2  wrong use or configuration
    """
    # The other commands need no server, and no page.
    from adapters.board.access import Access
    from adapters.board.pages import Pages
    from adapters.board.reader import Reader
    from adapters.board.server import serving

    with both_sides(call.environ, call.connect) as (settings, clients):
        reader = Reader(clients.context(SweepListener()), settings.sweep_seconds)
        pages = Pages(reader.board, Access(_token_for(address, settings)))
        with serving(address, pages, "--address", posts=True) as port:
            host = f"[{address[0]}]" if ":" in address[0] else address[0]
            call.terminal.say(f"http://{host}:{port}/ shows both sides; Ctrl-C ends it")
            call.terminal.out.file.flush()
            _read_until_stopped(reader, every)
    return OK


def _token_for(address: tuple[str, int], settings: Settings) -> Secret | None:
    if settings.board_token is None and not is_loopback(address[0]):
        raise ConfigurationError("--address: BOARD_TOKEN is missing, and others can reach that")
    return settings.board_token


def _read_until_stopped(reader: "Reader", every: int) -> None:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while True:
            reader.read()
            time.sleep(every)
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)
