"""What can be done to a simulator that runs in a process of its own."""

from pathlib import Path
from urllib.parse import urlsplit

from lab.operations import Operations
from simulator import Simulator


def test_faults_of_a_running_simulator_are_added_and_cleared(tmp_path: Path) -> None:
    with Simulator(ca_file=tmp_path / "ca.pem") as simulator:
        operations = Operations(urlsplit(simulator.url).port or 0, tmp_path)
        operations.fault(status=503, count=2)
        assert [(each.status, each.count) for each in simulator.faults] == [(503, 2)]
        operations.clear_faults()
        assert simulator.faults == []
