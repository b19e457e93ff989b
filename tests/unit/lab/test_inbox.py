"""What arrives at a laboratory is shown in words, and kept."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from lab import inbox

HOST = {"host": "esx01.lab.local", "moref": "host-18", "reason": ""}
SILENCED = {"ce-type": "maintenance-mirror.outcome.silenced"}


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ({}, "| outcome: esx01.lab.local silenced"),
        ({"reason": "by hand"}, "| outcome: esx01.lab.local silenced: by hand"),
        ({"host": ""}, "| outcome: host-18 silenced"),
        ({"host": "", "moref": ""}, "| outcome: no host silenced"),
        ({"host": "\x1b[2Jesx\n  rm"}, "| outcome: ?[2Jesx\n|   rm silenced"),
    ],
)
def test_an_outcome_is_a_line(changed: dict[str, str], shown: str, tmp_path: Path) -> None:
    assert received("OUTCOME_SINK", {**HOST, **changed}, tmp_path / "inbox") == shown


def test_each_line_of_a_notification_is_marked(tmp_path: Path) -> None:
    told = {"title": "one thing", "message": "Left alone:\n\n- \x07 esx01"}
    shown = "| notification: one thing\n| Left alone:\n|\n| - ? esx01"
    assert received("NOTIFY_URLS", told, tmp_path / "inbox") == shown


def received(variable: str, told: dict[str, Any], file: Path) -> str:
    """Send it where ``variable`` says, and return what is shown."""
    shown: list[str] = []
    with inbox.receiving(file, shown.append) as variables:
        url = variables[variable].replace("json://", "http://")
        assert requests.post(url, json.dumps(told), headers=SILENCED, timeout=30).ok
    assert file.read_text(encoding="utf-8") == f"{shown[0]}\n"
    return shown[0]
