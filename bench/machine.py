"""The machine, and what processes use of it (Linux only)."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")


@contextmanager
def on_core(number: int) -> Iterator[None]:
    """Let this process, and all that it starts meanwhile, run on one core (Linux only).

    0 is the first one that we may use, -1 the last one.
    """
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[number]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def family(pid: int) -> list[int]:
    """Return a process and its children: gunicorn's master and its worker."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [pid, *map(int, children.split())]


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process and its children have used so far."""
    return sum(_cpu_ticks(each) for each in family(pid)) / _TICKS


def peak_megabytes(pid: int) -> float:
    """Return the most memory that a process and its children have held so far, added up."""
    return sum(status(each, "VmHWM") for each in family(pid)) / 1024


def threads_and_sockets(pid: int) -> tuple[int, int]:
    """Return how many threads and sockets a process and its children have at this moment."""
    pids = family(pid)
    return sum(status(each, "Threads") for each in pids), sum(_sockets(each) for each in pids)


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def status(pid: int, name: str) -> int:
    """Return a number of a process's status as the kernel tells it, memory in KB."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0


def _sockets(pid: int) -> int:
    folder = Path(f"/proc/{pid}/fd")
    return sum(each.is_socket() for each in folder.iterdir())
