"""Everybody we talk to: vRealize Operations and the vCenters, connected by the settings."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from adapters.credentials import CredentialSource, EnvironCredentials
from adapters.memory import EventMemory
from adapters.settings import Settings, VCenterSettings
from adapters.vrops import Vrops
from functions.mirror import Mirror, VCenters
from functions.outcomes import Watcher

if TYPE_CHECKING:
    from adapters.vcenter import VSphere


class Parties:
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

    def mirror(self, watcher: Watcher) -> Mirror:
        """Return what handlers work with; ``watcher`` is told how sweeps go."""
        return Mirror(
            self.operations,
            self.vcenters,
            EventMemory(),
            lease_minutes=self._settings.lease_minutes,
            require_verification=self._settings.require_verification,
            max_changes=self._settings.max_changes,
            watcher=watcher,
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


def _credentials(secret_id: str | None, source: Mapping[str, str], party: str) -> CredentialSource:
    if secret_id is None:
        return EnvironCredentials(source, party)
    # boto3 is there on Lambda, and heavy everywhere.
    from adapters.aws_secrets import AwsSecret

    return AwsSecret(secret_id, party)
