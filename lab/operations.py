"""The vRealize Operations of a laboratory: the simulator, in a process of its own."""

import json
import ssl
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from lab.processes import environment, free_port, started
from lab.variables import write_secret
from lab.vcenters import ADDRESS, HOSTS, VCenter

# A lookup by a part of its name finds this one, too; it is never meant.
NEIGHBOUR: Final = f"test-{HOSTS[0]}"


class Operations:
    """A running simulator, whose files are in ``folder``."""

    def __init__(self, port: int, folder: Path) -> None:
        self.url = f"https://127.0.0.1:{port}"
        self.ca_file = folder / "ca.pem"
        self.password_file = folder / "password"

    @property
    def variables(self) -> dict[str, str]:
        """What the function has to be told to reach it."""
        return {
            "VROPS_URL": self.url,
            "VROPS_USERNAME": "admin",
            "VROPS_PASSWORD_FILE": str(self.password_file),
            "VROPS_CA_FILE": str(self.ca_file),
        }

    def states(self) -> dict[str, str]:
        """Return every host's state by its name."""
        return {host["name"]: host["state"] for host in self._state()["hosts"]}

    def calls(self) -> dict[str, Any]:
        """Return how many calls arrived so far (``count``), and the ``latest`` of them."""
        return dict(self._state()["calls"])

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self._state())
        except OSError:
            return False

    def _state(self) -> Any:
        trust = ssl.create_default_context(cafile=self.ca_file)
        with urllib.request.urlopen(f"{self.url}/_simulator/state", context=trust) as reply:
            return json.load(reply)


@contextmanager
def running(folder: Path, vcenter: VCenter, port: int = 0) -> Iterator[Operations]:
    """Run one that knows the hosts of ``vcenter``, and a neighbour; at ``port`` if that is free."""
    port = free_port(port)
    operations = Operations(port, folder)
    operations.ca_file.unlink(missing_ok=True)
    write_secret(operations.password_file, "a password of the laboratory's own\n")
    command = [sys.executable, "-m", "simulator", "--port", str(port), *_files(operations)]
    command += ["--vcenter", f"{ADDRESS},{ADDRESS},{vcenter.uuid}", *_hosts(vcenter)]
    log = folder / "simulator.log"
    with started(command, port, log, environ=environment(), answers=lambda _: operations.is_up()):
        yield operations


def _files(operations: Operations) -> list[str]:
    files = {"--ca-file": operations.ca_file, "--password-file": operations.password_file}
    return [str(word) for option in files.items() for word in option]


def _hosts(vcenter: VCenter) -> list[str]:
    hosts = [f"{name},{moref},{ADDRESS}" for name, moref in vcenter.morefs.items()]
    hosts.append(f"{NEIGHBOUR},host-1001,another.lab.local")
    return [word for host in hosts for word in ("--host", host)]
