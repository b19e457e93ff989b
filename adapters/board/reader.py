"""The board of a process that only looks: it reads both sides now and then."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from adapters.board.comparison import Row
from adapters.board.model import Board, Reading
from adapters.board.survey import Survey
from adapters.outgoing.deadline import deadline
from functions.context import Context
from functions.errors import MaintenanceError
from functions.ports import VCenter

_logger: Final = logging.getLogger(__name__)


class Reader:
    """Reads both sides when it is told to; what cannot be read stays as it was, and says why.

    ``seconds`` are for each vCenter.
    """

    def __init__(self, context: Context, seconds: float) -> None:
        self._context = context
        self._seconds = seconds
        self._lock = threading.Lock()
        self._rows: dict[str, list[Row]] = {}
        self._readings = {each.address: Reading(each.address, None) for each in context.vcenters}
        self._board = Board(readings=tuple(self._readings.values()))

    def board(self) -> Board:
        """Return what was read last."""
        with self._lock:
            return self._board

    def read(self) -> None:
        """Read all vCenters, one after the other; never raises."""
        audience = _Notes()
        for vcenter in self._context.vcenters:
            audience.vcenter = vcenter.address
            self._read(vcenter, audience)
        rows = tuple(row for each in self._rows.values() for row in each)
        board = Board(rows, tuple(self._readings.values()), tuple(audience.notes))
        with self._lock:
            self._board = board

    def _read(self, vcenter: VCenter, audience: "_Notes") -> None:
        address = vcenter.address
        try:
            with deadline(self._seconds):
                self._rows[address] = Survey(self._context, audience).read(vcenter)
        except MaintenanceError as error:
            self._failed(address, str(error))
        except Exception:
            _logger.exception("reading %s: this is a bug; trying again", address)
            self._failed(address, "a bug, see the log")
        else:
            self._readings[address] = Reading(address, self._context.now())

    def _failed(self, address: str, problem: str) -> None:
        self._readings[address] = replace(self._readings[address], problem=problem)


class _Notes:
    """Keeps what a survey says; see survey.Audience."""

    def __init__(self) -> None:
        self.vcenter = ""
        self.notes: list[str] = []

    @contextmanager
    def busy(self, text: str) -> Iterator[None]:
        """See Audience.busy: nobody is waiting."""
        yield

    def note(self, text: str) -> None:
        """See Audience.note."""
        self.notes.append(f"{self.vcenter}: {text}")

    def error(self, text: str) -> None:
        """See Audience.error: that one names the vCenter itself."""
        self.notes.append(text)
