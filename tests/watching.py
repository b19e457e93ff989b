"""vCenters that are watched: they change, come and go, and what is true of them outlives that."""

import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from lab.processes import Function, free_port, watcher
from simulator import Host, Simulator, Switches, VCenter
from simulator.calls import Call
from tests.vcenters import Vcsim, vcsim

# Longer than any of this takes: it only ends what would hang.
PATIENCE_SECONDS: Final = 200.0


class Watched:
    """A vcsim that keeps address, UUID and the modes of its hosts, however often it is restarted.

    Its certificate is another one each time; ``ca_file`` has that of the last start. Its hosts
    change their modes also while it is stopped. ``ever_known`` are the names of all, those that
    were removed among them.
    """

    def __init__(self, folder: Path, hosts: int) -> None:
        folder.mkdir(exist_ok=True)
        self.name = folder.name
        self.ca_file = folder / "ca.pem"
        self.entered: set[str] = set()
        self.ever_entered: set[str] = set()
        self._left: set[str] = set()
        self._count = hosts
        self._port = free_port()
        self._uuid = ""
        self.password = secrets.token_urlsafe()
        self._password_file = folder / "password"
        self._password_file.write_text(self.password, encoding="utf-8")
        self._running = ExitStack()
        self.vcsim = self._started(hosts)
        self.is_up = True
        self.url, self._uuid, self._username = (
            self.vcsim.url,
            self.vcsim.uuid,
            self.vcsim.username,
        )
        self.morefs = {host.name: host.moref for host in self.vcsim.hosts}
        self.ever_known = list(self.morefs)
        self.address = self.vcsim.address
        self.known = VCenter(self.name, self.address, self._uuid)

    @property
    def hosts(self) -> list[str]:
        """The names of all hosts."""
        return list(self.morefs)

    @property
    def table(self) -> str:
        """What a watcher has to be told, for a file with several vCenters."""
        told = {
            "url": self.url,
            "username": self._username,
            "password_file": self._password_file,
            "ca_file": self.ca_file,
        }
        return "\n".join([f"[{self.name}]", *(f'{key} = "{text}"' for key, text in told.items())])

    def start(self, hosts: int | None = None) -> None:
        """Start it again; for once it may have another number of ``hosts``."""
        self.vcsim = self._started(self._count if hosts is None else hosts)
        self.is_up = True

    def stop(self) -> None:
        """End it at once, whatever it is asked at that moment."""
        self.is_up = False
        self._running.close()

    @contextmanager
    def away(self) -> Iterator[int]:
        """Have it stopped meanwhile; yields its port, where another one may listen."""
        self.stop()
        yield self._port
        self.start()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Let it answer nobody meanwhile, though whoever connects finds somebody."""
        os.kill(self.vcsim.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.vcsim.pid, signal.SIGCONT)

    def trust(self, certificate: bytes) -> None:
        """Let those who ask trust whoever has this certificate."""
        unfinished = self.ca_file.with_suffix(".new")
        unfinished.write_bytes(certificate)
        unfinished.replace(self.ca_file)

    def change(self, *names: str) -> None:
        """Let hosts enter maintenance mode, or leave it where they are in it."""
        for name in names:
            if name in self.entered:
                self.entered.remove(name)
                self._left.add(name)
                self._tell(lambda vcsim: vcsim.leave, name)
            else:
                self.entered.add(name)
                self.ever_entered.add(name)
                self._tell(lambda vcsim: vcsim.enter, name)

    def remove(self, name: str) -> None:
        """Remove a host for good."""
        self.vcsim.remove(self.morefs.pop(name))
        self.entered.discard(name)

    def _tell(self, verb: Callable[[Vcsim], Callable[[str], None]], name: str) -> None:
        if self.is_up:
            verb(self.vcsim)(self.morefs[name])

    def _started(self, hosts: int) -> Vcsim:
        entered, left = (_numbers(names if hosts else ()) for names in (self.entered, self._left))
        running = vcsim(
            hosts,
            password=self.password,
            port=self._port,
            uuid=self._uuid,
            entered=entered,
            left=[number for number in left if number not in entered],
        )
        started = self._running.enter_context(running)
        self.trust(started.ca_file.read_bytes())
        return started


class Field:
    """vCenters, and the vRealize Operations that is to agree with all of them in the end."""

    def __init__(self, folder: Path, operations: Simulator, *vcenters: Watched) -> None:
        self.operations = operations
        self.vcenters = vcenters
        self._folder = folder
        self._watchers: list[Function] = []

    @contextmanager
    def watcher(self, **settings: str) -> Iterator[Function]:
        """Run a watcher of all vCenters."""
        number = len(self._watchers)
        file = self._folder / "vcenters.toml"
        file.write_text("\n".join(each.table for each in self.vcenters), encoding="utf-8")
        told = {
            "VCENTERS_FILE": str(file),
            "MAINTENANCE_LEASE_MINUTES": "120",
            **settings,
        }
        with watcher(self._folder / f"watcher-{number}.log", self.operations, **told) as running:
            self._watchers.append(running)
            yield running

    def settled(self, *vcenters: Watched) -> None:
        """Wait until both sides agree, and check that nothing wrong was ever written."""
        self.until(lambda: all(self._agrees(each) for each in vcenters or self.vcenters))
        wrong = self.silenced() - {id for each in self.vcenters for id in self._ever_entered(each)}
        assert not wrong, f"silenced, but never in maintenance mode: {wrong}"

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds; raises AssertionError, with all logs, if it never does."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            if time.monotonic() > ends:
                raise AssertionError("\n\n".join(each.output for each in self._watchers))
            time.sleep(0.05)

    def silenced(self) -> set[str]:
        """Return the identifiers of whom maintenance was to be started, whatever the answer was."""
        return {id for call in self.writes("PUT") for id in _identifiers(call)}

    def writes(self, *methods: str) -> list[Call]:
        """Return the writes that have arrived, with these methods if any are named."""
        writes = [call for call in self.operations.calls if call.path.endswith("/maintained")]
        return [call for call in writes if call.method in (methods or ("PUT", "DELETE"))]

    def _agrees(self, vcenter: Watched) -> bool:
        states = self.operations.states()
        # Hosts of two vCenters may have the same name.
        of_it = {
            name: states.get(f"{vcenter.name}/{name}", states.get(name, ""))
            for name in vcenter.ever_known
        }
        return {name for name in of_it if of_it[name].startswith("MAINTAINED")} == vcenter.entered

    def _ever_entered(self, vcenter: Watched) -> list[str]:
        found = (self.operations.resource(name, vcenter.name) for name in vcenter.ever_entered)
        return [each.id for each in found]


@contextmanager
def field(folder: Path, *hosts: int, **switches: float) -> Iterator[Field]:
    """Have a vCenter with each number of ``hosts``, and a vRealize Operations that knows them."""
    with ExitStack() as stack:
        vcenters = []
        for number, count in enumerate(hosts, 1):
            vcenters.append(Watched(folder / f"vc{number}", count))
            stack.callback(vcenters[-1].stop)
        operations = stack.enter_context(_collecting(vcenters, **switches))
        yield Field(folder, operations, *vcenters)


def _collecting(vcenters: list[Watched], **switches: float) -> AbstractContextManager[Simulator]:
    hosts = [
        Host(name, moref, vcenter.name)
        for vcenter in vcenters
        for name, moref in vcenter.morefs.items()
    ]
    known = [vcenter.known for vcenter in vcenters]
    return Simulator(hosts, known, switches=Switches(**switches))  # type: ignore[arg-type]


def _identifiers(call: Call) -> list[str]:
    return parse_qs(call.query).get("id") or [call.path.split("/")[-2]]


def _numbers(names: set[str] | tuple[()]) -> list[int]:
    return [int(name.removeprefix("esx").partition(".")[0]) for name in names]
