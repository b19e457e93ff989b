"""What a command ends with; docs/command-line.md lists the same codes."""

from typing import Final

OK: Final = 0
FAILED: Final = 1
WRONG_USE: Final = 2
# 3 is where a person has to look: what differs (status), or more than may be changed (reconcile).
DIFFERENT: Final = 3
REFUSED: Final = 3
INTERRUPTED: Final = 130
