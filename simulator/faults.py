"""Trouble on demand: what goes wrong, for which calls and how often."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Any

MAX_DELAY = 3600
CUTS = (None, "before", "after")
BODIES = ("json", "html", "empty")


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong `count` times for the calls that fit.

    `path` is a part of the path, or a glob of all of it; empty fits every path.
    In this order: wait `delay` seconds, forget all tokens (`revoke`), cut the connection
    `before` the call is applied, answer `status` instead of applying it, or apply it and
    cut the connection `after`.
    """

    status: int | None = None
    count: int = 1
    path: str = ""
    method: str = ""
    delay: float = 0.0
    cut: str | None = None
    body: str = "json"
    retry_after: int | None = None
    revoke: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError with a sentence about what is wrong."""
        for name, (holds, sentence) in _RULES.items():
            if not holds(getattr(self, name)):
                raise ValueError(f"{name} must be {sentence}.")
        if not (self.status or self.cut or self.delay or self.revoke):
            raise ValueError("A fault needs at least one of status, cut, delay and revoke.")

    @classmethod
    def from_json(cls, document: object) -> "Fault":
        """Make a fault of a JSON document, or raise ValueError with a sentence."""
        if not isinstance(document, Mapping):
            raise ValueError("A fault is a JSON object.")
        unknown = sorted(document.keys() - {each.name for each in fields(cls)})
        if unknown:
            raise ValueError(f"A fault has no {' and no '.join(unknown)}.")
        return cls(**document)

    def fits(self, method: str, path: str) -> bool:
        """Tell whether a call is one of those that go wrong."""
        return self.method.upper() in ("", method) and self._fits_path(path)

    def _fits_path(self, path: str) -> bool:
        if any(mark in self.path for mark in "*?["):
            return fnmatchcase(path, self.path)
        return self.path in path


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


_RULES: dict[str, Any] = {
    "status": (lambda v: v is None or _is_whole(v, 200, 599), "a number from 200 to 599"),
    "count": (lambda v: _is_whole(v, 1, 1_000_000), "a number from 1 to 1000000"),
    "path": (lambda v: isinstance(v, str), "a part of a path or a glob"),
    "method": (lambda v: isinstance(v, str), "the name of an HTTP method"),
    "delay": (
        lambda v: _is_number(v) and 0 <= v <= MAX_DELAY,
        f"a number of seconds from 0 to {MAX_DELAY}",
    ),
    "cut": (lambda v: v in CUTS, '"before" or "after"'),
    "body": (lambda v: v in BODIES, '"json", "html" or "empty"'),
    "retry_after": (
        lambda v: v is None or _is_whole(v, 0, 86_400),
        "a number of seconds from 0 to 86400",
    ),
    "revoke": (lambda v: isinstance(v, bool), "true or false"),
}


class Faults:
    """The faults that still wait for a call; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let something go wrong."""
        with self._lock:
            self._faults.append(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """Return the first fault that fits a call, and use it up once."""
        with self._lock:
            for place, fault in enumerate(self._faults):
                if fault.fits(method, path):
                    self._use_up(place)
                    return fault
            return None

    def all(self) -> list[Fault]:
        """Return the faults left; `count` is how often each will still happen."""
        with self._lock:
            return list(self._faults)

    def clear(self) -> None:
        """Let everything go well again."""
        with self._lock:
            self._faults.clear()

    def _use_up(self, place: int) -> None:
        fault = self._faults[place]
        left = [replace(fault, count=fault.count - 1)] if fault.count > 1 else []
        self._faults[place : place + 1] = left
