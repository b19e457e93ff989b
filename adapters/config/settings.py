"""The configuration: every variable there is, read once at start from a mapping that is passed in.

A vCenter in a file of several is read as if the keys of its table were the variables of a single
one, so that there is one place that knows what a vCenter needs.
"""

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, Self
from urllib.parse import urlsplit

from adapters.config.variables import (
    Malformed,
    Reader,
    attributes,
    boolean,
    ca_file,
    event_bus,
    host_and_port,
    is_loopback,
    kinds,
    one_of,
    seconds,
    sink_url,
    tables,
    url,
    vcenter_addresses,
    whole,
)
from functions.context import Policy
from functions.events import COMPANIONS, HOST, vcenter_address

LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
LOG_FORMATS: Final = ("text", "json")
AUTH_SCHEMES: Final = ("auto", "vRealizeOpsToken", "OpsToken")
# What the paths begin with that people copy from a browser, from an event or from a document.
_PAGES_OF_VROPS: Final = frozenset(
    ("suite-api", "ui", "vcf-operations", "admin", "casa", "vcops-web-ent")
)
_PAGES_OF_VCENTER: Final = frozenset(
    ("sdk", "ui", "vsphere-client", "websso", "mob", "rest", "api")
)
_A_YEAR_OF_MINUTES: Final = 366 * 24 * 60
_MIN_TOKEN: Final = 16


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
    def from_environ(cls, environ: Mapping[str, str], service: str = "VROPS") -> Self:
        """Read ``service``'s, from files too; raises ConfigurationError if one is missing."""
        read = Reader(environ)
        credentials = cls(*_user_and_password(read, service))
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
    strict_tls: bool = False
    connect_timeout: float = 3.0
    read_timeout: float = 8.0
    confirm_seconds: float = 5.0
    pool_size: int = 8


@dataclass(frozen=True)
class VCenterSettings:
    """How to reach one vCenter; all durations in seconds.

    ``aliases`` are further addresses under which events may know it. ``secret_id`` names a secret
    of AWS Secrets Manager; None means that user name and password come from ``source``, a mapping
    of variables that has been checked for them.
    """

    url: str
    aliases: tuple[str, ...] = ()
    ca_file: str | None = None
    insecure_tls: bool = False
    strict_tls: bool = False
    secret_id: str | None = None
    source: Mapping[str, str] = field(default_factory=dict, repr=False)
    connect_timeout: float = 3.0
    read_timeout: float = 8.0
    pool_size: int = 8

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses under which events may know it, its own first."""
        return tuple(dict.fromkeys([vcenter_address(self.url), *self.aliases]))


@dataclass(frozen=True)
class OutcomeSettings:
    """Where outcomes are sent as CloudEvents: to the URL ``sink``, to an ``event_bus``, or nowhere.

    The whole URL is a secret. ``extensions`` are further attributes of each event.
    """

    sink: Secret | None = None
    ca_file: str | None = None
    strict_tls: bool = False
    extensions: Mapping[str, str] = field(default_factory=dict)
    event_bus: str | None = None

    @property
    def shown(self) -> str:
        """What of the URL may be shown: ``https://host:port``, or nothing if there is none."""
        if self.sink is None:
            return ""
        parts = urlsplit(self.sink.reveal())
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


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
    def variables(cls) -> frozenset[str]:
        """Return the name of every variable that can matter, ``NAME_FILE`` among them.

        Found by reading, so that there is no list beside what is read.
        """
        # One variable of a vCenter lets all of them be asked for; what is wrong does not matter.
        read = Reader({"VCENTER_URL": "https://vcenter.invalid"})
        cls._fields(read)
        return read.asked_for

    @classmethod
    def _fields(cls, read: Reader) -> dict[str, Any]:
        return {
            "limits": Limits(
                read("MAX_BODY_BYTES", whole(1024, 64 * 1024 * 1024), Limits.max_body_bytes),
                read("MAX_DEPTH", whole(8, 200), Limits.max_depth),
            ),
            "log_level": read("LOG_LEVEL", one_of(LOG_LEVELS, str.upper), cls.log_level),
            "log_format": read("LOG_FORMAT", one_of(LOG_FORMATS, str.lower), None),
        }


@dataclass(frozen=True, kw_only=True)
class Settings(CommonSettings):
    """What mirroring needs: ``lease_minutes`` None means open-ended maintenance.

    ``secret_id`` names a secret of AWS Secrets Manager; None means that user name and password
    come from the environment, which has been checked for them. ``deadline_seconds`` are for an
    event, ``sweep_seconds`` for comparing all hosts. ``includes`` are the kinds of companions that
    go with hosts. ``hold_events`` says whether an event waits
    for a service that is away; None leaves that to the door. ``health_address`` is the host and
    the port at which a process that watches vCenters tells how it is; with ``board``, it shows the
    page there, too. ``board_token`` is what people need for the page; None lets nobody see it but
    this machine. ``notify_urls`` are those of the services that tell a person what needs attention,
    as apprise takes them. ``metrics`` says whether there are any, and ``outcomes`` who is told what
    became of hosts.
    """

    vrops: VropsSettings
    secret_id: str | None = None
    vcenters: tuple[VCenterSettings, ...] = ()
    require_verification: bool = False
    lease_minutes: int | None = None
    interval_minutes: int | None = None
    max_changes: int | None = None
    discovery_minutes: int = 30
    overdue_days: int = 14
    includes: tuple[str, ...] = ()
    deadline_seconds: float = 12.0
    sweep_seconds: float = 120.0
    hold_events: bool | None = None
    health_address: tuple[str, int] = ("127.0.0.1", 8080)
    board: bool = False
    board_token: Secret | None = None
    notify_urls: Secret | None = None
    metrics: bool = False
    outcomes: OutcomeSettings = OutcomeSettings()

    @property
    def policy(self) -> Policy:
        """The rules among them, as the core takes them."""
        return Policy(
            self.lease_minutes,
            self.require_verification,
            self.max_changes,
            self.discovery_minutes,
            self.overdue_days,
            self.includes,
        )

    @classmethod
    def _fields(cls, read: Reader) -> dict[str, Any]:
        strict = read("TLS_STRICT", boolean, False)
        return {
            "vrops": _vrops(read, strict),
            "secret_id": _secret_id(read, "VROPS"),
            **_verification(read, strict),
            "max_changes": read("RECONCILE_MAX_CHANGES", whole(0, 1_000_000), None),
            "discovery_minutes": read(
                "DISCOVERY_MINUTES", whole(1, 7 * 1440), cls.discovery_minutes
            ),
            "overdue_days": read("MAINTENANCE_OVERDUE_DAYS", whole(1, 3660), cls.overdue_days),
            "includes": read("MAINTENANCE_INCLUDES", kinds(COMPANIONS, HOST), cls.includes),
            "deadline_seconds": read(
                "EVENT_DEADLINE_SECONDS", seconds(1, 600), cls.deadline_seconds
            ),
            "sweep_seconds": read(
                "RECONCILE_DEADLINE_SECONDS", seconds(1, 3600), cls.sweep_seconds
            ),
            "hold_events": read("HOLD_EVENTS", boolean, None),
            **_board(read, cls.health_address),
            "notify_urls": read("NOTIFY_URLS", Secret, None),
            "metrics": _metrics(read),
            "outcomes": _outcomes(read, strict),
            **_lease(read),
            **super()._fields(read),
        }


def _board(read: Reader, address: tuple[str, int]) -> dict[str, Any]:
    address = read("HEALTH_ADDRESS", host_and_port, address)
    board, token = read("BOARD", boolean, False), read("BOARD_TOKEN", _token, None)
    if board and not token and not is_loopback(address[0]):
        read.problem("BOARD", "needs BOARD_TOKEN, since others can reach HEALTH_ADDRESS")
    return {"health_address": address, "board": board, "board_token": token}


def _token(text: str) -> Secret:
    """Parse what nobody can guess, and every header can hold."""
    if len(text) < _MIN_TOKEN or not text.isascii() or not text.isprintable() or " " in text:
        raise Malformed(f"has not {_MIN_TOKEN} characters or more, of ASCII and without blanks")
    return Secret(text)


def _lease(read: Reader) -> dict[str, int | None]:
    minutes = whole(1, _A_YEAR_OF_MINUTES)
    lease = read("MAINTENANCE_LEASE_MINUTES", minutes, None)
    interval = read("RECONCILE_INTERVAL_MINUTES", minutes, None)
    if lease and interval and lease < 3 * interval:
        problem = "is shorter than 3 * RECONCILE_INTERVAL_MINUTES: windows would end during work"
        read.problem("MAINTENANCE_LEASE_MINUTES", problem)
    return {"lease_minutes": lease, "interval_minutes": interval}


def _metrics(read: Reader) -> bool:
    wanted: bool = read("METRICS", boolean, False)
    # functions-framework's own: whoever scrapes would be told of one process, by chance.
    if read("WORKERS", whole(1, 1024), 1) > 1 and wanted:
        read.problem("METRICS", "needs one process, but WORKERS asks for several")
    return wanted


def _secret_id(read: Reader, service: str) -> str | None:
    secret_id: str | None = read(f"{service}_SECRET_ID", str, None)
    if secret_id is None:
        _user_and_password(read, service)
    return secret_id


def _user_and_password(read: Reader, service: str) -> tuple[str, Secret]:
    username = read.required(f"{service}_USERNAME", str)
    return username, read.required(f"{service}_PASSWORD", Secret)


def _verification(read: Reader, strict: bool) -> dict[str, Any]:
    vcenters = _vcenters(read, strict)
    required = read("REQUIRE_VERIFICATION", boolean, False)
    if required and not vcenters:
        read.problem("REQUIRE_VERIFICATION", "needs a vCenter (VCENTER_URL or VCENTERS_FILE)")
    return {"vcenters": vcenters, "require_verification": required}


def _vcenters(read: Reader, strict: bool) -> tuple[VCenterSettings, ...]:
    """Read the one vCenter of the variables, and those of the file with several."""
    found = [_vcenter(read, strict)] if read.mentions("VCENTER_") else []
    listed = read("VCENTERS", tables("VCENTER_"), None) or {}
    for name, table in listed.items():
        of_table = Reader(table, f"VCENTERS, [{name}]: ")
        found.append(_vcenter(of_table, strict))
        of_table.refuse_others()
        read.adopt(of_table)
    addresses = [address for vcenter in found if vcenter.url for address in vcenter.addresses]
    if len(set(addresses)) < len(addresses):
        read.problem("VCENTERS", "gives one address to two vCenters")
    return tuple(found)


def _vcenter(read: Reader, strict: bool) -> VCenterSettings:
    return VCenterSettings(
        url=read.required("VCENTER_URL", url(_PAGES_OF_VCENTER, allow_http=False)),
        aliases=read("VCENTER_ALIASES", vcenter_addresses, None) or (),
        ca_file=read("VCENTER_CA_FILE", ca_file, None),
        insecure_tls=read("VCENTER_INSECURE_TLS", boolean, False),
        strict_tls=strict,
        secret_id=_secret_id(read, "VCENTER"),
        source=read.environ,
    )


def _outcomes(read: Reader, strict: bool) -> OutcomeSettings:
    # Knative's SinkBinding sets those that begin with K_.
    sink, bound = read("OUTCOME_SINK", sink_url, None), read("K_SINK", sink_url, None)
    return OutcomeSettings(
        sink=Secret(sink or bound) if sink or bound else None,
        ca_file=read("OUTCOME_SINK_CA_FILE", ca_file, None),
        strict_tls=strict,
        extensions=read("K_CE_OVERRIDES", attributes, None) or {},
        event_bus=read("OUTCOME_EVENT_BUS", event_bus, None),
    )


def _vrops(read: Reader, strict: bool) -> VropsSettings:
    insecure = read("VROPS_INSECURE_TLS", boolean, False)
    return VropsSettings(
        url=read.required("VROPS_URL", url(_PAGES_OF_VROPS, allow_http=insecure)),
        auth_source=read("VROPS_AUTH_SOURCE", str, None),
        auth_scheme=read("VROPS_AUTH_SCHEME", one_of(AUTH_SCHEMES), VropsSettings.auth_scheme),
        ca_file=read("VROPS_CA_FILE", ca_file, None),
        insecure_tls=insecure,
        strict_tls=strict,
        confirm_seconds=read("CONFIRM_SECONDS", seconds(0, 60), VropsSettings.confirm_seconds),
        # functions-framework's own variable and default: a connection for each of its threads.
        pool_size=read("THREADS", whole(1, 1024), 4 * (os.cpu_count() or 1)),
    )
