"""What processes use of the machine."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_CORES: Final = sorted(os.sched_getaffinity(0))
_STATUS: Final = re.compile(r"^(Threads|VmRSS|VmHWM):\s+(\d+)", re.MULTILINE)


@contextmanager
def on_core(number: int) -> Iterator[None]:
    """Let this process, and all that it starts meanwhile, run on one core: 0, or -1, the last."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {_CORES[number]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def used(pid: int) -> Counter[str]:
    """Return what a process and its children, such as gunicorn's worker, use at this moment.

    ``Threads``, ``sockets``, in KB the memory ``VmRSS`` and the most so far, ``VmHWM``, and the
    ``ticks`` of the processor, of which there are ``os.sysconf("SC_CLK_TCK")`` in a second.
    """
    total: Counter[str] = Counter()
    for each in [pid, *Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]:
        folder = Path(f"/proc/{each}")
        for name, number in _STATUS.findall((folder / "status").read_text("utf-8")):
            total[name] += int(number)
        # What stands before the bracket is the program's name, and may hold blanks.
        fields = (folder / "stat").read_text("utf-8").rpartition(")")[2].split()
        total["ticks"] += int(fields[11]) + int(fields[12])
        total["sockets"] += sum(file.is_socket() for file in (folder / "fd").iterdir())
    return total
