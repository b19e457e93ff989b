"""The command line: `python -m simulator`."""

import errno
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence

from simulator.options import simulator_from
from simulator.threaded import Simulator


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run until a signal stops it, and return the exit code."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        with simulator_from(arguments, environ) as simulator:
            print(_greeting(simulator), flush=True)
            stopped.wait()
    except (OSError, ValueError) as error:
        print(f"simulator: {_reason(error)}", file=sys.stderr)
        return 1
    return 0


def _greeting(simulator: Simulator) -> str:
    lines = {
        "Page": f"{simulator.url}/",
        "Suite API": f"{simulator.url}/suite-api/api",
        "User name": simulator.username,
        "CA file": str(simulator.ca_file) if simulator.tls else "none, since TLS is off",
    }
    return "\n".join(f"{name:<10} {value}" for name, value in lines.items())


def _reason(error: Exception) -> str:
    if not isinstance(error, OSError):
        return str(error)
    if error.errno == errno.EADDRINUSE:
        return "the port is taken; choose another one with --port (0 takes any that is free)"
    return f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
