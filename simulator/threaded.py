"""The simulator as an object: started and stopped by a `with` statement."""

import socket
import ssl
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from simulator.app import create_app
from simulator.appliance import Appliance
from simulator.calls import Call
from simulator.clock import Clock, SystemClock
from simulator.faults import Fault
from simulator.inventory import (
    DEFAULT_VCENTER,
    GONE,
    HOST,
    Companion,
    Host,
    Inventory,
    Resource,
    VCenter,
    Window,
    generated_hosts,
)
from simulator.server import Server, listen
from simulator.switches import Switches
from simulator.tls import authority_and_context
from simulator.tokens import Credentials, Tokens

USERNAME = "admin"
DEMO_PASSWORD = "simulated"  # noqa: S105 - documented, and of no use anywhere else


class Simulator:
    """A vRealize Operations appliance that listens on this machine.

    `hosts` are hosts, names of hosts, or the number of hosts to make up; `companions` go with
    them.
    """

    def __init__(
        self,
        hosts: int | Iterable[Host | str] = 3,
        vcenters: Iterable[VCenter | str] = (),
        companions: Iterable[Companion] = (),
        *,
        switches: Switches | None = None,
        clock: Clock | None = None,
        username: str = USERNAME,
        password: str = DEMO_PASSWORD,
        bind: str = "127.0.0.1",
        port: int = 0,
        tls: bool = True,
        tls_names: Iterable[str] = (),
        ca_file: Path | None = None,
    ) -> None:
        self.clock = clock or SystemClock()
        self.switches = switches or Switches()
        self.username = username
        self.password = password
        self.tls = tls
        self._bind, self._port = bind, port
        self._tls_names = [*tls_names]
        self._wanted_ca_file = ca_file
        self._ca_file: Path | None = None
        self._server: Server | None = None
        self._appliance = self._new_appliance()
        self._fill(hosts, vcenters, companions)

    def __enter__(self) -> "Simulator":
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def start(self) -> None:
        """Listen and serve; OSError if the port is taken."""
        with ExitStack() as undo:
            listener = undo.enter_context(listen(self._bind, self._port))
            context = self._new_context() if self.tls else None
            self._server = self._serving(listener, context)
            undo.pop_all()

    def stop(self) -> None:
        """Stop serving; afterwards no thread, socket or temporary file is left."""
        self._appliance.stopping.set()
        if self._server:
            self._server.stop()
        if self._ca_file and self._wanted_ca_file is None:
            self._ca_file.unlink(missing_ok=True)

    @contextmanager
    def down(self) -> Iterator[None]:
        """Listen to nobody meanwhile; the port, and all that it knows, it keeps."""
        before = self._running
        before.stop()
        try:
            yield
        finally:
            self._server = self._serving(listen(self._bind, before.port), before.ssl_context)
            self._server.connections += before.connections

    @property
    def url(self) -> str:
        """Return where the simulator listens, such as https://127.0.0.1:8443."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._bind, self._bind)  # noqa: S104
        bracketed = f"[{host}]" if ":" in host else host
        return f"{'https' if self.tls else 'http'}://{bracketed}:{self._running.port}"

    @property
    def ca_file(self) -> Path:
        """Return where the CA's certificate is, in PEM."""
        if self._ca_file is None:
            raise RuntimeError("without TLS, or before the start, there is no CA file")
        return self._ca_file

    @property
    def connections(self) -> int:
        """Return how many TCP connections were accepted."""
        return self._running.connections

    @property
    def logins(self) -> int:
        """Return how many tokens were acquired."""
        return self._appliance.tokens.logins

    @property
    def refused_logins(self) -> int:
        """Return how often somebody tried with a wrong name or password."""
        return self._appliance.tokens.refused_logins

    @property
    def calls(self) -> list[Call]:
        """Return the calls that arrived at the Suite API, oldest first."""
        return self._appliance.calls.all()

    def clear_calls(self) -> None:
        """Forget the calls that arrived."""
        self._appliance.calls.clear()

    def state(self, name: str, vcenter: str | None = None) -> str:
        """Return the resourceState of a host, or a companion, under its owning adapter instance."""
        return self.resource(name, vcenter).state

    def states(self, kind: str = HOST) -> dict[str, str]:
        """Return the state of every host, or other `kind`; equal names become vcenter/name."""
        found = [each for each in self._appliance.inventory.resources() if each.kind == kind]
        # Stale ones first, so that a live one of the same name takes the place.
        found.sort(key=lambda each: each.state != GONE)
        owners = Counter(name for name, _ in {(each.name, each.vcenter.name) for each in found})
        return {_unique_name(each, owners): each.state for each in found}

    def resource(self, name: str, vcenter: str | None = None) -> Resource:
        """Return a host, or else a companion, with its ids; LookupError unless exactly one fits."""
        return self._appliance.inventory.find(name, vcenter)

    def maintain(
        self, name: str, *, minutes: float | None = None, vcenter: str | None = None
    ) -> None:
        """Put a host or a companion into maintenance as a person would, visible at once."""
        window = Window(None if minutes is None else self.clock.now() + 60 * minutes)
        self._appliance.inventory.maintain([self.resource(name, vcenter).id], window, 0)

    def end_maintenance(self, name: str, *, vcenter: str | None = None) -> None:
        """Take a host or a companion out of maintenance as a person would, visible at once."""
        self._appliance.inventory.end_maintenance([self.resource(name, vcenter).id], 0)

    def maintain_adapter(self, *, minutes: float | None = None, vcenter: str | None = None) -> None:
        """Put the adapter instance of a vCenter into maintenance, visible at once.

        `vcenter` is its name, which the only one needs not to tell; LookupError unless one fits.
        """
        window = Window(None if minutes is None else self.clock.now() + 60 * minutes)
        self._appliance.inventory.maintain([self._adapter_id(vcenter)], window, 0)

    def end_adapter_maintenance(self, *, vcenter: str | None = None) -> None:
        """Take the adapter instance of a vCenter out of maintenance, visible at once."""
        self._appliance.inventory.end_maintenance([self._adapter_id(vcenter)], 0)

    def adapter_state(self, vcenter: str | None = None) -> str:
        """Return the resourceState of a vCenter's adapter instance itself."""
        return self._appliance.inventory.adapter_state(self._adapter_id(vcenter))

    def add_host(self, host: Host | str) -> Resource:
        """Let a host be discovered."""
        return self._appliance.inventory.add_host(_host(host))

    def remove_host(self, name: str, vcenter: str | None = None) -> None:
        """Take a host out of its vCenter; a stale resource stays behind."""
        self._appliance.inventory.remove_host(name, vcenter)

    def add_companion(self, companion: Companion) -> Resource:
        """Let a companion be discovered; its relations show as the switches say."""
        return self._appliance.inventory.add_companion(companion)

    def relate(self, name: str, hosts: Iterable[str], vcenter: str | None = None) -> None:
        """Let a companion be related to these hosts alone; that shows as the switches say."""
        self._appliance.inventory.relate(self.resource(name, vcenter).id, hosts)

    def remove_companion(self, name: str, vcenter: str | None = None) -> None:
        """Take a companion out of its vCenter; a stale resource stays behind, still related."""
        self._appliance.inventory.remove(self.resource(name, vcenter).id)

    def revoke_tokens(self) -> None:
        """Forget every token handed out."""
        self._appliance.tokens.revoke_all()

    def fault(self, fault: Fault | None = None, /, **fields: Any) -> None:
        """Let something go wrong: a Fault, or the fields of one."""
        self._appliance.faults.add(fault or Fault(**fields))

    @property
    def faults(self) -> list[Fault]:
        """Return the faults that still wait for a call."""
        return self._appliance.faults.all()

    def clear_faults(self) -> None:
        """Let everything go well again."""
        self._appliance.faults.clear()

    @property
    def _running(self) -> Server:
        if self._server is None:
            raise RuntimeError("the simulator has not been started")
        return self._server

    def _serving(self, listener: socket.socket, context: ssl.SSLContext | None) -> Server:
        server = Server(listener, create_app(self._appliance).wsgi_app, context)
        server.start()
        return server

    def _adapter_id(self, vcenter: str | None) -> str:
        known = self._appliance.inventory.vcenters()
        found = [each for each in known if vcenter in (None, each.name)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} vCenters fit: name one of them.")
        return found[0].adapter_id

    def _new_appliance(self) -> Appliance:
        credentials = Credentials(self.username, self.password)
        return Appliance(
            self._new_inventory(),
            Tokens(credentials, self.clock, self.switches.token_lifetime),
            self.switches,
            self.clock,
        )

    def _new_inventory(self) -> Inventory:
        switches = self.switches
        return Inventory(
            self.clock,
            switches.visible_delay,
            switches.adapter_maintenance,
            switches.relation_delay,
        )

    def _fill(
        self,
        hosts: int | Iterable[Host | str],
        vcenters: Iterable[VCenter | str],
        companions: Iterable[Companion],
    ) -> None:
        inventory = self._appliance.inventory
        for vcenter in [*vcenters] or [DEFAULT_VCENTER]:
            inventory.add_vcenter(VCenter(vcenter) if isinstance(vcenter, str) else vcenter)
        if isinstance(hosts, int):
            hosts = generated_hosts(hosts, [each.name for each in inventory.vcenters()])
        for host in hosts:
            inventory.add_host(_host(host))
        for companion in companions:
            inventory.add_companion(companion, 0)

    def _new_context(self) -> ssl.SSLContext:
        own = [self._bind, "127.0.0.1", "::1", "localhost"]
        certificate, context = authority_and_context(dict.fromkeys([*own, *self._tls_names]))
        self._ca_file = _written(certificate, self._wanted_ca_file)
        return context


def _unique_name(resource: Resource, owners: Counter[str]) -> str:
    if owners[resource.name] == 1:
        return resource.name
    return f"{resource.vcenter.name}/{resource.name}"


def _host(host: Host | str) -> Host:
    return Host(host) if isinstance(host, str) else host


def _written(certificate: bytes, path: Path | None) -> Path:
    if path is None:
        with tempfile.NamedTemporaryFile(suffix=".pem", delete=False) as file:
            path = Path(file.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(certificate)
    return path
