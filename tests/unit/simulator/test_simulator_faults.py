from collections.abc import Callable
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import Fault, Switches

Run = Callable[..., Any]

FAULTS = "/_simulator/faults"


def status(caller: Any, path: str = "/versions/current") -> int:
    return int(caller.api("GET", path).status_code)


def test_a_fault_happens_as_often_as_asked_for(run: Run) -> None:
    caller = run()
    caller.simulator.fault(status=503, count=2)
    assert [status(caller) for _ in range(3)] == [503, 503, 200]


def test_a_fault_is_recorded_like_any_answer(run: Run) -> None:
    caller = run()
    caller.simulator.fault(Fault(status=429))
    status(caller)
    assert [call.status for call in caller.simulator.calls] == [429]


@pytest.mark.parametrize(
    ("path", "fits"),
    [("versions", True), ("*/versions/*", True), ("versions/*", False), ("/maintained", False)],
)
def test_a_fault_fits_a_part_of_a_path_or_a_glob_of_all_of_it(
    run: Run, path: str, fits: bool
) -> None:
    caller = run()
    caller.simulator.fault(status=500, path=path)
    assert status(caller) == (500 if fits else 200)


def test_every_call_takes_longer_if_asked_for_and_faults_do_too(run: Run) -> None:
    caller = run(switches=Switches(call_delay=0.05))
    caller.simulator.fault(status=503)
    assert [status(caller) for _ in range(2)] == [503, 200]
    assert all(call.seconds >= 0.05 for call in caller.simulator.calls)


def test_a_fault_waits_for_its_method(run: Run) -> None:
    caller = run()
    caller.simulator.fault(status=500, method="put")
    assert status(caller) == 200
    assert caller.maintain("esx01").status_code == 500
    assert caller.simulator.state("esx01") == "STARTED"


@pytest.mark.parametrize(
    ("body", "kind"), [("json", "application/json"), ("html", "text/html; charset=utf-8")]
)
def test_a_fault_has_the_body_asked_for(run: Run, body: str, kind: str) -> None:
    caller = run()
    caller.simulator.fault(status=502, body=body)
    answer = caller.api("GET", "/resources")
    assert answer.headers["Content-Type"] == kind
    assert "502" in answer.text


def test_a_fault_may_be_empty_and_say_when_to_come_back(run: Run) -> None:
    caller = run()
    caller.simulator.fault(status=429, body="empty", retry_after=7)
    answer = caller.api("GET", "/resources")
    assert (answer.content, answer.headers["Retry-After"]) == (b"", "7")


@pytest.mark.parametrize(("cut", "state"), [("before", "STARTED"), ("after", "MAINTAINED_MANUAL")])
def test_a_connection_is_cut_before_or_after_applying(run: Run, cut: str, state: str) -> None:
    caller = run()
    caller.simulator.fault(cut=cut)
    with pytest.raises(requests.ConnectionError):
        caller.maintain("esx01")
    assert caller.simulator.state("esx01") == state
    assert status(caller) == 200


def test_a_cut_call_is_recorded_without_a_status(run: Run) -> None:
    caller = run()
    caller.simulator.fault(cut="after")
    with pytest.raises(requests.ConnectionError):
        status(caller)
    assert [call.status for call in caller.simulator.calls] == [None]


def test_a_token_can_be_revoked_in_the_middle_of_a_run(run: Run) -> None:
    caller = run()
    caller.simulator.fault(revoke=True, method="PUT")
    assert status(caller) == 200
    assert caller.maintain("esx01").status_code == 401
    caller.log_in()
    assert caller.maintain("esx01").status_code == 200


def test_an_answer_can_be_slow_without_holding_up_others(run: Run) -> None:
    caller = run()
    caller.simulator.fault(delay=60, path="/versions")
    with pytest.raises(requests.Timeout):
        caller.session.get(f"{caller.simulator.url}/suite-api/api/versions/current", timeout=0.2)
    assert status(caller) == 200


def test_cleared_faults_do_not_happen(run: Run) -> None:
    caller = run()
    caller.simulator.fault(status=500)
    caller.simulator.clear_faults()
    assert status(caller) == 200


def test_the_simulator_itself_has_no_faults(run: Run) -> None:
    caller = run()
    caller.simulator.fault(status=500, count=9)
    assert caller.call("GET", "/_simulator/state").status_code == 200
    assert caller.call("GET", "/").status_code == 200


def test_faults_are_posted_listed_and_deleted(run: Run) -> None:
    caller = run()
    posted = caller.call("POST", FAULTS, json={"status": 503, "count": 2, "path": "/resources"})
    assert posted.status_code == 200
    assert status(caller, "/resources") == 503
    (listed,) = caller.call("GET", FAULTS).json()["faults"]
    assert (listed["status"], listed["count"], listed["path"]) == (503, 1, "/resources")
    headers = {"Content-Type": "application/json"}
    assert caller.call("DELETE", FAULTS, headers=headers).json() == {"faults": []}
    assert status(caller, "/resources") == 200


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ([], "A fault is a JSON object."),
        ({}, "A fault needs at least one of status, cut, delay and revoke."),
        ({"statsu": 503}, "A fault has no statsu."),
        ({"status": "503"}, "status must be a number from 200 to 599."),
        ({"status": 99}, "status must be a number from 200 to 599."),
        ({"status": 503, "count": 0}, "count must be a number from 1 to 1000000."),
        ({"cut": "during"}, 'cut must be "before" or "after".'),
        ({"delay": -1}, "delay must be a number of seconds from 0 to 3600."),
        ({"status": 503, "body": "xml"}, 'body must be "json", "html" or "empty".'),
        ({"revoke": 1}, "revoke must be true or false."),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_a_sentence(
    run: Run, document: object, sentence: str
) -> None:
    answer = run().call("POST", FAULTS, json=document)
    assert (answer.status_code, answer.json()["message"]) == (400, sentence)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = SCALARS | st.lists(SCALARS, max_size=2)
FIELDS = st.sampled_from([*Fault.__dataclass_fields__])


@settings(max_examples=50)
@given(JSON | st.dictionaries(FIELDS, JSON, max_size=4))
def test_any_document_makes_a_fault_or_a_sentence(document: object) -> None:
    try:
        outcome = repr(Fault.from_json(document))
    except ValueError as error:
        outcome = str(error)
    assert outcome.endswith((".", ")"))
