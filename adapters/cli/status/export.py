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


def as_json(rows: Iterable[Row]) -> str:
    """Return a list of objects, in ASCII; docs/command-line.md says what they hold."""
    return json.dumps(_all_fields(rows), indent=2) + "\n"


def as_csv(rows: Iterable[Row]) -> str:
    """Return a header and a line for each host (RFC 4180), safe to open in a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text)
    lines = _all_fields(rows)
    writer.writerow(lines[0] if lines else _fields(Row(HostRef("", "", ""), None, None, None)))
    for fields in lines:
        writer.writerow([_csv_field(value) for value in fields.values()])
    return text.getvalue()


def _all_fields(rows: Iterable[Row]) -> list[dict[str, object]]:
    """Return what is told of each row; of what kind it is only where not all are hosts."""
    shown = list(rows)
    if all(row.host.is_host for row in shown):
        return [_fields(row) for row in shown]
    return [{**_fields(row), "kind": row.host.kind, "of_hosts": row.of_hosts} for row in shown]


def _fields(row: Row) -> dict[str, object]:
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
    }


def _timestamp(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def _csv_field(value: object) -> str:
    """Return a field that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = plain("" if value is None else str(value))
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


EXPORTS: Final[Mapping[str, Callable[[Iterable[Row]], str]]] = {"json": as_json, "csv": as_csv}
