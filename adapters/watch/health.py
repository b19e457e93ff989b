"""Whether the process lives, and whether what it is there for is done: for /healthz and /readyz."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


def _now() -> datetime:
    return datetime.now(UTC)


class Signs:
    """The signs of life of one thread; ``name`` says what it does.

    It is stuck if it shows none for ``seconds``, which is more than anything that it does takes.
    """

    def __init__(
        self, name: str, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self._seconds = seconds
        self._clock = clock
        self._last = clock()
        self.thread: threading.Thread | None = None

    def show(self) -> None:
        """Show one, for the thread itself to call."""
        self._last = self._clock()

    @property
    def fault(self) -> str:
        """What is wrong with the thread; "" if nothing is."""
        if self.thread and not self.thread.is_alive():
            return f"{self.name}: the thread has ended"
        silent = self._clock() - self._last
        return f"{self.name}: no sign of life for {silent:.0f} s" if silent > self._seconds else ""


@dataclass
class VCenterHealth:
    """What is known of one vCenter; times are aware, and None if it was never so.

    ``connected_since`` is None while there is no connection, and ``swept`` False until all its
    hosts were compared since then. ``problem`` is what went wrong last, and "" once that is over.
    ``untold`` is how many hosts a sweep found to have changed while nothing at all was told.
    """

    address: str
    hosts: int = 0
    connected_since: datetime | None = None
    last_update: datetime | None = None
    last_sweep: datetime | None = None
    swept: bool = False
    problem: str = ""
    untold: int = 0

    @property
    def ready(self) -> bool:
        """Whether what happens there is mirrored."""
        return self.connected_since is not None and self.swept

    @property
    def silent(self) -> bool:
        """Whether nothing was told since the last sweep, of which there was one by then."""
        if not self.swept or self.last_sweep is None:
            return False
        return self.last_update is None or self.last_update < self.last_sweep


@dataclass
class Health:
    """What the threads of the process know, each of them its own part.

    ``operations_success`` is when vRealize Operations last took what it was told, or was found to
    have it; ``operations_problem`` is why it did not since then, or "".
    """

    vcenters: Sequence[VCenterHealth]
    waiting: Callable[[], int]
    now: Callable[[], datetime] = _now
    signs: list[Signs] = field(default_factory=list)
    operations_success: datetime | None = None
    operations_problem: str = ""

    def operations_answered(self) -> None:
        """Note that vRealize Operations did what it was asked for."""
        self.operations_success, self.operations_problem = self.now(), ""

    def faults(self) -> list[str]:
        """Return what is wrong with the process itself; nothing if it lives."""
        return [sign.fault for sign in self.signs if sign.fault]

    @property
    def ready(self) -> bool:
        """Whether each vCenter is watched, and vRealize Operations takes what it is told."""
        operations = self.operations_success is not None and not self.operations_problem
        return operations and all(vcenter.ready for vcenter in self.vcenters)

    def report(self) -> dict[str, Any]:
        """Return all of it, for people and in JSON."""
        return {
            "ready": self.ready,
            "waiting": self.waiting(),
            "vrops": {
                "last_success": _text(self.operations_success),
                "problem": self.operations_problem,
            },
            "vcenters": {each.address: _report(each) for each in self.vcenters},
        }


def _report(vcenter: VCenterHealth) -> dict[str, Any]:
    return {
        "ready": vcenter.ready,
        "hosts": vcenter.hosts,
        "connected_since": _text(vcenter.connected_since),
        "last_update": _text(vcenter.last_update),
        "last_sweep": _text(vcenter.last_sweep),
        "problem": vcenter.problem,
    }


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
