"""Unpack a message of either queue: ``python3 deploy/eventbridge/unpack.py message.json``.

``message.json`` is what ``aws sqs receive-message --query "Messages[0]"`` printed. Writes
``event.json``, which the function takes, and ``receipt.txt``, which deletes the message; prints
what happened when to which host, and why the event is here.

EventBridge and its Scheduler leave the event itself and its reason as message attributes (their
guides, "dead-letter queues"); Lambda an invocation record with the event in it (Developer Guide,
"Capturing records of Lambda asynchronous invocations").
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

SWEEP: Final = "maintenance-mirror.reconcile"


def main() -> None:
    """Unpack the message that the command line names, into the current folder."""
    message = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8") or "null")
    if message is None:
        sys.exit("the queue holds no message that could be received now")
    event, reason = unpacked(message)
    Path("event.json").write_text(json.dumps(event), encoding="utf-8")
    Path("receipt.txt").write_text(message["ReceiptHandle"], encoding="utf-8")
    print(f"{summary(event)}\n{reason}")


def unpacked(message: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the event in a message of SQS, and why it was put there."""
    body = json.loads(message["Body"])
    if "requestPayload" in body:
        answer = body.get("responsePayload") or {}
        condition = body.get("requestContext", {}).get("condition")
        reasons = [condition, answer.get("errorType"), answer.get("errorMessage")]
        return body["requestPayload"], _joined(reasons)
    attributes = message.get("MessageAttributes") or {}
    named = (attributes.get(name, {}) for name in ("ERROR_CODE", "ERROR_MESSAGE"))
    return body, _joined([attribute.get("StringValue") for attribute in named])


def summary(event: dict[str, Any]) -> str:
    """Return one line about an event: what, which host, when."""
    detail = event.get("detail") or {}
    if detail.get("type") == SWEEP:
        return (
            f"a sweep that was due at {detail.get('time')}; delete it, the next one does the same"
        )
    host = ((detail.get("data") or {}).get("Host") or {}).get("Name")
    what, where, when = (detail.get(name) for name in ("subject", "source", "time"))
    return f"{what} of host {host} in {where} at {when}"


def _joined(reasons: list[str | None]) -> str:
    return ": ".join(reason for reason in reasons if reason) or "no reason given"


if __name__ == "__main__":
    main()
