"""Credentials from Secrets Manager: real boto3 over a real socket, with moto's server for AWS."""

import json
import logging
import socket
import sys
from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from adapters.config.aws_secrets import AwsSecret
from functions.errors import AuthenticationError, ConfigurationError

# All of moto's servers in a process share what they hold.
NAME = "secret-of-the-unit-tests"
PASSWORD = "s3cret-of-the-test"
GOOD = {"username": "mirror", "password": PASSWORD}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def _lambda(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")


class Stored:
    """A secret as its owner sees it."""

    def __init__(self, content: object) -> None:
        self._client = boto3.client("secretsmanager")
        if isinstance(content, bytes):
            value: dict[str, object] = {"SecretBinary": content}
        else:
            text = content if isinstance(content, str) else json.dumps(content)
            value = {"SecretString": text}
        self.arn = self._client.create_secret(Name=NAME, **value)["ARN"]

    def rotate(self, content: object) -> None:
        self._client.put_secret_value(SecretId=NAME, SecretString=json.dumps(content))

    def remove(self) -> None:
        self._client.delete_secret(SecretId=NAME, ForceDeleteWithoutRecovery=True)
        self._client.close()


@pytest.fixture
def stored(request: pytest.FixtureRequest) -> Iterator[Stored]:
    secret = Stored(getattr(request, "param", GOOD))
    yield secret
    secret.remove()


def test_the_secret_is_read_at_start_by_its_name(stored: Stored) -> None:
    credentials = AwsSecret(NAME).current()
    assert (credentials.username, credentials.password.reveal()) == ("mirror", PASSWORD)


def test_the_secret_is_read_at_start_by_its_arn(stored: Stored) -> None:
    assert AwsSecret(stored.arn).current().username == "mirror"


def test_what_was_read_is_kept_until_it_is_refused(stored: Stored) -> None:
    secret = AwsSecret(NAME)
    stored.rotate({"username": "mirror", "password": "new"})
    assert secret.current().password.reveal() == PASSWORD


def test_after_a_refusal_a_rotated_secret_is_read_and_kept(stored: Stored) -> None:
    secret = AwsSecret(NAME)
    stored.rotate({"username": "another", "password": "new"})
    renewed = secret.renewed()
    assert renewed is not None
    assert (renewed.username, renewed.password.reveal()) == ("another", "new")
    assert secret.current() == renewed


def test_after_a_refusal_a_secret_that_has_not_changed_is_not_worth_a_try(stored: Stored) -> None:
    assert AwsSecret(NAME).renewed() is None


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        ("not JSON: " + PASSWORD, "does not hold a JSON object"),
        (PASSWORD.encode(), "does not hold a JSON object"),
        ([PASSWORD], "does not hold a JSON object"),
        ({"password": PASSWORD}, "has no text under 'username'"),
        ({"username": "mirror"}, "has no text under 'password'"),
        ({"username": "mirror", "password": ""}, "has no text under 'password'"),
        ({"username": "mirror", "password": 12345}, "has no text under 'password'"),
    ],
    indirect=["stored"],
)
def test_a_secret_that_holds_something_else_stops_the_start_in_one_sentence(
    stored: Stored, reason: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        AwsSecret(NAME)
    assert str(raised.value) == f"VROPS_SECRET_ID: secret '{NAME}' {reason}"
    assert PASSWORD not in str(raised.value)
    assert "12345" not in str(raised.value)


def test_a_secret_that_is_not_there_stops_the_start() -> None:
    with pytest.raises(ConfigurationError, match=f"'{NAME}' cannot be read: ResourceNotFound"):
        AwsSecret(NAME)


def test_a_secret_manager_that_cannot_be_reached_stops_the_start_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    with pytest.raises(ConfigurationError, match=r"cannot be read: EndpointConnectionError"):
        AwsSecret(NAME)


def test_a_missing_boto3_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
    with pytest.raises(ConfigurationError, match="VROPS_SECRET_ID: reading a secret needs boto3"):
        AwsSecret(NAME)


def test_no_region_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(ConfigurationError, match="cannot be read: NoRegionError"):
        AwsSecret(NAME)


def test_no_credentials_for_aws_stop_the_start(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    with pytest.raises(ConfigurationError, match="cannot be read: NoCredentialsError"):
        AwsSecret(NAME)


@pytest.mark.parametrize("breakage", ["gone", "damaged"])
def test_a_secret_that_breaks_later_is_an_authentication_error_so_that_logins_pause(
    breakage: str, stored: Stored
) -> None:
    secret = AwsSecret(NAME)
    if breakage == "gone":
        boto3.client("secretsmanager").delete_secret(SecretId=NAME)
    else:
        stored.rotate({"username": "mirror"})
    with pytest.raises(
        AuthenticationError, match=f"the credentials were refused, and secret '{NAME}'"
    ):
        secret.renewed()
    assert secret.current().password.reveal() == PASSWORD


def test_nothing_of_the_secret_is_logged_at_any_level(
    stored: Stored, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = AwsSecret(NAME)
    secret.renewed()
    assert PASSWORD not in caplog.text
    assert PASSWORD not in repr(secret.current())
