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


def as_json(rows: Iterable[Row], kinds: bool = False) -> str:
    """Return a list of objects, in ASCII; docs/command-line.md says what they hold.

    With ``kinds``, each says of what kind it is, whatever there is to show.
    """
    return json.dumps([_fields(row, kinds) for row in rows], indent=2) + "\n"


def as_csv(rows: Iterable[Row], kinds: bool = False) -> str:
    """Return a header and a line for each host (RFC 4180), safe to open in a spreadsheet.

    With ``kinds``, each says of what kind it is, whatever there is to show.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_fields(Row(HostRef("", "", ""), None, None, None), kinds))
    for row in rows:
        writer.writerow([_csv_field(value) for value in _fields(row, kinds).values()])
    return text.getvalue()


def _fields(row: Row, kinds: bool) -> dict[str, object]:
    kind = {"kind": row.host.kind, "of_hosts": row.of_hosts} if kinds else {}
    return {**fields(row), **kind}


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


# Each takes the rows that are shown, all that were compared, and whether kinds are told.
Export = Callable[[Sequence[Row], Sequence[Row], bool], str]

EXPORTS: Final[Mapping[str, Export]] = {
    "json": lambda shown, compared, kinds: as_json(shown, kinds),
    "csv": lambda shown, compared, kinds: as_csv(shown, kinds),
    "html": lambda shown, compared, kinds: as_html(shown, compared),
}
