"""send: which host is meant, as its vCenter knows it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import click

from adapters.cli.call import Call
from adapters.cli.connection import connected
from adapters.cli.ports import ConnectedClients
from adapters.cli.terminal import Terminal, plain
from functions.events import HostRef
from functions.ports import VCenter

_NAME_VCENTER: Final = "add --vcenter: an event comes from one"


def find_host(given: HostRef, call: Call) -> HostRef:
    """Return the host that is meant; nobody is asked where ``given`` tells, or none is configured.

    A host that no vCenter knows is returned as it is given. Raises UsageError if it stays open
    which host is meant, or which vCenter, ConfigurationError, and what VCenter does.
    """
    if _is_complete(given) or not _is_vcenter_configured(call.environ):
        return _as_given(given)
    with connected(call.environ, call.connect) as (_, clients):
        return _looked_up(given, clients, call.terminal)


def _is_complete(host: HostRef) -> bool:
    return bool(host.moref and host.vcenter)


def _is_vcenter_configured(environ: Mapping[str, str]) -> bool:
    """Say whether any variable tells how to reach one."""
    return any(name.startswith("VCENTER") and value for name, value in environ.items())


def _as_given(host: HostRef) -> HostRef:
    if not host.vcenter:
        raise click.UsageError(_NAME_VCENTER)
    return host


def _looked_up(host: HostRef, clients: ConnectedClients, terminal: Terminal) -> HostRef:
    """Let the configured vCenters complete ``host``, or the one that it names."""
    asked = [each for each in clients.vspheres if _may_have(each, host, clients)]
    if host.moref or not asked:
        return _of_the_one(host, asked)
    named = _named(host, asked, terminal)
    if len(named) > 1:
        raise click.UsageError(_ambiguous(host, named))
    if named:
        return replace(named[0], vcenter=host.vcenter or named[0].vcenter)
    terminal.note(f"note: vCenter knows no host {host.name}; its name alone is sent")
    return _of_the_one(host, asked)


def _named(host: HostRef, asked: Sequence[VCenter], terminal: Terminal) -> list[HostRef]:
    with terminal.busy("looking for the host in vCenter"):
        found = [each.host for vcenter in asked for each in vcenter.hosts()]
    return [each for each in found if each.name.casefold() == host.name.casefold()]


def _may_have(vcenter: VCenter, host: HostRef, clients: ConnectedClients) -> bool:
    return not host.vcenter or clients.vcenters.at(host.vcenter) is vcenter


def _of_the_one(host: HostRef, asked: Sequence[VCenter]) -> HostRef:
    only = asked[0].address if len(asked) == 1 else ""
    return _as_given(replace(host, vcenter=host.vcenter or only))


def _ambiguous(host: HostRef, named: Sequence[HostRef]) -> str:
    options = [f"  --moref {each.moref} --vcenter {each.vcenter}" for each in named]
    said = [f"{len(named)} hosts are called {host.name}; say which one:", *options]
    return "\n".join(plain(line) for line in said)
