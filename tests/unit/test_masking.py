"""functions.masking: secrets are hidden before an event is shown."""

import pytest

from functions import handlers
from functions.masking import MASK, masked
from lab.events import EventData, router_envelope


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
