"""The VCenter port on the vSphere API, and what people ask beyond it."""

import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from adapters.config.credentials import CredentialSource
from adapters.config.settings import VCenterSettings
from adapters.outgoing.grouping import Grouping
from functions.errors import (
    ConfigurationError,
    HostGoneError,
    VCenterUnavailableError,
)
from functions.events import HostRef, vcenter_address
from functions.ports import Companion, ModeChange, Surroundings, VCenterHost

try:
    from adapters.vcenter import inventory
    from adapters.vcenter.companions import Companions
    from adapters.vcenter.history import History
    from adapters.vcenter.session import Sessions
except ModuleNotFoundError as missing:
    if missing.name != "pyVmomi":
        raise
    _INSTALLED = False
else:
    _INSTALLED = True

if TYPE_CHECKING:
    from adapters.vcenter.updates import HostUpdates

_MODES_AT_ONCE: Final = 250


class VSphere:
    """A VCenter that asks the vSphere API; the role Read-only on its root, propagated, is enough.

    Nobody is called before there is something to ask. All threads share one session, and every
    call ends within the deadline. Proxies are those of the environment (HTTPS_PROXY, NO_PROXY).

    ``clock`` tells seconds; tests bring their own. ``meanwhile`` is called before each login: it
    begins what can be done at the same time, and returns at once.

    Raises ConfigurationError if pyVmomi is not installed.
    """

    def __init__(
        self,
        settings: VCenterSettings,
        credentials: CredentialSource,
        clock: Callable[[], float] = time.monotonic,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        self._address = vcenter_address(settings.url)
        if not _INSTALLED:
            raise ConfigurationError(f"vCenter {self._address} needs pyVmomi, the extra 'vcenter'")
        self._sessions = Sessions(settings, credentials, clock, meanwhile)
        self._modes: Grouping[str, bool | None] = Grouping(
            self._mode, self._modes_together, _MODES_AT_ONCE, VCenterUnavailableError
        )
        self._history = History(self._sessions, clock)
        self._companions = Companions(self._sessions, self._address, clock)
        self._instance_uuid = ""

    @property
    def address(self) -> str:
        """See VCenter.address."""
        return self._address

    @property
    def instance_uuid(self) -> str:
        """See VCenter.instance_uuid; asked for once."""
        if not self._instance_uuid:
            self._instance_uuid = self._sessions.run(inventory.instance_uuid)
        return self._instance_uuid

    def in_maintenance_mode(self, moref: str) -> bool:
        """See VCenter.in_maintenance_mode."""
        mode = self._modes.call(moref)
        if mode is None:
            raise self._gone(moref)
        return mode

    def surroundings(self, moref: str, kinds: Collection[str]) -> Surroundings:
        """See VCenter.surroundings.

        A mode that is kept from us, of another host than this one, is not among the ``modes``.
        """
        found = self._companions.surroundings(moref, kinds)
        if found is None:
            raise self._gone(moref)
        return found

    def hosts(self) -> Generator[VCenterHost, None, None]:
        """See VCenter.hosts.

        A host whose mode may not be read is left out, and a WARNING names its MoRef. A session
        that ends between two pages is a VCenterUnavailableError.
        """
        view = self._sessions.run(inventory.view_of_hosts)
        with self._sessions.lasting():
            yield from inventory.hosts(view, self._address)

    def companions(self, kinds: Collection[str]) -> Generator[Companion, None, None]:
        """See VCenter.companions; a session that ends meanwhile is a VCenterUnavailableError.

        A companion whose hosts may not be read has none, and a WARNING names its MoRef.
        """
        return self._companions.all(kinds)

    def has(self, companion: HostRef) -> bool:
        """See VCenter.has."""
        return self._companions.has(companion)

    def mode_changes(self, since: datetime, moref: str = "") -> Sequence[ModeChange]:
        """See VCenter.mode_changes; one call, unless there are 1,000 or more."""
        return self._history.mode_changes(since, moref)

    def entered(self, morefs: Collection[str]) -> Mapping[str, ModeChange]:
        """See VCenter.entered; one call, unless it takes more than 1,000 events to find all.

        The newest 10,000 enter events are looked through. An answer is remembered for a day, and
        refreshed by what ``mode_changes`` sees meanwhile.
        """
        return self._history.entered(morefs)

    @contextmanager
    def watch(self) -> Iterator["HostUpdates"]:
        """Let vCenter tell of its hosts for as long as this lasts.

        A session that ends meanwhile is a VCenterUnavailableError: begin anew, and compare all.
        """
        # Events and sweeps alone need none of this.
        from adapters.vcenter.updates import HostUpdates

        begun = self._sessions.run(partial(HostUpdates, address=self._address))
        with self._sessions.lasting(), closing(begun):
            yield begun

    def now(self) -> datetime:
        """Return the time on vCenter's clock, in UTC."""
        return self._sessions.run(inventory.current_time).astimezone(UTC)

    def api_version(self) -> str:
        """Return the version of the vSphere API that is spoken, such as ``8.0.3.0``."""
        return self._sessions.run(inventory.api_version).number

    def lists_api_versions(self) -> bool:
        """Return whether it says which versions it speaks; if not, that of 6.5 is spoken."""
        return self._sessions.run(inventory.api_version).listed

    def close(self) -> None:
        """Log out, if need be, and close the connections; never raises, and takes 3 s at most."""
        self._sessions.close()

    def _mode(self, moref: str) -> bool | None:
        return self._sessions.run(partial(inventory.in_maintenance_mode, moref=moref))

    def _modes_together(self, morefs: Sequence[str]) -> Mapping[str, bool]:
        """Read them by one call; whoever is not told asks anew, and hears why."""
        return self._sessions.run(partial(inventory.modes, morefs=morefs))

    def _gone(self, moref: str) -> HostGoneError:
        return HostGoneError(f"vCenter {self._address} has no host {moref[:80]!a}")
