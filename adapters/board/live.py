"""The board of a process that sweeps and handles events itself: nobody is asked for it.

What a sweep has read is taken over when it has compared it, and what is written after that, or by
an event, one by one. Since when a host is in maintenance mode a sweep has asked just before, so
that it is remembered.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from adapters.board.comparison import Row, compared, flat, row_of, with_entered
from adapters.board.model import Board, Happening, Reading
from adapters.output.listeners import Handled, Listener
from adapters.output.log import companions_in_words
from functions.context import Policy, VCenters
from functions.errors import MaintenanceError
from functions.events import ENTERED, HostEvent, HostRef
from functions.outcomes import Action, Outcome, Overdue
from functions.ownership import A_PERSONS, ANOTHERS, NOT_OURS, NOT_TOLD, PERHAPS_ANOTHERS
from functions.ports import Companion, ModeChange, Resource, ResourceState, VCenterHost

_MAX_HAPPENINGS: Final = 30
# A sweep tells when it has read all modes, and not when it began to.
_READING: Final = timedelta(seconds=10)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_MODES: Final = {"entered": True, "renewed": True, "exited": False}
# What is there where something is left as it is, and whose that is.
_FOUND: Final[Mapping[str, tuple[ResourceState, str]]] = {
    A_PERSONS: (ResourceState.OPEN_ENDED, "person"),
    ANOTHERS: (ResourceState.TIMED, "other"),
    NOT_OURS: (ResourceState.TIMED, "person"),
    NOT_TOLD: (ResourceState.TIMED, "unknown"),
    PERHAPS_ANOTHERS: (ResourceState.TIMED, "unknown"),
}
# Whether a host, or a companion, that is left alone for this reason is in maintenance mode.
_MODES_LEFT: Final = {
    A_PERSONS: False,
    NOT_OURS: False,
    NOT_TOLD: False,
    PERHAPS_ANOTHERS: True,
}


def _now() -> datetime:
    return datetime.now(UTC)


class Live(Listener):
    """Keeps the board, as it is told; ``vcenters`` are there as soon as they are connected."""

    def __init__(self, policy: Policy, now: Callable[[], datetime] = _now) -> None:
        self.vcenters = VCenters()
        self._policy = policy
        self._now = now
        self._lock = threading.Lock()
        self._rows: dict[str, dict[str, Row]] = {}
        self._read: dict[str, datetime] = {}
        self._written: dict[tuple[str, str], datetime] = {}
        self._happenings: deque[Happening] = deque(maxlen=_MAX_HAPPENINGS)
        self._changes = 0
        self._next_end = _NEVER
        self._shown: tuple[object, Board] = (None, Board())

    def board(self, readings: Sequence[Reading], notices: Sequence[str]) -> Board:
        """Return what is known now; the same object as before, if nothing has changed."""
        with self._lock:
            state = (self._changes, tuple(readings), tuple(notices))
            if self._shown[0] != state or self._now() >= self._next_end:
                rows = self._rows_now()
                board = Board(rows, tuple(readings), tuple(notices), tuple(self._happenings))
                self._shown = state, board
            return self._shown[1]

    def _rows_now(self) -> tuple[Row, ...]:
        """Return all rows; a window that was not renewed has ended by itself, and nobody tells."""
        now = self._now()
        rows = [_ended(row, now) for each in self._rows.values() for row in each.values()]
        ends = (row.until for row in flat(rows) if row.until)
        self._next_end = min(ends, default=_NEVER)
        return tuple(rows)

    def read(self, vcenter: str, side: str, count: int) -> None:
        """See SweepListener.read."""
        self._read.setdefault(vcenter, self._now())

    def compared(
        self,
        vcenter: str,
        hosts: Sequence[VCenterHost],
        resources: Sequence[Resource],
        actions: Sequence[Action],
        companions: Sequence[Companion] = (),
    ) -> None:
        """See SweepListener.compared."""
        rows = compared(hosts, resources, actions, self._policy, self._now(), companions)
        dated = self._dated(rows, vcenter)
        since = self._read.pop(vcenter, self._now()) - _READING
        with self._lock:
            before = self._rows.get(vcenter, {})
            newer = {key for key in before if self._is_newer(vcenter, key, since)}
            found = {_key(row.host): row for row in dated}
            self._rows[vcenter] = {
                key: _newer(before[key], row) if key in newer else _bounded(row, before.get(key))
                for key, row in found.items()
            }
            self._written = {each: at for each, at in self._written.items() if at > since}
            self._changes += 1

    def overdue(self, found: Overdue) -> None:
        """See SweepListener.overdue."""
        self._put(found.host, lambda row: replace(row, overdue=True, entered=found.entered))

    def done(self, action: Action, seen: bool) -> None:
        """See SweepListener.done."""
        started = action.verb != "end"
        lease = self._policy.lease_minutes

        def written(row: Row) -> Row:
            state = _started(lease) if started else ResourceState.MONITORED
            found = row_of(row.host, row.in_maintenance_mode, state, lease, self._now())
            said = replace(row, state=state, whose=found.whose, until=action.until)
            return replace(said, verb=None, reason="")

        self._put(action.host, written)

    def corrected(self, outcome: Outcome) -> None:
        """See SweepListener.corrected."""
        if outcome.host:
            self._change(outcome.host, outcome, None)

    def handled(self, handled: Handled) -> None:
        """See Listener.handled."""
        event, outcome, error = handled.event, handled.outcome, handled.error
        if event and outcome:
            self._change(event.host, outcome, event)
        elif event and error:
            self._failed(event, error)
        self._note(_happening(handled, self._now()))

    def _change(
        self,
        host: HostRef,
        outcome: Outcome,
        event: HostEvent | None,
        under: HostRef | None = None,
    ) -> None:
        """Take over what became of a host, or of a companion ``under`` one, if that is told."""
        for each in outcome.companions:
            if each.host:
                self._change(each.host, each, None, under=host)
        mode = _mode(outcome, event)
        if mode is None:
            return

        def changed(row: Row) -> Row:
            state, whose = self._state(outcome, row)
            found = row_of(row.host, mode, state, self._policy.lease_minutes, self._now())
            whose = whose or found.whose
            until = found.until if whose == "ours" else None
            reason = outcome.reason if outcome.action == "left" else ""
            said = replace(row, in_maintenance_mode=mode, state=state, whose=whose, until=until)
            return self._entered(replace(said, verb=None, reason=reason), row, event)

        self._put(host, changed, under)

    def _failed(self, event: HostEvent, error: MaintenanceError) -> None:
        mode = event.name == ENTERED

        def failed(row: Row) -> Row:
            said = replace(row, in_maintenance_mode=mode, verb=None, reason=str(error))
            return self._entered(said, row, event)

        self._put(event.host, failed)

    def _state(self, outcome: Outcome, row: Row) -> tuple[ResourceState | None, str | None]:
        """Return the state that an outcome leaves behind, and whose it is where that is told."""
        if outcome.action in ("entered", "renewed"):
            return _started(self._policy.lease_minutes), None
        if outcome.action == "exited":
            return ResourceState.MONITORED, None
        told = (found for reason, found in _FOUND.items() if reason in outcome.reason)
        return next(told, (row.state, row.whose))

    def _entered(self, row: Row, before: Row, event: HostEvent | None) -> Row:
        """Add since when it is in maintenance mode; who did that, an event of vCenter's tells."""
        if not row.in_maintenance_mode or not row.host.is_host:
            return replace(row, entered=None, overdue=None)
        if before.in_maintenance_mode and before.entered:
            return replace(row, entered=before.entered, overdue=before.overdue)
        at = (event.created if event else None) or self._now()
        entered = ModeChange(row.host.moref, True, at, event.user if event else "")
        return replace(row, entered=entered, overdue=False)

    def _dated(self, rows: Sequence[Row], address: str) -> Sequence[Row]:
        vcenter = self.vcenters.at(address)
        morefs = [row.host.moref for row in rows if row.in_maintenance_mode]
        if vcenter is None or not morefs:
            return rows
        with suppress(MaintenanceError):
            entered = vcenter.entered(morefs)
            return with_entered(rows, entered, self._policy, self._now())
        return rows

    def _put(
        self, host: HostRef, change: Callable[[Row], Row], under: HostRef | None = None
    ) -> None:
        """Let a row be changed; one that is new is a host's, or a companion's ``under`` a host."""
        with self._lock:
            rows, key = self._rows.setdefault(host.vcenter, {}), _key(host)
            owner = key if host.is_host or key in rows else _owner(rows, key, under)
            new = Row(host, None, ResourceState.MONITORED, None)
            if owner == key:
                rows[key] = change(rows.get(key, new))
            elif owner:
                rows[owner] = _with_companion(rows[owner], change, new)
            self._written[host.vcenter, owner or key] = self._now()
            self._changes += 1

    def _note(self, happening: Happening) -> None:
        """Keep what has happened; what fails again and again is kept once."""
        with self._lock:
            again = [each for each in self._happenings if _is_again(each, happening)]
            for each in again:
                self._happenings.remove(each)
            self._happenings.appendleft(happening)
            self._changes += 1

    def _is_newer(self, vcenter: str, key: str, since: datetime) -> bool:
        """Say whether a row was written after a sweep began to read."""
        written = self._written.get((vcenter, key))
        return written is not None and written > since


def _key(host: HostRef) -> str:
    return host.moref or host.name


def _ended(row: Row, now: datetime) -> Row:
    """Return a row without the windows that have ended by themselves by now."""
    companions = tuple(_ended(each, now) for each in row.companions)
    if row.until is None or row.until > now:
        return replace(row, companions=companions) if companions else row
    ended = replace(row, state=ResourceState.MONITORED, whose=None, until=None)
    return replace(ended, companions=companions)


def _owner(rows: Mapping[str, Row], key: str, under: HostRef | None) -> str | None:
    """Return the key of the row that has a companion, or is to have it."""
    having = (
        owner for owner, row in rows.items() if key in (_key(each.host) for each in row.companions)
    )
    wanted = _key(under) if under and _key(under) in rows else None
    return next(having, wanted)


def _with_companion(row: Row, change: Callable[[Row], Row], new: Row) -> Row:
    known = {_key(each.host): each for each in row.companions}
    known[_key(new.host)] = change(known.get(_key(new.host), new))
    return replace(row, companions=tuple(known.values()))


def _newer(written: Row, read: Row) -> Row:
    """Keep what was written while a sweep read, unless that is what it has read."""
    same = (written.in_maintenance_mode, written.state) == (read.in_maintenance_mode, read.state)
    return _bounded(read, written) if same else written


def _bounded(row: Row, before: Row | None) -> Row:
    """Keep when a window ends that was there before: it has not been renewed since then."""
    if before is None or row.until is None or before.until is None:
        return row
    return replace(row, until=min(row.until, before.until))


def _started(lease_minutes: int | None) -> ResourceState:
    return ResourceState.TIMED if lease_minutes else ResourceState.OPEN_ENDED


def _mode(outcome: Outcome, event: HostEvent | None) -> bool | None:
    if outcome.action in _MODES:
        return _MODES[outcome.action]
    if outcome.action == "left":
        told = (mode for reason, mode in _MODES_LEFT.items() if reason in outcome.reason)
        if (mode := next(told, None)) is not None:
            return mode
    if event is None or outcome.action == "ignored":
        return None
    # An outcome says so if its vCenter says otherwise by now.
    return (event.name == ENTERED) != outcome.reason.startswith("it is ")


def _happening(handled: Handled, now: datetime) -> Happening:
    event, outcome = handled.event, handled.outcome
    host = (event.host.name or event.host.moref) if event else ""
    user = event.user if event else ""
    if outcome:
        matters = any(each.needs_attention for each in (outcome, *outcome.companions))
        reason = "; ".join(filter(None, [outcome.reason, *companions_in_words(outcome)]))
        return Happening(now, outcome.action, host, user, reason, matters)
    return Happening(now, type(handled.error).__name__, host, user, str(handled.error), True)


def _is_again(each: Happening, happening: Happening) -> bool:
    return (each.what, each.host, each.reason) == (
        happening.what,
        happening.host,
        happening.reason,
    )
