"""Leave a laboratory up, and say what can be done with it: ``python -m lab``, or ``make run``."""

import argparse
import fcntl
import os
import signal
import sys
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from lab import guide, inbox, laboratory, variables
from lab.laboratory import FOLDER, VARIABLES, Laboratory
from lab.processes import NotStartedError
from lab.vcsim import NotBuiltError

# What people know by heart; others are taken where somebody has these.
_OPERATIONS_PORT, _FUNCTION_PORT, _PAGE_PORT = 8443, 8080, 8090
# What the function is to do here beside its work.
_CHOSEN: Final = {"METRICS": "true", "MAINTENANCE_INCLUDES": "Datastore"}


def main() -> int:
    """Run until a signal ends it, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for all of its files")
    folder = parser.parse_args().folder.resolve()
    laboratory.end_on_signals(0)
    os.environ["no_proxy"] = "127.0.0.1"  # All of this stays on this machine.
    with (
        _alone(folder),
        inbox.receiving(folder / "inbox.txt", partial(print, flush=True)) as receivers,
        _running(folder, {**_CHOSEN, **receivers}) as lab,
        laboratory.page(folder, lab, _PAGE_PORT) as page,
        _handed_out(folder / VARIABLES, lab.variables) as file,
    ):
        print(f"page       {page.url}/   for people: which hosts differ or are in maintenance")
        print(lab.description)
        print(guide.text(lab, f"{page.url}/", file), flush=True)
        _open(f"{page.url}/")
        signal.pause()
    return 0


def _running(folder: Path, chosen: Mapping[str, str]) -> AbstractContextManager[Laboratory]:
    return laboratory.running(folder, _OPERATIONS_PORT, _FUNCTION_PORT, **chosen)


def _open(page: str) -> None:
    """Open the page where somebody sees it: from a terminal on a desktop."""
    desktop = sys.platform == "darwin" or os.environ.keys() & {"DISPLAY", "WAYLAND_DISPLAY"}
    if sys.stdout.isatty() and desktop:
        webbrowser.open(page)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep the folder for this laboratory; ends the program if another one is up in there."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"a laboratory is up already: its variables are in {folder / 'env'}")
        yield


@contextmanager
def _handed_out(file: Path, told: dict[str, str]) -> Iterator[Path]:
    """Write the variables for a shell, for as long as they are good for something."""
    variables.write(file, told)
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (NotStartedError, NotBuiltError) as error:
        sys.exit(str(error))
