"""What programs, spreadsheets and browsers read."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from adapters.board.comparison import Row
from adapters.board.model import Board, Reading, fields
from adapters.cli.terminal import plain
from functions.events import HostRef

_FORMULA: Final = tuple("=+-@\uff1d\uff0b\uff0d\uff20")


def as_json(rows: Iterable[Row]) -> str:
    """Return a list of objects, in ASCII; docs/command-line.md says what they hold."""
    return json.dumps(_all_fields(rows), indent=2) + "\n"


def as_csv(rows: Iterable[Row]) -> str:
    """Return a header and a line for each host (RFC 4180), safe to open in a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text)
    lines = _all_fields(rows)
    writer.writerow(lines[0] if lines else fields(Row(HostRef("", "", ""), None, None, None)))
    for line in lines:
        writer.writerow([_csv_field(value) for value in line.values()])
    return text.getvalue()


def _all_fields(rows: Iterable[Row]) -> list[dict[str, object]]:
    """Return what is told of each row; of what kind it is only where not all are hosts."""
    shown = list(rows)
    if all(row.host.is_host for row in shown):
        return [fields(row) for row in shown]
    return [{**fields(row), "kind": row.host.kind, "of_hosts": row.of_hosts} for row in shown]


def _csv_field(value: object) -> str:
    """Return a field that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = plain("" if value is None else str(value))
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def as_html(rows: Iterable[Row], compared: Sequence[Row]) -> str:
    """Return a page that needs nothing beside it; ``compared`` are all, which are only counted."""
    from adapters.board import page

    now = datetime.now(UTC)
    addresses = dict.fromkeys(row.host.vcenter for row in compared)
    # Companions are shown under their hosts already.
    shown = {id(row) for row in rows}
    listed = tuple(row for row in compared if id(row) in shown)
    return page.alone(Board(listed, tuple(Reading(each, now) for each in addresses)), compared)


EXPORTS: Final[Mapping[str, Callable[[Iterable[Row], Sequence[Row]], str]]] = {
    "json": lambda rows, compared: as_json(rows),
    "csv": lambda rows, compared: as_csv(rows),
    "html": as_html,
}
