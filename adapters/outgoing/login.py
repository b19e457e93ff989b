"""One login for all threads, and never so many attempts that an account is locked (decision 0010).

Sources: vRealize Operations API programming guide, 8.6 and 8.10: a token is valid for six hours
from the last call. vSphere Authentication: vCenter Single Sign-On locks an account after five
refused passwords within three minutes, and Active Directory after a few, too.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from adapters.config.credentials import CredentialSource
from adapters.config.settings import Credentials
from adapters.outgoing.deadline import remaining
from functions.errors import AuthenticationError, TransientError

T = TypeVar("T")

_MARGIN_SECONDS: Final = 300.0
# Two processes, each with its first and second attempt, stay below five within three minutes.
_FIRST_PAUSE_SECONDS: Final = 90.0
_MAX_PAUSE_SECONDS: Final = 300.0
_MAX_WAIT_SECONDS: Final = 60.0


@dataclass(eq=False)
class Login(Generic[T]):
    """What a login ``granted``, a token or a session.

    ``lifetime`` is in seconds, and 0 if nobody knows; ``worked`` once any call was let in by it.
    """

    granted: T = field(repr=False)
    lifetime: float = 0.0
    worked: bool = False


def log_in(credentials: CredentialSource, acquire: Callable[[Credentials], Login[T]]) -> Login[T]:
    """Log in; credentials that were refused are tried again only if they were changed.

    Raises what ``acquire`` raises, which is AuthenticationError where they are refused.
    """
    try:
        return acquire(credentials.current())
    except AuthenticationError:
        renewed = credentials.renewed()
        if renewed is None:
            raise
    return acquire(renewed)


class Authenticator(Generic[T]):
    """Hands out the process's login; ``acquire`` logs in, or raises AuthenticationError.

    ``service`` is where it logs in, for messages; the error ``unavailable`` says that it takes too
    long there.
    """

    def __init__(
        self,
        service: str,
        unavailable: type[TransientError],
        acquire: Callable[[], Login[T]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._unavailable = unavailable
        self._acquire = acquire
        self._clock = clock
        self._lock = threading.Lock()
        self._login: Login[T] | None = None
        self._renew_at = 0.0
        self._pause = 0.0
        self._paused_until = 0.0

    def login(self) -> Login[T]:
        """Return the login, logging in if there is none; of many threads only one does.

        Raises AuthenticationError at once while refused credentials are given a rest.
        """
        login = self._login
        if login and self._clock() < self._renew_at:
            return login
        with self._single_flight():
            login = self._login
            if login is None or self._clock() >= self._renew_at:
                login = self._log_in()
            return login

    def reject(self, login: Login[T]) -> None:
        """Forget ``login``, which no longer counts there; others may have renewed it by now."""
        with self._single_flight():
            if self._login is login:
                self._login = None

    def pause(self) -> None:
        """Let nobody log in for a while, and for longer each time in a row."""
        if self._clock() < self._paused_until:
            return  # Many threads may find the same out at the same time.
        self._pause = min(max(2 * self._pause, _FIRST_PAUSE_SECONDS), _MAX_PAUSE_SECONDS)
        self._paused_until = self._clock() + self._pause

    def confirm(self, login: Login[T]) -> None:
        """Note that a call was let in with ``login``."""
        if not login.worked:
            login.worked = True
            self._pause = 0.0

    def take(self) -> Login[T] | None:
        """Give up the login, for the one who ends it."""
        login, self._login = self._login, None
        return login

    @contextmanager
    def _single_flight(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=min(remaining(), _MAX_WAIT_SECONDS)):
            raise self._unavailable(f"logging in to {self._service} takes too long")
        try:
            yield
        finally:
            self._lock.release()

    def _log_in(self) -> Login[T]:
        wait = self._paused_until - self._clock()
        if wait > 0:
            raise AuthenticationError(
                f"{self._service} refused the credentials; not trying again yet", wait
            )
        try:
            login = self._acquire()
        except AuthenticationError as error:
            self.pause()
            error.retry_after = self._pause
            raise
        self._login, self._renew_at = login, self._clock() + _renewal(login)
        return login


def _renewal(login: Login[T]) -> float:
    # A clock that disagrees with the server's must not make every call log in: a 401 will tell.
    lasting = login.lifetime - _MARGIN_SECONDS
    return lasting if lasting > 0 else float("inf")
