"""vCenter is the truth: a real vSphere API, the function on its real server, and the simulator.

The test plays VEBA's router: it reads the events that vCenter has stored, and delivers them, or
loses, repeats, reorders and forges them.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from functions.events import ENTERED, EXITED, REMOVED, HostRef
from lab.events import HTTP_FORMATS, EventData, HttpMessage, ping
from lab.processes import Function, function
from simulator import Host, Simulator
from tests.vcenters import Vcsim, collecting, needs_go, vcsim

pytestmark = [needs_go, pytest.mark.xdist_group("vcsim")]

FORMATS = ("router-binary", "vspheresource-xml", "router-openfaas")


@dataclass
class DataCentre:
    """A vCenter, the function that is told of it, and the vRealize Operations it mirrors into."""

    vcenter: Vcsim
    operations: Simulator
    function: Function

    @property
    def hosts(self) -> list[HostRef]:
        return self.vcenter.hosts

    def enter(self, host: HostRef) -> Any:
        """Let a host enter maintenance mode; returns the event as vCenter has stored it."""
        self.vcenter.enter(host.moref)
        return self._stored(ENTERED, host)

    def leave(self, host: HostRef) -> Any:
        self.vcenter.leave(host.moref)
        return self._stored(EXITED, host)

    def deliver(self, event: Any, form: str = "router-binary", **changes: Any) -> int:
        """Send an event as VEBA would; returns the status of the reply."""
        event_data = EventData(
            name=type(event).__name__.rpartition(".")[2],
            host=event.host.name,
            moref=event.host.host._GetMoId(),
            vcenter=self.vcenter.address,
            key=event.key,
            created=event.createdTime.isoformat(),
        )
        return self.send(HTTP_FORMATS[form](EventData(**{**vars(event_data), **changes})))

    def send(self, message: HttpMessage) -> int:
        return int(self.function.send(message.request()).split(b" ", 2)[1])

    def sweep(self) -> int:
        """Let the timer ask for a sweep."""
        return self.send(ping())

    def maintained(self) -> set[str]:
        states = self.operations.states()
        return {name for name in states if states[name].startswith("MAINTAINED")}

    def last_line(self) -> dict[str, Any]:
        line: dict[str, Any] = json.loads(self.function.output.splitlines()[-1])
        return line

    def _stored(self, name: str, host: HostRef) -> Any:
        events = [each for each in self.vcenter.posted(name) if _is_of(each, host)]
        return max(events, key=lambda event: event.key)


def _is_of(event: Any, host: HostRef) -> bool:
    return bool(event.host.host._GetMoId() == host.moref)


@contextmanager
def running_with(folder: Path) -> Iterator[DataCentre]:
    """Run a data centre of four hosts that were never in maintenance mode."""
    with vcsim(4) as vcenter:
        settings = {
            **vcenter.variables,
            "MAINTENANCE_LEASE_MINUTES": "120",
            "RECONCILE_INTERVAL_MINUTES": "15",
            "LOG_LEVEL": "INFO",
        }
        with (
            collecting(vcenter) as operations,
            function(folder / "log", operations, **settings) as started,
        ):
            yield DataCentre(vcenter, operations, started)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataCentre]:
    with running_with(tmp_path_factory.mktemp("truth")) as started:
        yield started


@pytest.fixture
def centre(running: DataCentre) -> DataCentre:
    """Everything as it should be: no host in maintenance, on neither side."""
    for host in running.hosts:
        running.vcenter.leave(host.moref)
        running.operations.end_maintenance(host.name)
    return running


@pytest.mark.parametrize("form", FORMATS)
def test_what_vcenter_does_is_mirrored(form: str, centre: DataCentre) -> None:
    host = centre.hosts[0]
    assert centre.deliver(centre.enter(host), form) == 204
    assert centre.operations.state(host.name) == "MAINTAINED"
    assert centre.maintained() == {host.name}
    assert centre.deliver(centre.leave(host), form) == 204
    assert centre.maintained() == set()


def test_a_late_enter_event_does_not_silence(centre: DataCentre) -> None:
    host = centre.hosts[0]
    late = centre.enter(host)
    centre.deliver(centre.leave(host))
    assert centre.deliver(late) == 204
    assert centre.maintained() == set()
    assert "it is not in maintenance mode by now" in centre.last_line()["message"]


def test_a_late_exit_event_does_not_end_what_has_begun_again(centre: DataCentre) -> None:
    host = centre.hosts[0]
    centre.deliver(centre.enter(host))
    late = centre.leave(host)
    centre.deliver(centre.enter(host))
    assert centre.deliver(late) == 204
    assert centre.maintained() == {host.name}


def test_repeated_events_change_nothing(centre: DataCentre) -> None:
    host = centre.hosts[1]
    event = centre.enter(host)
    for _ in range(3):
        assert centre.deliver(event) == 204
        assert centre.maintained() == {host.name}
    event = centre.leave(host)
    for _ in range(3):
        assert centre.deliver(event) == 204
        assert centre.maintained() == set()


@pytest.mark.parametrize("form", FORMATS)
def test_forged_events_have_no_effect(form: str, centre: DataCentre) -> None:
    inside, outside = centre.hosts[0], centre.hosts[1]
    genuine = centre.enter(inside)
    centre.deliver(genuine)
    forged = {"host": outside.name, "moref": outside.moref}
    assert centre.deliver(genuine, form, **forged) == 204
    assert centre.deliver(genuine, form, name=EXITED) == 204
    assert centre.maintained() == {inside.name}


@pytest.mark.parametrize("vcenter", ["another.lab.local", "", "vc"])
@pytest.mark.parametrize("moref", [True, False])
def test_a_forged_source_does_not_get_around_vcenter(
    moref: bool, vcenter: str, centre: DataCentre
) -> None:
    host = centre.hosts[2]
    event = centre.enter(host)
    centre.leave(host)
    changes = {"vcenter": vcenter, **({} if moref else {"moref": ""})}
    assert centre.deliver(event, **changes) == 204
    assert centre.maintained() == set()


def test_an_impostor_in_vcenters_own_event_store_has_no_effect(centre: DataCentre) -> None:
    host = centre.hosts[0]
    centre.vcenter.forge_event(ENTERED, host.moref)
    event_data = EventData(host=host.name, moref=host.moref, vcenter=centre.vcenter.address)
    message = HTTP_FORMATS["router-binary"](
        EventData(**{**vars(event_data), "event_class": "eventex"})
    )
    assert centre.send(message) == 204
    assert centre.maintained() == set()


def test_what_events_missed_is_repaired_by_the_timer(centre: DataCentre) -> None:
    lost_exit, lost_enter, open_ended = centre.hosts[:3]
    centre.deliver(centre.enter(lost_exit))
    centre.leave(lost_exit)
    centre.enter(lost_enter)
    centre.operations.maintain(open_ended.name)
    assert centre.maintained() == {lost_exit.name, open_ended.name}
    assert centre.sweep() == 204
    assert centre.maintained() == {lost_enter.name, open_ended.name}
    assert centre.operations.state(open_ended.name) == "MAINTAINED_MANUAL"
    assert centre.last_line()["message"] == (
        "reconciled: 4 hosts compared: 1 started, 0 renewed, 1 ended, 1 left alone,"
        " 0 not comparable"
    )


def test_a_host_that_its_vcenter_does_not_know_is_done_with(centre: DataCentre) -> None:
    host = centre.hosts[3]
    event = centre.enter(host)
    assert centre.deliver(event, host="", moref="host-987654") == 204
    assert "its vCenter no longer has it" in centre.function.said("host-987654", "ignored")
    assert centre.deliver(event, moref="") == 204
    assert centre.maintained() == {host.name}


def test_entering_leaves_a_persons_window_and_says_so(tmp_path: Path) -> None:
    with running_with(tmp_path) as centre:
        host = centre.hosts[0]
        centre.operations.maintain(host.name, minutes=2880)
        before = centre.operations.resource(host.name).window
        assert centre.deliver(centre.enter(host)) == 204
        assert "perhaps a person's" in centre.function.said(host.moref, "left", "WARNING")
        assert centre.sweep() == 204
        assert centre.operations.resource(host.name).window == before


def test_persons_windows_outlive_sweeps_and_late_and_forged_events(tmp_path: Path) -> None:
    with running_with(tmp_path) as centre:
        for host in centre.hosts:
            centre.operations.maintain(host.name, minutes=2880)
        windows = [centre.operations.resource(host.name).window for host in centre.hosts]
        for name in (ENTERED, EXITED, REMOVED):
            event_data = EventData(name, centre.hosts[0].name, vcenter=centre.vcenter.address)
            moved = replace(event_data, moref=centre.hosts[0].moref)
            assert centre.send(HTTP_FORMATS["router-binary"](moved)) == 204
        for _ in range(2):
            assert centre.sweep() == 204
        assert [centre.operations.resource(h.name).window for h in centre.hosts] == windows


def test_a_host_that_is_removed_while_it_is_silenced_is_not_silenced_for_ever(
    tmp_path: Path,
) -> None:
    with running_with(tmp_path) as centre:
        first, second = centre.hosts[:2]
        for host in (first, second):
            assert centre.deliver(centre.enter(host)) == 204
        assert centre.maintained() == {first.name, second.name}
        centre.vcenter.remove(first.moref)
        [event] = centre.vcenter.posted(REMOVED)
        assert centre.deliver(event) == 204
        assert centre.maintained() == {second.name}
        assert "its vCenter no longer has it" in centre.function.said(first.moref, "exited")
        centre.vcenter.remove(second.moref)  # This event is lost.
        assert centre.sweep() == 204
        assert centre.maintained() == set()


def test_a_session_that_has_ended_is_begun_again(centre: DataCentre) -> None:
    host = centre.hosts[0]
    event = centre.enter(host)
    centre.vcenter.expire_sessions()
    assert centre.deliver(event) == 204
    assert centre.maintained() == {host.name}
    assert centre.sweep() == 204
    assert len(centre.vcenter.sessions()) == 1


def test_no_password_is_in_the_log(centre: DataCentre) -> None:
    assert centre.vcenter.password not in centre.function.output
    assert centre.operations.password not in centre.function.output


def test_a_vcenter_that_is_down_means_try_again_and_nothing_written(tmp_path: Path) -> None:
    with vcsim(1) as vcenter:
        [host] = vcenter.hosts
        settings = {
            "VCENTER_URL": "https://127.0.0.1:9",
            "VCENTER_ALIASES": vcenter.address,
            "VCENTER_USERNAME": vcenter.username,
            "VCENTER_PASSWORD": vcenter.password,
            "EVENT_DEADLINE_SECONDS": "3",
        }
        with (
            collecting(vcenter) as operations,
            function(tmp_path / "log", operations, **settings) as started,
        ):
            centre = DataCentre(vcenter, operations, started)
            assert centre.deliver(centre.enter(host)) == 503
            assert centre.last_line()["error"] == "VCenterUnavailableError"
            assert centre.sweep() == 503
            assert centre.maintained() == set()


def test_unverified_events_are_refused_where_that_is_asked_for(tmp_path: Path) -> None:
    with vcsim(1) as vcenter:
        [host] = vcenter.hosts
        settings = {
            **vcenter.variables,
            "REQUIRE_VERIFICATION": "true",
        }
        with (
            Simulator([Host("esx9", "host-9", "another")], ["another"]) as operations,
            function(tmp_path / "log", operations, **settings) as started,
        ):
            centre = DataCentre(vcenter, operations, started)
            forged = {"host": "esx9", "moref": "host-9", "vcenter": "another"}
            assert centre.deliver(centre.enter(host), **forged) == 422
            assert centre.last_line()["error"] == "UnverifiedEventError"
            assert centre.maintained() == set()
