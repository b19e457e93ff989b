"""Boards that tests look at, and a way to ask for their pages."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import Message

from adapters.board.comparison import Row
from adapters.board.model import Board, Happening, Reading
from adapters.board.server import Request
from functions.events import HostRef
from functions.ports import ModeChange, ResourceState

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
ADDRESS = "vcenter.lab.local"
USER = "LAB\\anna"
MONITORED, TIMED, OPEN_ENDED = ResourceState
ENTERED = ModeChange("host-1", True, NOW - timedelta(hours=3), USER)


def host(number: int, name: str = "", address: str = ADDRESS) -> HostRef:
    return HostRef(f"host-{number}", name or f"esx{number:02}.lab.local", address)


def in_service(number: int, name: str = "") -> Row:
    return Row(host(number, name), False, MONITORED, None)


DIFFERS = Row(
    host(1), True, MONITORED, None, "start", "in maintenance mode, but monitored", ENTERED
)
OVERDUE = Row(host(2), True, OPEN_ENDED, "person", "leave", "a person's", None, True)
PERSONS = Row(host(3), True, OPEN_ENDED, "person", "leave", "a person's", ENTERED, False)
OURS = Row(host(4), True, TIMED, "ours", None, "", ENTERED, False, NOW + timedelta(hours=20))
WITH_COMPANIONS = replace(
    OURS,
    companions=(
        Row(HostRef("datastore-11", "local-esx04", ADDRESS, "Datastore"), True, TIMED, "ours"),
        Row(
            HostRef("datastore-12", "shared-01", ADDRESS, "Datastore"),
            False,
            MONITORED,
            None,
            "leave",
            "used",
            of_hosts=2,
        ),
    ),
)
ROWS = (DIFFERS, OVERDUE, PERSONS, WITH_COMPANIONS, in_service(5))
HAPPENINGS = (
    Happening(NOW, "entered", "esx04.lab.local", USER, "", False),
    Happening(NOW, "SweepRefusedError", "", "", "would change 20 of 30 hosts", True),
)
READINGS = (
    Reading(ADDRESS, NOW),
    Reading("vcenter2.lab.local", NOW - timedelta(hours=2), "cannot be reached"),
)
BOARD = Board(ROWS, READINGS, ("vRealize Operations: answers 503",), HAPPENINGS)


def asking(path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Request:
    """Return a request of this machine's; ``headers`` have _ for -."""
    told = Message()
    for name, value in {"Host": "localhost:8090", **headers}.items():
        if value:
            told[name.replace("_", "-")] = value
    path, _, query = path.partition("?")
    return Request(method, path, query, told, body)
