"""Everybody we talk to: vRealize Operations and the vCenters, connected by the settings."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from adapters.config.credentials import CredentialSource, EnvironCredentials
from adapters.config.settings import Settings, VCenterSettings
from adapters.memory import EventMemory
from adapters.outgoing.side_by_side import side_by_side
from adapters.vrops import Vrops
from functions.context import Context, VCenters
from functions.outcomes import SweepListener

if TYPE_CHECKING:
    from adapters.vcenter import VSphere


class Clients:
    """The clients of one process; nobody is called before there is something to ask.

    Raises ConfigurationError if credentials cannot be read, or a package is missing.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self.vspheres = [_vsphere(each) for each in settings.vcenters]
        self.vcenters = VCenters(
            {
                address: vsphere
                for each, vsphere in zip(settings.vcenters, self.vspheres, strict=True)
                for address in each.addresses
            }
        )
        credentials = _credentials(settings.secret_id, environ, "VROPS")
        self.operations = Vrops(settings.vrops, credentials, uuid_of=self._uuid_of)

    def context(self, listener: SweepListener) -> Context:
        """Return what handlers work with; ``listener`` is told how sweeps go."""
        policy = self._settings.policy
        return Context(
            self.operations, self.vcenters, EventMemory(), policy, listener, together=side_by_side
        )

    def close(self) -> None:
        """Give up token, sessions and connections; never raises."""
        self.operations.close()
        for vsphere in self.vspheres:
            vsphere.close()

    def _uuid_of(self, address: str) -> str:
        vcenter = self.vcenters.at(address)
        return vcenter.instance_uuid if vcenter else ""


def _vsphere(settings: VCenterSettings) -> "VSphere":
    # pyVmomi is optional, and takes longer to import than everything else together.
    from adapters.vcenter import VSphere

    return VSphere(settings, _credentials(settings.secret_id, settings.source, "VCENTER"))


def _credentials(
    secret_id: str | None, source: Mapping[str, str], service: str
) -> CredentialSource:
    if secret_id is None:
        return EnvironCredentials(source, service)
    # boto3 is there on Lambda, and heavy everywhere.
    from adapters.config.aws_secrets import AwsSecret

    return AwsSecret(secret_id, service)
