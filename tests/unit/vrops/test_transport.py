import io
import math
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError, ProtocolError
from urllib3.util import Retry

from adapters.config.settings import VropsSettings
from adapters.outgoing.deadline import deadline
from adapters.vrops.transport import RETRIED_STATUSES, Transport, new_session, timeout

SETTINGS = VropsSettings("https://vrops.invalid")


@pytest.fixture
def retries() -> Retry:
    retries = new_session(SETTINGS).get_adapter(SETTINGS.url).max_retries  # type: ignore[attr-defined]
    assert isinstance(retries, Retry)
    return retries


def busy(retry_after: str | None = None) -> Any:
    return HTTPResponse(status=429, headers={"Retry-After": retry_after} if retry_after else {})


def increment(retries: Retry, response: Any, error: Exception | None = None) -> Retry:
    pool = HTTPConnectionPool("vrops.invalid")
    return retries.increment("GET", "/", response=response, error=error, _pool=pool)


def test_without_a_deadline_the_configured_timeouts_count() -> None:
    cloned = timeout(SETTINGS).clone()
    assert cloned.connect_timeout == SETTINGS.connect_timeout
    cloned.start_connect()
    assert cloned.read_timeout == SETTINGS.read_timeout


def test_timeouts_are_cut_to_what_the_deadline_leaves() -> None:
    with deadline(1):
        cloned = timeout(SETTINGS).clone()
        assert _number(cloned.connect_timeout) <= 1
        cloned.start_connect()
        assert _number(cloned.read_timeout) <= 1


def test_the_rest_is_measured_anew_for_every_attempt() -> None:
    configured = timeout(SETTINGS)
    with deadline(2):
        first = _number(configured.clone().connect_timeout)
    with deadline(1):
        second = _number(configured.clone().connect_timeout)
    assert 1 < first <= 2
    assert second <= 1


def test_a_deadline_that_is_over_leaves_a_timeout_that_sockets_accept() -> None:
    with deadline(0):
        assert 0 < _number(timeout(SETTINGS).clone().connect_timeout) < 0.1


def test_a_pause_that_fits_the_deadline_is_made(retries: Retry) -> None:
    with deadline(10):
        assert increment(retries, busy("9")).total == 3


def test_a_pause_longer_than_the_deadline_gives_up_at_once(retries: Retry) -> None:
    with deadline(10), pytest.raises(MaxRetryError):
        increment(retries, busy("11"))


def test_a_backoff_longer_than_the_deadline_gives_up_at_once(retries: Retry) -> None:
    error = ProtocolError("reset")
    with deadline(0.3):
        following = increment(retries, None, error)
        with pytest.raises(MaxRetryError):
            increment(following, None, error)


def test_without_a_deadline_there_is_an_end_too(retries: Retry) -> None:
    for _ in range(4):
        retries = increment(retries, busy())
    with pytest.raises(MaxRetryError):
        increment(retries, busy())


def test_a_login_is_never_sent_again(retries: Retry) -> None:
    assert not retries.is_retry("POST", 503)
    with pytest.raises(ProtocolError):
        retries.increment("POST", "/", error=ProtocolError("reset"))


def test_what_is_safe_to_repeat_is_sent_again(retries: Retry) -> None:
    for method in ("GET", "PUT", "DELETE"):
        assert [status for status in range(200, 600) if retries.is_retry(method, status)] == [
            *RETRIED_STATUSES
        ]


def test_a_netrc_and_a_bundle_of_the_environment_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    assert not new_session(SETTINGS).trust_env


def test_what_many_requests_have_in_common_is_prepared_once(
    prepared: list[str], sent: list[requests.PreparedRequest]
) -> None:
    transport = Transport(SETTINGS)
    for number in range(100):
        transport.send("GET", f"/resources/{number}", {"page": number}, authorization="a")
        transport.send("PUT", f"/resources/{number}/maintained", authorization="a")
    assert prepared == ["GET", "PUT"]
    assert len({request.url for request in sent}) == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
@pytest.mark.parametrize("params", [None, {}, {"name": "a b&c", "page": 0, "id": ["x", "y"]}])
@pytest.mark.parametrize("body", [None, {}, {"name": "\u00e4"}])
def test_a_request_is_what_requests_would_make_of_it(
    sent: list[requests.PreparedRequest],
    method: str,
    params: dict[str, Any] | None,
    body: dict[str, Any] | None,
) -> None:
    Transport(SETTINGS).send(method, "/resources", params, body, "token")
    headers = {"Authorization": "token"}
    url = f"{SETTINGS.url}/suite-api/api/resources"
    whole = requests.Request(method, url, headers, params=params, json=body)
    expected = new_session(SETTINGS).prepare_request(whole)
    assert [(each.method, each.url, each.body) for each in sent] == [
        (expected.method, expected.url, expected.body)
    ]
    assert dict(sent[0].headers) == dict(expected.headers)


def test_a_token_that_was_renewed_replaces_the_one_before(
    sent: list[requests.PreparedRequest],
) -> None:
    transport = Transport(SETTINGS)
    for token in ("first", "second", ""):
        transport.send("GET", "/resources", authorization=token)
    assert [each.headers.get("Authorization") for each in sent] == ["first", "second", None]


def test_a_body_is_not_left_behind_for_the_next_request(
    sent: list[requests.PreparedRequest],
) -> None:
    transport = Transport(SETTINGS)
    transport.send("POST", "/resources/query", body={"name": ["x"]})
    transport.send("POST", "/auth/token/release")
    assert [each.body for each in sent] == [b'{"name": ["x"]}', None]
    assert "Content-Type" not in sent[1].headers


@pytest.mark.parametrize(("exceptions", "proxy"), [("", "proxy.invalid"), ("vrops.invalid", None)])
def test_the_proxies_of_the_environment_hold(
    monkeypatch: pytest.MonkeyPatch, exceptions: str, proxy: str | None
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setenv("NO_PROXY", exceptions)
    monkeypatch.delenv("no_proxy", raising=False)
    asked: list[Any] = []

    def urlopen(pool: HTTPConnectionPool, **options: Any) -> HTTPResponse:
        asked.append(pool)
        return answer()

    monkeypatch.setattr(HTTPConnectionPool, "urlopen", urlopen)
    transport = Transport(SETTINGS)
    for _ in range(2):
        transport.send("GET", "/versions/current")
    assert [pool.proxy and pool.proxy.host for pool in asked] == [proxy, proxy]
    assert asked[0] is asked[1]


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods of all requests that a Session prepares."""
    methods: list[str] = []
    prepare = requests.Session.prepare_request

    def noting(session: requests.Session, request: requests.Request) -> requests.PreparedRequest:
        methods.append(str(request.method))
        return prepare(session, request)

    monkeypatch.setattr(requests.Session, "prepare_request", noting)
    return methods


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[requests.PreparedRequest]:
    """The requests that reach requests' adapter, each of which is answered with nothing."""
    sent: list[requests.PreparedRequest] = []

    def send(
        adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        sent.append(request)
        return adapter.build_response(request, answer())

    monkeypatch.setattr(HTTPAdapter, "send", send)
    return sent


def answer() -> HTTPResponse:
    return HTTPResponse(body=io.BytesIO(), status=204, preload_content=False)


def _number(value: object) -> float:
    return value if isinstance(value, float | int) else math.inf
