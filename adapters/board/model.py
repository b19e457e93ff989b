"""What there is to see: all hosts, grouped by what to do, and what has happened."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from adapters.board.comparison import Row, flat

MAX_QUERY_LENGTH: Final = 100


@dataclass(frozen=True)
class Group:
    """Hosts with which the same is to be done; ``hint`` says what that is, ``has`` who they are."""

    key: str
    title: str
    hint: str
    has: Callable[[Row], object]


# A host is in the first one that has it.
GROUPS: Final = (
    Group(
        "differs",
        "Differs",
        "vCenter and vRealize Operations do not say the same. A sweep does what stands below.",
        lambda row: not all(each.agrees for each in flat([row])),
    ),
    Group(
        "overdue",
        "Overdue",
        "In maintenance mode for too long. Ask who put it there whether it was forgotten.",
        lambda row: row.overdue,
    ),
    Group(
        "person",
        "A person\u2019s",
        "In maintenance mode, and silenced by somebody else. That is left alone.",
        lambda row: row.matters and row.whose in ("person", "other", "unknown"),
    ),
    Group(
        "ours",
        "Ours",
        "In maintenance mode, and silenced by this. Nothing is to be done.",
        lambda row: row.matters,
    ),
    Group("rest", "In service", "Monitored, as they should be.", lambda row: True),
)


@dataclass(frozen=True)
class Reading:
    """When both sides of a vCenter were last read, and why they were not since then, or ""."""

    vcenter: str
    at: datetime | None
    problem: str = ""


@dataclass(frozen=True)
class Happening:
    """What became of an event, or of a sweep.

    ``what`` is the action of an outcome, or the name of an error; ``matters``, whether a person
    should look at it.
    """

    at: datetime
    what: str
    host: str
    user: str
    reason: str
    matters: bool


@dataclass(frozen=True)
class Board:
    """What is known at one moment; times are aware.

    ``notices`` are what is wrong beside the readings. ``happenings`` begin with the newest; None
    where events are handled by another process, and nothing is known of them.
    """

    rows: tuple[Row, ...] = ()
    readings: tuple[Reading, ...] = ()
    notices: tuple[str, ...] = ()
    happenings: tuple[Happening, ...] | None = None

    def grouped(self, query: str = "") -> Mapping[str, list[Row]]:
        """Return the rows of each group, by its key; with a ``query``, those that it fits."""
        wanted = query.strip().casefold()
        found: dict[str, list[Row]] = {group.key: [] for group in GROUPS}
        for row in sorted(self.rows, key=_order):
            if wanted in _searched(row):
                found[group_of(row).key].append(row)
        return found


def group_of(row: Row) -> Group:
    """Return the group that a host is shown in."""
    return next(group for group in GROUPS if group.has(row))


def fields(row: Row) -> dict[str, object]:
    """Return what programs are told of a host; docs/command-line.md says what it holds."""
    return {
        "host": row.host.name,
        "moref": row.host.moref,
        "vcenter": row.host.vcenter,
        "in_maintenance_mode": row.in_maintenance_mode,
        "state": row.state,
        "agrees": row.agrees,
        "since": timestamp(row.entered.at if row.entered else None),
        "user": (row.entered.user if row.entered else "") or None,
        "overdue": row.overdue,
        "whose": row.whose,
        "sweep": row.verb,
        "reason": row.reason,
    }


def as_json(board: Board, query: str = "") -> str:
    """Return the board for programs, in ASCII; of hosts that are as they should be, their count."""
    grouped = board.grouped(query)
    shown = {
        "counts": {key: len(rows) for key, rows in grouped.items()},
        "vcenters": {each.vcenter: _reading(each) for each in board.readings},
        "notices": board.notices,
        "hosts": [_entry(row) for key, rows in grouped.items() if key != "rest" for row in rows],
        "happenings": None if board.happenings is None else [*map(_happening, board.happenings)],
    }
    return json.dumps(shown, indent=2) + "\n"


def timestamp(moment: datetime | None) -> str | None:
    """Return a moment in UTC, to the second, for programs."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def _entry(row: Row) -> dict[str, object]:
    more = {"group": group_of(row).key, "until": timestamp(row.until)}
    return {**fields(row), **more, "companions": [*map(_companion, row.companions)]}


def _companion(row: Row) -> dict[str, object]:
    return {**fields(row), "kind": row.host.kind, "of_hosts": row.of_hosts}


def _reading(reading: Reading) -> dict[str, object]:
    return {"read": timestamp(reading.at), "problem": reading.problem}


def _happening(each: Happening) -> dict[str, object]:
    told = {"what": each.what, "host": each.host, "user": each.user, "reason": each.reason}
    return {"at": timestamp(each.at), **told, "matters": each.matters}


def _order(row: Row) -> tuple[str, str, str]:
    return row.host.vcenter, row.host.name.casefold(), row.host.moref


def _searched(row: Row) -> str:
    user = row.entered.user if row.entered else ""
    return "\n".join(_texts(flat([row]), user)).casefold()


def _texts(rows: Iterable[Row], user: str) -> Iterable[str]:
    yield user
    for row in rows:
        yield from (row.host.name, row.host.moref, row.host.vcenter)
