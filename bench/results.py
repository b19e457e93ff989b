"""What was measured: values of rounds, and how contestants take turns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any, Final

# What several measures compare is called the same in all of them, and on the page.
CALL: Final = "one call alone"
PLATFORM: Final = "the platform, doing nothing"
KNATIVE: Final = "ours, Knative"
PEER: Final = "the peer"
LEAST: Final = "the least, in groups"

# A round of a contestant; returns the values, by measure.
Turn = Callable[[], Mapping[str, float]]


def spread(values: list[float]) -> list[float]:
    """Return the median of at least one round, between the quartiles below and above it."""
    return quantiles(values if len(values) > 1 else values * 2, n=4, method="inclusive")


@dataclass
class Results:
    """All that a run has found out.

    ``values`` holds, by measure and contestant, one value for each round. ``skipped`` says why
    something was not measured; ``about`` is the machine, the versions, the ``rounds`` that are
    wanted, and whether it has to be ``quick``.
    """

    about: dict[str, Any] = field(default_factory=dict)
    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def add(self, contestant: str, **values: float) -> None:
        """Note what a round of a contestant came to, by measure."""
        for measure, value in values.items():
            self.values.setdefault(measure, {}).setdefault(contestant, []).append(value)

    def rounds(self, most: int) -> int:
        """Return how many rounds there are of what takes long, or hardly varies: at ``most``."""
        return min(most, int(self.about["rounds"]))

    def take_turns(self, turns: Mapping[str, Turn], most: int = 100) -> None:
        """Let contestants take turns, A B C A B C, so that the machine's moods meet all of them.

        A round before the first does not count: it fills caches, and writes bytecode. In a hurry
        there is none.
        """
        uncounted = [] if self.about.get("quick") else [Results()]
        for counted in (*uncounted, *[self] * self.rounds(most)):
            for contestant, turn in turns.items():
                counted.add(contestant, **turn())
