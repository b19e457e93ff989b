"""adapters.output.recent: how it went lately, as /healthz tells."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters import bootstrap
from adapters.config.settings import Settings, VropsSettings
from adapters.incoming.envelopes import from_timer
from adapters.output.listeners import Handled
from adapters.output.recent import Recent
from functions.context import Context
from functions.errors import (
    AmbiguousHostError,
    AuthenticationError,
    HostNotFoundError,
    MaintenanceError,
    NotACloudEventError,
    OperationsUnavailableError,
    RequestRejectedError,
    VCenterUnavailableError,
)
from functions.events import ENTERED, HostEvent, HostRef
from functions.outcomes import Outcome
from tests.fakes import Clock, FakeOperations

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
EVENT = HostEvent(ENTERED, HostRef("host-1", "esx1", "vc"), key=1, created=None, event_id="")
ENTERED_ONE = Handled(None, Outcome("entered", event=EVENT), None, 1.0)
SWEPT = Handled(from_timer("x"), Outcome("reconciled"), None, 1.0)


def shown(recent: Recent) -> Any:
    told = recent.show()
    assert told.content_type == "application/json"
    return json.loads(told.body)


def test_at_first_nothing_is_known_but_that_it_lives() -> None:
    assert shown(Recent()) == {"alive": True, "last_event": None, "last_sweep": None, "problem": ""}


def test_what_went_well_is_told_with_its_time() -> None:
    clock = Clock(NOW)
    recent = Recent(clock)
    recent.handled(ENTERED_ONE)
    clock.advance(60)
    recent.handled(SWEPT)
    told = shown(recent)
    assert told["last_event"] == "2026-03-14T09:26:53+00:00"
    assert told["last_sweep"] == "2026-03-14T10:26:53+00:00"


@pytest.mark.parametrize(
    "error",
    [
        OperationsUnavailableError("vRealize Operations: it does not answer in time"),
        VCenterUnavailableError("vCenter vc: it cannot be reached"),
        AuthenticationError("vRealize Operations refuses the user name or the password"),
        RequestRejectedError("the account lacks a privilege"),
    ],
)
@pytest.mark.parametrize("good", [ENTERED_ONE, SWEPT], ids=["event", "sweep"])
def test_what_keeps_all_events_out_is_told_until_something_goes_well(
    error: MaintenanceError, good: Handled
) -> None:
    recent = Recent()
    recent.handled(Handled(None, None, error, 1.0))
    assert shown(recent)["problem"] == str(error)
    recent.handled(Handled(None, Outcome("ignored", event=EVENT), None, 1.0))
    recent.handled(Handled(None, None, NotACloudEventError("x"), 1.0))
    assert shown(recent)["problem"] == str(error)
    recent.handled(good)
    assert shown(recent)["problem"] == ""


@pytest.mark.parametrize("error", [AmbiguousHostError("x"), HostNotFoundError("x")])
def test_what_is_about_one_host_is_no_problem_of_all(error: MaintenanceError) -> None:
    recent = Recent()
    recent.handled(Handled(None, None, error, 1.0))
    assert shown(recent)["problem"] == ""


def test_every_target_tells_that_it_lives_and_has_nothing_else_to_ask_for() -> None:
    settings = Settings(vrops=VropsSettings("https://x"))
    mirror = bootstrap.MirrorDispatch(settings, Context(FakeOperations([])))
    for dispatch in (mirror, bootstrap.EchoDispatch(settings)):
        answering = bootstrap.answering(dispatch, lambda request, limits: request)
        health = answering.look("/healthz")
        assert health is not None
        assert json.loads(health.body)["alive"] is True
        assert answering.look("/metrics") is answering.look("/") is None
