import math
from typing import Any

import pytest
from urllib3 import HTTPResponse
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError, ProtocolError
from urllib3.util import Retry

from adapters.config.settings import VropsSettings
from adapters.outgoing.deadline import deadline
from adapters.vrops.transport import RETRIED_STATUSES, new_session, timeout

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


def _number(value: object) -> float:
    return value if isinstance(value, float | int) else math.inf
