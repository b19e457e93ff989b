"""notify: does a word to a person arrive?"""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from adapters.cli.call import Call
from adapters.cli.exit_codes import FAILED, OK
from adapters.config.settings import Secret
from adapters.config.variables import Reader
from adapters.notify import services_of
from adapters.output.lines import SILENT_THREAD

if TYPE_CHECKING:
    from adapters.notify.services import Service

_TITLE: Final = "maintenance-mirror: a test"
_BODY: Final = "Somebody wants to see whether this arrives. Nothing is wrong; nothing is to do."


@click.command()
@click.option("--test", is_flag=True, required=True, help="Send a message that says so.")
@click.pass_obj
def notify(call: Call, test: bool) -> int:
    """Tell each service of NOTIFY_URLS something, and see whether it takes it.

    The URLs are secrets, so that each is named by its place and its kind. No other variable has to
    be set.

    \b
    Example:
      maintenance-mirror notify --test

    \b
    Exit codes:
      0  each of them took it
      1  one of them did not
      2  wrong use, or a URL that will not do
    """
    read = Reader(call.environ)
    urls: Secret = read.required("NOTIFY_URLS", Secret)
    read.raise_problems()
    services = services_of(urls)
    with call.terminal.busy("sending"):
        took = _told(services)
    for each, taken in zip(services, took, strict=True):
        if taken:
            call.terminal.say(f"{each.name} took it")
        else:
            call.terminal.error(f"{each.name} refused it, did not answer, or cannot be reached")
    return OK if all(took) else FAILED


def _told(services: "Sequence[Service]") -> list[bool]:
    """Tell all of them at once; returns who has taken it."""
    took = [False] * len(services)

    def tell(place: int) -> None:
        took[place] = services[place].test(_TITLE, _BODY)

    threads = [
        threading.Thread(target=tell, args=(place,), name=f"{SILENT_THREAD} {place}", daemon=True)
        for place in range(len(services))
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return took
