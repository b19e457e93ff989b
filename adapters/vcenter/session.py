"""One session for all threads, begun when it is needed and once more when it has ended.

Sources: vSphere Web Services SDK Programming Guide: a session ends after 30 idle minutes, and what
is asked without one is answered with NotAuthenticated.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from pyVmomi import vim

from adapters.config.credentials import CredentialSource
from adapters.config.settings import Credentials, VCenterSettings
from adapters.outgoing import tally
from adapters.outgoing.breaker import CircuitBreaker
from adapters.outgoing.deadline import deadline
from adapters.outgoing.login import Authenticator, Login, log_in
from adapters.outgoing.tls import Trust
from adapters.vcenter import versions
from adapters.vcenter.faults import ObjectGoneError, SessionEndedError, VersionRefusedError
from adapters.vcenter.stub import Stub
from functions.errors import AuthenticationError, MaintenanceError, VCenterUnavailableError
from functions.events import vcenter_address

T = TypeVar("T")

_logger: Final = logging.getLogger(__name__)

# Logins that one question may cause: the session may be ended again while it is being used.
_LOGINS: Final = 3
_LOGOUT_SECONDS: Final = 3.0


@dataclass(frozen=True, eq=False, repr=False)
class Session:
    """A vCenter that has let us in: its ServiceContent, and the stub to ask it through."""

    service: str
    stub: Stub
    content: Any


@dataclass(repr=False)
class _Identity:
    """Which vCenter it was that answered first."""

    service: str
    uuid: str = ""

    def recognise(self, uuid: str) -> None:
        """Refuse another one behind the same address: its MoRefs mean other hosts."""
        self.uuid = self.uuid or uuid
        if uuid.casefold() != self.uuid.casefold():
            raise VCenterUnavailableError(
                f"{self.service} is another vCenter than before, {uuid} instead of {self.uuid};"
                " if that is right, restart this process",
                lasting=True,
            )


class Sessions:
    """The sessions of a process with one vCenter, one at a time.

    ``meanwhile`` begins what can be done while a session is begun, and returns at once.
    """

    def __init__(
        self,
        settings: VCenterSettings,
        credentials: CredentialSource,
        clock: Callable[[], float] = time.monotonic,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        self._meanwhile = meanwhile
        self._service = f"vCenter {vcenter_address(settings.url)}"
        breaker = CircuitBreaker(
            self._service, VCenterUnavailableError, clock=clock, party="vcenter"
        )
        trust = Trust(
            settings.ca_file,
            insecure=settings.insecure_tls,
            strict=settings.strict_tls,
            clock=clock,
        )
        self._new_stub = partial(Stub, settings, self._service, trust, breaker)
        acquire = partial(log_in, credentials, self._begin)
        self._auth = Authenticator(self._service, VCenterUnavailableError, acquire, clock)
        self._identity = _Identity(self._service)

    def run(self, ask: Callable[[Session], T]) -> T:
        """Return what ``ask`` finds out in a session, a new one if the last one has ended.

        Raises VCenterUnavailableError, AuthenticationError or RequestRejectedError.
        """
        for _ in range(_LOGINS):
            login = self._auth.login()
            try:
                with self._gone_is_unavailable():
                    answer = ask(login.granted)
            except SessionEndedError:
                self._auth.reject(login)
                login.granted.stub.close()
            else:
                self._auth.confirm(login)
                return answer
        self._auth.pause()
        raise AuthenticationError(f"{self._service} ends the sessions that it begins")

    @contextmanager
    def lasting(self) -> Iterator[None]:
        """Go on in a session that cannot be replaced: if it ends, VCenterUnavailableError."""
        try:
            with self._gone_is_unavailable():
                yield
        except VersionRefusedError as refused:
            raise VCenterUnavailableError(str(refused)) from None
        except SessionEndedError:
            raise VCenterUnavailableError(f"{self._service} ended the session meanwhile") from None

    def close(self) -> None:
        """End the session, if there is one, and close the connections; never raises."""
        login = self._auth.take()
        if login is None:
            return
        # If this fails, the session ends by itself when it has been idle for long enough.
        with suppress(MaintenanceError, SessionEndedError), deadline(_LOGOUT_SECONDS):
            login.granted.content.sessionManager.Logout()
        login.granted.stub.close()

    @contextmanager
    def _gone_is_unavailable(self) -> Iterator[None]:
        try:
            yield
        except ObjectGoneError:
            raise VCenterUnavailableError(f"{self._service} lost what it was asked about") from None

    def _begin(self, credentials: Credentials) -> Login[Session]:
        self._meanwhile()
        stub = self._new_stub()
        try:
            with self.lasting():
                stub.speak(self._version(stub))
                content = self._content(stub)
                tally.login("vcenter")
                password = credentials.password.reveal()
                content.sessionManager.Login(userName=credentials.username, password=password)
        except BaseException:
            stub.close()
            raise
        return Login(Session(self._service, stub, content))

    def _version(self, stub: Stub) -> versions.ApiVersion:
        """Read which one it is anew for each session: a vCenter may have been upgraded."""
        version = versions.agreed(versions.listed(stub.file(versions.FILE)), self._service)
        _logger.debug("%s is asked in API version %s", self._service, version.number)
        return version

    def _content(self, stub: Stub) -> Any:
        """Ask who is there, before a password is sent: an ESXi host would not know the others."""
        content = vim.ServiceInstance("ServiceInstance", stub).RetrieveContent()
        if content.about.apiType != "VirtualCenter" or not content.about.instanceUuid:
            told = f"{self._service} is no vCenter; is its URL right?"
            raise VCenterUnavailableError(told, lasting=True)
        self._identity.recognise(str(content.about.instanceUuid))
        return content
