"""How long a line of output may be."""

from typing import Final

# OpenFaaS' watchdog reads lines of 64 KiB at most; after a longer one it never reads again, and
# the function stands still (decision 0018). Others cut at 16 KiB, without saying so.
MAX_LINE_BYTES: Final = 16 * 1024
