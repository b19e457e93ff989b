"""What was measured: values of rounds, and how far they are apart."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

Values = dict[str, list[float]]


@dataclass(frozen=True)
class Spread:
    """The median of some rounds, and the quartiles below and above it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Take the quartiles of at least one value."""
        ordered = sorted(values)
        if len(ordered) == 1:
            return cls(ordered[0], ordered[0], ordered[0])
        low, median, high = statistics.quantiles(ordered, n=4, method="inclusive")
        return cls(median, low, high)


@dataclass
class Results:
    """All that a run has found out.

    ``values`` holds, by measure and contestant, one value for each round. ``skipped`` says why
    something was not measured; ``about`` is the machine, the versions, and the like.
    """

    about: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Values] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what ``as_json`` has written."""
        return cls(**document)

    def as_json(self) -> dict[str, Any]:
        """Return what the json module can write."""
        return asdict(self)

    def add(self, measure: str, contestant: str, value: float) -> None:
        """Note the value of one round."""
        self.values.setdefault(measure, {}).setdefault(contestant, []).append(value)

    def spread(self, measure: str, contestant: str) -> Spread | None:
        """Return how the rounds of a contestant went, if there were any."""
        values = self.values.get(measure, {}).get(contestant)
        return Spread.of(values) if values else None

    def median(self, measure: str, contestant: str) -> float:
        """Return the median of the rounds; raises KeyError if there were none."""
        return Spread.of(self.values[measure][contestant]).median


def take_turns(rounds: int, turns: Sequence[Callable[[], None]]) -> None:
    """Let contestants take turns, A B C A B C, so that the machine's moods meet all of them."""
    for _ in range(rounds):
        for turn in turns:
            turn()
