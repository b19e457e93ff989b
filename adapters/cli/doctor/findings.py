"""What a check has found."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from adapters.outgoing.deadline import deadline
from functions.errors import AuthenticationError, MaintenanceError

Result = Literal["ok", "note", "failed", "skipped"]
Findings = Iterator["Finding"]

_TIMEOUT_SECONDS: Final = 120.0


@dataclass(frozen=True)
class Finding:
    """One check: its name, how it went, what was found, and what to do about it.

    A ``note`` is worth a thought, but nothing is broken; ``skipped`` could not be checked.
    """

    name: str
    result: Result
    found: str
    advice: str = ""


def ok(name: str, found: str) -> Finding:
    """All is well."""
    return Finding(name, "ok", found)


def note(name: str, found: str, advice: str = "") -> Finding:
    """Nothing is broken, but somebody should know."""
    return Finding(name, "note", found, advice)


def failed(name: str, found: str, advice: str = "") -> Finding:
    """Something has to be done."""
    return Finding(name, "failed", found, advice)


def skipped(*names: str, because: str) -> Findings:
    """It makes no sense to check these."""
    return (Finding(name, "skipped", because) for name in names)


def tried(name: str, check: Callable[[], Finding], if_refused: str = "") -> Finding:
    """Return what ``check`` finds, within two minutes; what it raises is a failure.

    ``if_refused`` is what to do where the credentials are refused.
    """
    try:
        with deadline(_TIMEOUT_SECONDS):
            return check()
    except AuthenticationError as error:
        return failed(name, str(error), if_refused)
    except MaintenanceError as error:
        return failed(name, str(error))
