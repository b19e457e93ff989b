"""What all commands have in common."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import pytest

from adapters import cli
from adapters.cli.send.event import FORMATS
from adapters.config.settings import Settings
from functions.errors import RequestRejectedError
from lab.processes import ROOT, environment
from tests.unit.cli.runner import ENVIRON, FakeClients, clients, command, hosts

COMMANDS = ("doctor", "notify", "reconcile", "send", "status", "watch")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_examples_and_exit_codes(name: str) -> None:
    shown = command(name, "--help")
    assert (shown.code, shown.err) == (0, "")
    assert "Example" in shown.out
    assert "Exit codes:" in shown.out


def test_the_help_lists_every_command_and_format() -> None:
    assert all(f"  {name} " in command("-h").out for name in COMMANDS)
    assert all(f"  {form} " in command("send", "-h").out for form in FORMATS)


def test_the_version_is_the_packages() -> None:
    shown = command("--version")
    assert (shown.code, shown.out.split()[:2]) == (0, ["maintenance-mirror,", "version"])


def test_no_command_is_wrong_use() -> None:
    assert command().code == 2
    assert command("sweep").code == 2


@pytest.mark.parametrize("name", ["reconcile", "status"])
def test_without_a_vcenter_there_is_nothing_to_compare_with(name: str) -> None:
    shown = command(name)
    assert (shown.code, shown.out) == (2, "")
    assert shown.err == (
        "Error: wrong configuration: no vCenter is configured, so there is nothing to compare"
        " with; set VCENTER_URL or VCENTERS_FILE\n"
    )


@pytest.mark.parametrize("name", ["reconcile", "status"])
def test_a_wrong_configuration_is_one_line(name: str) -> None:
    shown = command(name, environ={"VROPS_URL": "hunter2", "VCENTER_URL": "hunter2"})
    assert (shown.code, shown.out, shown.err.count("\n")) == (2, "", 1)
    assert shown.err.startswith("Error: wrong configuration: VROPS_URL is not of the form")
    assert "VCENTER_PASSWORD is missing" in shown.err
    assert "hunter2" not in shown.err


def test_what_is_refused_is_one_line() -> None:
    both = clients(hosts(1))
    both.vspheres[0].failures = [RequestRejectedError("the account lacks a privilege")]
    sent = command(
        "send",
        "enter",
        "esx01",
        "--to",
        "http://127.0.0.1:9",
        connect=both.connect,
        environ={**ENVIRON, "VCENTER_URL": "https://vcenter.lab.local", **USER},
    )
    assert (sent.code, sent.out, sent.err) == (1, "", "Error: the account lacks a privilege\n")


USER = {"VCENTER_USERNAME": "mirror", "VCENTER_PASSWORD": "hunter2"}


def test_dangers_of_the_configuration_are_said_on_stderr() -> None:
    environ = {**ENVIRON, "VROPS_INSECURE_TLS": "true"}
    shown = command("status", connect=clients(hosts(1)).connect, environ=environ)
    assert shown.code == 0
    assert shown.err == "warning: VROPS_INSECURE_TLS: anyone on the way can read the password\n"


class Interrupting(FakeClients):
    def connect(self, settings: Settings, environ: Mapping[str, str]) -> NoReturn:
        raise KeyboardInterrupt


def test_ctrl_c_is_no_error() -> None:
    both = Interrupting(clients([]).operations, [])
    shown = command("status", connect=both.connect)
    assert (shown.code, shown.out, shown.err.strip()) == (130, "", "Interrupted.")


def test_without_click_and_rich_it_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise ModuleNotFoundError(name='click')", encoding="utf-8")
    shown = subprocess.run(
        [sys.executable, "-m", "adapters.cli"],
        cwd=ROOT,
        env=environment(PYTHONPATH=str(tmp_path)),
        capture_output=True,
        encoding="utf-8",
    )
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr == (
        "maintenance-mirror: the command line needs click and rich, the extra 'cli'\n"
    )


def test_the_formats_of_events_need_neither_click_nor_rich() -> None:
    program = "import sys, adapters.cli.formats; print({'click', 'rich'} & {*sys.modules})"
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    assert (shown.stdout, cli.__name__) == ("set()\n", "adapters.cli")
