"""What the log says of an event: which host, whose, and why, whatever became of it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from adapters import bootstrap
from adapters.config.settings import Limits, Settings, VropsSettings
from adapters.incoming.envelopes import Received
from adapters.output import log
from functions import errors
from functions.context import Context, Policy, VCenters
from functions.errors import MaintenanceError, PermanentError, VCenterUnavailableError
from functions.events import TIMER_TYPE, HostRef
from functions.outcomes import SweepListener
from functions.ports import ResourceState
from lab.events import (
    ENTER,
    EXIT,
    HOSTLESS,
    IMPOSTOR,
    NOT_OURS,
    REMOVED,
    EventData,
    source_envelope,
)
from lab.events import router_envelope as written
from tests.fakes import FakeOperations, FakeVCenter

HOST = HostRef("host-1001", "esx01.lab.local", "vcenter.lab.local")
TIMER: Mapping[str, Any] = {"type": TIMER_TYPE, "id": "7"}
ERRORS = [each for each in vars(errors).values() if isinstance(each, type)]


def logged(
    envelope: Mapping[str, Any],
    context: Context,
    capsys: pytest.CaptureFixture[str],
    form: str = "json",
) -> tuple[list[str], MaintenanceError | None]:
    """Handle an event as a door does; returns the lines of the log, and the error."""
    settings = Settings(vrops=VropsSettings("https://x"), log_format=form)
    log.set_up(settings, default_format="json")
    error = None
    try:
        bootstrap.MirrorDispatch(settings, context)(_given(envelope))
    except MaintenanceError as raised:
        error = raised
    return capsys.readouterr().err.splitlines(), error


def _given(envelope: Mapping[str, Any]) -> bootstrap.Read:
    def read(limits: Limits) -> Received:
        return Received(envelope, "test")

    return read


def confirming(*entered: str) -> VCenters:
    vcenter = FakeVCenter([HOST])
    for moref in entered:
        vcenter.enter(moref)
    return VCenters({vcenter.address: vcenter})


def known() -> FakeOperations:
    return FakeOperations([HOST])


def maintained() -> FakeOperations:
    operations = known()
    operations.set_state(HOST, ResourceState.OPEN_ENDED)
    return operations


# What becomes of an event, as its line says: the event, and in what it is handled.
OUTCOMES: dict[str, tuple[EventData, Callable[[], Context]]] = {
    "entered": (ENTER, lambda: Context(known())),
    "exited": (EXIT, lambda: Context(known())),
    "exited: its vCenter no longer has it": (
        REMOVED,
        lambda: Context(maintained(), VCenters({HOST.vcenter: FakeVCenter()})),
    ),
    "renewed": (ENTER, lambda: Context(maintained(), confirming("host-1001"))),
    "unchanged": (ENTER, lambda: Context(maintained())),
    "left": (EXIT, lambda: Context(maintained(), policy=Policy(60))),
    "ignored: not a maintenance event": (NOT_OURS, lambda: Context(FakeOperations())),
    "ignored: an eventex": (IMPOSTOR, lambda: Context(FakeOperations())),
    "ignored: host": (ENTER, lambda: Context(FakeOperations())),
}


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("what", OUTCOMES)
def test_whoever_searches_for_a_host_finds_every_outcome(
    what: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    event_data, context = OUTCOMES[what]
    [line], error = logged(written(event_data), context(), capsys, form)
    assert error is None
    assert what in line
    _assert_told(line, event_data, form)


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("kind", [each for each in ERRORS if issubclass(each, MaintenanceError)])
def test_whoever_searches_for_a_host_finds_every_error(
    kind: type[MaintenanceError], form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    operations = FakeOperations([HOST], failures=[kind("it went wrong")] * 2)
    [line], error = logged(written(ENTER), Context(operations), capsys, form)
    # An old event of a host that is not known is done with.
    assert isinstance(error, kind) or kind is errors.HostNotFoundError
    assert "it went wrong" in line
    _assert_told(line, ENTER, form)


def _assert_told(line: str, event_data: EventData, form: str) -> None:
    if form == "text":
        host = f"host {event_data.host} ({event_data.moref}) of {event_data.vcenter}"
        said = (event_data.name, str(event_data.key), host, "by LAB\\\\alice")
        assert [each for each in said if each not in line] == []
        return
    names = ("host", "moref", "vcenter", "user", "key", "event", "event_id")
    told = json.loads(line)
    assert [told[name] for name in names] == [
        event_data.host,
        event_data.moref,
        event_data.vcenter,
        event_data.user,
        event_data.key,
        event_data.name,
        event_data.event_id,
    ]


def test_an_error_says_in_a_line_for_people_what_it_is_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    operations = FakeOperations([HOST], failures=[PermanentError("it went wrong")])
    [line], _ = logged(written(ENTER), Context(operations), capsys, "text")
    assert line.endswith(
        " ERROR it went wrong; EnteredMaintenanceModeEvent 51204"
        " of host esx01.lab.local (host-1001) of vcenter.lab.local by LAB\\\\alice"
    )


def test_what_an_event_does_not_tell_is_left_empty(capsys: pytest.CaptureFixture[str]) -> None:
    envelope = written(ENTER)
    data = {"Host": envelope["data"]["Host"]}
    for form, said in (("json", '"user": "", "key": null'), ("text", ": entered; Entered")):
        context = Context(FakeOperations([HOST]))
        [line], _ = logged({**envelope, "data": data}, context, capsys, form)
        assert said in line


def test_an_event_whose_host_cannot_be_read_names_none(capsys: pytest.CaptureFixture[str]) -> None:
    for envelope in (written(HOSTLESS), {**written(HOSTLESS), "subject": "VmPoweredOffEvent"}):
        [line], _ = logged(envelope, Context(FakeOperations()), capsys)
        assert "host" not in json.loads(line)
        assert json.loads(line)["event_id"] == HOSTLESS.event_id


@pytest.mark.parametrize(
    "envelope",
    [
        written(EventData(user="u" * 10**6)),
        written(EventData(name="N" * 10**6, user="u" * 10**6)),
        {**source_envelope(ENTER), "eventclass": "c" * 10**6},
    ],
    ids=["user", "name", "class"],
)
@pytest.mark.parametrize("form", ["json", "text"])
def test_texts_of_an_event_are_cut(
    envelope: Mapping[str, Any], form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    [line], _ = logged(envelope, Context(FakeOperations()), capsys, form)
    assert max(line.count(letter) for letter in "uNc") in range(255, 300)
    assert len(line) < 1500


def test_a_sweep_that_fails_says_its_reason_once_and_where(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines, error = failing_sweep(log.SweepLog(), capsys)
    assert isinstance(error, VCenterUnavailableError)
    first, last = [json.loads(line) for line in lines]
    assert first["message"] == "sweep of vcenter.lab.local: it does not answer in time"
    assert last["message"] == "not all of the sweep was done; a line above says why"
    for line in (first, last):
        assert (line["level"], line["error"]) == ("WARNING", "VCenterUnavailableError")


def test_the_line_of_a_sweep_says_why_it_failed_if_nothing_else_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    [line], _ = failing_sweep(SweepListener(), capsys)
    assert json.loads(line)["message"] == "it does not answer in time"


def failing_sweep(
    listener: SweepListener, capsys: pytest.CaptureFixture[str]
) -> tuple[list[str], MaintenanceError | None]:
    reason = VCenterUnavailableError("it does not answer in time")
    vcenter = FakeVCenter([HOST], failures=[reason])
    vcenters = VCenters({vcenter.address: vcenter})
    return logged(TIMER, Context(known(), vcenters, listener=listener), capsys)


def test_a_sweep_that_is_refused_says_its_reason_once(capsys: pytest.CaptureFixture[str]) -> None:
    context = Context(
        FakeOperations([HOST]),
        confirming("host-1001"),
        policy=Policy(60, max_changes=0),
        listener=log.SweepLog(),
    )
    lines, error = logged(TIMER, context, capsys)
    assert isinstance(error, errors.SweepRefusedError)
    assert sum(line.count("would change 1 of 1 hosts") for line in lines) == 1
