"""The line about an event that was given up: who and why, and all that sending it again takes."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from adapters import bootstrap
from adapters.config.settings import Limits
from adapters.incoming.envelopes import Received, from_object
from functions.events import ENTERED, EXITED, REMOVED, host_event
from lab.events import (
    ENTER,
    EXIT,
    HTTP_FORMATS,
    NOT_OURS,
    EventData,
    router_envelope,
)
from lab.events import (
    REMOVED as REMOVAL,
)
from tests import messages
from tests.deadletters import DESTINATION, NO_ANSWER, given_up

LIMIT = 256 * 1024
HOST = "host esx01.lab.local (host-1001) of vcenter.lab.local"
Dispatch = Callable[..., dict[str, Any]]


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Dispatch:
    """Return what writes an envelope down, and reads the one line of it."""

    def write(envelope: Mapping[str, Any], form: str = "json") -> dict[str, Any]:
        dispatch = bootstrap.dead_letters({"LOG_FORMAT": form})
        assert dispatch(lambda _: Received(envelope, "test")).action == "given up"
        [line] = capsys.readouterr().err.splitlines()
        found: dict[str, Any] = json.loads(line) if form == "json" else {"text": line}
        return found

    return write


def letter(event_data: EventData = EXIT, **added: Any) -> dict[str, Any]:
    extensions = {"knativeerrorcode": "503", "knativeerrordest": DESTINATION, **added}
    return {**router_envelope(event_data), **extensions}


def test_the_line_says_who_when_and_why_and_holds_the_event(written: Dispatch) -> None:
    line = written(letter())
    assert line == {
        "time": line["time"],
        "level": "ERROR",
        "message": f"dead letter: ExitMaintenanceModeEvent of {HOST} at "
        f"2026-03-14T11:02:10.040000+00:00: given up by the broker with 503 from {DESTINATION}",
        "action": "given up",
        "host": "esx01.lab.local",
        "moref": "host-1001",
        "vcenter": "vcenter.lab.local",
        "user": "LAB\\alice",
        "key": 51377,
        "event_time": "2026-03-14T11:02:10.040000+00:00",
        "error_code": "503",
        "destination": DESTINATION,
        "event": "ExitMaintenanceModeEvent",
        "event_id": line["cloudevent"]["id"],
        "encoding": "test",
        "duration_ms": line["duration_ms"],
        "cloudevent": router_envelope(EXIT),
    }


@pytest.mark.parametrize(
    ("code", "destination", "said"),
    [
        ("503", "http://x.svc", "with 503 from http://x.svc"),
        (503, "http://x.svc", "with 503 from http://x.svc"),
        (NO_ANSWER, "http://x.svc", "without an answer from http://x.svc"),
        (None, None, ""),
        ("503", None, "with 503"),
        (None, "http://x.svc:8080/a", "from http://x.svc:8080/a"),
        ("503", "https://me:hunter2@x.svc/a", "with 503 from https://x.svc/a"),
        ("503", "https://me:hun/t@er?2#@x.svc/a?token=hunter2", "with 503 from https://x.svc/a"),
        ("503", "https://x.svc/?token=hunter2#x", "with 503 from https://x.svc/"),
        ("503", f"https://me:{'hunter2' * 99}@x.svc", "with 503 from https://x.svc"),
        ("503", "me:hunter2@x.svc", "with 503 from x.svc"),
        ({"hunter": []}, ["x"], "with {'hunter': []} from ['x']"),
    ],
)
def test_why_is_what_the_dispatcher_says_without_its_secrets(
    code: Any, destination: Any, said: str, written: Dispatch
) -> None:
    line = written(letter(knativeerrorcode=code, knativeerrordest=destination))
    assert line["message"].partition("given up by the broker")[2].strip() == said
    assert "hunter2" not in json.dumps(line)


@pytest.mark.parametrize("text", ["\r\nERROR forged", "\x1b[2J", "‮\ud800", "x" * 20_000])
def test_nothing_of_it_forges_a_line_or_moves_a_terminal(text: str, written: Dispatch) -> None:
    envelope = letter(knativeerrorcode=text, knativeerrordest=text, subject=EXITED + text)
    line = written({**envelope, "id": text, "source": text, "time": text})
    assert line["level"] == "ERROR"
    assert line["cloudevent"]["id"] == text
    shown = written({**envelope, "source": text}, "text")["text"]
    assert shown.isascii()
    assert shown.isprintable()


def test_somebody_elses_dead_letter_is_shown_too(written: Dispatch) -> None:
    theirs = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "com.example.order"}
    line = written({**theirs, "knativeerrorcode": "404", "data": "hello"})
    said = "dead letter: com.example.order of /shop: given up by the broker with 404"
    assert line["message"] == said
    assert line["cloudevent"] == {**theirs, "data": "hello"}
    assert "host" not in line
    assert written(letter(NOT_OURS))["host"] == "esx01.lab.local"


def test_what_looks_like_a_secret_is_masked_and_not_sent_again(written: Dispatch) -> None:
    data = {"Password": "hunter2", "Key": 1}
    packed = base64.b64encode(json.dumps(data).encode()).decode()
    envelope = from_object({**letter(), "data_base64": packed}, Limits()).envelope
    line = written(envelope)
    assert "hunter2" not in json.dumps(line)
    assert packed not in json.dumps(line)
    assert line["masked"]["data"] == {"Password": "<masked>", "Key": 1}
    assert "cloudevent" not in line
    assert line["message"].endswith("it cannot be sent again")


@pytest.mark.parametrize("character", ["x", "\x01", "ä", "\U0001f600"])
def test_what_is_kept_is_kept_whole_and_what_is_too_large_says_so(
    character: str, written: Dispatch
) -> None:
    size = (LIMIT - 2000) // (len(json.dumps(character)) - 2)
    event_data = EventData(EXITED, message=character * size, user=character * 99)
    line = written(letter(event_data))
    assert line["cloudevent"] == router_envelope(event_data)
    line = written(letter(EventData(EXITED, message=character * (size + 2000))))
    assert "cloudevent" not in line
    assert line["host"] == "esx01.lab.local"
    assert line["message"].endswith("too large to be kept, so it cannot be sent again")
    assert len(json.dumps(line)) < 16 * 1024


@pytest.mark.parametrize("event_data", [ENTER, EXIT, REMOVAL])
@pytest.mark.parametrize("form", HTTP_FORMATS)
def test_the_event_that_is_kept_says_what_the_event_said(
    form: str, event_data: EventData, written: Dispatch
) -> None:
    message = HTTP_FORMATS[form](event_data)
    before = messages.read(message).envelope
    line = written(messages.read(given_up(message)).envelope)
    after = from_object(line["cloudevent"], Limits())
    assert event_data.name in (ENTERED, EXITED, REMOVED)
    assert host_event(after.envelope, event_data.name) == host_event(before, event_data.name)
    assert after.encoding == "eventbridge json"
    kept = {"datacontenttype", "data", "data_base64"}
    assert {k: v for k, v in after.envelope.items() if k not in kept} == {
        k: v for k, v in before.items() if k not in kept
    }


def test_a_form_of_lines_that_is_none_stops_it_at_start() -> None:
    with pytest.raises(Exception, match="LOG_FORMAT"):
        bootstrap.dead_letters({"LOG_FORMAT": "xml"})
