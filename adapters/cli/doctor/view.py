"""How findings are shown."""

from collections.abc import Iterable
from typing import Final

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from adapters.cli.doctor.findings import Finding, Result
from adapters.cli.terminal import Terminal, cell

_MARKS: Final[dict[Result, tuple[str, str, str]]] = {
    "ok": ("✓", "ok", "green"),
    "note": ("!", "!!", "yellow"),
    "failed": ("✗", "XX", "bold red"),
    "skipped": ("-", "--", "dim"),
}
_WIDTH_OF_NAMES: Final = 12


def show(lines: Iterable[str | Finding], terminal: Terminal) -> bool:
    """Print headings and findings as they come; returns whether all is well."""
    failures = 0
    for line in lines:
        if isinstance(line, str):
            terminal.say(line, "bold")
        else:
            terminal.show(_row(line, terminal))
            failures += line.result == "failed"
    terminal.say("")
    terminal.say("All is well." if not failures else _count(failures))
    return not failures


def _row(finding: Finding, terminal: Terminal) -> Padding:
    mark, in_ascii, style = _MARKS[finding.result]
    row = Table.grid(padding=(0, 1, 0, 0))
    row.add_column(width=2)
    row.add_column(width=_WIDTH_OF_NAMES)
    row.add_column(overflow="fold")
    shown = mark if terminal.speaks_unicode else in_ascii
    row.add_row(Text(shown, style), cell(finding.name), _found(finding))
    return Padding(row, (0, 0, 0, 2), expand=False)


def _found(finding: Finding) -> Text:
    found = cell(finding.found, "dim" if finding.result == "skipped" else "")
    return found + cell(f"; {finding.advice}", "dim") if finding.advice else found


def _count(failures: int) -> str:
    return "1 check failed." if failures == 1 else f"{failures} checks failed."
