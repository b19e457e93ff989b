"""adapters.notify.listener: what needs attention, each thing once a day."""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters import bootstrap
from adapters.config.settings import Settings, VropsSettings
from adapters.incoming.envelopes import Received, from_timer
from adapters.notify import listener
from adapters.notify.listener import Notifier
from adapters.notify.words import SUBJECTS, Notice
from adapters.output.listeners import Handled
from functions import errors
from functions.context import Context, Policy, VCenters
from functions.errors import (
    AmbiguousHostError,
    AuthenticationError,
    EventTooLargeError,
    HostNotFoundError,
    InvalidEventError,
    MaintenanceError,
    NotACloudEventError,
    OperationsUnavailableError,
    RequestRejectedError,
    SweepRefusedError,
    UnverifiedEventError,
    VCenterUnavailableError,
)
from functions.events import EXITED, HostEvent, HostRef
from functions.handlers import NOTHING_TO_COMPARE
from functions.outcomes import Action, Outcome, Overdue
from functions.ownership import A_PERSONS, NOT_OURS
from functions.ports import ModeChange, ResourceState
from lab.events import IMPOSTOR, router_envelope
from tests.fakes import Clock, FakeOperations, FakeVCenter

HOST = HostRef("host-1001", "esx01.lab.local", "vcenter.lab.local")
CREATED = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)
EVENT = HostEvent(EXITED, HOST, key=7, created=CREATED, event_id="", user="anna")
BY_EVENT = "ExitMaintenanceModeEvent of 2026-03-14 09:00 UTC, by anna"


@dataclass
class Told:
    """Takes what a service would be told."""

    batches: list[list[Notice]] = field(default_factory=list)

    def tell(self, notices: Sequence[Notice]) -> None:
        self.batches.append([*notices])

    @property
    def subjects(self) -> list[list[str]]:
        return [[each.subject for each in batch] for batch in self.batches]


def notifier(now: Clock | None = None) -> tuple[Notifier, Told]:
    told: Any = Told()
    return Notifier([told], now or Clock()), told


def ended(*, outcome: Outcome | None = None, error: MaintenanceError | None = None) -> Handled:
    return Handled(None, outcome, error, 0.1)


def about(error: MaintenanceError, event: HostEvent | None = EVENT) -> MaintenanceError:
    error.event = event
    return error


@pytest.mark.parametrize(
    ("outcome", "subject"),
    [
        (Outcome("left", HOST, A_PERSONS, needs_attention=True), "left"),
        (Outcome("exited", HOST, "not visible", needs_attention=True), "unseen"),
        (Outcome("ignored", HOST, "unknown; old", needs_attention=True), "undiscovered"),
        (Outcome("ignored", None, "an EventEx …", needs_attention=True, event=EVENT), "impostor"),
        (Outcome("ignored", None, "an EventEx …", needs_attention=True), "impostor"),
        (Outcome("ignored", None, NOTHING_TO_COMPARE, needs_attention=True), "no vCenter"),
    ],
)
def test_an_outcome_that_needs_attention_is_told(outcome: Outcome, subject: str) -> None:
    notifies, told = notifier()
    notifies.handled(ended(outcome=outcome))
    assert told.subjects == [[subject]]
    assert told.batches[0][0].details == outcome.reason


@pytest.mark.parametrize(
    ("error", "subject"),
    [
        (about(AmbiguousHostError("two of them")), "ambiguous"),
        (about(UnverifiedEventError("nobody knows")), "unverified"),
        (about(RequestRejectedError("403")), "rejected"),
        (about(errors.HostGoneError("gone")), "other"),
        (InvalidEventError("no host"), "damaged"),
        (NotACloudEventError("no event"), "damaged"),
        (EventTooLargeError("too large"), "damaged"),
        (about(AuthenticationError("vRealize Operations refuses the password")), "credentials"),
        (about(VCenterUnavailableError("not trusted", lasting=True)), "lasting"),
    ],
)
def test_an_error_that_a_person_has_to_mend_is_told(error: MaintenanceError, subject: str) -> None:
    notifies, told = notifier()
    notifies.handled(ended(error=error))
    assert told.subjects == [[subject]]
    [notice] = told.batches[0]
    assert (notice.details, notice.about) == (str(error), str(HOST) if error.event else "")
    assert notice.origin == (BY_EVENT if error.event else "")


@pytest.mark.parametrize(
    "handled",
    [
        ended(outcome=Outcome("entered", HOST)),
        ended(outcome=Outcome("reconciled", reason="3 hosts", needs_attention=True)),
        ended(error=about(HostNotFoundError("not yet"))),
        ended(error=about(OperationsUnavailableError("away"))),
    ],
)
def test_what_passes_by_itself_is_not_told(handled: Handled) -> None:
    notifies, told = notifier()
    notifies.handled(handled)
    assert told.batches == []


def test_every_subject_can_be_told_and_every_error_has_one() -> None:
    told = {*listener._SUBJECTS.values(), "overdue", "left", "unseen", "undiscovered"}
    assert told | {"impostor", "no vCenter"} == {*SUBJECTS}


def test_the_same_of_a_host_is_told_once_a_day() -> None:
    clock = Clock()
    notifies, told = notifier(clock)
    left = Outcome("left", HOST, A_PERSONS, needs_attention=True)
    for minutes in (0, 60, 800, 100, 1400):  # From 09:26 on: the day ends after 873 minutes.
        clock.advance(minutes)
        notifies.handled(ended(outcome=left))
    assert told.subjects == [["left"], ["left"], ["left"]]


def test_another_host_and_another_reason_are_told_too() -> None:
    notifies, told = notifier()
    for host in (HOST, replace(HOST, moref="host-2")):
        for reason in (A_PERSONS, NOT_OURS, A_PERSONS):
            notifies.handled(ended(outcome=Outcome("left", host, reason, needs_attention=True)))
    assert len(told.batches) == 4


def test_a_password_that_is_refused_is_told_once_whatever_meets_it() -> None:
    notifies, told = notifier()
    for number, text in enumerate(("refuses the password", "refused it; not trying again yet")):
        error = AuthenticationError(f"vRealize Operations {text}")
        event = replace(EVENT, host=replace(HOST, moref=f"host-{number}"))
        notifies.handled(ended(error=about(error, event)))
    assert told.subjects == [["credentials"]]


def test_damaged_events_are_told_once_whatever_they_hold() -> None:
    notifies, told = notifier()
    for number in range(3):
        notifies.handled(ended(error=InvalidEventError(f"no host in {number}")))
    assert told.subjects == [["damaged"]]


def test_what_was_told_is_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "_MAX_TOLD", 2)
    notifies, told = notifier()
    for number in (1, 2, 3, 3, 1):
        host = replace(HOST, moref=f"host-{number}")
        notifies.handled(ended(outcome=Outcome("left", host, A_PERSONS, needs_attention=True)))
    assert [batch[0].about.split()[2] for batch in told.batches] == [
        f"(host-{number})" for number in (1, 2, 3, 1)
    ]


def test_what_a_sweep_finds_is_told_at_its_end_all_at_once() -> None:
    notifies, told = notifier()
    entered = ModeChange("host-1001", True, CREATED, "anna")
    notifies.compared("vcenter.lab.local", [], [], [])
    notifies.refused(SweepRefusedError("would change 60 of 80 hosts"))
    notifies.planned([Action("leave", HOST, A_PERSONS), Action("start", HOST, "missed")])
    notifies.overdue(Overdue(HOST, entered))
    notifies.failed("vc2", RequestRejectedError("no privilege"))
    notifies.failed("vc3", VCenterUnavailableError("away"))
    notifies.corrected(Outcome("exited", HOST, "not visible", needs_attention=True))
    assert told.batches == []
    notifies.handled(ended(error=SweepRefusedError("would change 60 of 80 hosts")))
    assert told.batches == [
        [
            Notice("refused", "sweep of vcenter.lab.local", "would change 60 of 80 hosts"),
            Notice("left", str(HOST), A_PERSONS),
            Notice("overdue", str(HOST), "in maintenance mode since 2026-03-14 09:00 UTC, by anna"),
            Notice("rejected", "vc2", "no privilege"),
            Notice("unseen", str(HOST), "not visible"),
        ]
    ]


def test_sweeps_side_by_side_do_not_tell_of_each_other() -> None:
    notifies, told = notifier()
    notifies.planned([Action("leave", HOST, A_PERSONS)])
    other = threading.Thread(target=notifies.handled, args=(ended(outcome=Outcome("reconciled")),))
    other.start()
    other.join()
    assert told.batches == []
    notifies.handled(ended(outcome=Outcome("reconciled")))
    assert told.subjects == [["left"]]


def sweeps(notifies: Notifier, hosts: list[HostRef], clock: Clock) -> bootstrap.MirrorDispatch:
    """Mirror with hosts that have been in a person's maintenance for longer than vCenter knows."""
    operations, vcenter = FakeOperations(hosts), FakeVCenter(hosts)
    for host in hosts:
        operations.set_state(host, ResourceState.OPEN_ENDED)
        vcenter.enter(host.moref)
    vcenter.changes.clear()
    vcenters = VCenters({vcenter.address: vcenter})
    context = Context(operations, vcenters, policy=Policy(60), listener=notifies, now=clock)
    settings = Settings(vrops=VropsSettings("https://x"))
    return bootstrap.MirrorDispatch(settings, context, listener=notifies)


def test_sweeps_of_a_day_tell_of_200_hosts_once_and_the_next_day_again() -> None:
    clock = Clock()
    notifies, told = notifier(clock)
    hosts = [HostRef(f"host-{n}", f"esx{n}.lab.local", "vcenter.lab.local") for n in range(200)]
    dispatch = sweeps(notifies, hosts, clock)
    for minutes in (0, 15, 15, 24 * 60):
        clock.advance(minutes)
        dispatch(lambda limits: from_timer("test"))
    assert [Counter(batch) for batch in told.subjects] == [{"left": 200, "overdue": 200}] * 2


def test_a_real_impostor_is_told_with_who_posted_it() -> None:
    notifies, told = notifier()
    dispatch = sweeps(notifies, [HOST], Clock())
    dispatch(lambda limits: Received(router_envelope(IMPOSTOR), "test"))
    [[notice]] = told.batches
    assert notice.subject == "impostor"
    assert "of vcenter.lab.local" in notice.line
    assert ", by " in notice.line
