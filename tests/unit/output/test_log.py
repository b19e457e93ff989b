"""adapters.output.log and adapters.output.console: what people and machines get to read."""

import json
import logging
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from adapters.config.settings import CommonSettings, Settings, VCenterSettings, VropsSettings
from adapters.incoming.envelopes import Received
from adapters.output import console, log
from functions.errors import HostNotFoundError, InvalidEventError
from functions.events import HostRef
from functions.outcomes import Action, Outcome, Overdue, Verb
from functions.ports import ModeChange
from lab.events import HTTP_FORMATS, EventData, lambda_event, router_envelope
from tests.messages import LIMITS, read

HOST = HostRef("host-9", "esx1", "vc.lab")
RECEIVED = Received(router_envelope(EventData()), "binary json")


def set_up(form: str) -> None:
    log.set_up(CommonSettings(log_format=form), default_format="text")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def write(received: Received | None, outcome: Outcome) -> None:
    ticks = iter([1.0, 1.5])
    with log.event_line(clock=lambda: next(ticks)) as entry:
        entry.received, entry.outcome = received, outcome


def test_an_event_is_one_line_with_outcome_and_duration(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up("json")
    write(RECEIVED, Outcome("entered", HOST, "because"))
    [line] = lines(capsys)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "message": "host esx1 (host-9) of vc.lab: entered: because",
        "action": "entered",
        "host": "esx1",
        "moref": "host-9",
        "vcenter": "vc.lab",
        "event": "EnteredMaintenanceModeEvent",
        "event_id": RECEIVED.envelope["id"],
        "encoding": "binary json",
        "duration_ms": 500.0,
    }


def test_what_a_person_should_look_at_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("json")
    write(RECEIVED, Outcome("left", HOST, "a person's", needs_attention=True))
    assert lines(capsys)[0]["level"] == "WARNING"


@pytest.mark.parametrize(
    ("error", "level"), [(InvalidEventError("x"), "ERROR"), (HostNotFoundError("x"), "WARNING")]
)
def test_an_error_is_logged_and_passed_on(
    error: Exception, level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up("json")
    with pytest.raises(type(error)), log.event_line():
        raise error
    [line] = lines(capsys)
    assert (line["level"], line["error"], line["message"]) == (level, type(error).__name__, "x")


def test_a_bug_is_left_to_the_runtime(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("json")
    with pytest.raises(ZeroDivisionError), log.event_line():
        raise ZeroDivisionError
    assert lines(capsys) == []


def test_an_event_in_all_encodings_is_one_line_but_for_the_encoding(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up("json")
    received = [read(encode(EventData())) for encode in HTTP_FORMATS.values()]
    received.append(Received(lambda_event(EventData())["detail"], "eventbridge json"))
    for each in received:
        write(each, Outcome("entered", HOST))
    written = lines(capsys)
    encodings = {line.pop("encoding") for line in written}
    assert encodings == {
        "binary json",
        "binary xml",
        "structured json",
        "structured xml",
        "eventbridge json",
    }
    # VSphereSource's id is vCenter's key, the router's one of its own.
    ids = {line.pop("event_id") for line in written}
    assert ids == {EventData().event_id, str(EventData().key)}
    for line in written:
        del line["time"]
    assert all(line == written[0] for line in written)
    assert len(written) == len(HTTP_FORMATS) + 1


def test_no_event_can_forge_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    evil = HostRef("host-9", 'esx1\n{"level":"INFO"}\x1b[2J\u2028', "vc.lab")
    for form in ("json", "text"):
        set_up(form)
        write(RECEIVED, Outcome("entered", evil))
        written = capsys.readouterr().err
        assert written.count("\n") == 1
        assert "\x1b" not in written
        assert written.isascii()


def test_a_huge_name_does_not_make_a_huge_line(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("json")
    envelope = {**RECEIVED.envelope, "id": "i" * 10**6, "type": "t" * 10**6}
    write(Received(envelope, "binary json"), Outcome("ignored"))
    assert len(capsys.readouterr().err) < 1500


def test_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("text")
    write(RECEIVED, Outcome("exited", HOST))
    assert capsys.readouterr().err.endswith(" INFO host esx1 (host-9) of vc.lab: exited\n")


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_of_a_library_is_kept(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    set_up(form)
    try:
        raise ValueError("in some library")
    except ValueError:
        logging.getLogger("library").exception("it failed")
    written = capsys.readouterr().err
    assert "it failed" in written
    assert "ValueError: in some library" in written


ECHO = {"source": "s", "type": "t", "subject": None, "id": "1\x1b", "data": {"Key": "é"}}


def test_an_echo_is_readable(capsys: pytest.CaptureFixture[str]) -> None:
    console.printer("text")(ECHO)
    assert capsys.readouterr().out == (
        "CloudEvent\n"
        "  source  s\n"
        "  type    t\n"
        "  subject -\n"
        "  id      1\\x1b\n"
        '  data    {\n    "Key": "\\u00e9"\n  }\n'
    )


def test_an_echo_can_be_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    console.printer("json")(ECHO)
    written = capsys.readouterr().out
    assert written.count("\n") == 1
    assert json.loads(written) == ECHO
    assert LIMITS.max_body_bytes == 1024 * 1024


UNTIL = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
ACTIONS = [Action(verb, HOST, "because", until=UNTIL) for verb in get_args(Verb)]


def test_a_sweep_is_a_line_for_each_host_that_it_changes_or_leaves(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up("json")
    listener = log.SweepLog()
    listener.read("vc.lab", "vCenter", 1000)
    listener.planned(ACTIONS)
    for action in ACTIONS[:3]:
        listener.done(action, seen=True)
    listener.corrected(Outcome("exited", HOST))
    shown = [(line["level"], line["action"], line["message"]) for line in lines(capsys)]
    assert shown == [
        ("WARNING", "leave", "host esx1 (host-9) of vc.lab: leave: because"),
        ("INFO", "report", "host esx1 (host-9) of vc.lab: report: because"),
        ("INFO", "start", "host esx1 (host-9) of vc.lab: start: because"),
        ("INFO", "end", "host esx1 (host-9) of vc.lab: end: because"),
        (
            "INFO",
            "exited",
            "host esx1 (host-9) of vc.lab: exited after its mode changed during the sweep",
        ),
    ]


def test_what_is_left_alone_is_a_warning_only_when_it_is_new(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up("json")
    new = Action("leave", HOST, "because")
    told = replace(new, is_new=False)
    log.SweepLog().planned([told, new])
    log.SweepLog().planned([told])
    assert [line["level"] for line in lines(capsys)] == ["WARNING", "INFO", "INFO"]


def test_what_is_new_is_named_before_what_was_told(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("json")
    new = Action("leave", HOST, "because")
    told = replace(new, is_new=False)
    log.SweepLog().planned([*[told] * 100, new])
    assert [line["level"] for line in lines(capsys)] == ["WARNING", *["INFO"] * 100]
    log.SweepLog().planned([new] * 101)
    assert [line["level"] for line in lines(capsys)] == ["WARNING"] * 101


ENTERED = ModeChange("host-9", True, datetime(2026, 2, 1, 12, 30, tzinfo=UTC), "LAB\\anna")


def test_an_overdue_host_is_a_warning_with_since_when_and_by_whom(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up("json")
    for is_new in (True, False):
        log.SweepLog().overdue(Overdue(HOST, ENTERED, is_new))
    first, second = lines(capsys)
    assert (first.pop("level"), second.pop("level")) == ("WARNING", "INFO")
    del first["time"], second["time"]
    assert first == second
    assert first == {
        "message": "host esx1 (host-9) of vc.lab: overdue: in maintenance mode since"
        " 2026-02-01 12:30 UTC, by LAB\\anna",
        "action": "overdue",
        "host": "esx1",
        "moref": "host-9",
        "vcenter": "vc.lab",
        "since": "2026-02-01T12:30:00+00:00",
        "user": "LAB\\anna",
    }


def test_an_overdue_host_may_have_entered_before_all_events(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up("json")
    log.SweepLog().overdue(Overdue(HOST, None))
    log.SweepLog().overdue(Overdue(HOST, replace(ENTERED, user="")))
    forgotten, nobodys = lines(capsys)
    assert forgotten["message"].endswith("for longer than its vCenter remembers")
    assert "since" not in forgotten
    assert nobodys["message"].endswith("since 2026-02-01 12:30 UTC")


def test_a_sweep_says_what_does_not_show_yet(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("json")
    log.SweepLog().done(ACTIONS[0], seen=False)
    assert lines(capsys)[0]["message"].endswith("because; accepted, but not visible yet")


def test_a_sweep_does_not_name_thousands_of_hosts_each_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up("json")
    log.SweepLog().planned([ACTIONS[-1]] * 10_000)
    shown = lines(capsys)
    assert len(shown) == 101
    assert shown[-1]["message"].startswith("and 9900 more hosts")


def test_what_a_sweep_could_not_do_is_said_as_of_an_event(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up("json")
    log.SweepLog().failed("vc.lab", HostNotFoundError("gone"))
    log.SweepLog().failed("vc.lab", InvalidEventError("wrong"))
    shown = [(line["level"], line["message"]) for line in lines(capsys)]
    assert shown == [("WARNING", "sweep of vc.lab: gone"), ("ERROR", "sweep of vc.lab: wrong")]


def test_what_is_dangerous_is_said_at_start(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("json")
    safe = Settings(vrops=VropsSettings("https://x"), vcenters=(VCenterSettings("https://v"),))
    log.warn_of_risks(safe)
    assert lines(capsys) == []
    vrops = VropsSettings("https://x", insecure_tls=True)
    vcenter = VCenterSettings("https://v", insecure_tls=True)
    log.warn_of_risks(Settings(vrops=vrops, vcenters=(vcenter,)))
    said = [line["message"].partition(":")[0] for line in lines(capsys)]
    assert said == ["VROPS_INSECURE_TLS", "VCENTER_INSECURE_TLS"]


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    "long",
    [
        {"data": {"Message": "x" * 100_000}},
        {"data": {"Message": '"\\' * 50_000}},
        {"data": {"Message": "\N{GRINNING FACE}" * 20_000}},
        {"data": {"x" * 50_000: None}},
        {"data": [[]] * 50_000},
        {**dict.fromkeys(("source", "type", "subject", "id"), "\N{GRINNING FACE}" * 9_000)},
        {"data": "", **dict.fromkeys(("source", "type", "subject", "id"), '"' * 90_000)},
    ],
    ids=range(7),
)
def test_no_line_is_longer_than_16_kib_and_one_that_is_cut_says_so(
    form: str, long: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    console.printer(form)({**ECHO, **long})
    written = capsys.readouterr().out
    assert max(len(line) for line in written.splitlines()) <= 16 * 1024
    if form == "json":
        assert json.loads(written).keys() == ECHO.keys()
    # As text, that list is many short lines.
    if (form, long.get("data")) != ("text", [[]] * 50_000):
        assert re.search(r"\.\.\. \(\d+ characters more\)", written)


def test_what_is_not_too_long_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    long = {**ECHO, "data": {"Message": "x" * 15_000}}
    console.printer("json")(long)
    assert json.loads(capsys.readouterr().out) == long
