"""What is checked, and in which order."""

from collections.abc import Generator, Mapping, Sequence

from adapters.cli.connection import Connect, connected
from adapters.cli.doctor import configuration, network, operations, vcenters
from adapters.cli.doctor.findings import Finding, skipped
from adapters.cli.doctor.network import Server
from adapters.cli.ports import ConnectedClients, Inspection
from adapters.config.settings import Settings
from adapters.vrops.models import Instance
from functions.errors import ConfigurationError, MaintenanceError
from functions.outcomes import SweepListener

Lines = Generator[str | Finding, None, None]


def examine(environ: Mapping[str, str], connect: Connect) -> Lines:
    """Yield a heading for each service, and below it what is found, as soon as it is.

    ``connect`` makes the clients of settings, and raises ConfigurationError where that fails.
    """
    asked = configuration.Asked(environ)
    yield "Configuration"
    try:
        with connected(asked, connect) as (settings, clients):
            yield from configuration.checked(settings, asked)
            yield from _services(settings, clients)
    except ConfigurationError as error:
        yield from configuration.wrong(error)
        yield from skipped("all others", because="the configuration is wrong")


def _services(settings: Settings, clients: ConnectedClients) -> Lines:
    yield f"vRealize Operations {settings.vrops.url}"
    inspection = clients.operations.inspection()
    let_in = yield from _operations(settings, inspection)
    instances = _instances(inspection) if let_in else None
    context = clients.context(SweepListener())
    for server, vsphere in zip(_vcenters(settings), clients.vspheres, strict=True):
        yield f"vCenter {vsphere.address}"
        reachable = yield from network.reached(server)
        yield from vcenters.examined(vsphere, context, instances, reachable)
    others = list(vcenters.not_configured(instances or (), clients.vspheres))
    if others:
        yield "Other vCenters"
        yield from others


def _operations(settings: Settings, inspection: Inspection) -> Generator[Finding, None, bool]:
    vrops = settings.vrops
    server = Server(vrops.url, vrops.ca_file, vrops.insecure_tls, "VROPS", vrops.strict_tls)
    reachable = yield from network.reached(server)
    return (yield from operations.examined(inspection, reachable))


def _vcenters(settings: Settings) -> list[Server]:
    return [
        Server(each.url, each.ca_file, each.insecure_tls, "VCENTER", each.strict_tls)
        for each in settings.vcenters
    ]


def _instances(inspection: Inspection) -> Sequence[Instance] | None:
    try:
        return inspection.instances()
    except MaintenanceError:
        return None
