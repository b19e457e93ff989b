"""watch: the command is the door without VEBA, by another name."""

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from adapters import watch
from functions.errors import ConfigurationError
from lab.processes import ROOT, environment
from tests.unit.cli.runner import command

PROGRAM = "adapters.watch.program.run"


@pytest.mark.parametrize("code", [0, 1, 3])
@pytest.mark.parametrize("options", [[], ["--once"]])
def test_the_command_and_the_module_run_the_same(
    monkeypatch: pytest.MonkeyPatch, code: int, options: list[str]
) -> None:
    ran: list[bool] = []

    def run(environ: Mapping[str, str], *_: Any, once: bool) -> int:
        ran.append(once)
        return code

    monkeypatch.setattr(PROGRAM, run)
    shown = command("watch", *options)
    assert (shown.code, shown.out, shown.err) == (code, "", "")
    assert watch.main(options) == code
    assert ran == [bool(options)] * 2


def test_without_a_vcenter_there_is_nothing_to_watch() -> None:
    shown = command("watch")
    assert (shown.code, shown.out) == (2, "")
    assert shown.err == (
        "Error: wrong configuration: no vCenter is configured: set VCENTER_URL or VCENTERS_FILE\n"
    )


def test_a_wrong_configuration_is_one_line_of_the_module_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*_: Any, once: bool) -> int:
        raise ConfigurationError("VROPS_URL is missing")

    monkeypatch.setattr(PROGRAM, run)
    assert watch.main([]) == 2
    told = "maintenance-mirror: wrong configuration: VROPS_URL is missing\n"
    assert capsys.readouterr() == ("", told)


@pytest.mark.parametrize("options", [["--twice"], ["once"]])
def test_wrong_use_is_told(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command("watch", *options).code == 2
    with pytest.raises(SystemExit, match="2"):
        watch.main(options)
    assert "usage: python -m adapters.watch" in capsys.readouterr().err


def run_alone(program: str) -> "subprocess.CompletedProcess[str]":
    """Run a program that has imported nothing yet."""
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
    )


def test_the_module_needs_neither_click_nor_rich_nor_a_framework() -> None:
    program = (
        "import sys, adapters.watch.program\n"
        "print({'click', 'rich', 'flask', 'functions_framework', 'boto3', 'prometheus_client'}"
        " & {*sys.modules})"
    )
    shown = run_alone(program)
    assert (shown.stdout, shown.stderr) == ("set()\n", "")


@pytest.mark.parametrize("module", ["watch.program", "cli.commands"])
def test_nobody_loads_the_page_who_does_not_show_it(module: str) -> None:
    parts = "access live page pages reader"
    program = (
        f"import sys, adapters.{module}\n"
        f"print([each for each in '{parts}'.split() if f'adapters.board.{{each}}' in sys.modules])"
    )
    shown = run_alone(program)
    assert (shown.stdout, shown.stderr) == ("[]\n", "")


def test_the_other_commands_load_none_of_its_threads() -> None:
    program = (
        "import sys\n"
        "from adapters.cli.commands import run\n"
        "run(['status', '--help'], {})\n"
        "print([each for each in sys.modules if each.startswith('adapters.watch.')])"
    )
    shown = run_alone(program)
    assert shown.stdout.splitlines()[-1] == "[]"
