"""The Procfile's command, run as buildpacks run it."""

import subprocess
import sys
from pathlib import Path

import pytest

from lab.events import EXAMPLES
from lab.processes import ROOT, Function, environment, free_port, wait_until_healthy


@pytest.mark.parametrize("target", ["echo", None])
def test_the_command_serves_the_target_and_ends_when_told_to(
    target: str | None, tmp_path: Path
) -> None:
    name, _, command = (ROOT / "Procfile").read_text(encoding="utf-8").partition(": ")
    assert name == "web"
    port = free_port()
    settings = environment(PORT=str(port), HOST="127.0.0.1")
    settings["PATH"] = f"{Path(sys.executable).parent}:{settings['PATH']}"
    settings |= {"FUNCTION_TARGET": target} if target else {}
    with (tmp_path / "log").open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", command], cwd=ROOT, env=settings, stdout=output, stderr=output
        )
    running = Function(process, port, tmp_path / "log")
    if target is None:
        # Mirroring is what is meant without a word, and that wants to be configured.
        assert process.wait(60) != 0
        assert "VROPS_URL is missing" in running.output
        return
    try:
        wait_until_healthy(running)
        assert running.send((EXAMPLES / "another-event.http").read_bytes()).startswith(
            b"HTTP/1.1 204 "
        )
    finally:
        code = running.stop()
    # A shell in between would have kept the signal for itself.
    assert code == 0
