"""One call of the vSphere API: its connection, its deadline, and what its answer means."""

import base64
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from http.client import HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

from pyVmomi import SoapStubAdapter, vmodl
from pyVmomi.VmomiSupport import F_OPTIONAL
from requests.utils import get_environ_proxies, select_proxy

from adapters.config.settings import VCenterSettings
from adapters.outgoing import tally
from adapters.outgoing.breaker import CircuitBreaker
from adapters.outgoing.deadline import remaining
from adapters.outgoing.tls import Trust
from adapters.vcenter.faults import (
    refusal,
    refusal_of_version,
    refuses_version,
    status,
    unreachable,
)
from adapters.vcenter.versions import OLDEST, ApiVersion
from functions.errors import VCenterUnavailableError

T = TypeVar("T")

# Below the idle time-outs of vCenter's proxy and of what may stand before it.
_IDLE_SECONDS: Final = 30
_BROKEN_OFF: Final = (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError)
_MAX_FILE_BYTES: Final = 64 * 1024
# Who answers so may have the file all the same (RFC 9110, status codes).
_OUTAGES: Final = (408, 429, 500, 502, 503, 504)
# How much longer than usual an answer may take, in seconds.
_slowness: ContextVar[float] = ContextVar("slowness", default=0.0)


@contextmanager
def slow_answer(seconds: float) -> Iterator[None]:
    """Give answers ``seconds`` more: whoever waits for changes over there answers when there are.

    The deadline is cut no slack by this.
    """
    token = _slowness.set(seconds)
    try:
        yield
    finally:
        _slowness.reset(token)


class Stub(SoapStubAdapter):  # type: ignore[misc]
    """The way of all calls of one session, for any number of threads.

    pyVmomi lends a connection to one call at a time, from a pool behind a lock, and parses each
    answer with a parser of its own. The session's cookie is shared and is replaced by whatever an
    answer sets; so each session has a stub of its own, and a late answer of an old session cannot
    change the cookie of the new one. Before anything else it has to be told which version to
    ``speak``.

    Calls raise VCenterUnavailableError, AuthenticationError or RequestRejectedError, and within
    this package SessionEndedError and ObjectGoneError.
    """

    def __init__(
        self,
        settings: VCenterSettings,
        service: str,
        trust: Trust,
        breaker: CircuitBreaker,
    ) -> None:
        self._settings = settings
        self._service = service
        self._trust = trust
        self._breaker = breaker
        parts = urlsplit(settings.url)
        proxy, credentials = _proxy(settings.url)
        super().__init__(
            host=parts.hostname,
            port=parts.port or 443,
            path=parts.path.rstrip("/").removesuffix("/sdk") + "/sdk",
            # From the oldest one, pyVmomi changes to any other, but never back to an older one.
            version=OLDEST,
            poolSize=settings.pool_size,
            connectionPoolTimeout=_IDLE_SECONDS,
            **proxy,
        )
        self.scheme = partial(_Connection, settings, trust, credentials)
        self.spoken = ApiVersion(OLDEST, listed=False)
        # The methods that were sent twice, for those to whom a lost answer matters.
        self.repeated: set[str] = set()

    def speak(self, version: ApiVersion) -> None:
        """Ask in this version of the API from now on."""
        self.ComputeVersionInfo(version.name)
        self.spoken = version

    def file(self, name: str) -> bytes | None:
        """Return a file beside the API, or None if there is none, or one of more than 64 KiB.

        Nobody has to be logged in; where it redirects to, nobody goes. Raises
        VCenterUnavailableError.
        """
        return self._exchange(partial(self._fetched, f"{self.path}/{name}"))

    def InvokeMethod(self, mo: Any, info: Any, args: Any, outerStub: Any = None) -> Any:
        """Send one call and return its answer, which is of the type that the API promises."""
        answer = self._exchange(partial(self._answer, mo, info, args))
        if refuses_version(answer):
            raise refusal_of_version(self._service, self.spoken)
        if isinstance(answer, vmodl.MethodFault):
            raise refusal(answer, self._service)
        return answer

    def close(self) -> None:
        """Close all connections, those in use as soon as their calls are over."""
        self.poolSize = 0
        self.DropConnections()

    def _exchange(self, ask: Callable[[], T]) -> T:
        if not remaining():
            raise VCenterUnavailableError(f"{self._service}: the event's deadline is over")
        # Who waits for changes waits for as long as there are none, which nobody has to know.
        counted = not _slowness.get()
        with self._breaker.guard(), tally.call("vcenter", counted=counted) as call:
            try:
                answer = self._trusted(ask)
                call.status = status(answer)
                return answer
            except Exception as error:
                call.status = status(error)
                failure = unreachable(error, self._service, self._settings)
                cause = error if isinstance(error, OSError) else None
            # Outside of the clause: nothing hangs on to an error that may hold the password.
            raise failure from cause

    def _trusted(self, ask: Callable[[], T]) -> T:
        used = self._trust.context
        try:
            return ask()
        except ssl.SSLCertVerificationError:
            if not self._trust.renewed(used):
                raise
        # Who is not trusted was told nothing, so that even a login may be sent again.
        return ask()

    def _answer(self, mo: Any, info: Any, args: Any) -> Any:
        """Return the answer, which may be a fault: who refuses a call can be reached."""
        try:
            return _promised(self._sent(mo, info, args), info)
        except vmodl.MethodFault as fault:
            return fault

    def _fetched(self, path: str) -> bytes | None:
        connection = self.GetConnection()
        try:
            status, content = connection.fetch(path)
        except BaseException:
            connection.close()
            raise
        self.ReturnConnection(connection)
        if status in _OUTAGES:
            raise HTTPException(f"{status} instead of {path}")
        return content if status == 200 and len(content) <= _MAX_FILE_BYTES else None

    def _sent(self, mo: Any, info: Any, args: Any) -> Any:
        try:
            return super().InvokeMethod(mo, info, args)
        except _BROKEN_OFF:
            # A password is not sent twice, every refusal counts.
            if info.name == "Login":
                raise
            self.repeated.add(info.name)
        # A connection that was kept may have been closed over there; all of them are dropped by
        # now, and everything that is ever asked may be asked twice.
        return super().InvokeMethod(mo, info, args)


class _Connection(HTTPSConnection):
    """A connection whose time-outs are cut, for every call, to what the deadline leaves."""

    def __init__(
        self,
        settings: VCenterSettings,
        trust: Trust,
        proxy_headers: dict[str, str],
        **options: Any,
    ) -> None:
        self._settings = settings
        self._proxy_headers = proxy_headers
        super().__init__(context=trust.context, **options)

    def set_tunnel(self, host: str, port: int | None = None, headers: Any = None) -> None:
        super().set_tunnel(host, port, self._proxy_headers)

    def connect(self) -> None:
        self.timeout = _within_deadline(self._settings.connect_timeout)
        super().connect()

    def request(self, *args: Any, **options: Any) -> None:
        if self.sock is None:
            self.connect()
        self.sock.settimeout(_within_deadline(self._settings.read_timeout + _slowness.get()))
        super().request(*args, **options)

    def fetch(self, path: str) -> tuple[int, bytes]:
        """Return the status of a file, and of its content what may be read of it."""
        self.request("GET", path)
        response = super().getresponse()
        content = response.read(_MAX_FILE_BYTES + 1)
        if response.length and len(content) <= _MAX_FILE_BYTES:
            raise ConnectionResetError(f"{response.length} bytes are missing")
        if not response.isclosed():
            self.close()  # The rest of it would be taken for the next answer.
        return response.status, content

    def getresponse(self) -> HTTPResponse:
        response = super().getresponse()
        # pyVmomi takes a web page that happens to be well-formed for an answer without a result.
        if "xml" not in response.getheader("Content-Type", ""):
            raise HTTPException(f"{response.status} without SOAP")
        return response


def _within_deadline(seconds: float) -> float:
    return max(min(seconds, remaining()), 0.001)


def _promised(answer: Any, info: Any) -> Any:
    absent = answer is None and info.resultFlags & F_OPTIONAL
    if not absent and not isinstance(answer, info.result):
        raise TypeError(f"{info.name} is never answered so")
    return answer


def _proxy(url: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what pyVmomi has to know of the environment's proxy, and the headers for it."""
    proxy = select_proxy(url, get_environ_proxies(url))
    if not proxy:
        return {}, {}
    parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    user = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    basic = {"Proxy-Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"}
    return (
        {"httpProxyHost": parts.hostname, "httpProxyPort": parts.port or 80},
        basic if parts.username else {},
    )
