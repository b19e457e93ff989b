"""One token for all threads, acquired once, and never so often that an account is locked.

Source: vRealize Operations API programming guide, 8.6 and 8.10: a token is valid for six hours
from the last call, ``validity`` is the end of that in epoch milliseconds, and a token that is
unknown or has expired gets a 401. Active Directory locks accounts after a few refused passwords.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from adapters.deadline import remaining
from adapters.settings import Secret
from functions.errors import AuthenticationError, OperationsUnavailableError

_MARGIN_SECONDS: Final = 300.0
_FIRST_PAUSE_SECONDS: Final = 10.0
_LONGEST_PAUSE_SECONDS: Final = 300.0
_LONGEST_WAIT_SECONDS: Final = 60.0


@dataclass(eq=False)
class Token:
    """A token as acquired: ``lifetime`` in seconds; ``worked`` once any call was let in by it."""

    secret: Secret
    lifetime: float
    worked: bool = False


class Authenticator:
    """Hands out the process's token; ``acquire`` logs in, or raises AuthenticationError."""

    def __init__(
        self, acquire: Callable[[], Token], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._acquire = acquire
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._renew_at = 0.0
        self._pause = 0.0
        self._paused_until = 0.0

    def token(self) -> Token:
        """Return the token, logging in if there is none; of many threads only one does.

        Raises AuthenticationError at once while a refused password is given a rest.
        """
        token = self._token
        if token and self._clock() < self._renew_at:
            return token
        with self._single_flight():
            token = self._token
            if token is None or self._clock() >= self._renew_at:
                token = self._log_in()
            return token

    def reject(self, token: Token) -> None:
        """Forget ``token``, to which the server said 401; others may have renewed it by now."""
        with self._single_flight():
            if self._token is token:
                self._token = None

    def pause(self) -> None:
        """Let nobody log in for a while, and for longer each time in a row."""
        if self._clock() < self._paused_until:
            return  # Many threads may find the same out at the same time.
        self._pause = min(max(2 * self._pause, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
        self._paused_until = self._clock() + self._pause

    def confirm(self, token: Token) -> None:
        """Note that the server let a call in with ``token``."""
        if not token.worked:
            token.worked = True
            self._pause = 0.0

    def take(self) -> Token | None:
        """Give up the token, for the one who releases it."""
        token, self._token = self._token, None
        return token

    @contextmanager
    def _single_flight(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=min(remaining(), _LONGEST_WAIT_SECONDS)):
            raise OperationsUnavailableError("logging in to vRealize Operations takes too long")
        try:
            yield
        finally:
            self._lock.release()

    def _log_in(self) -> Token:
        wait = self._paused_until - self._clock()
        if wait > 0:
            raise AuthenticationError(
                "vRealize Operations refused the credentials; not trying again yet", wait
            )
        try:
            token = self._acquire()
        except AuthenticationError as error:
            self.pause()
            error.retry_after = self._pause
            raise
        self._token, self._renew_at = token, self._clock() + _renewal(token)
        return token


def _renewal(token: Token) -> float:
    # A clock that disagrees with the server's must not make every call log in: a 401 will tell.
    lasting = token.lifetime - _MARGIN_SECONDS
    return lasting if lasting > 0 else float("inf")
