"""deploy/eventbridge/unpack.py: what it makes of the messages that SQS may hold."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.events import ENTER, lambda_event
from tests.deploy.eventbridge.templates import DEPLOYMENT

EVENT = lambda_event(ENTER)
TRICKS = "esx1\x1b]0;owned\x07\x1b[2J\nfaked line\r\u2028\x9b31m"


def unpack(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(DEPLOYMENT / "unpack.py"), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )


def unpacked(folder: Path, received: object) -> subprocess.CompletedProcess[str]:
    text = received if isinstance(received, str) else json.dumps(received)
    (folder / "message.json").write_text(text, encoding="utf-8")
    return unpack(folder, "message.json")


def message(body: object, **attributes: str) -> dict[str, Any]:
    return {
        "MessageId": "m-1",
        "ReceiptHandle": "r-1",
        "Body": body if isinstance(body, str) else json.dumps(body),
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()
        },
    }


def record(payload: object, answer: object) -> dict[str, Any]:
    return message({"requestPayload": payload, "responsePayload": answer, "requestContext": {}})


def test_it_says_what_happened_and_writes_event_and_receipt(tmp_path: Path) -> None:
    done = unpacked(tmp_path, message(EVENT, ERROR_CODE="NO_PERMISSIONS"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "EnteredMaintenanceModeEvent of host esx01.lab.local in https://vcenter.lab.local/sdk"
        " at 2026-03-14T09:26:53.589793Z\nNO_PERMISSIONS\n"
    )
    assert json.loads((tmp_path / "event.json").read_text(encoding="utf-8")) == EVENT
    assert (tmp_path / "receipt.txt").read_text(encoding="utf-8") == "r-1"


@pytest.mark.parametrize(
    "received",
    [
        message({"detail": {"data": {"Host": {"Name": TRICKS}}, "subject": TRICKS}}),
        message({"detail": {"type": "maintenance-mirror.reconcile", "time": TRICKS}}),
        message(EVENT, ERROR_CODE=TRICKS, ERROR_MESSAGE=TRICKS),
        record(EVENT, {"errorType": TRICKS, "errorMessage": TRICKS}),
        {**message("no JSON"), "MessageId": TRICKS},
    ],
)
def test_nothing_that_it_prints_is_obeyed_by_a_terminal(received: Any, tmp_path: Path) -> None:
    done = unpacked(tmp_path, received)
    said = done.stdout + done.stderr
    assert "faked line" in said or "due at" in said
    assert said.isascii()
    assert said.replace("\n", "").isprintable()
    assert said.count("\n") == (1 if done.returncode else 2)


@pytest.mark.parametrize(
    ("received", "said"),
    [
        (message("hello"), "message m-1 holds no event: its body is no JSON (Expecting value"),
        (message(""), "message m-1 holds no event: its body is no JSON (Expecting value"),
        (message("[" * 100_000), "message m-1 holds no event: its body is no JSON"),
        (message([1]), "message m-1 holds no event: its body holds no JSON object"),
        (record("text", {}), "message m-1 holds no event: its body holds no JSON object"),
        ("hello", "message.json is no JSON: Expecting value"),
        ({}, 'message.json is no message: receive it with --query "Messages[0]"'),
        ({"Messages": [message(EVENT)]}, "message.json is no message"),
        ([], "message.json is no message"),
        ("null", "the queue holds no message"),
        ("", "the queue holds no message"),
    ],
    ids=str,
)
def test_what_is_no_event_is_said_in_a_line_and_nothing_is_written(
    received: Any, said: str, tmp_path: Path
) -> None:
    done = unpacked(tmp_path, received)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1
    assert [each.name for each in tmp_path.iterdir()] == ["message.json"]


@pytest.mark.parametrize("answer", [None, "text", [], {"errorMessage": 7}])
def test_an_answer_of_any_kind_hides_no_event(answer: object, tmp_path: Path) -> None:
    done = unpacked(tmp_path, record({"detail": answer}, answer))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("None of host None in None at None\n")


def test_a_file_that_is_not_there_is_said_in_a_line(tmp_path: Path) -> None:
    done = unpack(tmp_path, "message.json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "message.json cannot be read: No such file or directory\n"


def test_it_helps(tmp_path: Path) -> None:
    done = unpack(tmp_path, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "aws sqs receive-message" in done.stdout
    assert "event.json" in done.stdout
    assert unpack(tmp_path).returncode == 2
