"""adapters.outcomes.messages: which outcome is which CloudEvent."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any, get_args

import pytest

from adapters.outcomes.messages import DONE, MEANINGS, Told, message, source_of
from functions.events import OUTCOME_TYPE, Envelope, HostEvent, HostRef, is_outcome
from functions.outcomes import Done, Outcome, Overdue
from functions.ports import ModeChange
from lab.processes import ROOT
from tests.documents import blocks, table

_jsonschema: Any = import_module("jsonschema")

PAGE = ROOT / "docs" / "observability.md"
SCHEMA = json.loads((ROOT / "docs" / "outcomes.schema.json").read_text(encoding="utf-8"))
NOW = datetime(2026, 11, 25, 18, 53, 13, tzinfo=UTC)
HOST = HostRef("host-18", "esx01.lab.local", "vcenter.lab.local")
CREATED = NOW - timedelta(seconds=1)
EVENT = HostEvent(
    "EnteredMaintenanceModeEvent", HOST, 4711, CREATED, "an-id", user="VSPHERE.LOCAL\\admin"
)
SOURCE = source_of("https://vrops.lab.local/suite-api")


def told(**changes: Any) -> Told:
    return Told(**{"action": "entered", "host": HOST, "reason": "", **changes})


def made(what: Told, now: datetime = NOW, **extensions: str) -> Envelope:
    return message(what, SOURCE, extensions, now)


def problems(data: Any) -> list[str]:
    validator = _jsonschema.Draft202012Validator(
        SCHEMA, format_checker=_jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    return [error.message for error in validator.iter_errors(data)]


def every_kind() -> Iterator[Told]:
    change = ModeChange("host-18", True, CREATED, "VSPHERE.LOCAL\\admin")
    for action in MEANINGS:
        yield told(action=action)
        yield told(action=action, event=EVENT, until=NOW)
        yield told(action=action, host=None, reason="would change 60", in_sweep=True)
    yield told(action="overdue", overdue=Overdue(HOST, change), in_sweep=True)
    yield told(action="overdue", overdue=Overdue(HOST, None), in_sweep=True)
    yield told(companions=(Outcome("entered", HostRef("datastore-1", "ds1", "vc")),))


def test_the_schema_is_one() -> None:
    _jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("what", [*every_kind()])
def test_all_data_is_as_the_schema_says(what: Told) -> None:
    assert problems(made(what)["data"]) == []


def test_data_that_is_not_so_would_be_noticed() -> None:
    data = made(told())["data"]
    assert problems({**data, "password": "x"})
    assert problems({name: value for name, value in data.items() if name != "host"})
    assert problems({**data, "action": "started"})


def test_an_event_says_which_host_what_why_by_which_event_and_until_when() -> None:
    found = made(told(event=EVENT, until=NOW + timedelta(days=1)))
    assert (found["type"], found["subject"]) == (f"{OUTCOME_TYPE}.silenced", HOST.name)
    assert found["source"] == "maintenance-mirror/vrops.lab.local"
    (shown,) = blocks(PAGE, "json", "Outcomes")
    assert found["data"] == json.loads(shown)


def test_the_page_lists_every_type_and_what_it_is_by() -> None:
    _, _, *rows = table(PAGE, "Outcomes")
    listed = {row[0].strip("`"): row[1].strip("`") for row in rows}
    assert listed == {f"{OUTCOME_TYPE}.{meaning}": each for each, meaning in MEANINGS.items()}
    assert {*MEANINGS} == {*SCHEMA["properties"]["action"]["enum"]}


def test_the_page_lists_every_attribute_that_says_something() -> None:
    text = PAGE.read_text(encoding="utf-8").split("\n| Attribute | Holds |\n")[1].split("\n\n")[0]
    listed = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert {*listed} == made(told()).keys() - {"specversion", "datacontenttype"}


def test_every_word_is_one_of_what_becomes_of_events_and_hosts() -> None:
    assert {*MEANINGS} - {*get_args(Done)} == {"overdue", "refused"}
    assert {*DONE.values()} < {*MEANINGS}


def test_our_events_are_known_to_be_ours() -> None:
    assert all(is_outcome(made(what)) for what in every_kind())
    assert not is_outcome({"type": f"{OUTCOME_TYPE}s.silenced"})
    assert not is_outcome({"type": "maintenance-mirror.reconcile"})
    assert not is_outcome({"type": None})


def test_a_replay_and_a_retry_have_the_same_id() -> None:
    replayed = HostEvent(EVENT.name, HOST, EVENT.key, EVENT.created, "another id")
    one, other = (
        made(told(event=each), now) for each, now in ((EVENT, NOW), (replayed, NOW + timedelta(1)))
    )
    assert one["id"] == other["id"]
    assert one["time"] != other["time"]


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "renewed"},
        {"host": HostRef("host-19", "esx01.lab.local", "vcenter.lab.local")},
        {"event": HostEvent(EVENT.name, HOST, 4712, CREATED, "an-id")},
        {"event": HostEvent(EVENT.name, HOST, 4711, NOW, "an-id")},
        {"event": HostEvent("HostRemovedEvent", HOST, 4711, CREATED, "an-id")},
        {"event": HostEvent(EVENT.name, HOST, None, None, "an-id")},
    ],
)
def test_another_outcome_has_another_id(changes: dict[str, Any]) -> None:
    assert made(told(event=EVENT))["id"] != made(told(**{"event": EVENT, **changes}))["id"]


def test_an_event_without_key_and_time_goes_by_its_own_id() -> None:
    one, other = (HostEvent(EVENT.name, HOST, None, None, name) for name in ("one", "other"))
    assert made(told(event=one))["id"] == made(told(event=one))["id"]
    assert made(told(event=one))["id"] != made(told(event=other))["id"]


@pytest.mark.parametrize("action", ["left", "overdue", "refused"])
def test_what_a_sweep_finds_each_time_has_one_id_a_day(action: str) -> None:
    what = told(action=action, reason="why", in_sweep=True)
    midnight = datetime(2026, 11, 26, tzinfo=UTC)
    assert made(what)["id"] == made(what, midnight - timedelta(seconds=1))["id"]
    assert made(what)["id"] != made(what, midnight)["id"]
    assert made(what)["id"] != made(told(action=action, reason="other", in_sweep=True))["id"]


def test_what_a_sweep_changed_has_an_id_of_its_own() -> None:
    what = told(in_sweep=True)
    assert made(what)["id"] != made(what)["id"]


def test_further_attributes_take_no_place_of_ours() -> None:
    found = made(told(), cluster="lab", type="forged")
    assert (found["cluster"], found["type"]) == ("lab", f"{OUTCOME_TYPE}.silenced")


def test_however_much_there_is_to_tell_it_is_bounded() -> None:
    long = HostRef("m" * 9999, "\U0001f5a5" * 9999, "v" * 9999)
    companions = (Outcome("entered", long, "w" * 9999),) * 1000
    event = HostEvent("N" * 9999, long, -(2**31), NOW, "i" * 255, user="u" * 255)
    found = made(told(host=long, reason="r" * 9999, event=event, companions=companions))
    assert problems(found["data"]) == []
    assert found["data"]["more_companions"] == 970


@pytest.mark.parametrize(
    ("name", "subject"),
    [("esx01\r\nce-type: x", "esx01??ce-type: x"), ("h\u00e4st", "h\u00e4st"), ("\ud800", "?")],
)
def test_a_subject_holds_what_an_attribute_may(name: str, subject: str) -> None:
    assert made(told(host=HostRef("host-18", name, "vc")))["subject"] == subject


def test_a_host_without_a_name_is_called_by_its_moref() -> None:
    assert made(told(host=HostRef("host-18", "", "vc")))["subject"] == "host-18"
    assert "subject" not in made(told(host=None))
