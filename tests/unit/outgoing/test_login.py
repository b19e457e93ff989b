import threading

import pytest

from adapters.config.settings import Secret
from adapters.outgoing.deadline import deadline
from adapters.outgoing.login import Authenticator, Login
from functions.errors import AuthenticationError, OperationsUnavailableError
from simulator import SettableClock

Token = Login[Secret]
HOUR = 3600.0


class Server:
    """Issues tokens, or refuses to; ``logins`` counts both."""

    def __init__(self, lifetime: float = 6 * HOUR) -> None:
        self.lifetime = lifetime
        self.logins = 0
        self.error: Exception | None = None

    def acquire(self) -> Token:
        self.logins += 1
        if self.error:
            raise self.error
        return Token(Secret(f"token-{self.logins}"), self.lifetime)


class HeldServer(Server):
    """A server whose login takes until it may proceed."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.proceed = threading.Event(), threading.Event()

    def acquire(self) -> Token:
        self.entered.set()
        self.proceed.wait(10)
        return super().acquire()


def authenticator(server: Server, clock: SettableClock) -> Authenticator[Secret]:
    acquire, now = server.acquire, clock.now
    return Authenticator("vRealize Operations", OperationsUnavailableError, acquire, now)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(start=0)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def auth(server: Server, clock: SettableClock) -> Authenticator[Secret]:
    return authenticator(server, clock)


def refused(auth: Authenticator[Secret]) -> float:
    with pytest.raises(AuthenticationError) as refusal:
        auth.login()
    return refusal.value.retry_after


def test_the_token_is_shared(auth: Authenticator[Secret], server: Server) -> None:
    assert auth.login() is auth.login()
    assert server.logins == 1


def test_of_many_threads_one_logs_in(clock: SettableClock) -> None:
    server = HeldServer()
    auth = authenticator(server, clock)
    tokens: list[Token] = []
    threads = [threading.Thread(target=lambda: tokens.append(auth.login())) for _ in range(20)]
    for thread in threads:
        thread.start()
    server.entered.wait(10)
    server.proceed.set()
    for thread in threads:
        thread.join()
    assert len(tokens) == 20
    assert {id(token) for token in tokens} == {id(auth.login())}
    assert server.logins == 1


def test_who_waits_for_a_login_waits_no_longer_than_its_deadline(clock: SettableClock) -> None:
    server = HeldServer()
    auth = authenticator(server, clock)
    thread = threading.Thread(target=auth.login)
    thread.start()
    server.entered.wait(10)
    with deadline(0.05), pytest.raises(OperationsUnavailableError):
        auth.login()
    server.proceed.set()
    thread.join()
    assert server.logins == 1


def test_the_token_is_renewed_before_it_expires(
    auth: Authenticator[Secret], server: Server, clock: SettableClock
) -> None:
    first = auth.login()
    clock.advance(6 * HOUR - 301)
    assert auth.login() is first
    clock.advance(1)
    assert auth.login() is not first
    assert server.logins == 2


@pytest.mark.parametrize("lifetime", [-1e9, 0.0, 1.0, 300.0])
def test_a_clock_that_disagrees_causes_no_storm_of_logins(
    clock: SettableClock, lifetime: float
) -> None:
    server = Server(lifetime)
    auth = authenticator(server, clock)
    for _ in range(100):
        auth.login()
        clock.advance(60)
    assert server.logins == 1


def test_a_rejected_token_is_forgotten(auth: Authenticator[Secret], server: Server) -> None:
    auth.reject(auth.login())
    auth.login()
    assert server.logins == 2


def test_rejecting_the_token_before_this_one_changes_nothing(
    auth: Authenticator[Secret], server: Server
) -> None:
    old = auth.login()
    auth.reject(old)
    new = auth.login()
    auth.reject(old)
    assert auth.login() is new
    assert server.logins == 2


def test_a_refused_password_is_tried_once_per_pause_and_the_pauses_double(
    auth: Authenticator[Secret], server: Server, clock: SettableClock
) -> None:
    server.error = AuthenticationError("no")
    for attempt, pause in enumerate((90, 180, 300, 300), start=1):
        assert refused(auth) == pause
        clock.advance(pause - 1)
        assert [refused(auth) for _ in range(20)] == [1] * 20
        assert server.logins == attempt
        clock.advance(1)


def test_the_pause_is_short_again_after_a_token_has_worked(
    auth: Authenticator[Secret], server: Server, clock: SettableClock
) -> None:
    server.error = AuthenticationError("no")
    assert refused(auth) == 90
    clock.advance(90)
    assert refused(auth) == 180
    clock.advance(180)
    server.error = None
    token = auth.login()
    auth.confirm(token)
    auth.reject(token)
    server.error = AuthenticationError("no")
    assert refused(auth) == 90


def test_a_login_alone_does_not_make_the_pause_short_again(
    auth: Authenticator[Secret], server: Server, clock: SettableClock
) -> None:
    server.error = AuthenticationError("no")
    assert refused(auth) == 90
    clock.advance(90)
    server.error = None
    auth.reject(auth.login())
    server.error = AuthenticationError("no")
    assert refused(auth) == 180


def test_threads_that_find_the_same_out_pause_once(
    auth: Authenticator[Secret], clock: SettableClock
) -> None:
    for _ in range(64):
        auth.pause()
    assert refused(auth) == 90


def test_a_server_that_is_down_is_asked_again_at_once(
    auth: Authenticator[Secret], server: Server
) -> None:
    server.error = OperationsUnavailableError("down")
    for _ in range(3):
        with pytest.raises(OperationsUnavailableError):
            auth.login()
    server.error = None
    auth.login()
    assert server.logins == 4


def test_a_token_that_is_taken_is_gone(auth: Authenticator[Secret], server: Server) -> None:
    token = auth.login()
    assert auth.take() is token
    assert auth.take() is None
    assert auth.login() is not token


def test_a_token_does_not_show_itself(auth: Authenticator[Secret]) -> None:
    assert "token-1" not in repr(auth.login()) + repr(auth)
