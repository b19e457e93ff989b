"""No line is so long that a reader of logs gives up, and what is cut says so."""

import json
import logging
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.config.settings import CommonSettings
from adapters.output import log

MAX_BYTES = 16 * 1024
NAMES = ("action", "error", "host", "moref", "vcenter", "user", "event", "event_id", "encoding")

# Any character, alone and many times: what is escaped takes up to twelve bytes.
long_texts = st.builds(
    lambda start, character, count: start + character * count,
    st.text(max_size=20),
    st.characters(),
    st.one_of(st.integers(0, 300), st.integers(0, 100_000)),
)
fields = st.dictionaries(st.sampled_from(NAMES), long_texts)


def formatted(form: str, record: logging.LogRecord) -> str:
    log.set_up(CommonSettings(log_format=form), default_format="json")
    return logging.getLogger().handlers[0].format(record)


def record(message: str, told: dict[str, object], cause: str = "") -> logging.LogRecord:
    extra = {"fields": told, "about": message}
    made = logging.makeLogRecord({"msg": message, "levelname": "INFO", **extra})
    if cause:
        try:
            raise ValueError(cause)
        except ValueError:
            made.exc_info = sys.exc_info()
    return made


@given(message=long_texts, told=fields, cause=long_texts)
@example(message="\U0001f600" * 10**5, told={}, cause="\ud800" * 10**6)
@example(message="\n" * 10**5, told={}, cause="\n" * 10**5)
@example(message="x", told=dict.fromkeys(NAMES, "\U0001f600" * 10**4), cause="x")
def test_no_line_is_longer_than_16_kib_and_each_can_be_read(
    message: str, told: dict[str, object], cause: str
) -> None:
    written = record(message, {**told, "key": -(2**31), "duration_ms": 1.5}, cause)
    line = formatted("json", written)
    assert line.isascii()
    assert "\n" not in line
    assert len(line) < MAX_BYTES
    read = json.loads(line)
    assert (read["key"], read["duration_ms"], {*told} - {*read}) == (-(2**31), 1.5, set())
    text = formatted("text", written)
    assert text.isascii()
    assert max(map(len, text.split("\n"))) < MAX_BYTES


@given(message=st.text(max_size=200), told=st.dictionaries(st.sampled_from(NAMES), st.text()))
def test_what_is_short_stays_as_it_is(message: str, told: dict[str, object]) -> None:
    read = json.loads(formatted("json", record(message, told)))
    assert {"message": message, **told}.items() <= read.items()


@pytest.mark.parametrize("form", ["json", "text"])
def test_what_is_cut_says_so_and_keeps_both_ends(form: str) -> None:
    line = formatted(form, record("begin " + "x" * 10**6 + " end", {"host": "esx01"}))
    assert "begin xxx" in line
    assert "xxx end" in line
    assert " characters cut ...] " in line
    assert len(line) > MAX_BYTES / 4
    assert form == "text" or json.loads(line)["host"] == "esx01"


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_long_traceback_keeps_where_it_began_and_what_it_was(form: str) -> None:
    def even(left: int) -> None:
        odd(left - 1)

    def odd(left: int) -> None:
        even(left - 1) if left > 0 else int("no number")

    made = record("it failed", {})
    try:
        even(400)
    except ValueError:
        made.exc_info = sys.exc_info()
    written = formatted(form, made)
    assert "Traceback (most recent call last)" in written
    assert "ValueError: invalid literal for int()" in written
    assert max(map(len, written.split("\n"))) < MAX_BYTES


@pytest.mark.parametrize(("level", "seen"), [("DEBUG", 3), ("INFO", 0), ("ERROR", 0)])
def test_what_urllib3_says_is_for_debugging(
    level: str, seen: int, capsys: pytest.CaptureFixture[str]
) -> None:
    log.set_up(CommonSettings(log_level=level), default_format="json")
    theirs = logging.getLogger("urllib3.connectionpool")
    for say in (theirs.debug, theirs.warning, theirs.error):
        say("Retrying %s", "(Retry(total=3))")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["level"] for line in lines] == ["DEBUG"] * seen
    logging.getLogger("urllib3ish").error("ours")
    assert json.loads(capsys.readouterr().err)["level"] == "ERROR"
