"""docs/benchmarks.md: page.md, filled with tables of the results and the goals of goals.md."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, UndefinedError

from bench import traffic
from bench.results import CALL, KNATIVE, PEER, PLATFORM, Results, spread
from functions.errors import OperationsUnavailableError

_FOLDER: Final = Path(__file__).parent
_BAR_LENGTH: Final = 24


@dataclass(frozen=True)
class Goal:
    """Something to be reached: ``value`` is to be at ``bound`` (``least`` or ``most``) ``limit``.

    ``limit_says`` tells how the limit comes about, ``why`` what is in the way if it is missed.
    """

    what: str
    value: float
    bound: str
    limit: float
    unit: str
    limit_says: str
    why: str

    @property
    def met(self) -> bool:
        """Whether it was reached."""
        return self.value >= self.limit if self.bound == "least" else self.value <= self.limit

    @property
    def verdict(self) -> str:
        """Whether it was reached, or by how much it was missed, in words."""
        missed = abs(self.value - self.limit)
        by = f"{missed / self.limit:.0%}" if self.limit else f"{missed:g}"
        return "met" if self.met else f"missed by {by}"


def render(results: Results) -> str:
    """Return the page in Markdown, from the results alone."""
    lasted, recovered = (
        results.values.get(measure, {}).get("until all are right", [])
        for measure in ("lasted", "outage")
    )
    page: str = _JINJA.get_template("page.md").render(
        about=results.about,
        skipped=results.skipped,
        table=partial(_table, results),
        goals=goals(results),
        outages=sorted(zip(lasted, recovered, strict=True)),
        traffic=traffic,
        retry_after=OperationsUnavailableError.retry_after,
    )
    return page


def goals(results: Results) -> list[Goal]:
    """Return the goals, in the order of goals.md; those that were not measured are left out."""
    table = (_FOLDER / "goals.md").read_text(encoding="utf-8").splitlines()[2:]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table]
    found = (_goal(_numbers(results), *row) for row in rows)
    return [goal for goal in found if goal]


def _goal(
    numbers: Mapping[str, Any], what: str, value: str, bound: str, limit: str, *says: str
) -> Goal | None:
    def number(formula: str) -> float:
        evaluate: Callable[..., Any] = _JINJA.compile_expression(formula, undefined_to_none=False)
        return float(evaluate(numbers))

    try:
        unit, limit_says, why = (_JINJA.from_string(each).render(numbers) for each in says)
        return Goal(what, number(value), bound, number(limit), unit, limit_says, why)
    except UndefinedError:  # A measure is missing.
        return None


def _numbers(results: Results) -> dict[str, Any]:
    """Return what formulas are about: medians by measure, the ``worst`` rounds, and names."""
    medians, worst = (
        {
            measure: {name: choose(values) for name, values in contestants.items()}
            for measure, contestants in results.values.items()
        }
        for choose in (median, max)
    )
    names = {"call": CALL, "platform": PLATFORM, "ours": KNATIVE, "peer": PEER}
    return {**medians, **names, "worst": worst}


def _table(results: Results, head: str, measure: str) -> str:
    """Return a table of a measure, or nothing if nobody was measured."""
    rows = sorted(results.values.get(measure, {}).items(), key=lambda row: median(row[1]))
    longest = max((median(values) for _, values in rows), default=0) or 1
    lines = [f"| {head} | Median | Quartiles | |", "|---|---|---|---|"] if rows else []
    return "".join(f"{line}\n" for line in [*lines, *(_row(*row, longest) for row in rows)])


def _row(name: str, values: list[float], longest: float) -> str:
    low, middle, high = spread(values)
    quartiles = f"{_number(low)} to {_number(high)}" if len(values) > 1 else ""
    bar = "█" * round(_BAR_LENGTH * middle / longest)
    return f"| {name} | {_number(middle)} | {quartiles} | {bar} |"


def _number(value: Any) -> Any:
    """Show three digits that matter, if it is a number."""
    if not isinstance(value, int | float):
        return value
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


_JINJA: Final = Environment(
    loader=FileSystemLoader(_FOLDER, encoding="utf-8"),
    finalize=_number,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 - it is Markdown
)
