"""A URL that takes CloudEvents over HTTP, in binary mode, such as Knative's broker.

The URL may hold a secret anywhere, as those of webhooks do: only its host and port are ever shown.
Redirects are not followed, what is answered is not read, and no account but the URL's is sent.

Source: the CloudEvents 1.0 HTTP protocol binding, 3.1.3.2 for how headers are encoded.
"""

import json
import logging
from collections.abc import Sequence
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import Final
from urllib.parse import quote, unquote, urlsplit

import requests
from requests.auth import HTTPBasicAuth
from requests.utils import get_environ_proxies
from urllib3.util import Retry

from adapters.config.settings import OutcomeSettings
from adapters.outcomes.answers import Answer, Verdict
from adapters.outcomes.outbox import THREAD
from adapters.outgoing.certificates import Names, tls_fault
from adapters.outgoing.tls import Trust, ssl_error
from adapters.outgoing.trusting import TrustingAdapter
from functions.events import Envelope

# The first is for the connection, the second for the answer.
_TIMEOUTS: Final = (2.0, 3.0)
_NAMES: Final = Names("OUTCOME_SINK", "OUTCOME_SINK_CA_FILE")
_ATTEMPTED_AGAIN: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_NO_ATTRIBUTES: Final = ("data", "datacontenttype")
# What a header may hold as it is; a space, a quote and a percent sign are encoded.
_PLAIN: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


class WebSink:
    """The sink that the settings name; nobody is called before there is something to send.

    Raises OSError if the CA file cannot be read.
    """

    batch = 1

    def __init__(self, settings: OutcomeSettings) -> None:
        if settings.sink is None:
            raise ValueError("there is no sink")
        self._url = settings.sink
        self.name = settings.shown
        self._session = _new_session(settings, self.name)
        # At DEBUG they write the path, which may be a secret.
        for name in ("urllib3.connectionpool", "urllib3.util.retry"):
            logging.getLogger(name).addFilter(_is_of_another_thread)

    def send(self, events: Sequence[Envelope]) -> Answer:
        """See Sink.send."""
        (event,) = events
        headers, body = binary(event)
        try:
            response = self._session.post(
                self._target(),
                data=body,
                headers=headers,
                auth=self._account(),
                timeout=_TIMEOUTS,
                allow_redirects=False,
                stream=True,
            )
        except requests.RequestException as error:
            return Answer([Verdict.AGAIN], _why(error))
        with response:
            return _answer(response)

    def _target(self) -> str:
        parts = urlsplit(self._url.reveal())
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()

    def _account(self) -> HTTPBasicAuth | None:
        parts = urlsplit(self._url.reveal())
        if parts.username is None:
            return None
        name, password = unquote(parts.username), unquote(parts.password or "")
        return HTTPBasicAuth(name.encode(), password.encode())


def binary(event: Envelope) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a CloudEvent whose data is JSON."""
    attributes = {name: each for name, each in event.items() if name not in _NO_ATTRIBUTES}
    headers = {f"ce-{name}": quote(str(each), _PLAIN) for name, each in attributes.items()}
    body = json.dumps(event["data"]).encode()
    return {**headers, "Content-Type": event["datacontenttype"]}, body


def _new_session(settings: OutcomeSettings, url: str) -> requests.Session:
    session = requests.Session()
    # With trust_env, requests looks for an account in .netrc, too.
    session.trust_env = False
    session.proxies.update(get_environ_proxies(url))
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.clear()
    session.headers.update({"User-Agent": "maintenance-mirror", "Connection": "keep-alive"})
    trust = Trust(settings.ca_file, strict=settings.strict_tls)
    adapter = TrustingAdapter(trust, pool_connections=1, pool_maxsize=1, max_retries=Retry(0))
    session.mount(f"{urlsplit(url).scheme}://", adapter)
    return session


def _answer(response: requests.Response) -> Answer:
    status = response.status_code
    if response.headers.get("Content-Length") == "0" or status == HTTPStatus.NO_CONTENT:
        response.content  # noqa: B018 - a connection whose answer was read is used again.
    if HTTPStatus(200) <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Answer([Verdict.TAKEN])
    again = status in _ATTEMPTED_AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return Answer([Verdict.AGAIN if again else Verdict.REFUSED], f"it answered {status}")


def _why(error: requests.RequestException) -> str:
    """Say what went wrong: the text of the error would repeat the URL."""
    if (refused := ssl_error(error)) is not None:
        return str(tls_fault(refused, _NAMES))
    if isinstance(error, requests.Timeout):
        return "it did not answer in time"
    return "it cannot be reached"


def _is_of_another_thread(record: logging.LogRecord) -> bool:
    return record.threadName != THREAD
