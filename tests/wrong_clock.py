"""The door that watches vCenters, with a clock that is wrong: ``python -m tests.wrong_clock``.

``WRONG_SECONDS`` says by how much it is ahead.
"""

import os
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from adapters.clients import Clients
from adapters.watch.program import run
from functions.context import Context
from functions.outcomes import SweepListener

_WRONG = timedelta(seconds=float(os.environ.get("WRONG_SECONDS", "0")))


class WronglyTimed(Clients):
    """Clients whose context tells another time than they would."""

    def context(self, listener: SweepListener) -> Context:
        """See Clients.context."""
        return replace(super().context(listener), now=lambda: datetime.now(UTC) + _WRONG)


if __name__ == "__main__":
    sys.exit(run(os.environ, WronglyTimed))
