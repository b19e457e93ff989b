"""Tokens and passwords: renewed when forgotten, and never tried until an account is locked."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from adapters.config.credentials import EnvironCredentials
from adapters.vrops import Vrops
from functions.errors import AuthenticationError, OperationsUnavailableError
from simulator import SettableClock, Simulator, Switches
from tests.contract.vrops.clients import asked, connected, enter, esx, leave, no_sleep, settings_for

NAME = "esx01.lab.local"
BODIES = ("json", "html", "empty")
SCHEMES = (("vRealizeOpsToken",), ("OpsToken",), ("vRealizeOpsToken", "OpsToken"))


@pytest.mark.parametrize(("schemes", "body"), [*product(SCHEMES, BODIES)])
def test_a_forgotten_token_is_acquired_once_more(schemes: tuple[str, ...], body: str) -> None:
    switches = Switches(header_schemes=schemes, unauthorised_body=body)
    with Simulator(switches=switches) as simulator, connected(simulator) as vrops:
        enter(vrops, esx(1))
        simulator.revoke_tokens()
        leave(vrops, esx(1))
        assert (simulator.state(NAME), simulator.logins) == ("STARTED", 2)


def test_a_token_that_has_worked_is_not_tried_with_other_schemes(simulator: Simulator) -> None:
    with connected(simulator) as vrops:
        enter(vrops, esx(1))
        simulator.revoke_tokens()
        simulator.clear_calls()
        leave(vrops, esx(1))
        assert [call.status for call in simulator.calls].count(401) == 1


@pytest.mark.parametrize("path", ["/adapters", "/resources", "/maintained"])
def test_a_token_may_be_forgotten_at_any_call(simulator: Simulator, path: str) -> None:
    simulator.fault(revoke=True, path=path)
    with connected(simulator) as vrops:
        enter(vrops, esx(1))
    assert (simulator.state(NAME), simulator.logins) == ("MAINTAINED_MANUAL", 2)


def test_the_scheme_that_works_is_found_once() -> None:
    switches = Switches(header_schemes=("OpsToken",))
    with Simulator(switches=switches) as simulator, connected(simulator) as vrops:
        enter(vrops, esx(1))
        simulator.clear_calls()
        leave(vrops, esx(1))
        assert [call.status for call in simulator.calls] == [200, 200, 200]


def test_a_scheme_that_is_configured_is_the_only_one_tried(clock: SettableClock) -> None:
    switches = Switches(header_schemes=("OpsToken",))
    with (
        Simulator(switches=switches) as simulator,
        connected(simulator, clock=clock.now, auth_scheme="vRealizeOpsToken") as vrops,
    ):
        for _ in range(5):
            with pytest.raises(AuthenticationError):
                vrops.find(esx(1))
        assert simulator.logins == 3


def test_a_wrong_password_is_tried_once_for_twenty_events(
    simulator: Simulator, clock: SettableClock
) -> None:
    with connected(simulator, password="wrong", clock=clock.now) as vrops:
        for _ in range(20):
            with pytest.raises(AuthenticationError) as refusal:
                vrops.find(esx(1))
            assert refusal.value.retry_after == 90
    assert (simulator.refused_logins, simulator.logins) == (1, 0)
    assert asked(simulator) == ["POST acquire"]


def test_a_wrong_password_is_tried_again_after_pauses_that_grow(
    simulator: Simulator, clock: SettableClock
) -> None:
    with connected(simulator, password="wrong", clock=clock.now) as vrops:
        for pause in (90, 180, 300):
            with pytest.raises(AuthenticationError):
                vrops.find(esx(1))
            clock.advance(pause)
    assert simulator.refused_logins == 3


def test_a_password_that_was_rotated_costs_one_refused_login(
    simulator: Simulator, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("the old one", encoding="utf-8")
    environ = {"VROPS_USERNAME": simulator.username, "VROPS_PASSWORD_FILE": str(file)}
    vrops = Vrops(settings_for(simulator), EnvironCredentials(environ), no_sleep)
    file.write_text(f"{simulator.password}\n", encoding="utf-8")
    enter(vrops, esx(1))
    vrops.close()
    assert simulator.state(NAME) == "MAINTAINED_MANUAL"
    assert (simulator.refused_logins, simulator.logins) == (1, 1)


def test_a_password_that_is_gone_is_not_tried_again_either(
    simulator: Simulator, clock: SettableClock, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("the old one", encoding="utf-8")
    environ = {"VROPS_USERNAME": simulator.username, "VROPS_PASSWORD_FILE": str(file)}
    vrops = Vrops(settings_for(simulator), EnvironCredentials(environ), no_sleep, clock=clock.now)
    file.unlink()
    for _ in range(3):
        with pytest.raises(AuthenticationError, match=r"VROPS_PASSWORD|not trying again yet"):
            vrops.find(esx(1))
    vrops.close()
    assert simulator.refused_logins == 1


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("body", BODIES)
def test_events_succeed_after_the_pause_once_the_password_is_right(
    simulator: Simulator, clock: SettableClock, status: int, body: str
) -> None:
    simulator.fault(status=status, path="/token/acquire", body=body)
    with connected(simulator, clock=clock.now) as vrops:
        for _ in range(2):
            with pytest.raises(AuthenticationError):
                enter(vrops, esx(1))
        clock.advance(90)
        enter(vrops, esx(1))
    assert (simulator.state(NAME), simulator.logins) == ("MAINTAINED_MANUAL", 1)


@pytest.mark.parametrize("trouble", [{"cut": "after"}, {"cut": "before"}, {"status": 503}])
def test_a_password_is_not_sent_twice_where_something_else_failed(
    simulator: Simulator, trouble: dict[str, Any]
) -> None:
    simulator.fault(path="/token/acquire", **trouble)
    with connected(simulator) as vrops, pytest.raises(OperationsUnavailableError):
        vrops.find(esx(1))
    assert asked(simulator) == ["POST acquire"]


def test_a_token_whose_clock_differs_is_used_all_the_same() -> None:
    past = SettableClock(start=1_000_000_000)
    with Simulator(clock=past) as simulator, connected(simulator) as vrops:
        enter(vrops, esx(1))
        leave(vrops, esx(1))
        assert simulator.logins == 1
