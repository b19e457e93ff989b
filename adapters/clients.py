"""Everybody we talk to: vRealize Operations and the vCenters, connected by the settings."""

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from adapters.config.credentials import CredentialSource, EnvironCredentials
from adapters.config.settings import Settings, VCenterSettings
from adapters.memory import EventMemory
from adapters.outgoing.deadline import remaining
from adapters.outgoing.side_by_side import side_by_side
from adapters.vrops import Vrops
from functions.context import Context, VCenters
from functions.outcomes import SweepListener

if TYPE_CHECKING:
    from adapters.vcenter import VSphere

_LOGIN_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 3.0


class Clients:
    """The clients of one process; nobody is called before there is something to ask.

    Who asks a vCenter goes on to vRealize Operations, so that it is logged in to both at once.

    Raises ConfigurationError if credentials cannot be read, or a package is missing.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._login: threading.Thread | None = None
        self.vspheres = [_vsphere(each, self._log_in_meanwhile) for each in settings.vcenters]
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
        if self._login:
            self._login.join(_CLOSE_SECONDS)
        self.operations.close()
        for vsphere in self.vspheres:
            vsphere.close()

    def _log_in_meanwhile(self) -> None:
        """Log in to vRealize Operations in a thread, which ends with the login; one at a time."""
        if self._login and self._login.is_alive():
            return
        seconds = min(remaining(), _LOGIN_SECONDS)
        log_in = self.operations.log_in
        self._login = threading.Thread(target=log_in, args=[seconds], name="login", daemon=True)
        self._login.start()

    def _uuid_of(self, address: str) -> str:
        vcenter = self.vcenters.at(address)
        return vcenter.instance_uuid if vcenter else ""


def _vsphere(settings: VCenterSettings, meanwhile: Callable[[], None]) -> "VSphere":
    # pyVmomi is optional, and takes longer to import than everything else together.
    from adapters.vcenter import VSphere

    credentials = _credentials(settings.secret_id, settings.source, "VCENTER")
    return VSphere(settings, credentials, meanwhile=meanwhile)


def _credentials(
    secret_id: str | None, source: Mapping[str, str], service: str
) -> CredentialSource:
    if secret_id is None:
        return EnvironCredentials(source, service)
    # boto3 is there on Lambda, and heavy everywhere.
    from adapters.config.aws_secrets import AwsSecret

    return AwsSecret(secret_id, service)
