"""Do two clocks agree?"""

from datetime import UTC, datetime
from typing import Final

from adapters.cli.doctor.findings import Finding, failed, note, ok

NAME: Final = "clock"
_MAX_SECONDS: Final = 60


def compared(theirs: datetime | None) -> Finding:
    """Compare somebody's clock, which was read just now, with ours; None is not known."""
    if theirs is None:
        return note(NAME, "could not tell: it does not say what time it is")
    ahead = (theirs - datetime.now(UTC)).total_seconds()
    found = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} ours"
    if abs(ahead) > _MAX_SECONDS:
        return failed(NAME, found, "let both keep time by NTP: events are put in order by it")
    return ok(NAME, found)
