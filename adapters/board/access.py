"""Who may look: whoever is on this machine, or whoever has the token.

A browser of this machine also runs scripts of others. One whose site's name leads here suddenly
(DNS rebinding) would be told everything, so that without a token only requests for this machine's
own names are answered. A proxy that lets people log in adds the token by itself.
"""

import hmac
import secrets
import time
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qs

from adapters.board.server import Request
from adapters.config.settings import Secret
from adapters.config.variables import is_loopback

_COOKIE: Final = "board"
_HOURS: Final = 12


class Access:
    """Tells who may look; without a ``token``, that is whoever asks for this machine.

    What a login is remembered by is good for 12 hours, and for this process only.
    """

    def __init__(self, token: Secret | None, clock: Callable[[], float] = time.time) -> None:
        self._token = token
        self._key = secrets.token_bytes(32)
        self._clock = clock

    @property
    def by_token(self) -> bool:
        """Whether a token is needed."""
        return self._token is not None

    def allows(self, request: Request) -> bool:
        """Say whether whoever asks may look."""
        if self._token is None:
            return _is_here(request.headers.get("Host", ""))
        scheme, _, said = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._is_token(said.strip())
        return self._is_remembered(_cookie(request.headers.get("Cookie", "")))

    def logged_in(self, request: Request) -> str | None:
        """Return the cookie for whoever has sent the token by the form; None without it."""
        if not self._is_token(_said(request.body)):
            return None
        ends = str(int(self._clock()) + _HOURS * 3600)
        # The proxy knows whether the browser came by TLS; without one nobody does.
        secure = request.headers.get("X-Forwarded-Proto", "") == "https"
        attributes = f"Path=/; Max-Age={_HOURS * 3600}; HttpOnly; SameSite=Strict"
        return f"{_COOKIE}={ends}.{self._sign(ends)}; {attributes}{'; Secure' if secure else ''}"

    def _is_token(self, said: str) -> bool:
        token = self._token.reveal() if self._token else ""
        return bool(token) and hmac.compare_digest(said.encode(), token.encode())

    def _is_remembered(self, cookie: str) -> bool:
        ends, _, sign = cookie.partition(".")
        if not hmac.compare_digest(sign.encode(), self._sign(ends).encode()):
            return False
        return self._clock() < int(ends)

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), "sha256").hexdigest()


def _is_here(host: str) -> bool:
    """Say whether a Host header names this machine."""
    name, colon, port = host.rpartition(":")
    name = name if colon and port.isdecimal() else host
    return is_loopback(name.removeprefix("[").removesuffix("]"))


def _said(body: bytes) -> str:
    try:
        found = parse_qs(body.decode("ascii", "replace"), max_num_fields=2)
    except ValueError:
        return ""
    return found.get("token", [""])[0]


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(_COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""
