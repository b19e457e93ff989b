"""The examples that people may copy do what they say."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab.events import ENTER, EXIT, HTTP_FORMATS, ping
from lab.processes import Function, function
from simulator import Host, Simulator, VCenter

UUID = "5a1d9f0e-7c52-4d0b-9a5c-0e6f3c1b2a4d"
HEADING = "moref,name,maintenance,changed\n"


@pytest.fixture
def operations() -> Iterator[Simulator]:
    vcenter = VCenter("vc", "vcenter.lab.local", UUID)
    with Simulator([Host("esx01.lab.local", "host-1001", "vc")], [vcenter]) as running:
        yield running


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "inventory.csv"


@pytest.fixture
def running(operations: Simulator, table: Path, tmp_path: Path) -> Iterator[Function]:
    """The function with a vCenter client of one's own."""
    source = "examples/own_vcenter.py"
    with function(tmp_path / "log", operations, source=source, INVENTORY=str(table)) as started:
        yield started


def test_a_vcenter_of_ones_own_says_what_is_true(
    running: Function, operations: Simulator, table: Path
) -> None:
    for says, state in (("yes", "MAINTAINED_MANUAL"), ("no", "STARTED")):
        row = f"host-1001,esx01.lab.local,{says},{datetime.now(UTC).isoformat()}"
        table.write_text(f"{HEADING}{row}\n", encoding="utf-8")
        for event in (ENTER, EXIT):
            reply = running.send(HTTP_FORMATS["router-binary"](event).request())
            assert reply.startswith(b"HTTP/1.1 204")
            assert operations.state("esx01.lab.local") == state


def test_a_vcenter_of_ones_own_is_swept(
    running: Function, operations: Simulator, table: Path
) -> None:
    row = f"host-1001,esx01.lab.local,yes,{datetime.now(UTC).isoformat()}"
    table.write_text(f"{HEADING}{row}\n", encoding="utf-8")
    assert running.send(ping().request()).startswith(b"HTTP/1.1 204")
    assert operations.state("esx01.lab.local") == "MAINTAINED_MANUAL"


def test_a_vcenter_of_ones_own_that_cannot_be_asked_is_asked_again(
    running: Function, operations: Simulator
) -> None:
    reply = running.send(HTTP_FORMATS["router-binary"](ENTER).request())
    assert reply.startswith(b"HTTP/1.1 503")
    assert operations.state("esx01.lab.local") == "STARTED"
