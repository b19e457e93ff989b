"""One line per event, with its outcome and duration; JSON for machines, text for people."""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from adapters.config.settings import CommonSettings, Settings
from adapters.incoming.envelopes import Received
from functions.errors import MaintenanceError, PermanentError
from functions.events import MAX_NAME_LENGTH, HostRef, classify, event_id
from functions.outcomes import Action, Outcome, Overdue, SweepListener
from functions.ports import ModeChange

# Of thousands of hosts that the account may not see, the first ones say enough, every time.
_MAX_LINES: Final = 100

logger: Final = logging.getLogger("maintenance_mirror")


@dataclass
class Entry:
    """What becomes of one event, filled in as it becomes known."""

    received: Received | None = None
    outcome: Outcome | None = None


@contextmanager
def event_line(clock: Callable[[], float] = time.perf_counter) -> Iterator[Entry]:
    """Write the one line about an event when it is over, whether it went well or not.

    A refused event is an ERROR, since some processors drop it without a trace; one that may
    succeed later is a WARNING. Any other exception is a bug, and is left to the runtime to report.
    """
    entry, start = Entry(), clock()
    try:
        yield entry
    except MaintenanceError as error:
        _write(_level(error), str(error), entry, clock() - start, {"error": type(error).__name__})
        raise
    if entry.outcome is not None:
        _write_outcome(entry, entry.outcome, clock() - start)


def set_up(settings: CommonSettings, default_format: str) -> None:
    """Send every log record of the process to the console, at the configured level and format."""
    handler = logging.StreamHandler()
    json_wanted = (settings.log_format or default_format) == "json"
    handler.setFormatter(_JsonFormatter() if json_wanted else _TextFormatter())
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)


def warn_of_risks(settings: Settings) -> None:
    """Say at start what is allowed by the settings, but dangerous."""
    if settings.vrops.insecure_tls:
        logger.warning("VROPS_INSECURE_TLS: anyone on the way can read the password")
    if any(vcenter.insecure_tls for vcenter in settings.vcenters):
        logger.warning("VCENTER_INSECURE_TLS: anyone on the way can read the password, and lie")


class SweepLog(SweepListener):
    """A line for each host that a sweep changes, leaves alone or cannot compare."""

    def planned(self, actions: list[Action]) -> None:
        """See SweepListener.planned."""
        noted = [action for action in actions if action.verb in ("leave", "report")]
        noted.sort(key=_is_news, reverse=True)
        for action in noted[:_MAX_LINES]:
            self._line(_urgency(action), action)
        if more := noted[_MAX_LINES:]:
            said = "and %d more hosts; maintenance-mirror status lists all"
            logger.log(_urgency(more[0]), said, len(more))

    def done(self, action: Action, seen: bool) -> None:
        """See SweepListener.done."""
        # Every host that is still in maintenance mode is renewed by every sweep.
        level = logging.INFO if action.changes else logging.DEBUG
        self._line(level, action, "" if seen else "; accepted, but not visible yet")

    def overdue(self, found: Overdue) -> None:
        """See SweepListener.overdue."""
        text = f"{found.host}: overdue: {found.reason}"
        fields = {"action": "overdue", **_host(found.host), **_entered(found.entered)}
        level = logging.WARNING if found.is_new else logging.INFO
        logger.log(level, "%s", text, extra={"fields": fields})

    def corrected(self, outcome: Outcome) -> None:
        """See SweepListener.corrected."""
        text = f"{outcome.host}: {outcome.action} after its mode changed during the sweep"
        fields = {"action": outcome.action, **_host(outcome.host)}
        logger.info("%s", text, extra={"fields": fields})

    def failed(self, where: str, error: MaintenanceError) -> None:
        """See SweepListener.failed."""
        logger.log(_level(error), "sweep of %s: %s", where, error)

    @staticmethod
    def _line(level: int, action: Action, note: str = "") -> None:
        text = f"{action.host}: {action.verb}: {action.reason}{note}"
        fields = {"action": action.verb, **_host(action.host)}
        logger.log(level, "%s", text, extra={"fields": fields})


def _is_news(action: Action) -> bool:
    return action.verb == "leave" and action.is_new


def _urgency(action: Action) -> int:
    return logging.WARNING if _is_news(action) else logging.INFO


def _entered(entered: ModeChange | None) -> dict[str, str]:
    if entered is None:
        return {}
    return {"since": entered.at.isoformat(timespec="seconds"), "user": entered.user}


def _write_outcome(entry: Entry, outcome: Outcome, seconds: float) -> None:
    level = logging.WARNING if outcome.needs_attention else logging.INFO
    said = [str(outcome.host or ""), outcome.action, outcome.reason]
    text = ": ".join(part for part in said if part)
    _write(level, text, entry, seconds, {"action": outcome.action, **_host(outcome.host)})


def _write(
    level: int, text: str, entry: Entry, seconds: float, fields: Mapping[str, object]
) -> None:
    duration = {"duration_ms": round(seconds * 1000, 1)}
    logger.log(level, "%s", text, extra={"fields": {**fields, **_event(entry), **duration}})


def _level(error: MaintenanceError) -> int:
    return logging.ERROR if isinstance(error, PermanentError) else logging.WARNING


def _host(host: HostRef | None) -> dict[str, str]:
    return {"host": host.name, "moref": host.moref, "vcenter": host.vcenter} if host else {}


def _event(entry: Entry) -> dict[str, str]:
    if entry.received is None:
        return {}
    envelope, encoding = entry.received
    kind = classify(envelope)
    name = kind.name if kind else str(envelope.get("type"))
    return {"event": name[:MAX_NAME_LENGTH], "event_id": event_id(envelope), "encoding": encoding}


class _JsonFormatter(logging.Formatter):
    """Every record as one JSON object; non-ASCII is escaped, so that no line can be forged."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


class _TextFormatter(logging.Formatter):
    """Every record as a line for people; control characters are shown, not obeyed."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage().encode("unicode_escape").decode("ascii")
        traceback = "\n" + self.formatException(record.exc_info) if record.exc_info else ""
        return f"{self.formatTime(record)} {record.levelname} {message}{traceback}"
