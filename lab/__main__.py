"""Leave a laboratory up, and say what can be done with it: ``python -m lab``, or ``make run``."""

import argparse
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import guide, laboratory, variables
from lab.laboratory import FOLDER, VARIABLES
from lab.processes import NotStartedError
from lab.vcsim import NotBuiltError

# What people know by heart; others are taken where somebody has these.
_OPERATIONS_PORT, _FUNCTION_PORT = 8443, 8080


def main() -> int:
    """Run until a signal ends it, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for all of its files")
    folder = parser.parse_args().folder.resolve()
    laboratory.end_on_signals(0)
    os.environ["no_proxy"] = "127.0.0.1"  # All of this stays on this machine.
    with (
        _alone(folder),
        laboratory.running(folder, _OPERATIONS_PORT, _FUNCTION_PORT) as lab,
        _handed_out(folder / VARIABLES, laboratory.variables(lab.vcenter, lab.operations)) as file,
    ):
        print(lab.description)
        print(guide.text(lab, file), flush=True)
        signal.pause()
    return 0


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
