"""One request to the Suite API: its URL, its token, its deadline, and what its answer means."""

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

import requests
import urllib3.exceptions as urllib3_errors

from adapters.config.credentials import CredentialSource
from adapters.config.settings import Credentials, Secret, VropsSettings
from adapters.outgoing import tally
from adapters.outgoing.breaker import CircuitBreaker
from adapters.outgoing.deadline import deadline, remaining
from adapters.outgoing.login import Authenticator, Login, log_in
from adapters.outgoing.tls import ssl_error
from adapters.vrops.transport import new_session, timeout
from functions.errors import (
    AuthenticationError,
    MaintenanceError,
    OperationsUnavailableError,
    RequestRejectedError,
)

Params = Mapping[str, Any]
Token = Login[Secret]
T = TypeVar("T")

PAGE_SIZE: Final = 1000
_SERVICE: Final = "vRealize Operations"
_MAX_PAGES: Final = 1000
# Servers and proxies cut off what is longer than some 8 KB; half of that is safe with any prefix.
_MAX_QUERY_LENGTH: Final = 4000
_BATCH: Final = _MAX_QUERY_LENGTH // len("&resourceId=01234567-89ab-cdef-0123-456789abcdef")
# Logins that one request may cause: the token may be revoked again while it is being used.
_LOGINS: Final = 3
_RELEASE_SECONDS: Final = 3.0
_SCHEMES: Final = ("vRealizeOpsToken", "OpsToken")
_MAX_RETRY_AFTER: Final = 3600
_LATEST: Final = 1e15
_PRIVILEGE: Final = (
    "the account lacks a privilege: its role needs 'All other Read, Write APIs' under"
    " Administration > Access Control > REST APIs, and its scope the vSphere hosts"
)
_UNREACHABLE: Final[tuple[tuple[type[Exception], str], ...]] = (
    (requests.exceptions.ProxyError, "the proxy does not let us through"),
    (requests.exceptions.Timeout, "it does not answer in time"),
    (requests.exceptions.ConnectionError, "it cannot be reached"),
    (OSError, "the exchange broke off"),
    (ValueError, "its address makes no sense (VROPS_URL)"),
)


@dataclass(frozen=True)
class Answer:
    """An answer of the Suite API; ``what`` names the request in messages."""

    what: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    decode: Callable[[], Any] = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the request was done: the API documents 200 and 204, any 2xx is as good.

        Any but a web page, which some load balancers send with a 200 when there is no server.
        """
        page = "html" in self.headers.get("Content-Type", "") and self.body
        return 200 <= self.status < 300 and not page

    def object(self) -> dict[str, Any]:
        """Return the JSON object, or raise OperationsUnavailableError if the body is none."""
        try:
            value = self.decode()
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise OperationsUnavailableError(f"{self.what} was not answered with a JSON object")
        return value


class SuiteApi:
    """The Suite API of one vRealize Operations, for all threads of a process.

    Every method raises OperationsUnavailableError, AuthenticationError or RequestRejectedError,
    and nothing else, when the answer is not one that the caller tolerates.
    """

    def __init__(
        self,
        settings: VropsSettings,
        credentials: CredentialSource,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._auth_source = settings.auth_source
        self._base = f"{settings.url}/suite-api/api"
        self._session = new_session(settings, clock)
        # requests passes urllib3's own Timeout through, though its types do not say so.
        self._timeout: Any = timeout(settings)
        self._breaker = CircuitBreaker(_SERVICE, OperationsUnavailableError, clock=clock)
        acquire = partial(log_in, credentials, self._acquire)
        self._auth = Authenticator(_SERVICE, OperationsUnavailableError, acquire, clock)
        automatic = settings.auth_scheme == "auto"
        self._schemes = _SCHEMES if automatic else (settings.auth_scheme,)
        self._scheme = self._schemes[0]

    def request(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        tolerated: Collection[int] = (),
        body: Params | None = None,
    ) -> Answer:
        """Send an authorised request; answers other than 2xx and ``tolerated`` are raised.

        A ``body`` is sent as JSON. POST is not tried again.
        """
        for _ in range(_LOGINS):
            token = self._auth.login()
            answer = self._authorised(token, method, path, tolerated, params=params, json=body)
            if answer.status != 401:
                self._auth.confirm(token)
                return answer
            self._auth.reject(token)
        self._auth.pause()
        raise AuthenticationError(
            "vRealize Operations refuses the tokens that it issues (see VROPS_AUTH_SCHEME)"
        )

    def get(self, path: str, params: Params | None = None) -> dict[str, Any]:
        """Read one JSON object."""
        return self.request("GET", path, params).object()

    def pages(self, path: str, params: Params, key: str) -> Iterator[dict[str, Any]]:
        """Read a list to its end, page by page from 0, following its count and not its links.

        The links hold a literal ``&amp;`` (seen on 8.18.7), and a server may grant smaller pages.
        """
        yield from self.answers("GET", path, params, key)

    def answers(
        self,
        method: str,
        path: str,
        params: Params,
        key: str,
        body: Params | None = None,
        harmless: Collection[int] = (),
    ) -> Iterator[dict[str, Any]]:
        """Do as ``pages`` for what is asked by any method.

        A ``harmless`` status is a RequestRejectedError, and says nothing of whether the server is
        well.
        """
        read = 0
        for page in range(_MAX_PAGES):
            paging = {**params, "page": page, "pageSize": PAGE_SIZE}
            response = self.request(method, path, paging, harmless, body)
            if response.status in harmless:
                raise RequestRejectedError(str(_error(response)))
            answer = response.object()
            items = objects(answer, key)
            yield from items
            read += len(items)
            if not items or read >= _total(answer):
                return

    def close(self) -> None:
        """Release the token, if there is one, and close the connections; never raises."""
        token = self._auth.take()
        if token:
            # If this fails, the token expires by itself after six hours.
            with suppress(MaintenanceError), deadline(_RELEASE_SECONDS):
                headers = self._authorisation(self._scheme, token)
                self._send("POST", "/auth/token/release", headers=headers, tolerated=(401,))
        self._session.close()

    def _authorised(
        self,
        token: Token,
        method: str,
        path: str,
        tolerated: Collection[int],
        **how: Any,
    ) -> Answer:
        """Send with the scheme that is known to work; a token that never worked tries them all."""
        others = [scheme for scheme in self._schemes if scheme != self._scheme]
        for scheme in (self._scheme, *([] if token.worked else others)):
            headers = self._authorisation(scheme, token)
            answer = self._send(method, path, headers=headers, tolerated={401, *tolerated}, **how)
            if answer.status != 401:
                self._scheme = scheme
                break
        return answer

    @staticmethod
    def _authorisation(scheme: str, token: Token) -> dict[str, str]:
        return {"Authorization": f"{scheme} {token.granted.reveal()}"}

    def _acquire(self, credentials: Credentials) -> Token:
        tally.login("vrops")
        body = {"username": credentials.username, "password": credentials.password.reveal()}
        if self._auth_source:
            body["authSource"] = self._auth_source
        # 400 was seen instead of 401 through the cloud proxy of 9.x.
        answer = self._send("POST", "/auth/token/acquire", json=body, tolerated=(400, 401, 403))
        if not answer.ok:
            raise AuthenticationError("vRealize Operations refuses the user name or the password")
        return _token(answer)

    def _send(self, method: str, path: str, tolerated: Collection[int], **how: Any) -> Answer:
        if not remaining():
            raise OperationsUnavailableError("the event's deadline is over")
        with self._breaker.guard():
            answer = self._exchange(method, path, how)
            if not answer.ok and answer.status not in tolerated:
                raise _error(answer)
            return answer

    def _exchange(self, method: str, path: str, how: Mapping[str, Any]) -> Answer:
        with tally.call("vrops") as call:
            try:
                response = self._session.request(
                    method, self._base + path, timeout=self._timeout, allow_redirects=False, **how
                )
            # requests' own errors are OSErrors, what urllib3 thinks of an address is a ValueError.
            except (OSError, ValueError) as error:
                call.status = _status(error)
                raise _unreachable(error, self._settings) from error
            call.status = tally.http_status(response.status_code)
        return Answer(
            f"{method} {path}",
            response.status_code,
            response.headers,
            response.content,
            response.json,
        )


def _meant(error: Exception) -> Exception:
    """Return what went wrong: requests calls time-outs a ConnectionError once urllib3 gives up."""
    told = error.args[0] if error.args else None
    reason = getattr(told, "reason", told)
    # A connection that is refused is a NewConnectionError, which is a TimeoutError, too.
    timed_out = isinstance(reason, urllib3_errors.TimeoutError)
    if timed_out and not isinstance(reason, urllib3_errors.NewConnectionError):
        return requests.exceptions.Timeout()
    return error


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Return resources, or their identifiers, by as many as one URL can name."""
    return (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))


def _status(error: OSError | ValueError) -> str:
    """Return, for the tally, how a call ended that had no answer."""
    if isinstance(error, requests.exceptions.SSLError):
        return tally.TLS
    timed_out = isinstance(_meant(error), requests.exceptions.Timeout)
    return tally.TIMEOUT if timed_out else tally.UNREACHABLE


def objects(answer: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the JSON objects listed under ``key``; a missing list is empty."""
    listed = answer.get(key)
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _unreachable(
    error: OSError | ValueError, settings: VropsSettings
) -> OperationsUnavailableError:
    """Return what it means that there was no answer."""
    of_tls = ssl_error(error) if isinstance(error, requests.exceptions.SSLError) else None
    if of_tls:
        # Only what fails has to wait for it, and not every start.
        from adapters.outgoing.handshake import fault_of

        return OperationsUnavailableError(
            f"{_SERVICE}: {fault_of(of_tls, 'VROPS', settings)}", lasting=True
        )
    meant = _meant(error)
    reason = next(text for kind, text in _UNREACHABLE if isinstance(meant, kind))
    return OperationsUnavailableError(f"{_SERVICE}: {reason}")


def _total(answer: Mapping[str, Any]) -> int:
    info = answer.get("pageInfo")
    total = info.get("totalCount") if isinstance(info, dict) else None
    return total if isinstance(total, int) else 0


def _token(answer: Answer) -> Token:
    fields = answer.object()
    token, validity = fields.get("token"), fields.get("validity")
    if not isinstance(token, str) or not re.fullmatch("[!-~]+", token):
        raise OperationsUnavailableError("the login was not answered with a token")
    return Token(Secret(token), lifetime=_lifetime(validity))


def _lifetime(validity: object) -> float:
    """Turn epoch milliseconds into seconds from now; anything else means that a 401 will tell."""
    if not isinstance(validity, int | float) or not 0 < validity < _LATEST:
        return 0.0
    return validity / 1000 - time.time()


def _error(answer: Answer) -> MaintenanceError:
    if answer.status == 403:
        return RequestRejectedError(f"{answer.what} was refused with 403: {_PRIVILEGE}")
    if answer.status in (404, 408, 429) or not 400 <= answer.status < 500:
        hint = "; is VROPS_URL right?" if answer.status < 400 or answer.status == 404 else ""
        return OperationsUnavailableError(
            f"{answer.what} was answered with {answer.status}{hint}", _retry_after(answer)
        )
    return RequestRejectedError(f"{answer.what} was refused with {answer.status}")


def _retry_after(answer: Answer) -> float | None:
    text = answer.headers.get("Retry-After", "")
    return min(float(text), _MAX_RETRY_AFTER) if text.isascii() and text.isdigit() else None
