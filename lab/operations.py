"""The vRealize Operations of a laboratory: the simulator, in a process of its own."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import requests

from lab.processes import TIMEOUT_SECONDS, environment, free_port, started
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

    @classmethod
    def of(cls, variables: Mapping[str, str], folder: Path) -> "Operations":
        """Return the one that runs already, by its variables."""
        return cls(int(variables["VROPS_URL"].rpartition(":")[2]), folder)

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

    def companions(self) -> dict[str, str]:
        """Return the state of each companion of hosts by its name."""
        return {each["name"]: each["state"] for each in self._state()["companions"]}

    def calls(self) -> dict[str, Any]:
        """Return how many calls arrived so far (``count``), and the ``latest`` of them."""
        return dict(self._state()["calls"])

    def silence(self, name: str) -> None:
        """Let a person start open-ended maintenance of a host, by hand."""
        self._ask("POST", "maintain", {"name": name})

    def fault(self, **fields: object) -> None:
        """Let something go wrong; ``fields`` are those of the simulator's Fault."""
        self._ask("POST", "faults", fields)

    def clear_faults(self) -> None:
        """Let everything go well again."""
        self._ask("DELETE", "faults", {})

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self._state())
        except OSError:
            return False

    def _state(self) -> Any:
        return self._ask("GET", "state")

    def _ask(self, method: str, what: str, body: object = None) -> Any:
        url, trust = f"{self.url}/_simulator/{what}", str(self.ca_file)
        reply = requests.request(method, url, json=body, verify=trust, timeout=TIMEOUT_SECONDS)
        reply.raise_for_status()
        return reply.json()


@contextmanager
def running(folder: Path, options: Sequence[str], port: int = 0) -> Iterator[Operations]:
    """Run one with these ``options`` of the simulator's command; at ``port`` if that is free."""
    port = free_port(port)
    operations = Operations(port, folder)
    operations.ca_file.unlink(missing_ok=True)
    write_secret(operations.password_file, "a password of the laboratory's own\n")
    command = [sys.executable, "-m", "simulator", "--port", str(port), *_files(operations)]
    command += options
    log = folder / "simulator.log"
    with started(command, port, log, environ=environment(), answers=lambda _: operations.is_up()):
        yield operations


def knowing(vcenter: VCenter) -> list[str]:
    """Return the options for one that knows all of ``vcenter``, and a neighbour of its hosts."""
    hosts = [f"{name},{moref},{ADDRESS}" for name, moref in vcenter.morefs.items()]
    hosts.append(f"{NEIGHBOUR},host-1001,another.lab.local")
    named = [word for host in hosts for word in ("--host", host)]
    named += [word for each in _companions(vcenter) for word in ("--companion", each)]
    return ["--vcenter", f"{ADDRESS},{ADDRESS},{vcenter.uuid}", *named]


def _companions(vcenter: VCenter) -> Iterator[str]:
    names = {moref: name for name, moref in vcenter.morefs.items()}
    for each in vcenter.companions:
        hosts = sorted(names[moref] for moref in each.hosts)
        yield ",".join([each.ref.kind, each.ref.name, each.ref.moref, *hosts])


def _files(operations: Operations) -> list[str]:
    files = {"--ca-file": operations.ca_file, "--password-file": operations.password_file}
    return [str(word) for option in files.items() for word in option]
