"""The page of a process that watches vCenters: of what it does anyway, so that nobody is asked."""

from collections.abc import Iterator

from adapters.board.access import Access
from adapters.board.live import Live
from adapters.board.model import Board, Reading
from adapters.board.pages import Pages
from adapters.config.settings import Secret
from adapters.watch.health import Health


def pages(live: Live, health: Health, token: Secret | None) -> Pages:
    """Return the page of what ``live`` was told, and of how the process is."""

    def board() -> Board:
        known = health.vcenters
        readings = [Reading(each.address, each.last_sweep, each.problem) for each in known]
        return live.board(readings, [*_notices(health)])

    return Pages(board, Access(token))


def _notices(health: Health) -> Iterator[str]:
    if health.operations_problem:
        yield f"vRealize Operations: {health.operations_problem}"
    for each in health.vcenters:
        if each.connected_since is None and not each.problem:
            yield f"{each.address}: not watched yet"
    yield from health.faults()
