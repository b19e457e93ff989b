"""docs/benchmarks.md: page.md, filled with tables of the results and the goals of goals.md."""

import re
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, UndefinedError

from bench import sizes, traffic
from bench.results import CALL, KNATIVE, LEAST, PEER, PLATFORM, Results, spread

_FOLDER: Final = Path(__file__).parent
_BAR_LENGTH: Final = 24


class Goal(NamedTuple):
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
    table, page = partial(_table, results), _JINJA.get_template("page.md")
    text = page.render(
        vars(results), table=table, goals=goals(results), traffic=traffic, sizes=sizes
    )
    return re.sub(r"\n{3,}", "\n\n", text)


def goals(results: Results) -> list[Goal]:
    """Return the goals, in the order of goals.md; those that were not measured are left out."""
    numbers: dict[str, Any] = {"call": CALL, "platform": PLATFORM, "ours": KNATIVE, "peer": PEER}
    numbers |= {"least": LEAST, "worst": {}, "max": max, "min": min, "about": results.about}
    for measure, rows in results.values.items():
        numbers[measure] = {name: median(values) for name, values in rows.items()}
        numbers["worst"][measure] = {name: max(values) for name, values in rows.items()}
    found = []
    for line in (_FOLDER / "goals.md").read_text(encoding="utf-8").splitlines()[2:]:
        with suppress(UndefinedError):  # A measure is missing.
            found.append(_goal(line, numbers))
    return found


def _goal(line: str, numbers: dict[str, Any]) -> Goal:
    what, value, bound, limit, *says = (cell.strip() for cell in line.split("|")[1:-1])
    unit, limit_says, why = (_JINJA.from_string(each).render(numbers) for each in says)
    return Goal(what, _value(value, numbers), bound, _value(limit, numbers), unit, limit_says, why)


def _value(formula: str, numbers: dict[str, Any]) -> float:
    evaluate: Any = _JINJA.compile_expression(formula, undefined_to_none=False)
    return float(evaluate(numbers))


def _table(results: Results, head: str, measure: str) -> str:
    """Return a table of a measure, the least first, or nothing if nobody was measured."""
    rows = sorted(results.values.get(measure, {}).items(), key=lambda row: median(row[1]))
    lines = [f"| {head} | Median | Quartiles | |", "|---|---|---|---|"] if rows else []
    for name, values in rows:
        low, middle, high = spread(values)
        quartiles = f"{_number(low)} to {_number(high)}" if len(values) > 1 else ""
        bar = "█" * round(_BAR_LENGTH * middle / (median(rows[-1][1]) or 1))
        lines.append(f"| {name} | {_number(middle)} | {quartiles} | {bar} |")
    return "\n".join(["", *lines, ""])


def _number(value: Any) -> Any:
    """Show three digits that matter, if it is a number."""
    if not isinstance(value, int | float):
        return value
    whole = value == int(value) or abs(value) >= 100
    return f"{value:,.{0 if whole else 1 if abs(value) >= 10 else 2}f}"


_JINJA: Final = Environment(
    loader=FileSystemLoader(_FOLDER, encoding="utf-8"),
    finalize=_number,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 - it is Markdown
)
