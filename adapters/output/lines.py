"""How long a line of output may be, and which are not for anybody."""

import logging
from typing import Final

# OpenFaaS' watchdog reads lines of 64 KiB at most; after a longer one it never reads again, and
# the function stands still (decision 0018). Others cut at 16 KiB, without saying so.
MAX_LINE_BYTES: Final = 16 * 1024
# What the names of threads begin with that call addresses which are secrets themselves.
SILENT_THREAD: Final = "notifying"

_OURS: Final = ("adapters", "maintenance_mirror")


def may_be_told(record: logging.LogRecord) -> bool:
    """Whether ``record`` is for the log: of a silent thread, only what we say ourselves is.

    urllib3 writes the path of each address that it calls.
    """
    is_silent = (record.threadName or "").startswith(SILENT_THREAD)
    return not is_silent or record.name.partition(".")[0] in _OURS
