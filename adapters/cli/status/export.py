"""What programs and spreadsheets read."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from adapters.cli.comparison import Row
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
    return {
        "host": row.host.name,
        "moref": row.host.moref,
        "vcenter": row.host.vcenter,
        "in_maintenance_mode": row.in_maintenance_mode,
        "state": row.state,
        "agrees": row.agrees,
        "since": _timestamp(row.entered.at if row.entered else None),
        "user": (row.entered.user if row.entered else "") or None,
        "overdue": row.overdue,
        "whose": row.whose,
        "sweep": row.verb,
        "reason": row.reason,
        **kind,
    }


def _timestamp(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def _csv_field(value: object) -> str:
    """Return a field that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = plain("" if value is None else str(value))
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


EXPORTS: Final[Mapping[str, Callable[[Iterable[Row], bool], str]]] = {
    "json": as_json,
    "csv": as_csv,
}
