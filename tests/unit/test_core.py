"""The core's small parts: outcomes, masking, echo; and the replies that processors get."""

import pytest

from adapters.incoming import responses
from functions import errors, handlers
from functions.events import HostRef
from functions.masking import MASK, masked
from functions.outcomes import Outcome
from lab.events import EventData, router_envelope

HOST = HostRef("host-9", "esx1", "vc.lab")


def test_an_outcome_is_told_in_texts() -> None:
    assert Outcome("entered", HOST).as_dict() == {
        "action": "entered",
        "host": "host esx1 (host-9) of vc.lab",
        "reason": "",
    }
    assert Outcome("ignored", reason="x").as_dict()["host"] == ""


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "Password",
        "adminPasswd",
        "passphrase",
        "PWD",
        "clientSecret",
        "access_token",
        "Credentials",
        "SessionId",
        "session_id",
        "Authorization",
        "Set-Cookie",
        "api_key",
        "ApiKey",
        "private-key",
        "PrivateKey",
    ],
)
def test_what_looks_like_a_secret_is_masked_at_any_depth(key: str) -> None:
    value = {
        "a": [{key: "hunter2", "b": {key: {"deep": "hunter2"}}}],
        "Arguments": [
            {"Key": key, "Value": "hunter2"},
            {"key": key, "value": "hunter2"},
        ],
    }
    assert "hunter2" not in str(masked(value))
    assert str(masked(value)).count(MASK) == 4


def test_what_does_not_look_like_a_secret_is_shown() -> None:
    value = {"Key": 7, "Value": "host-9", "UserName": "alice", "ChangeTag": "", "Vm": None}
    assert masked(value) == value


def test_nothing_is_not_masked() -> None:
    assert masked({"password": None, "token": ""}) == {"password": None, "token": ""}


def test_echo_shows_attributes_and_data() -> None:
    envelope = router_envelope(EventData())
    shown = handlers.echo({**envelope, "data": {"Password": "hunter2", "Key": 1}})
    assert list(shown) == ["source", "type", "subject", "id", "data"]
    assert shown["data"] == {"Password": MASK, "Key": 1}


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (errors.EventTooLargeError("x"), 413, None),
        (errors.NotACloudEventError("x"), 400, None),
        (errors.InvalidEventError("x"), 422, None),
        (errors.AmbiguousHostError("x"), 422, None),
        (errors.RequestRejectedError("x"), 422, None),
        (errors.EventInterruptedError("x"), 503, "1"),
        (errors.HostNotFoundError("x"), 503, "60"),
        (errors.OperationsUnavailableError("x"), 503, "10"),
        (errors.VCenterUnavailableError("x"), 503, "30"),
        (errors.OperationsUnavailableError("x", 0.2), 503, "1"),
        (errors.AuthenticationError("x", 12.1), 503, "13"),
    ],
)
def test_every_error_has_its_status(
    error: errors.MaintenanceError, status: int, retry_after: str | None
) -> None:
    assert responses.status(error) == status
    assert responses.headers(error).get("Retry-After") == retry_after


def test_no_error_is_without_a_status() -> None:
    def tree(kind: type[errors.MaintenanceError]) -> set[type[errors.MaintenanceError]]:
        return {kind}.union(*(tree(each) for each in kind.__subclasses__()))

    concrete = tree(errors.MaintenanceError) - {errors.MaintenanceError}
    assert {responses.status(kind("x")) for kind in concrete} == {400, 413, 422, 503}


def test_no_status_makes_a_broker_deliver_again_what_cannot_succeed() -> None:
    # kncloudevents.SelectiveRetry of Knative eventing: these, and all from 500.
    again = {404, 408, 409, 429}
    for kind, status in responses.STATUS:
        retried = status in again or status >= 500
        assert retried == issubclass(kind, errors.TransientError)
