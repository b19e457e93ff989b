"""Which variables are ours, and the file that hands those of a laboratory to a shell."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from adapters.config.settings import Settings

# functions-framework's own, besides THREADS and WORKERS, which are settings of ours, too; and the
# simulator's.
# Source: functions_framework/_cli.py and _http/gunicorn.py of functions-framework 3.10.
_OF_THE_PROGRAMS: Final = frozenset(
    {
        *("FUNCTION_TARGET", "FUNCTION_SOURCE", "FUNCTION_SIGNATURE_TYPE", "FUNCTION_USE_ASGI"),
        *("HOST", "PORT", "DEBUG", "GUNICORN_LOG_LEVEL", "LOG_EXECUTION_ID"),
        *("CLOUD_RUN_TIMEOUT_SECONDS", "THREADED_TIMEOUT_ENABLED"),
        "SIMULATOR_PASSWORD",
    }
)
_HEADING: Final = "# The variables of the laboratory that is up; its passwords open nothing else."


def without_ours(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the variables that change what the programs of the lab do."""
    ours = Settings.variables() | _OF_THE_PROGRAMS
    return {name: value for name, value in environ.items() if name not in ours}


def write(path: Path, variables: Mapping[str, str]) -> None:
    """Write a file for a shell to read, which nobody but its owner may: it holds passwords.

    It also unsets what is not among ``variables``, so that the shell's own settings do not count.
    """
    others = sorted(Settings.variables() - variables.keys())
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    write_secret(path, "\n".join([_HEADING, f"unset {' '.join(others)}", *exports, ""]))


def read(path: Path) -> dict[str, str]:
    """Return the variables of such a file; raises OSError if there is none."""
    lines = shlex.split(path.read_text(encoding="utf-8"), comments=True)
    return dict(word.split("=", 1) for word in lines if "=" in word)


def write_secret(path: Path, text: str) -> None:
    """Write a file that nobody but its owner may read, not even while it is written."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
