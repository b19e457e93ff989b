"""The connections to vRealize Operations: one requests.Session, kept alive, within a deadline."""

import copy
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode

import requests
import urllib3
from requests.utils import get_environ_proxies
from urllib3 import BaseHTTPResponse
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import InsecureRequestWarning, MaxRetryError, ResponseError
from urllib3.util import Retry, Timeout

from adapters.config.settings import VropsSettings
from adapters.outgoing.deadline import remaining
from adapters.outgoing.tls import Trust
from adapters.outgoing.trusting import TrustingAdapter

RETRIED_STATUSES: Final = (429, 502, 503, 504)
# A few methods, with the token of today and the one before it.
_MAX_TEMPLATES: Final = 8

Params = Mapping[str, Any]


class Transport:
    """Sends requests to the Suite API; what is the same for many of them is prepared once.

    They go to requests' adapter right away: a Session would look for cookies, hooks and redirects,
    and merge its settings into each. ``clock`` tells seconds: a CA file is read again only so
    often.
    """

    def __init__(
        self, settings: VropsSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._base = f"{settings.url}/suite-api/api"
        self._session = new_session(settings, clock)
        self._adapter = self._session.get_adapter(self._base)
        self._template = lru_cache(_MAX_TEMPLATES)(self._prepared)
        # requests passes urllib3's own Timeout through, though its types do not say so.
        self._options: Any = {
            "timeout": timeout(settings),
            "verify": self._session.verify,
            "proxies": self._session.proxies,
        }

    def send(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        body: Params | None = None,
        authorization: str = "",
    ) -> requests.Response:
        """Send one request, and return its answer, which has been read.

        A ``body`` is sent as JSON; ``authorization`` is the header of that name, if any.

        Raises requests' own errors, which are OSErrors, and ValueError for an address that makes
        no sense.
        """
        request = self._request(method, path, params, body, authorization)
        response = self._adapter.send(request, **self._options)
        response.content  # noqa: B018 - whose connection is free from now on.
        return response

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _request(
        self, method: str, path: str, params: Params | None, body: Params | None, authorization: str
    ) -> requests.PreparedRequest:
        template = self._template(method, authorization)
        request = copy.copy(template)
        request.url = f"{template.url}{path}{f'?{urlencode(params, doseq=True)}' if params else ''}"
        if body is not None:
            request.headers = template.headers.copy()
            request.prepare_body(None, None, body)
        return request

    def _prepared(self, method: str, authorization: str) -> requests.PreparedRequest:
        """Prepare what all requests of a method have in common; nobody changes it afterwards."""
        headers = {"Authorization": authorization} if authorization else {}
        return self._session.prepare_request(requests.Request(method, self._base, headers))


def new_session(
    settings: VropsSettings, clock: Callable[[], float] = time.monotonic
) -> requests.Session:
    """Return a session whose proxies, CA and pool are settled once, and not for every request.

    ``clock`` tells seconds: a CA file is read again only so often.
    """
    session = requests.Session()
    # With trust_env, requests looks proxies, CA and .netrc up for every single request.
    session.trust_env = False
    session.proxies.update(get_environ_proxies(settings.url))
    session.verify = not settings.insecure_tls
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update({"Accept": "application/json", "User-Agent": "maintenance-mirror"})
    adapter = TrustingAdapter(
        _trust(settings, clock),
        pool_connections=1,
        pool_maxsize=settings.pool_size,
        max_retries=_retries(),
    )
    session.mount(settings.url, adapter)
    return session


def timeout(settings: VropsSettings) -> Timeout:
    """Return the connect and read timeouts, cut for every attempt to what the deadline leaves."""
    return _WithinDeadline(connect=settings.connect_timeout, read=settings.read_timeout)


def _trust(settings: VropsSettings, clock: Callable[[], float]) -> Trust:
    if settings.insecure_tls:
        # One warning at start says it better than one for every request.
        urllib3.disable_warnings(InsecureRequestWarning)
    return Trust(
        settings.ca_file, insecure=settings.insecure_tls, strict=settings.strict_tls, clock=clock
    )


def _retries() -> Retry:
    # Nothing here is unsafe to repeat but a login: each counts when an account is to be locked.
    return _WithinDeadlineRetry(
        total=4,
        other=0,  # A certificate does not become trusted by asking again.
        backoff_factor=0.2,
        backoff_jitter=0.1,
        status_forcelist=RETRIED_STATUSES,
        allowed_methods={"GET", "PUT", "DELETE"},
        raise_on_status=False,
        redirect=False,
    )


class _WithinDeadline(Timeout):
    """A timeout that urllib3 clones for every attempt, which is when the rest is measured."""

    def clone(self) -> Timeout:
        left = max(remaining(), 0.001)
        return Timeout(connect=self._connect, read=self._read, total=left)


class _WithinDeadlineRetry(Retry):
    """urllib3's Retry, which gives up at once where a pause would outlast the deadline."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        following = super().increment(method, url, response, error, _pool, _stacktrace)
        asked_for = self.get_retry_after(response) if response else None
        if _pool and (asked_for or following.get_backoff_time()) >= remaining():
            raise MaxRetryError(_pool, url or "", error or ResponseError("no time left"))
        return following
