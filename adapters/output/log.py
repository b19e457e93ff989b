"""One line per event, with its outcome and duration; JSON for machines, text for people."""

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from adapters.config.settings import CommonSettings, Settings
from adapters.incoming.envelopes import Received
from adapters.output.lines import MAX_LINE_BYTES, may_be_told
from adapters.output.listeners import Handled, Listener
from functions.dead_letters import DeadLetter
from functions.errors import MaintenanceError, PermanentError, TransientError
from functions.events import MAX_NAME_LENGTH, HostEvent, HostRef, classify, event_id, is_outcome
from functions.outcomes import Action, Outcome, Overdue
from functions.ports import ModeChange

# Of thousands of hosts that the account may not see, the first ones say enough, every time.
_MAX_LINES: Final = 100
# A host may have hundreds of virtual machines.
_MAX_COMPANIONS: Final = 10
# How long each text may be, until the line is short enough: an escaped character takes 12 bytes.
_CUTS: Final = tuple(2**power for power in range(14, 3, -1))
_TOLD: Final = "not all of the sweep was done; a line above says why"
# kubectl puts a line together again that the runtime has split at 16 KiB, but a node keeps 10 MiB
# of a log at hand, and no one event may push out the others. Real ones have 1 or 2 KiB.
_MAX_DEAD_LETTER_BYTES: Final = 256 * 1024
_MASKED: Final = "what looks like a secret is masked, so it cannot be sent again"
_TOO_LARGE: Final = "too large to be kept, so it cannot be sent again"
_NOBODY: Final = Listener()

logger: Final = logging.getLogger("maintenance_mirror")


@dataclass
class Entry:
    """What becomes of one event, filled in as it becomes known."""

    received: Received | None = None
    outcome: Outcome | None = None
    dead_letter: DeadLetter | None = None


@contextmanager
def event_line(
    clock: Callable[[], float] = time.perf_counter,
    *,
    again: bool = False,
    listener: Listener = _NOBODY,
    sweep: bool = False,
) -> Iterator[Entry]:
    """Write the one line about an event when it is over, whether it went well or not.

    A refused event is an ERROR, since some processors drop it without a trace, and so is a dead
    letter; one that may succeed later is a WARNING. Any other exception is a bug, and is left to
    the runtime to report.
    What an error or outcome carries of the event stands in the line, so that one who searches the
    log for a host finds all that became of it. With ``again``, it has failed before, so that one
    more failure that may pass is for DEBUG.

    ``listener`` is told after that; ``sweep`` says that it is one that no event has asked for.
    """
    entry, start = Entry(), clock()
    try:
        yield entry
    except MaintenanceError as error:
        level = logging.DEBUG if again and isinstance(error, TransientError) else _level(error)
        seconds = clock() - start
        _write_error(entry, error, level, seconds)
        listener.handled(Handled(entry.received, None, error, seconds, sweep))
        raise
    seconds = clock() - start
    if entry.dead_letter is not None:
        _write_dead_letter(entry, entry.dead_letter, seconds)
    elif entry.outcome is not None:
        _write_outcome(entry, entry.outcome, seconds)
        listener.handled(Handled(entry.received, entry.outcome, None, seconds, sweep))


def set_up(settings: CommonSettings, default_format: str) -> None:
    """Send every log record of the process to the console, at the configured level and format.

    No line is longer than 16 KiB, but in JSON that of a dead letter, which holds all of its event;
    those of urllib3 are there with ``DEBUG`` only.
    """
    handler = logging.StreamHandler()
    handler.addFilter(may_be_told)
    handler.addFilter(_is_wanted)
    json_wanted = (settings.log_format or default_format) == "json"
    handler.setFormatter(_JsonFormatter() if json_wanted else _TextFormatter())
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)


def warn_of_risks(settings: Settings) -> None:
    """Say at start what is allowed by the settings, but dangerous."""
    if settings.vrops.insecure_tls:
        logger.warning("VROPS_INSECURE_TLS: anyone on the way can read the password")
    if any(vcenter.insecure_tls for vcenter in settings.vcenters):
        logger.warning("VCENTER_INSECURE_TLS: anyone on the way can read the password, and lie")


class SweepLog(Listener):
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
        fields = {"error": type(error).__name__}
        logger.log(_level(error), "sweep of %s: %s", where, error, extra={"fields": fields})
        error.told = True

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
    told = (outcome, *outcome.companions)
    level = logging.WARNING if any(each.needs_attention for each in told) else logging.INFO
    if entry.received and is_outcome(entry.received.envelope):
        level = logging.DEBUG  # A broker may send all of them back to us.
    said = [str(outcome.host or ""), outcome.action, outcome.reason]
    text = "; ".join(filter(None, [": ".join(filter(None, said)), *companions_in_words(outcome)]))
    fields = {
        **{"action": outcome.action, **_origin(outcome.event), **_host(outcome.host)},
        **_companions(outcome),
    }
    _write(level, text, outcome.event, {**fields, **_event(entry), **_duration(seconds)})


def companions_in_words(outcome: Outcome) -> Iterator[str]:
    """Count what became of a host's companions, and name those that were left: ten at most."""
    if outcome.companions:
        counts = Counter(each.action for each in outcome.companions)
        yield "companions: " + ", ".join(f"{count} {each}" for each, count in counts.items())
    left = [each for each in outcome.companions if each.action == "left"]
    yield from (f"{each.host}: left: {each.reason}" for each in left[:_MAX_COMPANIONS])
    if more := left[_MAX_COMPANIONS:]:
        yield f"and {len(more)} more left"


def _companions(outcome: Outcome) -> dict[str, object]:
    if not outcome.companions:
        return {}
    return {"companions": Counter(each.action for each in outcome.companions)}


def _write_error(entry: Entry, error: MaintenanceError, level: int, seconds: float) -> None:
    text = _TOLD if error.told else str(error)
    fields = {"error": type(error).__name__, **_origin(error.event)}
    _write(level, text, error.event, {**fields, **_event(entry), **_duration(seconds)})


def _write_dead_letter(entry: Entry, letter: DeadLetter, seconds: float) -> None:
    """Write all that is needed to send the event again; what cannot be is said, and why."""
    kept, problem = _kept(letter)
    told = {"error_code": letter.error_code, "destination": letter.destination}
    fields = {
        **{"action": "given up", **_origin(letter.event), "event_time": letter.event_time},
        **{**told, **_event(entry), **_duration(seconds)},
    }
    text = "; ".join(filter(None, [str(letter), problem]))
    logger.error("%s", text, extra={"fields": fields, "whole": kept})


def _kept(letter: DeadLetter) -> tuple[dict[str, object], str]:
    """Return what the line holds of the event, and why it cannot be sent again, if so."""
    if len(json.dumps(letter.cloudevent)) > _MAX_DEAD_LETTER_BYTES:
        return {}, _TOO_LARGE
    if not letter.is_whole:
        return {"masked": letter.cloudevent}, _MASKED
    return {"cloudevent": letter.cloudevent}, ""


def _write(level: int, text: str, event: HostEvent | None, fields: Mapping[str, object]) -> None:
    about = _in_words(event, text) if event else ""
    logger.log(level, "%s", text, extra={"fields": fields, "about": about})


def _duration(seconds: float) -> dict[str, float]:
    return {"duration_ms": round(seconds * 1000, 1)}


def _origin(event: HostEvent | None) -> dict[str, object]:
    """Say which host the event is about, who caused it, and which of its vCenter's it is."""
    return {**_host(event.host), "user": event.user, "key": event.key} if event else {}


def _in_words(event: HostEvent, text: str) -> str:
    """Say of the event, in a line for people, what ``text`` does not say already."""
    key = "" if event.key is None else str(event.key)
    host = "" if str(event.host) in text else f"of {event.host}"
    by = event.user and f"by {event.user}"
    return " ".join(filter(None, [event.name[:MAX_NAME_LENGTH], key, host, by]))


def _level(error: MaintenanceError) -> int:
    return logging.ERROR if isinstance(error, PermanentError) else logging.WARNING


def _host(host: HostRef | None) -> dict[str, str]:
    """Name the host; a companion has its name in the same place, and tells its kind."""
    if host is None:
        return {}
    kind = {} if host.is_host else {"kind": host.kind}
    return {"host": host.name, "moref": host.moref, "vcenter": host.vcenter, **kind}


def _event(entry: Entry) -> dict[str, str]:
    if entry.received is None:
        return {}
    envelope, encoding = entry.received
    kind = classify(envelope)
    name = kind.name if kind else str(envelope.get("type"))
    return {"event": name[:MAX_NAME_LENGTH], "event_id": event_id(envelope), "encoding": encoding}


def _is_wanted(record: logging.LogRecord) -> bool:
    """Take what urllib3 says for DEBUG: it warns of each attempt, and ours is the last word."""
    if record.name.partition(".")[0] == "urllib3":
        record.levelno, record.levelname = logging.DEBUG, "DEBUG"
    return logging.getLogger().isEnabledFor(record.levelno)


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
        return _as_json(line, getattr(record, "whole", {}))


class _TextFormatter(logging.Formatter):
    """Every record as a line for people; control characters are shown, not obeyed."""

    def format(self, record: logging.LogRecord) -> str:
        said = "; ".join(filter(None, [record.getMessage(), getattr(record, "about", "")]))
        first = f"{self.formatTime(record)} {record.levelname} {said}"
        traceback = self.formatException(record.exc_info).split("\n") if record.exc_info else []
        return "\n".join(map(_as_text, [first, *traceback]))


def _as_json(line: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    """Write ``line``; where it is too long, its longest texts are cut, and say so.

    What has to stay ``whole`` is written behind it, however long it is.
    """
    for most in _CUTS:
        shown = {name: _cut(value, most) for name, value in line.items()}
        text = json.dumps(shown)
        if len(text) < MAX_LINE_BYTES:
            break
    return json.dumps({**shown, **whole}) if whole else text


def _as_text(line: str) -> str:
    escaped = line.encode("unicode_escape").decode("ascii")
    return escaped if len(escaped) < MAX_LINE_BYTES else str(_cut(escaped, MAX_LINE_BYTES // 2))


def _cut(value: object, most: int) -> object:
    """Leave out the middle of a text of more than ``most`` characters: both ends tell most."""
    if not isinstance(value, str) or len(value) <= most:
        return value
    half = most // 2
    return f"{value[:half]} [... {len(value) - 2 * half} characters cut ...] {value[-half:]}"
