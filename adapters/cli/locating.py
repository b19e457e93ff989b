"""send: which host is meant, as its vCenter knows it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import click

from adapters.cli.ports import ConnectedClients, ExtendedVCenter
from adapters.cli.terminal import Terminal, plain
from functions.events import HostRef

_NAME_VCENTER = "add --vcenter: an event comes from one"


def is_complete(host: HostRef) -> bool:
    """Whether nobody has to be asked which host is meant."""
    return bool(host.moref and host.vcenter)


def is_vcenter_configured(environ: Mapping[str, str]) -> bool:
    """Whether any variable says how to reach one."""
    return any(name.startswith("VCENTER") and value for name, value in environ.items())


def as_given(host: HostRef) -> HostRef:
    """Return ``host``, if there is all that an event needs; raises UsageError otherwise."""
    if not host.vcenter:
        raise click.UsageError(_NAME_VCENTER)
    return host


def looked_up(host: HostRef, clients: ConnectedClients, terminal: Terminal) -> HostRef:
    """Let the configured vCenters complete ``host``, or the one that it names.

    Raises UsageError if that leaves open which host is meant, and what VSphere does.
    """
    asked = [each for each in clients.vspheres if _may_have(each, host, clients)]
    if host.moref or not asked:
        return _of_the_one(host, asked)
    with terminal.busy("looking for the host in vCenter"):
        found = [each.host for vsphere in asked for each in vsphere.hosts()]
    named = [each for each in found if each.name.casefold() == host.name.casefold()]
    if len(named) > 1:
        raise click.UsageError(_ambiguous(host, named))
    if named:
        return replace(named[0], vcenter=host.vcenter or named[0].vcenter)
    terminal.note(f"note: vCenter knows no host {host.name}; its name alone is sent")
    return _of_the_one(host, asked)


def _may_have(vsphere: ExtendedVCenter, host: HostRef, clients: ConnectedClients) -> bool:
    return not host.vcenter or clients.vcenters.at(host.vcenter) is vsphere


def _of_the_one(host: HostRef, asked: Sequence[ExtendedVCenter]) -> HostRef:
    only = asked[0].address if len(asked) == 1 else ""
    return as_given(replace(host, vcenter=host.vcenter or only))


def _ambiguous(host: HostRef, named: Sequence[HostRef]) -> str:
    options = [f"  --moref {each.moref} --vcenter {each.vcenter}" for each in named]
    said = [f"{len(named)} hosts are called {host.name}; say which one:", *options]
    return "\n".join(plain(line) for line in said)
