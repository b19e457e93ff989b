"""Bars with whiskers, as SVG that is at home on light and dark pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from bench.results import Spread

_WIDTH: Final = 720
_LEFT: Final = 210
_RIGHT: Final = 90
_ROW: Final = 30
_TOP: Final = 44
_STYLE: Final = """\
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 }
.label { text-anchor: end }
.bar { fill: #b3bcc7 }
.ours { fill: #2f81f7 }
.axis, .whisker { stroke: #57606a; stroke-width: 1 }
@media (prefers-color-scheme: dark) {
  text { fill: #c9d1d9 }
  .bar { fill: #484f58 }
  .axis, .whisker { stroke: #8b949e }
}
"""


@dataclass(frozen=True)
class Bar:
    """A contestant's bar; ``text`` is what stands at its end."""

    label: str
    spread: Spread
    text: str
    ours: bool = False


def bars(title: str, rows: Sequence[Bar]) -> str:
    """Draw bars from zero to each median, with whiskers from the low to the high quartile."""
    longest = max((row.spread.high for row in rows), default=1.0)
    scale = (_WIDTH - _LEFT - _RIGHT) / longest
    height = _TOP + _ROW * len(rows) + 12
    drawn = "".join(_bar(row, _TOP + _ROW * n, scale) for n, row in enumerate(rows))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
        f' viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">\n'
        f"<style>\n{_STYLE}</style>\n"
        f'<text class="title" x="12" y="24">{escape(title)}</text>\n{drawn}'
        f'<line class="axis" x1="{_LEFT}" x2="{_LEFT}" y1="{_TOP - 6}" y2="{height - 8}"/>\n'
        "</svg>\n"
    )


def _bar(row: Bar, top: int, scale: float) -> str:
    low, median, high = (
        _LEFT + scale * value for value in (row.spread.low, row.spread.median, row.spread.high)
    )
    middle = top + 10
    colour = "bar ours" if row.ours else "bar"
    return (
        f'<text class="label" x="{_LEFT - 10}" y="{top + 15}">{escape(row.label)}</text>\n'
        f'<rect class="{colour}" x="{_LEFT}" y="{top}" width="{median - _LEFT:.1f}" height="20"/>\n'
        f'<line class="whisker" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>\n'
        f'<text x="{max(median, high) + 8:.1f}" y="{top + 15}">{escape(row.text)}</text>\n'
    )
