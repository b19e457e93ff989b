"""Let a host of the laboratory enter maintenance mode, or leave it.

``python -m lab.host enter esx01.lab.local``. It acts on the laboratory that is up, whatever the
variables of the shell say: those may name a vCenter that is nobody's toy.
"""

import argparse
import sys
from pathlib import Path

from lab import variables, vcenters
from lab.laboratory import FOLDER, VARIABLES


def main() -> int:
    """Do it, say so, and return the exit code."""
    options = _options()
    try:
        told = variables.read(options.folder / VARIABLES)
        with vcenters.connected(told) as vcenter:
            if options.host not in vcenter.morefs:
                return _fail(f"vCenter has no {options.host}, only {', '.join(vcenter.morefs)}")
            vcenter.set_mode(options.host, in_maintenance_mode=options.verb == "enter")
    except OSError:
        return _fail("no laboratory is up; python -m lab, or make run, starts one")
    print(f"{options.host} {'is' if options.verb == 'enter' else 'is not'} in maintenance mode.")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.host", description=__doc__)
    parser.add_argument("verb", choices=["enter", "exit"])
    parser.add_argument("host", help="its name in vCenter")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of the laboratory")
    return parser.parse_args()


def _fail(reason: str) -> int:
    print(f"lab.host: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
