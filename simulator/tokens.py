"""Who may call: one user, and the tokens handed out."""

import base64
import binascii
import hmac
import threading
import uuid
from dataclasses import dataclass, field

from simulator.clock import Clock


@dataclass(frozen=True)
class Credentials:
    """The one user of the simulated appliance."""

    username: str
    password: str = field(repr=False)

    def match(self, username: str, password: str) -> bool:
        """Compare in constant time."""
        same_name = hmac.compare_digest(self.username.encode(), username.encode())
        same_password = hmac.compare_digest(self.password.encode(), password.encode())
        return same_name and same_password

    def match_basic(self, encoded: str) -> bool:
        """Compare with what follows `Basic` in an Authorization header."""
        try:
            username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return self.match(username, password)


class Tokens:
    """Tokens that live on while they are used.

    Suite API 8.10: "The validity of the acquired token is extended after each call and is
    set to 6 hours from the last call."
    """

    def __init__(self, credentials: Credentials, clock: Clock, lifetime: float) -> None:
        self._credentials = credentials
        self._clock = clock
        self._lifetime = lifetime
        self._lock = threading.Lock()
        self._expiry: dict[str, float] = {}
        self.logins = 0
        self.refused_logins = 0

    def acquire(self, username: str, password: str) -> tuple[str, float] | None:
        """Return a new token and when it expires, or None for wrong credentials."""
        with self._lock:
            if not self._credentials.match(username, password):
                self.refused_logins += 1
                return None
            self.logins += 1
            return self._issue()

    def use(self, token: str) -> bool:
        """Tell whether a token is valid, and let it live on if so."""
        with self._lock:
            now = self._clock.now()
            if self._expiry.get(token, now) <= now:
                return False
            self._expiry[token] = now + self._lifetime
            return True

    def release(self, token: str) -> None:
        """Forget one token."""
        with self._lock:
            self._expiry.pop(token, None)

    def revoke_all(self) -> None:
        """Forget every token, as a restart of the appliance does."""
        with self._lock:
            self._expiry.clear()

    def match_basic(self, encoded: str) -> bool:
        """Tell whether HTTP Basic credentials are right."""
        return self._credentials.match_basic(encoded)

    @property
    def username(self) -> str:
        """Return the user's name."""
        return self._credentials.username

    def _issue(self) -> tuple[str, float]:
        now = self._clock.now()
        self._expiry = {token: end for token, end in self._expiry.items() if end > now}
        token = f"{uuid.uuid4()}::{uuid.uuid4()}"
        self._expiry[token] = now + self._lifetime
        return token, self._expiry[token]
