"""Let a host of the laboratory enter maintenance mode, leave it, or be silenced by hand.

``python -m lab.host enter esx01.lab.local``: that, and ``exit``, is done in vCenter. ``silence``
lets a person start maintenance in vRealize Operations, of which vCenter knows nothing. It acts on
the laboratory that is up, whatever the variables of the shell say: those may name a vCenter that
is nobody's toy.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from lab import variables, vcenters
from lab.laboratory import FOLDER, VARIABLES
from lab.operations import Operations

_NOW: Final = {
    "enter": "is in maintenance mode",
    "exit": "is not in maintenance mode",
    "silence": "is in maintenance in vRealize Operations",
}


def main() -> int:
    """Do it, say so, and return the exit code."""
    options = _options()
    try:
        told = variables.read(options.folder / VARIABLES)
        with vcenters.connected(told) as vcenter:
            if options.host not in vcenter.morefs:
                return _fail(f"vCenter has no {options.host}, only {', '.join(vcenter.morefs)}")
            if options.verb == "silence":
                Operations.of(told, options.folder).silence(options.host)
            else:
                vcenter.set_mode(options.host, in_maintenance_mode=options.verb == "enter")
    except OSError:
        return _fail("no laboratory is up; python -m lab, or make run, starts one")
    print(f"{options.host} {_NOW[options.verb]}.")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.host", description=__doc__)
    parser.add_argument("verb", choices=[*_NOW])
    parser.add_argument("host", help="its name in vCenter")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of the laboratory")
    return parser.parse_args()


def _fail(reason: str) -> int:
    print(f"lab.host: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
