"""Text from outside is shown as it is, and plays no tricks."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout

import pytest

from adapters.cli.terminal import Column, Terminal, plain
from functions.events import HostRef
from tests.unit.cli.runner import ADDRESS, clients, command

TRICKS = [
    "\x1b[2Jesx01",
    "\x1b]0;title\x07esx01",
    "esx01\r\nError: forged",
    "esx01\x9b31m",
    "\u202eesx01",
    "esx\u200b01",
    "\ud800esx01",
    "esx01\x00",
]
MARKUP = ["[bold red]esx01[/]", "[/]", "[link=https://x]esx01", ":smile:", "[esx01", "\\[esx01]"]
FOREIGN = ["größe.lab.local", "主机01", "esx\U0001f600"]


@pytest.mark.parametrize("name", TRICKS)
def test_what_cannot_be_printed_is_escaped(name: str) -> None:
    assert plain(name) != name
    assert plain(name).isprintable()


@pytest.mark.parametrize("name", [*MARKUP, *FOREIGN])
def test_what_can_be_printed_stays_as_it_is(name: str) -> None:
    assert plain(name) == name


@pytest.mark.parametrize("name", [*TRICKS, *MARKUP, *FOREIGN])
@pytest.mark.parametrize("arguments", [["status"], ["reconcile", "--dry-run"]])
def test_a_hosts_name_is_shown_and_not_obeyed(name: str, arguments: list[str]) -> None:
    both = clients([HostRef("host-1", name, ADDRESS)])
    both.vspheres[0].enter("host-1")
    shown = command(*arguments, connect=both.connect)
    assert plain(name) in shown.out
    assert all(line.isprintable() for line in shown.out.splitlines())


@pytest.mark.parametrize("name", [*TRICKS, *FOREIGN])
def test_json_is_ascii_and_holds_the_name_as_it_is(name: str) -> None:
    both = clients([HostRef("host-1", name, ADDRESS)])
    both.vspheres[0].enter("host-1")
    shown = command("status", "--output", "json", connect=both.connect).out
    assert shown.isascii()
    assert json.loads(shown)[0]["host"] == name
    assert all(line.isprintable() for line in shown.splitlines())


@pytest.mark.parametrize("name", TRICKS)
def test_an_error_is_one_line_whatever_it_repeats(name: str) -> None:
    said = io.StringIO()
    with redirect_stderr(said):
        Terminal().error(name)
    assert said.getvalue() == f"Error: {plain(name)}\n"


def test_a_pipe_gets_no_colour_and_no_progress() -> None:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        terminal = Terminal()
        with terminal.busy("working") as show, terminal.progress("writing", 2) as advance:
            show("still working")
            advance()
        terminal.say("done", "bold red")
        terminal.note("noted")
    assert (out.getvalue(), err.getvalue()) == ("done\n", "noted\n")


def test_a_pipe_gets_one_line_for_each_host_however_long() -> None:
    out = io.StringIO()
    column = Column[str]("Name", lambda text: text)
    with redirect_stdout(out):
        Terminal().show_hosts([column], ["x" * 500], column)
    assert len(out.getvalue().splitlines()) == 3


def test_what_an_encoding_lacks_is_escaped() -> None:
    raw = io.BytesIO()
    with redirect_stdout(io.TextIOWrapper(raw, encoding="ascii")) as out:
        terminal = Terminal()
        terminal.say("größe")
        out.flush()
    assert raw.getvalue() == b"gr\\xf6\\xdfe\n"
    assert not terminal.speaks_unicode
