"""Can a server be reached, and does it prove who it is? No password is sent."""

import socket
import ssl
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from requests.utils import get_environ_proxies, select_proxy

from adapters.cli.doctor.findings import Finding, failed, note, ok, skipped
from adapters.outgoing.certificates import Names, date_of, tls_fault
from adapters.outgoing.handshake import certificate_at, shown_by
from adapters.outgoing.tls import client_context

NAMES: Final = ("DNS", "TLS")
_TIMEOUT_SECONDS: Final = 5.0
_SOON_DAYS: Final = 30


@dataclass(frozen=True)
class Server:
    """Where a server is, and how it is verified; ``service`` begins its variables' names."""

    url: str
    ca_file: str | None
    insecure: bool
    service: str
    strict_tls: bool = False

    @property
    def parts(self) -> SplitResult:
        """Its URL, taken apart."""
        return urlsplit(self.url)

    @property
    def host(self) -> str:
        """Its name or address."""
        return self.parts.hostname or ""

    @property
    def port(self) -> int:
        """Its port."""
        return self.parts.port or (80 if self.parts.scheme == "http" else 443)


def reached(server: Server) -> Generator[Finding, None, bool]:
    """Yield how name and certificate are; returns whether it makes sense to ask it anything."""
    if select_proxy(server.url, get_environ_proxies(server.url)):
        yield from skipped(*NAMES, because="a proxy is in between")
        return True
    name = _resolved(server)
    yield name
    if name.result == "failed":
        yield from skipped("TLS", because="its address is not known")
        return False
    certificate = _certified(server)
    yield certificate
    return certificate.result != "failed"


def _resolved(server: Server) -> Finding:
    try:
        found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        advice = f"is {server.service}_URL right, and does this machine's name server know it?"
        return failed("DNS", f"{server.host} is not known", advice)
    addresses = dict.fromkeys(str(address[0]) for *_, address in found)
    return ok("DNS", f"{server.host} is {', '.join(addresses)}")


def _certified(server: Server) -> Finding:
    try:
        return _judged(_connected(server), server)
    except ssl.SSLError as error:
        fault = tls_fault(
            error, Names.of(server.service), shown_by(error, server, _TIMEOUT_SECONDS)
        )
        return failed("TLS", fault.found, fault.advice)
    except OSError as error:
        reason = error.strerror or "no answer in time"
        advice = "is it running, and does a firewall let us through?"
        return failed("TLS", f"port {server.port} cannot be reached: {reason}", advice)


def _connected(server: Server) -> Mapping[str, Any]:
    """Return its certificate; empty if nobody has verified that."""
    if server.parts.scheme == "http":
        socket.create_connection((server.host, server.port), _TIMEOUT_SECONDS).close()
        return {}
    context = client_context(server.ca_file, insecure=server.insecure, strict=server.strict_tls)
    return certificate_at(server.url, context, _TIMEOUT_SECONDS)


def _judged(certificate: Mapping[str, Any], server: Server) -> Finding:
    if not certificate:
        found = f"{server.service}_INSECURE_TLS: anyone on the way can read the password"
        return note("TLS", found, f"set {server.service}_CA_FILE instead")
    until = date_of(certificate, "notAfter")
    days = (until - datetime.now(UTC)).days
    if days < _SOON_DAYS:
        found = f"trusted, but only until {until:%Y-%m-%d %H:%M} UTC"
        return note("TLS", found, "renew its certificate")
    return ok("TLS", f"trusted, until {until:%Y-%m-%d}")
