"""adapters.outcomes.listener: what is told of events and of sweeps, and what is not."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.config.settings import OutcomeSettings, Settings, VropsSettings
from adapters.incoming.envelopes import Received
from adapters.outcomes.listener import OutcomeListener
from adapters.outcomes.outbox import Outbox
from adapters.output.listeners import Handled, Listeners
from functions.errors import (
    AmbiguousHostError,
    InvalidEventError,
    MaintenanceError,
    NotACloudEventError,
    OperationsUnavailableError,
    RequestRejectedError,
    SweepRefusedError,
    VCenterUnavailableError,
)
from functions.events import TIMER_TYPE, Envelope, HostEvent, HostRef
from functions.outcomes import Action, Outcome, Overdue
from lab.events import ENTER, IMPOSTOR, NOT_OURS, router_envelope

NOW = datetime(2026, 11, 25, 18, 53, 13, tzinfo=UTC)
HOST = HostRef("host-18", "esx01.lab.local", "vcenter.lab.local")
EVENT = HostEvent("EnteredMaintenanceModeEvent", HOST, 4711, NOW, "an-id", user="admin")
ENTERED = router_envelope(ENTER)
TIMER = {"specversion": "1.0", "type": TIMER_TYPE, "source": "timer", "id": "1"}


class Box(Outbox):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[Envelope] = []
        self.dropped = 0
        self.flushed: list[float] = []
        self.closed: list[float] = []

    def put(self, event: Envelope) -> None:
        self.events.append(event)

    def drop(self, count: int, why: str) -> None:
        self.dropped += count

    def flush(self, seconds: float) -> None:
        self.flushed.append(seconds)

    def close(self, seconds: float) -> None:
        self.closed.append(seconds)

    @property
    def kinds(self) -> list[str]:
        return [each["type"].rpartition(".")[2] for each in self.events]


@pytest.fixture
def box() -> Box:
    return Box()


def listener(box: Box, *, lease: int | None = 60, flush_seconds: float = 0.0) -> OutcomeListener:
    settings = Settings(
        vrops=VropsSettings("https://vrops.lab"),
        lease_minutes=lease,
        outcomes=OutcomeSettings(extensions={"cluster": "lab"}),
    )
    return OutcomeListener(box, settings, flush_seconds, now=lambda: NOW)


def of(outcome: Outcome, envelope: Mapping[str, Any] | None = ENTERED, **more: Any) -> Handled:
    received = Received(envelope, "binary json") if envelope else None
    return Handled(received, outcome, None, 0.1, **more)


def failed(
    error: MaintenanceError,
    envelope: Mapping[str, Any] | None = ENTERED,
    event: HostEvent | None = EVENT,
) -> Handled:
    error.event = event
    return Handled(Received(envelope, "binary json") if envelope else None, None, error, 0.1)


@pytest.mark.parametrize(
    ("outcome", "kinds"),
    [
        (Outcome("entered", HOST, event=EVENT), ["silenced"]),
        (Outcome("renewed", HOST, event=EVENT), ["renewed"]),
        (Outcome("exited", HOST, event=EVENT), ["monitored"]),
        (Outcome("left", HOST, "a person's", True, event=EVENT), ["left"]),
        (Outcome("ignored", HOST, "forged", True, event=EVENT), ["ignored"]),
        (Outcome("ignored", HOST, "its vCenter no longer has it", event=EVENT), []),
        (Outcome("unchanged", HOST, "already", event=EVENT), []),
        (Outcome("echoed"), []),
        (Outcome("given up", event=EVENT), []),
    ],
)
def test_what_changed_or_needs_attention_is_told(
    outcome: Outcome, kinds: list[str], box: Box
) -> None:
    listener(box).handled(of(outcome))
    listener(box).handled(of(outcome, None))  # as by a vCenter that is watched
    assert box.kinds == kinds * (2 if outcome.event else 1)


def test_an_impostor_whose_host_cannot_be_read_is_told_of(box: Box) -> None:
    outcome = Outcome("ignored", None, "forged", True)
    listener(box).handled(of(outcome, router_envelope(IMPOSTOR)))
    assert box.kinds == ["ignored"]
    assert "subject" not in box.events[0]


def test_a_timer_and_what_is_not_ours_are_not_told_of(box: Box) -> None:
    told = listener(box)
    told.handled(of(Outcome("ignored", None, "no vCenter is configured", True), TIMER))
    told.handled(of(Outcome("reconciled", None, "5 hosts compared", True), TIMER))
    told.handled(of(Outcome("reconciled", None, "5 hosts", True), None, sweep=True))
    told.handled(of(Outcome("ignored", None, "not a maintenance event"), router_envelope(NOT_OURS)))
    told.handled(failed(SweepRefusedError("too many"), TIMER, None))
    told.handled(failed(SweepRefusedError("too many"), None, None))
    assert box.events == []


@pytest.mark.parametrize("lease", [60, None])
def test_the_window_that_was_started_ends_with_its_lease(lease: int | None, box: Box) -> None:
    told = listener(box, lease=lease)
    for action in ("entered", "renewed", "exited", "left"):
        told.handled(of(Outcome(action, HOST, "", True, event=EVENT)))
    until = "2026-11-25T19:53:13.000Z" if lease else None
    assert [each["data"]["until"] for each in box.events] == [until, until, None, None]
    assert {each["cluster"] for each in box.events} == {"lab"}
    assert {each["source"] for each in box.events} == {"maintenance-mirror/vrops.lab"}


@pytest.mark.parametrize(
    ("handled", "kinds"),
    [
        (failed(AmbiguousHostError("two fit")), ["refused"]),
        (failed(RequestRejectedError("no privilege"), None), ["refused"]),
        (failed(InvalidEventError("no host"), event=None), ["refused"]),
        (failed(OperationsUnavailableError("away")), []),
        (failed(NotACloudEventError("no event"), None, None), []),
        (failed(NotACloudEventError("no event"), event=None), []),
        (failed(InvalidEventError("what"), {"type": "maintenance-mirror.outcome.x"}, None), []),
    ],
)
def test_a_refusal_of_an_event_of_vcenters_is_told(
    handled: Handled, kinds: list[str], box: Box
) -> None:
    listener(box).handled(handled)
    assert box.kinds == kinds
    assert all(each["data"]["needs_attention"] for each in box.events)


def test_a_sweep_tells_what_it_did_and_what_it_left(box: Box) -> None:
    told, until = listener(box), NOW + timedelta(minutes=60)
    told.refused(SweepRefusedError("too many"))
    told.failed("vc.lab", RequestRejectedError("no privilege"))
    told.failed("vc.lab", VCenterUnavailableError("away"))
    told.planned(
        [
            Action("start", HOST, "missed"),
            Action("leave", HOST, "a person's"),
            Action("leave", HOST, "told of before", is_new=False),
            Action("report", HOST, "unknown"),
        ]
    )
    told.overdue(Overdue(HOST, None))
    told.overdue(Overdue(HOST, None, is_new=False))
    told.done(Action("start", HOST, "missed", until=until), seen=True)
    told.done(Action("renew", HOST, "still", until=until), seen=True)
    told.done(Action("end", HOST, "over"), seen=True)
    told.done(Action("end", HOST, "over"), seen=False)
    told.corrected(Outcome("exited", HOST))
    told.corrected(Outcome("unchanged", HOST))
    assert box.kinds == (
        ["refused", "refused", "left", "overdue", "silenced", "monitored", "monitored", "monitored"]
    )
    data = [each["data"] for each in box.events]
    assert {each["found_by"] for each in data} == {"sweep"}
    assert [each["needs_attention"] for each in data] == [True] * 4 + [False, False, True, False]
    assert data[1]["reason"] == "vc.lab: no privilege"
    assert data[4]["until"] == "2026-11-25T19:53:13.000Z"


def test_one_sweep_tells_so_many_of_a_kind_and_the_next_one_begins_anew(box: Box) -> None:
    told = listener(box)
    for _ in range(2):
        for number in range(1000):
            host = HostRef(f"host-{number}", "", "vc.lab")
            told.planned([Action("leave", host, "a person's")])
            told.done(Action("start", host, "missed"), seen=True)
        told.handled(of(Outcome("reconciled"), TIMER))
    assert (len(box.events), box.dropped) == (2 * 400, 2 * 1600)


def test_companions_are_told_with_their_host_or_by_themselves(box: Box) -> None:
    class WithCompanions(Outcome):
        companions: tuple[Outcome, ...] = ()

    store = HostRef("datastore-1", "ds1", "vc.lab")
    for action in ("entered", "unchanged"):
        outcome = WithCompanions(action, HOST, event=EVENT)
        object.__setattr__(outcome, "companions", (Outcome("entered", store),))
        listener(box).handled(of(outcome))
    assert [each["subject"] for each in box.events] == [HOST.name, "ds1"]
    assert [len(each["data"]["companions"]) for each in box.events] == [1, 0]


def test_only_a_process_that_stands_still_waits_and_it_does_so_after_each_event(box: Box) -> None:
    for handled in (of(Outcome("unchanged", HOST)), failed(OperationsUnavailableError("away"))):
        listener(box).handled(handled)
        listener(box, flush_seconds=2.0).handled(handled)
    assert box.flushed == [2.0, 2.0]


def test_at_the_end_it_has_a_second(box: Box) -> None:
    Listeners([listener(box)]).close()
    assert box.closed == [1.0]
