"""adapters.watch.supervisor: systemd is told, and nothing comes of it if nobody listens."""

import socket
import uuid
from pathlib import Path

import pytest

from adapters.watch import supervisor


@pytest.mark.parametrize("abstract", [False, True])
def test_whoever_listens_is_told(tmp_path: Path, abstract: bool) -> None:
    name = f"@{uuid.uuid4()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name[1:]}" if abstract else name)
        supervisor.notify("READY=1", {"NOTIFY_SOCKET": name})
        assert listener.recv(100) == b"READY=1"


@pytest.mark.parametrize(
    "name",
    ["", "/no/such/socket", "@", "@nobody", "/", "vsock:2:1234", "x" * 500, "\udcff", "notify\n"],
)
def test_a_name_that_nobody_listens_at_does_no_harm(name: str) -> None:
    supervisor.notify("WATCHDOG=1", {"NOTIFY_SOCKET": name})


def test_without_a_name_nobody_is_told() -> None:
    supervisor.notify("READY=1", {})


def test_who_listens_and_never_reads_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.watch.supervisor._TIMEOUT_SECONDS", 0.01)
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name)
        for _ in range(50):
            supervisor.notify("WATCHDOG=1" * 1000, {"NOTIFY_SOCKET": name})
