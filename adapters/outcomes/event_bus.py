"""A bus of AWS EventBridge, up to ten events in one call.

Source: API_PutEvents of the EventBridge API reference. An entry's ``Detail`` is the whole
CloudEvent, as VEBA's router does it, its type is the ``DetailType``, and its source the ``Source``.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from adapters.config.aws_secrets import aws_client
from adapters.outcomes.answers import Answer, Verdict
from functions.errors import ConfigurationError
from functions.events import Envelope

# A call takes 256 KB, with all that its entries hold beside this.
_MAX_DETAIL_BYTES: Final = 24 * 1024
_PASSING: Final = ("InternalFailure", "InternalException", "ServiceUnavailable")


class EventBus:
    """The bus with the name or ARN ``bus``, by the role and the region of the process.

    Raises ConfigurationError if boto3 is missing, or there is no region.
    """

    batch = 10

    def __init__(self, bus: str) -> None:
        self._bus = bus
        self.name = f"the event bus {bus}"
        try:
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError:
            text = "OUTCOME_EVENT_BUS needs boto3, the extra 'aws'"
            raise ConfigurationError(text) from None
        self._client_error, self._no_answer = ClientError, BotoCoreError
        try:
            self._client = aws_client("events", tries=1)
        except BotoCoreError as error:
            text = f"OUTCOME_EVENT_BUS: {type(error).__name__}"
            raise ConfigurationError(text) from None

    def send(self, events: Sequence[Envelope]) -> Answer:
        """See Sink.send."""
        try:
            told = self._client.put_events(Entries=[_entry(each, self._bus) for each in events])
        except self._client_error as error:
            # The message of AWS may name the caller's role and account; its code says enough.
            return Answer([_verdict_of(error.response)] * len(events), _code(error.response))
        except self._no_answer as error:
            return Answer([Verdict.AGAIN] * len(events), type(error).__name__)
        codes = [str(each.get("ErrorCode") or "") for each in told["Entries"]]
        return Answer([_verdict(each) for each in codes], next(filter(None, codes), ""))


def _entry(event: Envelope, bus: str) -> dict[str, Any]:
    return {
        "EventBusName": bus,
        "Source": event["source"],
        "DetailType": event["type"],
        "Time": datetime.fromisoformat(event["time"]),
        "Detail": _detail(event),
    }


def _detail(event: Envelope) -> str:
    text = json.dumps(dict(event))
    if len(text) <= _MAX_DETAIL_BYTES:
        return text
    data = event["data"]
    more = data["more_companions"] + len(data["companions"])
    return json.dumps({**event, "data": {**data, "companions": [], "more_companions": more}})


def _verdict(code: str) -> Verdict:
    if not code:
        return Verdict.TAKEN
    return Verdict.AGAIN if code in _PASSING or "Throttl" in code else Verdict.REFUSED


def _verdict_of(answer: Mapping[str, Any]) -> Verdict:
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    passing = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return Verdict.AGAIN if passing else _verdict(_code(answer))


def _code(answer: Mapping[str, Any]) -> str:
    return str(answer["Error"]["Code"])
