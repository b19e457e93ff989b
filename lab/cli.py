"""The command line with a vCenter in a file: ``python -m lab.cli serve``.

``MEMORY_VCENTER`` names the file. ``doctor`` is not for it: that asks for more than is in there.
"""

import os
import sys

from adapters.cli.commands import run
from lab import vcenters


def main() -> int:
    """Run the command line of this process; returns the command's exit code."""
    return run(sys.argv[1:], {**os.environ, **vcenters.NOWHERE}, vcenters.clients_of_file)


if __name__ == "__main__":
    sys.exit(main())
