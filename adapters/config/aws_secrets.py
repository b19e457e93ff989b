"""User name and password from AWS Secrets Manager: ``{"username": ..., "password": ...}``.

Read once per process, at start, and once more when they are refused: that is how a rotated
password reaches a function that is already running, without a call for every event.
boto3 is a part of Lambda's runtime and of the extra ``aws``; nobody else needs it, so it is
imported where it is used.

Source: API_GetSecretValue of the Secrets Manager API reference; rotation moves the label
``AWSCURRENT``, which is what is read when no version is asked for.
"""

import json
import logging
from contextlib import closing
from typing import Any, Final

from adapters.config.settings import Credentials, Secret
from functions.errors import AuthenticationError, ConfigurationError

# Two tries, each with two seconds to connect and two to read, fit into the ten seconds that
# Lambda gives a process to start.
_TIMEOUT_SECONDS: Final = 2
_TRIES: Final = 2
# At DEBUG they write the answer with the secret in it, at INFO what nobody needs to know.
_TALKATIVE: Final = ("boto3", "botocore")


class AwsSecret:
    """The credentials in one secret, ``secret_id`` being its name or ARN.

    ``service`` is whose they are, as variables call it: ``VROPS`` or ``VCENTER``. Raises
    ConfigurationError if the secret cannot be read, or does not hold what it should. Its content is
    never repeated, only its name.
    """

    def __init__(self, secret_id: str, service: str = "VROPS") -> None:
        self._id = secret_id
        try:
            self._credentials = _credentials(secret_id)
        except _UnusableError as problem:
            raise ConfigurationError(f"{service}_SECRET_ID: {problem}") from None

    def current(self) -> Credentials:
        """Return the credentials as they were last read."""
        return self._credentials

    def renewed(self) -> Credentials | None:
        """Read the secret again after its credentials were refused; None if it has not changed.

        Raises AuthenticationError if it cannot be read. It is not an outage like any other: the
        pause that follows an AuthenticationError keeps the refused password from being tried by
        every event until the account is locked.
        """
        try:
            credentials = _credentials(self._id)
        except _UnusableError as problem:
            raise AuthenticationError(f"the credentials were refused, and {problem}") from None
        if credentials == self._credentials:
            return None
        self._credentials = credentials
        return credentials


class _UnusableError(Exception):
    """Why a secret cannot be used; the message names it."""


def _credentials(secret_id: str) -> Credentials:
    try:
        fields = json.loads(_text(secret_id))
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise _UnusableError(f"secret {secret_id!r} does not hold a JSON object")
    for name in ("username", "password"):
        if not isinstance(fields.get(name), str) or not fields[name]:
            raise _UnusableError(f"secret {secret_id!r} has no text under {name!r}")
    return Credentials(fields["username"], Secret(fields["password"]))


def aws_client(service: str, tries: int = _TRIES) -> Any:
    """Return boto3's client of a service; each of its ``tries`` has two seconds to be answered.

    Raises ImportError where boto3 is not there, and BotoCoreError where there is no region.
    """
    import boto3
    from botocore.config import Config

    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    config = Config(
        connect_timeout=_TIMEOUT_SECONDS,
        read_timeout=_TIMEOUT_SECONDS,
        retries={"total_max_attempts": tries, "mode": "standard"},
    )
    return boto3.client(service, config=config)


def _text(secret_id: str) -> str:
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise _UnusableError("reading a secret needs boto3, the extra 'aws'") from None
    try:
        with closing(aws_client("secretsmanager")) as client:
            answer = client.get_secret_value(SecretId=secret_id)
    except ClientError as error:
        # The message of AWS may name the caller's role and account; its code says enough.
        reason = error.response["Error"]["Code"]
    except BotoCoreError as error:  # no region, no credentials, not reachable: no answer at all
        reason = type(error).__name__
    else:
        return str(answer.get("SecretString", ""))
    raise _UnusableError(f"secret {secret_id!r} cannot be read: {reason}")
