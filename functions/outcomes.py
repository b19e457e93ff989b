"""What became of an event."""

from dataclasses import dataclass
from typing import Literal

from functions.events import HostRef

Action = Literal["entered", "exited", "renewed", "unchanged", "left", "ignored", "echoed"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done, to which host (None: no host was looked at), and why.

    ``needs_attention`` marks what a person should look at, though nothing failed.
    """

    action: Action
    host: HostRef | None = None
    reason: str = ""
    needs_attention: bool = False

    def as_dict(self) -> dict[str, str]:
        """Return what a processor may be told: JSON texts only."""
        return {"action": self.action, "host": str(self.host or ""), "reason": self.reason}
