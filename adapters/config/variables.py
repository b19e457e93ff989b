"""Reading variables: from a mapping that is passed in, and from the files that they name.

``NAME_FILE`` beats ``NAME`` for every variable: it names a file that holds the value, as a
mounted Kubernetes secret, ``/var/openfaas/secrets`` or a Docker secret does. An empty value counts
as unset. No message ever repeats a value: it may be a secret that landed in the wrong place.
"""

import ipaddress
import json
import re
import ssl
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from functions.errors import ConfigurationError
from functions.events import vcenter_address

T = TypeVar("T")
Parser = Callable[[str], T]

_BOOLEANS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
# Labels of 1 to 63 characters, or an IPv6 address in brackets, and a port.
_MAX_PORT: Final = 65535
_AUTHORITY: Final = re.compile(
    r"([^\s.:@*\[\]]{1,63}(\.[^\s.:@*\[\]]{1,63})*\.?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
)
# Those that every CloudEvent has anyway are not for others to set (CloudEvents 1.0, 3.1).
_ATTRIBUTE: Final = re.compile("[a-z0-9]{1,20}")
_TAKEN: Final = re.compile(
    "specversion|type|source|id|subject|time|datacontenttype|dataschema|data"
)
# API_PutEvents of the EventBridge API reference.
_EVENT_BUS: Final = re.compile(
    r"(arn:aws[\w-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/)?[\w./-]{1,256}", re.ASCII
)


class Malformed(ValueError):
    """What is wrong with a value, in words that do not repeat it."""


class Reader:
    """Reads variables one by one and remembers what was wrong with each.

    ``label`` goes before the names in messages, for variables that are not the process's own.
    """

    def __init__(self, environ: Mapping[str, str], label: str = "") -> None:
        self.environ = environ
        self.names: list[str] = []
        self._label = label
        self._problems: list[str] = []

    @property
    def asked_for(self) -> frozenset[str]:
        """Every variable that was asked for so far, and the one of a file that may hold it."""
        return frozenset(each for name in self.names for each in (name, f"{name}_FILE"))

    def __call__(self, name: str, parse: Parser[T], default: T | None) -> Any:
        """Return the parsed value, or ``default`` if it is unset (or wrong: see problems)."""
        self.names.append(name)
        try:
            text = self._text(name)
            return parse(text) if text else default
        except Malformed as problem:
            self.problem(name, str(problem))
        except ValueError:  # Its text would repeat the value.
            self.problem(name, "is malformed")
        return default

    def required(self, name: str, parse: Parser[T]) -> Any:
        """Return the parsed value; that it is unset is a problem, too."""
        before = len(self._problems)
        value = self(name, parse, None)
        if value is None and len(self._problems) == before:
            self.problem(name, "is missing")
        return value

    def mentions(self, prefix: str) -> bool:
        """Whether any variable that begins so is set, whatever to."""
        return any(name.startswith(prefix) and value for name, value in self.environ.items())

    def problem(self, name: str, what: str) -> None:
        """Remember that something is wrong with the variable ``name``."""
        self._problems.append(f"{self._label}{name} {what}")

    def adopt(self, other: "Reader") -> None:
        """Take over what was wrong for ``other``."""
        self._problems += other._problems

    def refuse_others(self) -> None:
        """Let every variable be a problem that was not asked for: it may be misspelt."""
        for name in sorted(self.environ.keys() - self.asked_for):
            self.problem(name, "is of no use here")

    def raise_problems(self) -> None:
        """Raise one ConfigurationError for all that was wrong, if anything was."""
        if self._problems:
            raise ConfigurationError("; ".join(self._problems))

    def _text(self, name: str) -> str:
        path = self.environ.get(f"{name}_FILE")
        return _content(f"{name}_FILE", path) if path else self.environ.get(name, "")


def _content(variable: str, path: str) -> str:
    try:
        # Most tools that write a secret's file end it with a newline; no password ends with one.
        return Path(path).read_text(encoding="utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise Malformed(f"({variable}) is not a text file in UTF-8") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise Malformed(f"({variable}) cannot be read: {reason}") from None


def url(pages: frozenset[str], *, allow_http: bool) -> Parser[str]:
    """Return what parses ``https://host[:port]``, also where people copied a page with it.

    ``pages`` are what the paths of such pages begin with; they are cut off, and what stands before
    them is kept, since a proxy may have put it there.
    """

    def parse(text: str) -> str:
        parts = urlsplit(text)
        path, is_page = _before(pages, parts.path)
        if parts.scheme not in ("http", "https"):
            raise Malformed("is not of the form https://host[:port]")
        if parts.username is not None or ((parts.query or parts.fragment) and not is_page):
            raise Malformed("holds more than https://host[:port]")
        if parts.scheme == "http" and not allow_http:
            raise Malformed("would send the password in clear text; use https")
        if not _AUTHORITY.fullmatch(parts.netloc) or parts.port == 0:
            raise Malformed("is not of the form https://host[:port]")
        return f"{parts.scheme}://{parts.netloc}{path}".rstrip("/")

    return parse


def _before(pages: frozenset[str], path: str) -> tuple[str, bool]:
    """Return the part of ``path`` before the first of ``pages``, and whether there is one."""
    names = path.split("/")
    for place, name in enumerate(names):
        if name.partition(";")[0].lower() in pages:
            return "/".join(names[:place]), True
    return path, False


def sink_url(text: str) -> str:
    """Return the URL that events are sent to, as it is: any part of it may be a secret.

    User name and password in it need ``https``.
    """
    parts = urlsplit(text)
    account, _, authority = parts.netloc.rpartition("@")
    if parts.scheme not in ("http", "https") or not text.isprintable() or " " in text:
        raise Malformed("is not of the form https://host[:port]/path")
    if not _AUTHORITY.fullmatch(authority) or parts.port == 0 or "@" in account:
        raise Malformed("is not of the form https://host[:port]/path")
    if account and parts.scheme == "http":
        raise Malformed("would send the password in clear text; use https")
    return text


def event_bus(text: str) -> str:
    """Return the name or the ARN of a bus of AWS EventBridge."""
    if not _EVENT_BUS.fullmatch(text):
        raise Malformed("is neither the name nor the ARN of an event bus")
    return text


def attributes(text: str) -> dict[str, str]:
    """Parse what Knative's SinkBinding lets events have in addition: ``{"extensions": {...}}``."""
    document = json.loads(text)
    found = document.get("extensions") if isinstance(document, dict) else {}
    if not isinstance(found or {}, dict) or not all(map(_is_attribute, found or {})):
        raise Malformed("holds no attributes that a CloudEvent can have")
    return {name: str(value) for name, value in (found or {}).items()}


def _is_attribute(name: str) -> bool:
    return bool(_ATTRIBUTE.fullmatch(name)) and not _TAKEN.fullmatch(name)


def ca_file(text: str) -> str:
    """Return the path of a PEM file, which has been read to see that it is one."""
    try:
        ssl.create_default_context(cafile=text)
    except ssl.SSLError:
        raise Malformed("is not a file of certificates in PEM") from None
    except OSError as error:
        raise Malformed(f"cannot be read: {error.strerror}") from None
    return text


def whole(least: int, most: int) -> Parser[int]:
    """Return what parses whole numbers within these limits."""

    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,12}", text) or not least <= int(text) <= most:
            raise Malformed(f"is not a whole number from {least} to {most}")
        return int(text)

    return parse


def seconds(least: float, most: float) -> Parser[float]:
    """Return what parses numbers of seconds within these limits."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not least <= value <= most:
            raise Malformed(f"is not a number of seconds from {least} to {most}")
        return value

    return parse


def boolean(text: str) -> bool:
    """Parse ``true`` and ``false``, and what else people write for them."""
    if text.lower() not in _BOOLEANS:
        raise Malformed("is neither true nor false")
    return _BOOLEANS[text.lower()]


def one_of(choices: tuple[str, ...], fold: Callable[[str], str] = str) -> Parser[str]:
    """Return what parses one of ``choices``, after ``fold``."""

    def parse(text: str) -> str:
        if fold(text) not in choices:
            raise Malformed(f"is none of {', '.join(choices)}")
        return fold(text)

    return parse


def kinds(choices: Iterable[str], host: str) -> Parser[tuple[str, ...]]:
    """Return what parses kinds of resources, separated by commas and in any case.

    What comes out is spelt as in ``choices``, once each; ``host`` is none of them.
    """
    known = {each.lower(): each for each in choices}

    def parse(text: str) -> tuple[str, ...]:
        named = [each.strip().lower() for each in text.split(",") if each.strip()]
        if host.lower() in named:
            raise Malformed(f"names {host}, but the host itself always goes")
        if not known.keys() >= set(named):
            raise Malformed(f"is not made of {', '.join(known.values())}, separated by commas")
        return tuple(dict.fromkeys(known[each] for each in named))

    return parse


def host_and_port(text: str) -> tuple[str, int]:
    """Parse where to listen, such as ``127.0.0.1:8080`` or ``[::1]:8080``; port 0 is any."""
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:]+)\]|([\w.-]+)):([0-9]{1,5})", text, re.ASCII)
    if not match or int(match[3]) > _MAX_PORT:
        raise Malformed("is not of the form host:port")
    return match[1] or match[2], int(match[3])


def is_loopback(host: str) -> bool:
    """Say whether ``host`` is this machine, as only itself can reach it."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def vcenter_addresses(text: str) -> tuple[str, ...]:
    """Parse addresses of a vCenter, separated by commas."""
    return tuple(vcenter_address(each.strip()) for each in text.split(",") if each.strip())


def tables(prefix: str) -> Parser[dict[str, dict[str, str]]]:
    """Return what parses TOML whose tables hold variables, in lower case and without ``prefix``.

    The keys of each table become the names that the variables have elsewhere.
    """

    def parse(text: str) -> dict[str, dict[str, str]]:
        # Hardly anybody has several vCenters, and every start would wait for it.
        import tomllib

        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            raise Malformed("is not TOML") from None
        if not document or not all(isinstance(table, dict) for table in document.values()):
            raise Malformed("is not made of tables, such as [lab], with url = ... in each")
        return {name: _variables(prefix, table) for name, table in document.items()}

    return parse


def _variables(prefix: str, table: Mapping[str, Any]) -> dict[str, str]:
    return {f"{prefix}{key.upper()}": _as_text(value) for key, value in table.items()}


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(_as_text(each) for each in value)
    return str(value)
