"""Unpack a message of either queue: ``python3 deploy/eventbridge/unpack.py message.json``.

``message.json`` is what ``aws sqs receive-message --query "Messages[0]"`` printed. Writes
``event.json``, which the function takes, and ``receipt.txt``, which deletes the message; prints
what happened when to which host, and why the event is here.

EventBridge and its Scheduler leave the event itself and its reason as message attributes (their
guides, "dead-letter queues"); Lambda an invocation record with the event in it (Developer Guide,
"Capturing records of Lambda asynchronous invocations").
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

SWEEP: Final = "maintenance-mirror.reconcile"


class UnpackError(Exception):
    """What was received is no message of either queue; the text says in a line why."""


class Message(NamedTuple):
    """The event in a message, why it was put there, and by what the message is deleted."""

    event: dict[str, Any]
    reason: str
    receipt: str


def main() -> None:
    """Unpack the message that the command line names, into the current folder."""
    try:
        message = unpacked(read(_arguments().message))
    except UnpackError as error:
        sys.exit(shown(str(error)))
    Path("event.json").write_text(json.dumps(message.event), encoding="utf-8")
    Path("receipt.txt").write_text(message.receipt, encoding="utf-8")
    print(shown(summary(message.event)))
    print(shown(message.reason))


def read(path: Path) -> dict[str, Any]:
    """Return what AWS's command line printed; raises UnpackError if that is no message."""
    try:
        message = json.loads(path.read_text(encoding="utf-8") or "null")
    except OSError as error:
        raise UnpackError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UnpackError(f"{path} is no JSON: {error}") from None
    if message is None:
        raise UnpackError("the queue holds no message that could be received now")
    if not isinstance(_at(message, "Body"), str) or not isinstance(
        _at(message, "ReceiptHandle"), str
    ):
        raise UnpackError(f'{path} is no message: receive it with --query "Messages[0]"')
    return dict(message)


def unpacked(message: dict[str, Any]) -> Message:
    """Return the event in a message of SQS, and why it was put there; raises UnpackError."""
    body, receipt = _body(message), message["ReceiptHandle"]
    if "requestPayload" in body:
        names = (
            ("requestContext", "condition"),
            ("responsePayload", "errorType"),
            ("responsePayload", "errorMessage"),
        )
        reasons = [_at(body, *name) for name in names]
        return Message(_event(body["requestPayload"], message), _joined(reasons), receipt)
    codes = ("ERROR_CODE", "ERROR_MESSAGE")
    reasons = [_at(message, "MessageAttributes", name, "StringValue") for name in codes]
    return Message(body, _joined(reasons), receipt)


def summary(event: dict[str, Any]) -> str:
    """Return one line about an event: what, which host, when."""
    when = _at(event, "detail", "time")
    if _at(event, "detail", "type") == SWEEP:
        return f"a sweep that was due at {when}; delete it, the next one does the same"
    host = _at(event, "detail", "data", "Host", "Name")
    what, where = (_at(event, "detail", name) for name in ("subject", "source"))
    return f"{what} of host {host} in {where} at {when}"


def shown(text: str) -> str:
    """Return ``text`` as ASCII in one line, so that no event can play tricks on a terminal."""
    return text.encode("unicode_escape").decode("ascii")


def _arguments() -> argparse.Namespace:
    about = "Unpack a message of either queue: writes event.json and receipt.txt, says what it is."
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument(
        "message",
        type=Path,
        help='what aws sqs receive-message --message-attribute-names All --query "Messages[0]"'
        " printed, such as message.json",
    )
    return parser.parse_args()


def _body(message: dict[str, Any]) -> dict[str, Any]:
    try:
        body = json.loads(message["Body"])
    except (ValueError, RecursionError) as error:
        raise _no_event(message, f"its body is no JSON ({error})") from None
    return _event(body, message)


def _event(value: object, message: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _no_event(message, "its body holds no JSON object")
    return value


def _no_event(message: dict[str, Any], because: str) -> UnpackError:
    identifier = message.get("MessageId", "without an id")
    return UnpackError(f"message {identifier} holds no event: {because}; nothing was written")


def _at(value: Any, *names: str) -> Any:
    """Return what is there under the names, one within the other; None if nothing is."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _joined(reasons: list[Any]) -> str:
    return ": ".join(str(reason) for reason in reasons if reason) or "no reason given"


if __name__ == "__main__":
    main()
