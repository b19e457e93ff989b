import base64
from collections.abc import Callable
from typing import Any

import pytest

from simulator import SettableClock, Switches
from simulator.tokens import Credentials

Run = Callable[..., Any]


def status(caller: Any, authorization: str | None = None) -> int:
    headers = {} if authorization is None else {"Authorization": authorization}
    return int(caller.api("GET", "/versions/current", headers=headers).status_code)


def basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


def test_a_token_opens_the_api(run: Run) -> None:
    assert status(run()) == 200


def test_without_a_token_nobody_gets_in(run: Run) -> None:
    caller = run()
    del caller.session.headers["Authorization"]
    assert status(caller) == 401


def test_validity_is_the_moment_of_expiry_in_milliseconds(run: Run, clock: SettableClock) -> None:
    answer = run().acquire().json()
    assert answer["validity"] == (clock.now() + 6 * 3600) * 1000
    assert len(answer["token"].split("::")) == 2


def test_a_wrong_password_is_refused_as_documented_and_counted(run: Run) -> None:
    caller = run()
    answer = caller.acquire("wrong")
    assert (answer.status_code, answer.json()["httpStatusCode"]) == (401, 401)
    assert "WWW-Authenticate" not in answer.headers
    assert (caller.simulator.logins, caller.simulator.refused_logins) == (1, 1)


@pytest.mark.parametrize("body", [{}, {"username": "admin"}, {"username": 1, "password": "x"}, []])
def test_a_login_without_name_or_password_is_a_bad_request(run: Run, body: object) -> None:
    assert run().api("POST", "/auth/token/acquire", json=body).status_code == 400


def test_a_login_that_is_not_json_is_an_unsupported_type(run: Run) -> None:
    assert run().api("POST", "/auth/token/acquire", data="<a/>").status_code == 415


def test_a_token_lives_on_while_it_is_used(run: Run, clock: SettableClock) -> None:
    caller = run()
    for _ in range(3):
        clock.advance(5 * 3600)
        assert status(caller) == 200


def test_a_token_that_nobody_uses_expires_after_six_hours(run: Run, clock: SettableClock) -> None:
    caller = run()
    clock.advance(6 * 3600)
    answer = caller.api("GET", "/versions/current")
    assert (answer.status_code, answer.json()["apiErrorCode"]) == (401, 1512)


def test_the_lifetime_of_a_token_can_be_switched(run: Run, clock: SettableClock) -> None:
    caller = run(switches=Switches(token_lifetime=60))
    clock.advance(60)
    assert status(caller) == 401


def test_a_released_token_is_forgotten(run: Run) -> None:
    caller = run()
    assert caller.api("POST", "/auth/token/release").status_code == 200
    assert status(caller) == 401


def test_revoked_tokens_are_forgotten(run: Run) -> None:
    caller = run()
    caller.simulator.revoke_tokens()
    assert status(caller) == 401


@pytest.mark.parametrize("scheme", ["vRealizeOpsToken", "OpsToken"])
def test_both_token_schemes_are_accepted(run: Run, scheme: str) -> None:
    caller = run()
    caller.log_in(scheme)
    assert status(caller) == 200


def test_a_scheme_can_be_switched_off(run: Run) -> None:
    caller = run(switches=Switches(header_schemes=("OpsToken",)))
    assert status(caller) == 401
    caller.log_in("OpsToken")
    assert status(caller) == 200


@pytest.mark.parametrize("header", [basic("admin:simulated"), "Bearer x", "", "vRealizeOpsToken"])
def test_other_schemes_are_refused(run: Run, header: str) -> None:
    assert status(run(), header) == 401


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (basic("admin:simulated"), 200),
        (basic("admin:wrong"), 401),
        (basic("somebody:simulated"), 401),
        ("Basic ???", 401),
    ],
)
def test_basic_can_be_switched_on(run: Run, header: str, expected: int) -> None:
    caller = run(switches=Switches(header_schemes=("Basic",)))
    assert status(caller, header) == expected


def test_a_401_may_be_html_with_a_challenge(run: Run) -> None:
    answer = run(switches=Switches(unauthorised_body="html")).acquire("wrong")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "OpsToken" in answer.headers["WWW-Authenticate"]


def test_a_401_may_be_empty(run: Run) -> None:
    answer = run(switches=Switches(unauthorised_body="empty")).acquire("wrong")
    assert (answer.status_code, answer.content) == (401, b"")


def test_node_status_needs_no_token(run: Run) -> None:
    caller = run()
    del caller.session.headers["Authorization"]
    assert caller.api("GET", "/deployment/node/status").json()["status"] == "ONLINE"


def test_the_release_can_be_switched(run: Run) -> None:
    caller = run(switches=Switches(release="VCF Operations 9.1.0"))
    answer = caller.api("GET", "/versions/current")
    assert answer.json()["releaseName"] == "VCF Operations 9.1.0"


def test_the_current_user_is_shown_without_a_password(run: Run) -> None:
    caller = run()
    answer = caller.api("GET", "/auth/currentuser").json()
    assert (answer["username"], answer["password"]) == ("admin", "")
    assert caller.api("GET", "/auth/currentuser/permissions").status_code == 200


def test_no_secret_is_shown_anywhere(run: Run) -> None:
    caller = run(password="hidden-in-plain-sight")
    token = caller.log_in()
    shown = repr(caller.simulator) + repr(caller.simulator.calls)
    shown += repr(Credentials("admin", "hidden-in-plain-sight"))
    shown += caller.call("GET", "/_simulator/state").text + caller.call("GET", "/").text
    assert "hidden-in-plain-sight" not in shown
    assert token not in shown
