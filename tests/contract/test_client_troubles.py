"""What goes wrong between us and vRealize Operations, and what becomes of the event then."""

import time
from collections.abc import Callable

import pytest

from adapters.config.credentials import EnvironCredentials
from adapters.config.settings import VropsSettings
from adapters.outgoing.deadline import deadline
from adapters.vrops import Vrops
from functions.errors import (
    AmbiguousHostError,
    HostNotFoundError,
    OperationsUnavailableError,
    RequestRejectedError,
    TransientError,
)
from functions.events import HostRef
from functions.ports import Resource, ResourceState
from simulator import Host, SettableClock, Simulator, Switches, VCenter
from tests.contract.clients import VCENTER, asked, connected, enter, esx, leave, settings_for
from tests.contract.scripted import Answer, scripted

NAME = "esx01.lab.local"
# More than any pause between attempts, less than anybody waits.
SLACK_SECONDS = 3.0


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_what_may_pass_is_tried_again(
    simulator: Simulator, pauses: list[float], status: int, method: str
) -> None:
    simulator.fault(status=status, method=method, count=3, body="html")
    with connected(simulator) as vrops:
        assert enter(vrops, esx(1))
    assert simulator.state(NAME) == "MAINTAINED_MANUAL"


def test_what_does_not_pass_is_given_up_after_five_attempts(
    simulator: Simulator, pauses: list[float]
) -> None:
    simulator.fault(status=503, path="/adapters", count=100)
    with connected(simulator) as vrops, pytest.raises(OperationsUnavailableError, match="503"):
        vrops.find(esx(1))
    assert asked(simulator).count("GET adapters") == 5


def test_a_pause_that_is_asked_for_is_made(simulator: Simulator, pauses: list[float]) -> None:
    simulator.fault(status=429, path="/adapters", retry_after=7)
    with connected(simulator) as vrops:
        vrops.find(esx(1))
    assert pauses == [7]


def test_a_pause_beyond_the_deadline_is_left_to_the_sender(
    simulator: Simulator, pauses: list[float]
) -> None:
    simulator.fault(status=429, path="/adapters", retry_after=120, count=100)
    with connected(simulator) as vrops, deadline(10):
        with pytest.raises(OperationsUnavailableError, match="429") as given_up:
            vrops.find(esx(1))
        assert given_up.value.retry_after == 120
    assert asked(simulator).count("GET adapters") == 1
    assert pauses == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_web_page_is_no_answer(simulator: Simulator, method: str) -> None:
    simulator.maintain(NAME, minutes=30)
    with connected(simulator) as vrops:
        found = vrops.find(esx(1))
        simulator.fault(status=200, body="html", method=method, count=100)
        with pytest.raises(OperationsUnavailableError):
            _act(vrops, method, found)
    assert simulator.state(NAME) == "MAINTAINED"


def test_a_web_page_is_no_token(simulator: Simulator) -> None:
    simulator.fault(status=200, body="html", path="/token/acquire")
    with connected(simulator) as vrops, pytest.raises(OperationsUnavailableError):
        vrops.find(esx(1))


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_connection_that_is_cut_does_no_harm(simulator: Simulator, cut: str) -> None:
    with connected(simulator) as vrops:
        simulator.fault(cut=cut, method="PUT")
        assert enter(vrops, esx(1), 30)
        assert simulator.state(NAME) == "MAINTAINED"
        simulator.fault(cut=cut, method="DELETE")
        assert leave(vrops, esx(1))
        assert simulator.state(NAME) == "STARTED"


@pytest.mark.parametrize("status", [404, 500])
def test_an_end_whose_answer_was_lost_is_a_success(status: int) -> None:
    switches = Switches(delete_when_not_maintained=status)
    with Simulator(switches=switches) as simulator, connected(simulator) as vrops:
        enter(vrops, esx(1))
        simulator.fault(cut="after", method="DELETE")
        assert leave(vrops, esx(1))
        assert simulator.state(NAME) == "STARTED"


@pytest.mark.parametrize("status", [400, 404, 500])
def test_an_end_that_was_refused_is_no_success_while_maintenance_shows(
    simulator: Simulator, status: int
) -> None:
    with connected(simulator) as vrops:
        enter(vrops, esx(1))
        simulator.fault(status=status, method="DELETE")
        with pytest.raises(TransientError):
            leave(vrops, esx(1))
        assert leave(vrops, esx(1))
    assert simulator.state(NAME) == "STARTED"


def test_an_end_that_was_refused_is_no_success_while_the_state_cannot_be_read(
    simulator: Simulator,
) -> None:
    with connected(simulator) as vrops:
        enter(vrops, esx(1))
        found = vrops.find(esx(1))
        simulator.fault(status=500, count=100)
        with pytest.raises(OperationsUnavailableError):
            vrops.end_maintenance(found)


def test_an_end_that_was_refused_is_no_success_while_a_start_may_show_yet() -> None:
    clock = SettableClock()
    with (
        Simulator(switches=Switches(visible_delay=3), clock=clock) as simulator,
        connected(simulator, clock.advance, confirm_seconds=0) as hasty,
        connected(simulator, clock.advance) as patient,
    ):
        assert not enter(hasty, esx(1))
        simulator.fault(status=500, method="DELETE")
        with pytest.raises(TransientError):
            leave(patient, esx(1))
        assert leave(patient, esx(1))
        assert simulator.state(NAME) == "STARTED"


def test_a_refused_request_names_the_privilege(simulator: Simulator) -> None:
    simulator.fault(status=403, method="PUT", body="html")
    with (
        connected(simulator) as vrops,
        pytest.raises(RequestRejectedError, match="All other Read, Write APIs"),
    ):
        enter(vrops, esx(1))
    assert simulator.state(NAME) == "STARTED"


def test_a_request_that_is_wrong_is_not_sent_again(simulator: Simulator) -> None:
    simulator.fault(status=422, method="PUT", count=100)
    with connected(simulator) as vrops, pytest.raises(RequestRejectedError, match="422"):
        enter(vrops, esx(1))
    assert asked(simulator).count("PUT maintained") == 1


@pytest.mark.parametrize("status", [400, 404])
def test_a_resource_with_no_proper_id_is_never_taken_for_ended(status: int) -> None:
    resource = Resource("no-uuid", esx(1), ResourceState.OPEN_ENDED)
    switches = Switches(malformed_uuid=status)
    with Simulator(switches=switches) as simulator, connected(simulator) as vrops:
        with pytest.raises((RequestRejectedError, HostNotFoundError)):
            vrops.end_maintenance(resource)
        with pytest.raises((RequestRejectedError, HostNotFoundError)):
            vrops.start_maintenance(resource, None)


def test_a_window_of_no_minutes_is_not_an_open_ended_one(simulator: Simulator) -> None:
    with connected(simulator) as vrops, pytest.raises(RequestRejectedError):
        enter(vrops, esx(1), 0)
    assert simulator.state(NAME) == "STARTED"


def test_a_timed_window_is_renewed_from_now_on() -> None:
    clock = SettableClock()
    with Simulator(clock=clock) as simulator, connected(simulator) as vrops:
        enter(vrops, esx(1), 30)
        clock.advance(20 * 60)
        enter(vrops, esx(1), 30)
        clock.advance(29 * 60)
        assert simulator.state(NAME) == "MAINTAINED"
        clock.advance(60)
        assert simulator.state(NAME) == "STARTED"


def test_a_change_that_is_not_visible_in_time_is_accepted_but_unseen() -> None:
    clock = SettableClock()
    switches = Switches(visible_delay=30)
    with (
        Simulator(switches=switches, clock=clock) as simulator,
        connected(simulator, clock.advance) as vrops,
    ):
        assert not enter(vrops, esx(1))
        clock.advance(30)
        assert simulator.state(NAME) == "MAINTAINED_MANUAL"
        assert not leave(vrops, esx(1))
        clock.advance(30)
        assert simulator.state(NAME) == "STARTED"


@pytest.mark.parametrize("status", [400, 404, 500])
@pytest.mark.parametrize("confirm_seconds", [0.0, 5.0])
def test_an_end_that_was_refused_once_ends_a_start_that_did_not_show_yet(
    status: int, confirm_seconds: float
) -> None:
    clock = SettableClock()
    with (
        Simulator(switches=Switches(visible_delay=30), clock=clock) as simulator,
        connected(simulator, clock.advance, confirm_seconds=confirm_seconds) as vrops,
    ):
        enter(vrops, esx(1))
        simulator.fault(status=status, method="DELETE")
        leave(vrops, esx(1))
        clock.advance(60)
        assert simulator.state(NAME) == "STARTED"


def test_a_state_that_cannot_be_read_after_the_write_is_unseen(simulator: Simulator) -> None:
    with connected(simulator) as vrops:
        found = vrops.find(esx(1))
        simulator.fault(status=500, method="GET", count=100)
        assert not vrops.start_maintenance(found, None)
    assert simulator.state(NAME) == "MAINTAINED_MANUAL"


def test_a_redirect_is_not_followed_and_the_token_goes_nowhere_else(simulator: Simulator) -> None:
    def elsewhere(method: str, path: str) -> Answer:
        return 302, {"Location": f"{simulator.url}{path}"}, b""

    def login(method: str, path: str) -> Answer:
        if path.endswith("/acquire"):
            return 200, {"Content-Type": "application/json"}, b'{"token": "t", "validity": 0}'
        return elsewhere(method, path)

    for script in (elsewhere, login):
        with (
            scripted(script) as server,
            connected(simulator, url=server.url) as vrops,
            pytest.raises(OperationsUnavailableError, match="VROPS_URL"),
        ):
            vrops.find(esx(1))
    assert simulator.connections == 0


def test_a_cookie_is_not_sent_back(simulator: Simulator) -> None:
    def script(method: str, path: str) -> Answer:
        headers = {"Content-Type": "application/json", "Set-Cookie": "JSESSIONID=1; Path=/"}
        return 200, headers, b'{"token": "t", "validity": 0}'

    with scripted(script) as server, connected(simulator, url=server.url) as vrops:
        with pytest.raises(HostNotFoundError):
            vrops.find(esx(1))
        assert len(server.heads) > 1
        assert not [head for head in server.heads if "JSESSIONID" in head]


def test_a_server_that_is_down_is_unavailable_within_the_deadline() -> None:
    with Simulator() as simulator:
        settings = settings_for(simulator)
    with connected(simulator, url=settings.url, ca_file=None) as vrops:
        _unavailable_in_time(lambda: vrops.find(esx(1)), 0.3)


@pytest.mark.parametrize("path", ["/token/acquire", "/adapters", "/maintained"])
def test_a_server_that_says_nothing_is_unavailable_within_the_deadline(
    simulator: Simulator, path: str
) -> None:
    simulator.fault(delay=60, path=path, count=100)
    with connected(simulator) as vrops:
        _unavailable_in_time(lambda: enter(vrops, esx(1)), 0.3)


def test_nothing_is_sent_once_the_deadline_is_over(simulator: Simulator) -> None:
    with connected(simulator) as vrops, deadline(0), pytest.raises(OperationsUnavailableError):
        vrops.find(esx(1))
    assert simulator.connections == 0


def test_a_certificate_nobody_vouches_for_gets_no_password(
    simulator: Simulator, pauses: list[float]
) -> None:
    with (
        connected(simulator, ca_file=None) as vrops,
        pytest.raises(OperationsUnavailableError, match="certificate"),
    ):
        vrops.find(esx(1))
    assert simulator.calls == []


def test_a_remembered_resource_that_is_gone_is_looked_up_anew(simulator: Simulator) -> None:
    with connected(simulator) as vrops:
        found = vrops.find(esx(1))
        simulator.fault(status=404, path=f"/resources/{found.identifier}", method="GET")
        assert vrops.find(esx(1)) == found
    assert asked(simulator).count("GET resources") == 2


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_resource_that_goes_while_it_is_written_is_looked_up_anew(
    simulator: Simulator, method: str
) -> None:
    with connected(simulator) as vrops:
        found = vrops.find(esx(1))
        simulator.fault(status=404, path=found.identifier, count=2 if method == "DELETE" else 1)
        with pytest.raises(HostNotFoundError):
            _act(vrops, method, found)
        simulator.clear_calls()
        enter(vrops, esx(1))
    assert "GET resources" in asked(simulator)
    assert simulator.state(NAME) == "MAINTAINED_MANUAL"


def test_a_host_that_was_added_again_is_a_new_one(simulator: Simulator) -> None:
    with connected(simulator) as vrops:
        enter(vrops, esx(1))
        simulator.remove_host(NAME)
        with pytest.raises(HostNotFoundError):
            vrops.find(esx(1))
        anew = simulator.add_host(Host(NAME, "host-2001"))
        enter(vrops, HostRef("host-2001", NAME, VCENTER))
        assert vrops.find(HostRef("", NAME, VCENTER)).identifier == anew.id


def test_a_remembered_name_does_not_stick_to_a_renamed_host(simulator: Simulator) -> None:
    by_name = HostRef("", NAME, VCENTER)
    with connected(simulator) as vrops:
        vrops.find(by_name)
        simulator.add_host(Host("renamed.lab.local", "host-1001"))
        namesake = simulator.add_host(Host(NAME, "host-2001"))
        assert vrops.find(by_name).identifier == namesake.id


def test_a_list_that_was_read_before_does_not_tell_the_state_of_now() -> None:
    hosts = [Host("old1", "host-1"), Host("old2", "host-2")]
    switches = Switches(identifiers_lookup="refused")
    with Simulator(hosts, switches=switches) as simulator, connected(simulator) as vrops:
        vrops.find(HostRef("host-1", "new1", VCENTER))
        simulator.maintain("old2")
        found = vrops.find(HostRef("host-2", "new2", VCENTER))
        assert found.state is ResourceState.OPEN_ENDED


def test_a_quiet_host_of_another_vcenter_is_not_a_stale_twin() -> None:
    hosts = [Host("esx", "host-1", "a", status="NO_DATA_RECEIVING"), Host("esx", "host-1", "b")]
    with Simulator(hosts, ["a", "b"]) as simulator, connected(simulator) as vrops:
        simulator.maintain("esx", vcenter="a")
        with pytest.raises(AmbiguousHostError):
            leave(vrops, HostRef("host-1", "esx", "unknown.lab.local"))


@pytest.mark.parametrize(
    "url",
    ["https://X.lab.local/sdk", "x.lab.local:443", "X.LAB.LOCAL", "https://x.lab.local:443/sdk/"],
)
def test_a_vcenter_is_known_by_any_form_of_its_url(url: str) -> None:
    hosts = [Host("esx", "host-1", "x"), Host("esx", "host-1", "y")]
    vcenters = [VCenter("x", url=url), VCenter("y", url="x.lab.local:8443")]
    switches = Switches(adapters_expose_vcid=False)
    with (
        Simulator(hosts, vcenters, switches=switches) as simulator,
        connected(simulator) as vrops,
    ):
        enter(vrops, HostRef("host-1", "esx", "x.lab.local"))
        assert simulator.states() == {"x/esx": "MAINTAINED_MANUAL", "y/esx": "STARTED"}


def _act(vrops: Vrops, method: str, resource: Resource) -> None:
    """Do what is done with that method."""
    if method == "PUT":
        vrops.start_maintenance(resource, None)
    elif method == "DELETE":
        vrops.end_maintenance(resource)
    else:
        vrops.find(resource.host)


def _unavailable_in_time(call: Callable[[], object], seconds: float) -> None:
    started = time.monotonic()
    with deadline(seconds), pytest.raises(OperationsUnavailableError):
        call()
    assert time.monotonic() - started < seconds + SLACK_SECONDS


def test_a_host_found_by_its_name_only_is_noticed(
    simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(simulator) as vrops:
        enter(vrops, HostRef("", NAME, "vc.elsewhere"))
        assert "found by its name only, since its vCenter is unknown" in caplog.text
        caplog.clear()
        enter(vrops, esx(2))
        assert caplog.text == ""


def test_an_address_that_makes_no_sense_is_unavailable() -> None:
    settings = VropsSettings("https://vrops..invalid")
    vrops = Vrops(settings, EnvironCredentials({"VROPS_USERNAME": "u", "VROPS_PASSWORD": "p"}))
    with pytest.raises(OperationsUnavailableError, match="VROPS_URL"):
        vrops.find(esx(1))
    vrops.close()
