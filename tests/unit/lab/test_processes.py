"""What a program of the laboratory is started with, and without."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from adapters.config.settings import Settings
from lab.processes import environment, free_port, start

OF_A_SHELL = [
    *("EVENT_DEADLINE_SECONDS", "CONFIRM_SECONDS", "MAX_DEPTH", "THREADS", "LOG_LEVEL"),
    *("VCENTER_URL", "VCENTERS_FILE", "VROPS_PASSWORD_FILE", "REQUIRE_VERIFICATION"),
    *("FUNCTION_TARGET", "PORT", "WORKERS", "SIMULATOR_PASSWORD"),
]


@pytest.mark.parametrize("name", sorted({*OF_A_SHELL, *Settings.variables()}))
def test_a_setting_of_somebodys_shell_reaches_no_program(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    assert name not in environment()
    assert environment(None, **{name: "2"})[name] == "2"


@pytest.mark.parametrize("name", ["LANG", "LOG_DIR", "MAX_JOBS", "VROPS"])
def test_what_is_no_setting_stays(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    assert environment()[name] == "1"


@pytest.fixture(params=[signal.SIG_IGN, signal.default_int_handler])
def handler(request: pytest.FixtureRequest) -> Iterator[object]:
    """What this process does on SIGINT; a shell without job control lets it be ignored."""
    before = signal.signal(signal.SIGINT, request.param)
    yield request.param
    signal.signal(signal.SIGINT, before)


def test_a_program_hears_ctrl_c_even_where_we_do_not(handler: Callable[..., object]) -> None:
    says = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    with start([sys.executable, "-c", says], stdout=subprocess.PIPE) as process:
        assert process.communicate()[0] == b"True\n"
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_port_is_the_wanted_one_or_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert free_port(port) != port
    assert free_port(port) == port
