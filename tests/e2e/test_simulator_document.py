"""docs/simulator.md lists what the simulator has, and its commands and blocks work."""

import json
import re
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import flask
import pytest
import requests

from lab.processes import ROOT, environment
from simulator import Fault, Simulator, Switches
from simulator.api import api
from simulator.control import control
from simulator.options import simulator_from
from tests.documents import blocks

PAGE = ROOT / "docs" / "simulator.md"
EXAMPLE = ROOT / "examples" / "simulator_in_tests.py"
SERVE, RUN_TESTS = (text.strip() for text in blocks(PAGE, "sh"))
# Beside the methods that a route is for, Flask adds these to each.
BY_FLASK = {"HEAD", "OPTIONS"}


def rows(header: str) -> list[list[str]]:
    """Return the cells of the table whose header begins so, without backticks and blanks."""
    table = re.search(
        rf"^\| {re.escape(header)}.*\n\|-.*\n((?:\|.*\n)+)", PAGE.read_text("utf-8"), re.MULTILINE
    )
    assert table
    return [
        [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]
        for line in table[1].splitlines()
    ]


def shown(value: Any) -> str:
    """Return a default as the page shows it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(value) if isinstance(value, tuple) else str(value)


def routes(blueprint: flask.Blueprint) -> set[tuple[str, str]]:
    app = flask.Flask(__name__, static_folder=None)
    app.register_blueprint(blueprint)
    return {
        (method, str(rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - BY_FLASK
    }


def listed(header: str, prefix: str = "") -> list[tuple[str, str]]:
    return [
        (method, prefix + path)
        for methods, path, *_ in rows(header)
        for method in methods.split(", ")
    ]


def test_every_switch_is_listed_with_its_option_and_its_default() -> None:
    expected = [
        [each.name, f"--{each.name.replace('_', '-')}", shown(each.default)]
        for each in fields(Switches)
    ]
    assert [row[:3] for row in rows("Switch | Option")] == expected


def test_every_choice_of_a_switch_is_named() -> None:
    for switch, row in zip(fields(Switches), rows("Switch | Option"), strict=True):
        missing = [each for each in switch.metadata["choices"] if str(each) not in " ".join(row)]
        assert missing == [], switch.name


def test_every_option_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        simulator_from(["--help"], {})
    options = set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    switches = {row[1] for row in rows("Switch | Option")}
    assert sorted(row[0] for row in rows("Option")) == sorted(options - switches)
    assert switches < options


def test_every_field_of_a_fault_is_listed_with_its_default() -> None:
    expected = [[each.name, json.dumps(each.default)] for each in fields(Fault)]
    assert [row[:2] for row in rows("Field")] == expected


def test_every_call_of_the_suite_api_is_listed() -> None:
    found = listed("Method | Path, after", "/suite-api/api")
    assert sorted(found) == sorted(routes(api))


def test_every_way_to_control_it_is_listed() -> None:
    assert sorted(listed("Method | Path | Does")) == sorted(routes(control))


def test_every_member_is_listed() -> None:
    public = {name for name in {*dir(Simulator), *vars(Simulator())} if not name.startswith("_")}
    found = [name for row in rows("Member") for name in row[0].split(", ")]
    assert sorted(found) == sorted(public)


def test_the_block_of_a_fault_lets_calls_fail_as_it_says() -> None:
    [fault] = blocks(PAGE, "json")
    with Simulator(1) as simulator, requests.Session() as session:
        session.trust_env = False
        session.verify = str(simulator.ca_file)
        body = json.loads(fault)
        url = f"{simulator.url}/_simulator/faults"
        assert session.post(url, json=body, timeout=10).json()["faults"][0]["count"] == 2
        resource = simulator.resource("esx01.lab.local").id
        call = f"{simulator.url}/suite-api/api/resources/{resource}/maintained"
        answers = [session.put(call, timeout=10) for _ in range(3)]
    assert [each.status_code for each in answers] == [503, 503, 401]
    assert answers[0].headers["Retry-After"] == "5"


@pytest.mark.parametrize("block", blocks(PAGE, "python"), ids=lambda text: text.splitlines()[0])
def test_a_block_is_a_part_of_the_example(block: str) -> None:
    assert block in EXAMPLE.read_text(encoding="utf-8")


def test_the_example_holds() -> None:
    words = [sys.executable, *RUN_TESTS.split()[1:], "-p", "no:cacheprovider"]
    done = subprocess.run(
        words, cwd=ROOT, env=environment(), capture_output=True, encoding="utf-8", timeout=100
    )
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_the_command_starts_it_and_says_where_it_is(tmp_path: Path) -> None:
    words = [sys.executable, *SERVE.split()[1:], "--port", "0", "--ca-file", str(tmp_path / "ca")]
    process = subprocess.Popen(
        words, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, encoding="utf-8"
    )
    try:
        assert process.stdout
        greeting = [process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()
    assert [line.split("  ")[0] for line in greeting] == [
        "Page",
        "Suite API",
        "User name",
        "CA file",
    ]
