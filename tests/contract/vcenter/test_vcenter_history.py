"""What a vCenter's events tell of maintenance mode, how many calls that takes, and what is kept."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from adapters.outgoing.deadline import deadline
from adapters.vcenter import VSphere
from functions.errors import RequestRejectedError, VCenterUnavailableError
from functions.events import MAX_NAME_LENGTH
from simulator import SettableClock
from tests.contract.vcenter.interceptor import (
    Answer,
    Interceptor,
    Spoil,
    fault,
    intercepted,
    once,
    rewritten,
    silence,
)
from tests.vcenters import Vcsim, connected, needs_go, vcsim

pytestmark = needs_go

ENTERED = "EnteredMaintenanceModeEvent"
EXIT = "ExitMaintenanceModeEvent"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
DAY_SECONDS = 24 * 60 * 60
COLLECTING = [
    "QueryEvents",
    "CreateCollectorForEvents",
    "ResetCollector",
    "RetrievePropertiesEx",
]


@pytest.fixture
def full(tmp_path: Path, clock: SettableClock) -> Iterator[tuple[VSphere, Vcsim, Interceptor]]:
    """A vCenter whose three hosts have entered and left 10,500 times in all, and a client."""
    with vcsim(events=10_500) as vcenter, intercepted(vcenter, tmp_path) as interceptor:
        where = {"url": interceptor.url, "ca_file": str(interceptor.ca_file)}
        with connected(vcenter, clock=clock.now, **where) as vsphere:
            assert vsphere.instance_uuid
            interceptor.calls.clear()
            yield vsphere, vcenter, interceptor


@pytest.fixture
def asked(vsphere: VSphere, interceptor: Interceptor) -> list[str]:
    """The calls after a login."""
    assert vsphere.instance_uuid
    interceptor.calls.clear()
    return interceptor.calls


@pytest.fixture
def paged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of two events."""
    monkeypatch.setattr("adapters.vcenter.history._PAGE_SIZE", 2)


def test_the_changes_of_all_hosts_are_one_call(
    vsphere: VSphere, vcenter: Vcsim, asked: list[str]
) -> None:
    for host in vcenter.hosts:
        vcenter.post_event(ENTERED, host.moref)
        vcenter.post_event(EXIT, host.moref)
    assert len(vsphere.mode_changes(LONG_AGO)) == 6
    assert asked == ["QueryEvents"]


def test_the_changes_of_one_host_are_one_call(
    vsphere: VSphere, vcenter: Vcsim, asked: list[str]
) -> None:
    for host in vcenter.hosts:
        vcenter.post_event(ENTERED, host.moref)
    (change,) = vsphere.mode_changes(LONG_AGO, vcenter.hosts[1].moref)
    assert change.moref == vcenter.hosts[1].moref
    assert asked == ["QueryEvents"]


def test_a_history_without_changes_is_one_call(vsphere: VSphere, asked: list[str]) -> None:
    assert list(vsphere.mode_changes(LONG_AGO)) == []
    assert asked == ["QueryEvents"]


def test_a_change_is_what_its_event_says(vsphere: VSphere, vcenter: Vcsim) -> None:
    vcenter.post_event(ENTERED, vcenter.hosts[0].moref)
    (event,) = vcenter.posted(ENTERED)
    (change,) = vsphere.mode_changes(LONG_AGO)
    assert (change.moref, change.entered) == (vcenter.hosts[0].moref, True)
    assert (change.at, change.at.tzinfo) == (event.createdTime, UTC)
    assert change.user == event.userName == vcenter.username


def test_other_events_are_no_changes(vsphere: VSphere, vcenter: Vcsim) -> None:
    for name in ("EnteringMaintenanceModeEvent", "HostConnectedEvent"):
        vcenter.post_event(name, vcenter.hosts[0].moref)
    assert list(vsphere.mode_changes(LONG_AGO)) == []


@pytest.mark.parametrize("name", [ENTERED, EXIT])
def test_an_event_that_only_calls_itself_so_tells_nothing(
    vsphere: VSphere, vcenter: Vcsim, name: str
) -> None:
    moref = vcenter.hosts[0].moref
    vcenter.forge_event(name, moref)
    assert len(vcenter.posted(name)) == 1
    assert list(vsphere.mode_changes(LONG_AGO)) == []
    assert list(vsphere.mode_changes(LONG_AGO, moref)) == []
    assert dict(vsphere.entered([moref])) == {}


@pytest.mark.parametrize("lost", [b"<host><name>.*?</host></host>", b"<createdTime>.*?</.*?>"])
def test_an_event_that_does_not_say_whose_or_when_tells_nothing(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, lost: bytes
) -> None:
    vcenter.post_event(ENTERED, vcenter.hosts[0].moref)
    vcenter.post_event(ENTERED, vcenter.hosts[1].moref)
    interceptor.spoil["QueryEvents"] = rewritten(lost, b"")
    (change,) = vsphere.mode_changes(LONG_AGO)
    assert change.moref == vcenter.hosts[0].moref


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("LAB\\ada", "LAB\\ada"),
        ("ada@lab.local &lt;b&gt;&amp;", "ada@lab.local <b>&"),
        ("\N{CYRILLIC SMALL LETTER A}da", "\N{CYRILLIC SMALL LETTER A}da"),
        ("u" * MAX_NAME_LENGTH, "u" * MAX_NAME_LENGTH),
        ("u" * (MAX_NAME_LENGTH + 1), ""),
        ("ada\u202eada", ""),
        ("ada&#10;ERROR", ""),
        ("ada\x7f[31m", ""),
        ("", ""),
    ],
)
def test_a_user_who_cannot_be_shown_is_none(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, name: str, shown: str
) -> None:
    vcenter.post_event(ENTERED, vcenter.hosts[0].moref)
    user = f"<userName>{name}</userName>".encode()
    new = user.replace(b"\\", b"\\\\")
    interceptor.spoil["QueryEvents"] = rewritten(b"<userName>.*?</userName>", new)
    (change,) = vsphere.mode_changes(LONG_AGO)
    assert change.user == shown


def test_changes_are_put_in_order_by_time_and_then_by_key(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor
) -> None:
    for name in (ENTERED, EXIT, ENTERED):
        vcenter.post_event(name, vcenter.hosts[0].moref)
    same = b"<createdTime>2026-03-14T09:26:53Z</createdTime>"
    older = b"<createdTime>2026-03-14T10:26:52+01:00</createdTime>"
    times = iter([older, same, same])

    def spoil(answer: Answer) -> Answer:
        for moment in times:  # vcsim tells the newest first.
            answer = rewritten(
                rb"<createdTime>20\d\d-\d\d-\d\dT[\d:.]{10,}Z</createdTime>", moment
            )(answer)
        return answer

    interceptor.spoil["QueryEvents"] = spoil
    changes = vsphere.mode_changes(LONG_AGO)
    assert [change.entered for change in changes] == [False, True, True]
    assert [change.at.second for change in changes] == [53, 53, 52]


@pytest.mark.parametrize("hours", [-5, 0, 14])
def test_changes_are_told_from_that_moment_on_in_whatever_zone_it_is(
    vsphere: VSphere, vcenter: Vcsim, hours: int
) -> None:
    vcenter.post_event(ENTERED, vcenter.hosts[0].moref)
    (change,) = vsphere.mode_changes(LONG_AGO)
    here = change.at.astimezone(timezone(timedelta(hours=hours)))
    assert list(vsphere.mode_changes(here)) == [change]
    assert list(vsphere.mode_changes(here + timedelta(microseconds=1))) == []


def test_ten_thousand_changes_are_read_in_pages(
    full: tuple[VSphere, Vcsim, Interceptor],
) -> None:
    vsphere, vcenter, interceptor = full
    changes = vsphere.mode_changes(LONG_AGO)
    assert interceptor.calls == [*COLLECTING, *10 * ["ReadPreviousEvents"], "DestroyCollector"]
    assert len(changes) == 10_000
    assert [change.at for change in changes] == sorted((c.at for c in changes), reverse=True)
    assert changes[0].at == vcenter.posted(ENTERED, EXIT)[0].createdTime
    # Three hosts enter, then all three leave, and so on.
    modes = [change.entered for change in changes]
    assert modes == [number // 3 % 2 == 1 for number in range(10_000)]
    assert {change.moref for change in changes} == {host.moref for host in vcenter.hosts}


def test_more_than_a_page_of_one_host_are_read_in_pages(
    full: tuple[VSphere, Vcsim, Interceptor],
) -> None:
    vsphere, vcenter, interceptor = full
    moref = vcenter.hosts[1].moref
    changes = vsphere.mode_changes(LONG_AGO, moref)
    assert {change.moref for change in changes} == {moref}
    assert [change.entered for change in changes] == 1750 * [False, True]
    assert interceptor.calls.count("QueryEvents") == 1


def test_a_long_history_of_a_short_time_is_one_call(
    full: tuple[VSphere, Vcsim, Interceptor],
) -> None:
    vsphere, vcenter, interceptor = full
    newest = vcenter.posted(ENTERED, EXIT)[998].createdTime
    assert len(vsphere.mode_changes(newest)) == 999
    assert interceptor.calls == ["QueryEvents"]


def test_who_entered_is_read_no_further_back_than_it_takes(
    full: tuple[VSphere, Vcsim, Interceptor],
) -> None:
    vsphere, vcenter, interceptor = full
    morefs = [host.moref for host in vcenter.hosts]
    entered = vsphere.entered(morefs)
    assert interceptor.calls == [*COLLECTING, "DestroyCollector"]
    newest = vcenter.posted(ENTERED)[:3]
    assert {moref: change.at for moref, change in entered.items()} == {
        event.host.host._GetMoId(): event.createdTime for event in newest
    }


def test_a_host_that_never_entered_is_looked_for_in_vain_once_a_day(
    full: tuple[VSphere, Vcsim, Interceptor], clock: SettableClock
) -> None:
    vsphere, _, interceptor = full
    calls = [*COLLECTING, *7 * ["ReadPreviousEvents"], "DestroyCollector"]
    for pause, expected in ((0, calls), (DAY_SECONDS - 1, []), (1, calls)):
        clock.advance(pause)
        interceptor.calls.clear()
        assert dict(vsphere.entered(["host-987654321"])) == {}
        assert interceptor.calls == expected


def test_a_history_without_an_end_is_not_read_for_ever(
    full: tuple[VSphere, Vcsim, Interceptor],
) -> None:
    vsphere, _, interceptor = full
    answers: list[Answer] = []

    def the_same_again(answer: Answer) -> Answer:
        answers.append(answer)
        return answers[0]

    interceptor.spoil["ReadPreviousEvents"] = the_same_again
    assert dict(vsphere.entered(["host-987654321"])) == {}
    assert interceptor.calls.count("ReadPreviousEvents") == 10
    assert interceptor.calls[-1] == "DestroyCollector"


@pytest.mark.usefixtures("paged")
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7])
def test_no_change_is_lost_or_told_twice_at_the_end_of_a_page(
    vsphere: VSphere, vcenter: Vcsim, count: int
) -> None:
    for _ in range(count):
        vcenter.post_event(ENTERED, vcenter.hosts[0].moref)
    posted = [event.createdTime for event in vcenter.posted(ENTERED)]
    assert [change.at for change in vsphere.mode_changes(LONG_AGO)] == posted


@pytest.mark.usefixtures("paged")
@pytest.mark.parametrize("call", ["ResetCollector", "RetrievePropertiesEx", "ReadPreviousEvents"])
@pytest.mark.parametrize("spoil", [fault("RuntimeFault"), fault("ManagedObjectNotFound"), silence])
def test_a_page_that_fails_leaves_nothing_behind(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, call: str, spoil: Spoil
) -> None:
    for _ in range(5):
        vcenter.post_event(ENTERED, vcenter.hosts[0].moref)
    interceptor.spoil[call] = spoil
    with pytest.raises(VCenterUnavailableError):
        vsphere.mode_changes(LONG_AGO)
    assert interceptor.calls[-1] == "DestroyCollector"


@pytest.mark.usefixtures("paged")
def test_a_deadline_that_ends_between_pages_leaves_nothing_behind(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor
) -> None:
    for _ in range(5):
        vcenter.post_event(ENTERED, vcenter.hosts[0].moref)
    assert vsphere.instance_uuid
    interceptor.spoil["ReadPreviousEvents"] = interceptor.stall
    with deadline(0.5), pytest.raises(VCenterUnavailableError):
        vsphere.mode_changes(LONG_AGO)
    assert interceptor.calls[-1] == "DestroyCollector"


def test_nobody_is_asked_after_the_deadline(vsphere: VSphere, asked: list[str]) -> None:
    with deadline(0), pytest.raises(VCenterUnavailableError):
        vsphere.mode_changes(LONG_AGO)
    assert asked == []


@pytest.mark.usefixtures("paged")
def test_a_session_that_ends_between_pages_is_begun_once_more(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor
) -> None:
    for _ in range(5):
        vcenter.post_event(ENTERED, vcenter.hosts[0].moref)

    def end(answer: Answer) -> Answer:
        vcenter.expire_sessions()
        return answer

    interceptor.spoil["ReadPreviousEvents"] = once(end)
    assert len(vsphere.mode_changes(LONG_AGO)) == 5
    assert interceptor.calls.count("Login") == 2
    assert interceptor.calls.count("QueryEvents") == 2


@pytest.mark.usefixtures("paged")
@pytest.mark.parametrize("call", ["QueryEvents", "CreateCollectorForEvents"])
@pytest.mark.parametrize("question", ["changes", "changes of one", "entered"])
def test_an_account_that_may_not_read_events_is_told_which_privilege_it_needs(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, call: str, question: str
) -> None:
    moref = vcenter.hosts[0].moref
    for _ in range(3):
        vcenter.post_event(ENTERED, moref)
    questions: dict[str, Callable[[], object]] = {
        "changes": lambda: vsphere.mode_changes(LONG_AGO),
        "changes of one": lambda: vsphere.mode_changes(LONG_AGO, moref),
        "entered": lambda: vsphere.entered([vcenter.hosts[1].moref]),
    }
    interceptor.spoil[call] = fault("NoPermission")
    with pytest.raises(RequestRejectedError, match=r"events.*System\.View.*Read-only") as refusal:
        questions[question]()
    assert "FAULT TEXT" not in str(refusal.value)


@pytest.mark.parametrize("name", ["ManagedObjectNotFound", "InvalidArgument"])
def test_the_history_of_a_host_that_is_gone_is_found_among_all(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, name: str
) -> None:
    for host in vcenter.hosts:
        vcenter.post_event(ENTERED, host.moref)
    interceptor.spoil["QueryEvents"] = once(fault(name))
    (change,) = vsphere.mode_changes(LONG_AGO, vcenter.hosts[0].moref)
    assert change.moref == vcenter.hosts[0].moref
    assert interceptor.calls.count("QueryEvents") == 2


def test_the_history_outlives_the_host(vsphere: VSphere, vcenter: Vcsim) -> None:
    moref = vcenter.hosts[0].moref
    vcenter.post_event(ENTERED, moref)
    vcenter.remove(moref)
    assert [change.moref for change in vsphere.mode_changes(LONG_AGO, moref)] == [moref]
    assert set(vsphere.entered([moref])) == {moref}


@pytest.mark.parametrize("name", ["InvalidArgument", "InvalidState"])
def test_a_question_that_is_refused_altogether_is_asked_twice_at_most(
    vsphere: VSphere, interceptor: Interceptor, name: str, moref: str
) -> None:
    interceptor.spoil["QueryEvents"] = fault(name)
    with pytest.raises(VCenterUnavailableError, match=f"fault .*{name}"):
        vsphere.mode_changes(LONG_AGO, moref)
    assert interceptor.calls.count("QueryEvents") <= 2


def test_who_entered_is_asked_once_for_all_and_then_remembered_for_a_day(
    vsphere: VSphere, vcenter: Vcsim, asked: list[str], clock: SettableClock
) -> None:
    first, second, third = (host.moref for host in vcenter.hosts)
    vcenter.post_event(ENTERED, first)
    vcenter.post_event(ENTERED, second)
    answers = []
    for pause in (0, 15 * 60, DAY_SECONDS - 15 * 60 - 1):
        clock.advance(pause)
        answers.append(dict(vsphere.entered([first, second, third])))
    assert asked == ["QueryEvents"]
    assert [set(answer) for answer in answers] == 3 * [{first, second}]
    assert answers[0] == answers[1] == answers[2]
    clock.advance(1)
    vsphere.entered([first, second, third])
    assert asked == ["QueryEvents", "QueryEvents"]


def test_nobody_is_asked_who_entered_of_no_hosts(vsphere: VSphere, asked: list[str]) -> None:
    assert dict(vsphere.entered([])) == {}
    assert asked == []


def test_an_entry_that_a_sweep_sees_replaces_what_is_remembered(
    vsphere: VSphere, vcenter: Vcsim, asked: list[str]
) -> None:
    first, second, _ = (host.moref for host in vcenter.hosts)
    vcenter.post_event(ENTERED, first)
    before = vsphere.entered([first, second])
    for moref in (first, second):
        vcenter.post_event(ENTERED, moref)
    changes = vsphere.mode_changes(before[first].at)
    after = vsphere.entered([first, second])
    assert asked == ["QueryEvents", "QueryEvents"]
    assert dict(after) == {second: changes[0], first: changes[1]}


def test_an_exit_that_a_sweep_sees_drops_what_is_remembered(
    vsphere: VSphere, vcenter: Vcsim, asked: list[str]
) -> None:
    first, second, _ = (host.moref for host in vcenter.hosts)
    for moref in (first, second):
        vcenter.post_event(ENTERED, moref)
    before = dict(vsphere.entered([first, second]))
    vcenter.post_event(EXIT, first)
    vsphere.mode_changes(LONG_AGO)
    asked.clear()
    assert dict(vsphere.entered([second])) == {second: before[second]}
    assert asked == []
    assert dict(vsphere.entered([first])) == {first: before[first]}
    assert asked == ["QueryEvents"]


def test_what_a_sweep_sees_late_replaces_nothing_newer(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor
) -> None:
    moref = vcenter.hosts[0].moref
    vcenter.post_event(ENTERED, moref)
    interceptor.spoil["QueryEvents"] = once(interceptor.stall)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(vsphere.mode_changes, LONG_AGO)
        interceptor.stalled.wait(60)
        vcenter.post_event(ENTERED, moref)
        newer = vsphere.mode_changes(LONG_AGO)[0]
        interceptor.released.set()
        assert newer not in late.result()
    assert dict(vsphere.entered([moref])) == {moref: newer}


def test_a_failure_is_not_remembered(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, moref: str
) -> None:
    vcenter.post_event(ENTERED, moref)
    interceptor.spoil["QueryEvents"] = once(fault("RuntimeFault"))
    with pytest.raises(VCenterUnavailableError):
        vsphere.entered([moref])
    assert set(vsphere.entered([moref])) == {moref}
