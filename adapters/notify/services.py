"""The services behind the URLs, by apprise.

A URL is a secret: it holds a token or a password. So nothing that apprise, or what it is built on,
says of a URL is ever told: its logger is off, what a service raises is not repeated, and whoever
calls a service does so in a thread of a name that ``adapters.output.lines.may_be_told`` knows.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final

from apprise import (
    Apprise,
    AppriseAsset,
    AppriseAttachment,
    NotifyFormat,
    NotifyType,
    PersistentStoreMode,
)
from apprise.plugins import url_to_dict
from apprise.plugins.base import NotifyBase, _delivery_tracker
from apprise.plugins.email.base import NotifyEmail
from apprise.utils.parse import parse_urls

from adapters.config.settings import Secret
from adapters.notify.words import Message
from functions.errors import ConfigurationError

# It writes whole URLs at its lowest levels, and parts of them at others.
logging.getLogger("apprise").disabled = True

# In signs. Those of chats take more, but nobody reads it; what a service can take may be less.
_MAX_BODY: Final = 3000
_MIN_BODY: Final = 200
_NO_SERVICE: Final = "is no URL of a service that can be told"
_READS_A_FILE: Final = "would have a file read, which is not allowed"
# Of its arguments, what names a file that it would read, beside its templates.
_FILES: Final = ("keyfile", "subfile")


class Answer(Enum):
    """What a service has made of a message."""

    TAKEN = auto()
    REFUSED = auto()
    # It may have taken it, so that a second try could tell it twice.
    NONE = auto()


@dataclass(frozen=True)
class Attempts:
    """One message to one service, and who of its recipients have taken it so far."""

    message: Message
    taken: set[tuple[int | None, Any]] = field(default_factory=set)


class Service:
    """One URL of NOTIFY_URLS; ``number`` is its place there, from 1 on.

    ``kind`` is how its URL begins, as apprise writes it, and ``name`` how it may be called.
    """

    def __init__(
        self, number: int, service: NotifyBase, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._service = service
        self._clock = clock
        self._answer_seconds = _answer_seconds(service)
        self.kind = service.url(privacy=True).partition("://")[0]
        self.name = f"number {number} of NOTIFY_URLS ({self.kind})"

    def __repr__(self) -> str:
        return f"<{self.name}>"

    @property
    def most(self) -> int:
        """How many signs the body of a message may have."""
        return max(_MIN_BODY, min(_MAX_BODY, self._service.body_maxlen - _MIN_BODY))

    @property
    def pause_seconds(self) -> float:
        """How long it wants to be left in peace between two messages."""
        return float(self._service.request_rate_per_sec)

    def test(self, title: str, body: str) -> bool:
        """Send something that needs no attention; returns whether it was taken."""
        return self.send(Attempts(Message(title, body)), NotifyType.INFO) is Answer.TAKEN

    def send(self, attempts: Attempts, kind: NotifyType = NotifyType.WARNING) -> Answer:
        """Send a message as plain text to those recipients who have not taken it yet.

        Never raises. For each of its steps, a service takes no longer than the time-outs of its
        URL, of which ``rto`` is made twice ``cto`` where it is less.
        """
        token, start = _delivery_tracker.set(attempts.taken), self._clock()
        try:
            taken = self._told(attempts.message, kind)
        finally:
            _delivery_tracker.reset(token)
        waited = self._clock() - start >= self._answer_seconds
        return Answer.TAKEN if taken else Answer.NONE if waited else Answer.REFUSED

    def _told(self, message: Message, kind: NotifyType) -> bool:
        title, body = message
        of_text = NotifyFormat.TEXT
        try:
            return self._service.notify(body, title, kind, body_format=of_text)
        except Exception:  # What a plugin raises may hold its URL.
            return False


def _answer_seconds(service: NotifyBase) -> float:
    """Return how long ``service`` is waited for when the message is on its way, and let it differ.

    A try that took less was not on its way: it was refused, or nobody was there. Mail has only one
    time-out for all of its steps.
    """
    if isinstance(service, NotifyEmail):
        return service.socket_connect_timeout
    least = 2 * service.socket_connect_timeout
    service.socket_read_timeout = max(service.socket_read_timeout, least)
    return service.socket_read_timeout


def services(urls: Secret) -> list[Service]:
    """Return the service of each URL, as apprise separates them; each of them once.

    Raises ConfigurationError, which names a URL by its place alone, for what is no URL of a
    service, and for one that would have a file read.
    """
    asset = _asset()
    found = [*dict.fromkeys(parse_urls(urls.reveal()))]
    made = [_made(url, asset) for url in found]
    wrong = {number: each for number, each in enumerate(made, 1) if isinstance(each, str)}
    if wrong or not made:
        told = (f"NOTIFY_URLS: number {number} {problem}" for number, problem in wrong.items())
        raise ConfigurationError("; ".join(told) or "NOTIFY_URLS holds no URL")
    numbered = enumerate(made, 1)
    return [Service(number, each) for number, each in numbered if not isinstance(each, str)]


def _asset() -> AppriseAsset:
    """Say how all of them behave: they keep and read nothing, load no plugins, and go nowhere else.

    What is sent shows no pictures of apprise's, which everybody's reader would fetch.
    """
    return AppriseAsset(
        app_id="maintenance-mirror",
        app_desc="maintenance-mirror",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        storage_mode=PersistentStoreMode.MEMORY,
        pgp_autogen=False,
        pem_autogen=False,
        http_redirects=False,
        plugin_paths=[],
    )


def _made(url: str, asset: AppriseAsset) -> NotifyBase | str:
    """Return the service of ``url``, or what is wrong with it."""
    try:
        service = Apprise.instantiate(url, asset=asset)
        if service is None or not service.enabled:
            return _NO_SERVICE
        return _READS_A_FILE if _reads_a_file(url, service) else service
    except Exception:  # What a plugin raises may hold the URL.
        return _NO_SERVICE


def _reads_a_file(url: str, service: NotifyBase) -> bool:
    arguments = (url_to_dict(url) or {}).get("qsd", {})
    named = any(name in arguments for name in _FILES)
    return named or any(map(_is_file, vars(service).values()))


def _is_file(value: object) -> bool:
    return isinstance(value, AppriseAttachment) and len(value) > 0
