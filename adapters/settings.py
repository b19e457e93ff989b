"""The configuration: read once at start, from a mapping that is passed in.

``NAME_FILE`` beats ``NAME`` for every variable: it names a file that holds the value, as a
mounted Kubernetes secret, ``/var/openfaas/secrets`` or a Docker secret does. An empty value counts
as unset. No message ever repeats a value: it may be a secret that landed in the wrong place.
"""

import hmac
import os
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, Self, TypeVar
from urllib.parse import urlsplit

from functions.errors import ConfigurationError

T = TypeVar("T")

LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
LOG_FORMATS: Final = ("text", "json")
AUTH_SCHEMES: Final = ("auto", "vRealizeOpsToken", "OpsToken")
_BOOLEANS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
# Labels of 1 to 63 characters, or an IPv6 address in brackets, and a port.
_AUTHORITY: Final = re.compile(
    r"([^\s.:@*\[\]]{1,63}(\.[^\s.:@*\[\]]{1,63})*\.?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
)
_A_YEAR_OF_MINUTES: Final = 366 * 24 * 60


class Malformed(ValueError):
    """What is wrong with a value, in words that do not repeat it."""


class Secret:
    """A text that shows itself only when asked: never in a log, a repr, a traceback or a pickle."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text, for the one place that must send it."""
        return self._text

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(
            self._text.encode(errors="surrogatepass"), other._text.encode(errors="surrogatepass")
        )

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")


@dataclass(frozen=True)
class Limits:
    """How much of an event is decoded: its size in bytes, its nesting in levels."""

    max_body_bytes: int = 1024 * 1024
    max_depth: int = 64


@dataclass(frozen=True)
class Credentials:
    """A user name and its password."""

    username: str
    password: Secret

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read them, from files too; raises ConfigurationError if one of them is missing."""
        read = Reader(environ)
        credentials = cls(*_user_and_password(read))
        read.raise_problems()
        return credentials


@dataclass(frozen=True)
class VropsSettings:
    """How to reach vRealize Operations; all durations in seconds."""

    url: str
    auth_source: str | None = None
    auth_scheme: str = "auto"
    ca_file: str | None = None
    insecure_tls: bool = False
    connect_timeout: float = 3.0
    read_timeout: float = 8.0
    confirm_seconds: float = 5.0
    pool_size: int = 8


@dataclass(frozen=True, kw_only=True)
class CommonSettings:
    """What every target needs; all of it has a default."""

    limits: Limits = Limits()
    log_level: str = "INFO"
    log_format: str | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read and check every variable.

        Raises ConfigurationError with one line that names all variables that are wrong.
        """
        read = Reader(environ)
        settings = cls(**cls._fields(read))
        read.raise_problems()
        return settings

    @classmethod
    def _fields(cls, read: "Reader") -> dict[str, Any]:
        return {
            "limits": Limits(
                read("MAX_BODY_BYTES", _whole(1024, 64 * 1024 * 1024), Limits.max_body_bytes),
                read("MAX_DEPTH", _whole(8, 200), Limits.max_depth),
            ),
            "log_level": read("LOG_LEVEL", _one_of(LOG_LEVELS, str.upper), cls.log_level),
            "log_format": read("LOG_FORMAT", _one_of(LOG_FORMATS, str.lower), None),
        }


@dataclass(frozen=True, kw_only=True)
class Settings(CommonSettings):
    """What mirroring needs: ``lease_minutes`` None means open-ended maintenance.

    ``secret_id`` names a secret of AWS Secrets Manager; None means that user name and password
    come from the environment, which has been checked for them.
    """

    vrops: VropsSettings
    secret_id: str | None = None
    lease_minutes: int | None = None
    deadline_seconds: float = 12.0

    @classmethod
    def _fields(cls, read: "Reader") -> dict[str, Any]:
        lease = _whole(1, _A_YEAR_OF_MINUTES)
        return {
            "vrops": _vrops(read),
            "secret_id": _secret_id(read),
            "lease_minutes": read("MAINTENANCE_LEASE_MINUTES", lease, None),
            "deadline_seconds": read(
                "EVENT_DEADLINE_SECONDS", _seconds(1, 600), cls.deadline_seconds
            ),
            **super()._fields(read),
        }


def _secret_id(read: "Reader") -> str | None:
    secret_id: str | None = read("VROPS_SECRET_ID", str, None)
    if secret_id is None:
        _user_and_password(read)
    return secret_id


def _user_and_password(read: "Reader") -> tuple[str, Secret]:
    return read.required("VROPS_USERNAME", str), read.required("VROPS_PASSWORD", Secret)


def _vrops(read: "Reader") -> VropsSettings:
    insecure = read("VROPS_INSECURE_TLS", _boolean, False)
    return VropsSettings(
        url=read.required("VROPS_URL", _url(allow_http=insecure)),
        auth_source=read("VROPS_AUTH_SOURCE", str, None),
        auth_scheme=read("VROPS_AUTH_SCHEME", _one_of(AUTH_SCHEMES), VropsSettings.auth_scheme),
        ca_file=read("VROPS_CA_FILE", _ca_file, None),
        insecure_tls=insecure,
        confirm_seconds=read("CONFIRM_SECONDS", _seconds(0, 60), VropsSettings.confirm_seconds),
        # functions-framework's own variable and default: a connection for each of its threads.
        pool_size=read("THREADS", _whole(1, 1024), 4 * (os.cpu_count() or 1)),
    )


class Reader:
    """Reads variables one by one and remembers what was wrong with each."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._problems: list[str] = []
        self.names: list[str] = []

    def __call__(self, name: str, parse: Callable[[str], T], default: T | None) -> Any:
        """Return the parsed value, or ``default`` if it is unset (or wrong: see problems)."""
        self.names.append(name)
        try:
            text = self._text(name)
            return parse(text) if text else default
        except Malformed as problem:
            self._problems.append(f"{name} {problem}")
        except ValueError:  # Its text would repeat the value.
            self._problems.append(f"{name} is malformed")
        return default

    def required(self, name: str, parse: Callable[[str], T]) -> Any:
        """Return the parsed value; that it is unset is a problem, too."""
        before = len(self._problems)
        value = self(name, parse, None)
        if value is None and len(self._problems) == before:
            self._problems.append(f"{name} is missing")
        return value

    def raise_problems(self) -> None:
        """Raise one ConfigurationError for all that was wrong, if anything was."""
        if self._problems:
            raise ConfigurationError("; ".join(self._problems))

    def _text(self, name: str) -> str:
        path = self._environ.get(f"{name}_FILE")
        return _content(f"{name}_FILE", path) if path else self._environ.get(name, "")


def _content(variable: str, path: str) -> str:
    try:
        # Most tools that write a secret's file end it with a newline; no password ends with one.
        return Path(path).read_text(encoding="utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise Malformed(f"({variable}) is not a text file in UTF-8") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise Malformed(f"({variable}) cannot be read: {reason}") from None


def _url(*, allow_http: bool) -> Callable[[str], str]:
    def parse(text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https"):
            raise Malformed("is not of the form https://host[:port]")
        if parts.username is not None or parts.query or parts.fragment:
            raise Malformed("holds more than https://host[:port]")
        if parts.scheme == "http" and not allow_http:
            raise Malformed("would send the password in clear text; use https")
        if not _AUTHORITY.fullmatch(parts.netloc) or parts.port == 0:
            raise Malformed("is not of the form https://host[:port]")
        return text.rstrip("/").removesuffix("/suite-api").rstrip("/")

    return parse


def _ca_file(text: str) -> str:
    try:
        ssl.create_default_context(cafile=text)
    except ssl.SSLError:
        raise Malformed("is not a file of certificates in PEM") from None
    except OSError as error:
        raise Malformed(f"cannot be read: {error.strerror}") from None
    return text


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,12}", text) or not least <= int(text) <= most:
            raise Malformed(f"is not a whole number from {least} to {most}")
        return int(text)

    return parse


def _seconds(least: float, most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not least <= value <= most:
            raise Malformed(f"is not a number of seconds from {least} to {most}")
        return value

    return parse


def _boolean(text: str) -> bool:
    if text.lower() not in _BOOLEANS:
        raise Malformed("is neither true nor false")
    return _BOOLEANS[text.lower()]


def _one_of(choices: tuple[str, ...], fold: Callable[[str], str] = str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if fold(text) not in choices:
            raise Malformed(f"is none of {', '.join(choices)}")
        return fold(text)

    return parse
