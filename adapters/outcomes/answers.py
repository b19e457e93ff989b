"""What a sink says of what it was sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from functions.events import Envelope


class Verdict(Enum):
    """What became of one event: only one that is to come AGAIN is worth another try."""

    TAKEN = auto()
    AGAIN = auto()
    REFUSED = auto()


@dataclass(frozen=True)
class Answer:
    """A verdict for each event, in their order, and what went wrong: never a secret."""

    verdicts: Sequence[Verdict]
    problem: str = ""


class Sink(Protocol):
    """Whoever takes events.

    ``name`` tells people which one it is, and holds no secret; ``batch`` is how many events it
    takes at once.
    """

    name: str
    batch: int

    def send(self, events: Sequence[Envelope]) -> Answer:
        """Send at most ``batch`` events, within some seconds; what goes wrong is in the answer."""
        ...
