"""Look at a certificate that was refused, by a handshake of its own (decision 0019)."""

import socket
import ssl
from contextlib import suppress
from typing import Final, Protocol
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

from adapters.outgoing.certificates import Certificate, Names, TlsFault, is_of_name, tls_fault
from adapters.outgoing.deadline import remaining
from adapters.outgoing.tls import context_of_signers

_TIMEOUT_SECONDS: Final = 3.0
_HTTPS_PORT: Final = 443


class Server(Protocol):
    """Where a server is, and how it is verified: settings of either service."""

    @property
    def url(self) -> str:
        """Its address."""
        ...

    @property
    def ca_file(self) -> str | None:
        """Whom we trust; None: the well-known CAs."""
        ...

    @property
    def strict_tls(self) -> bool:
        """Whether its certificate has to be made as RFC 5280 demands."""
        ...


def fault_of(error: ssl.SSLError, service: str, server: Server) -> TlsFault:
    """Say why there is no connection, and which names a certificate has that is for others.

    ``service`` begins the names of its variables. The names take a second handshake, 3 seconds at
    most within the event's deadline; where it fails, they are not told.
    """
    proxy = select_proxy(server.url, get_environ_proxies(server.url))
    shown = {} if proxy or not is_of_name(error) else shown_by(error, server, _TIMEOUT_SECONDS)
    return tls_fault(error, Names.of(service), shown or None)


def shown_by(error: ssl.SSLError, server: Server, timeout: float) -> Certificate:
    """Return the certificate that was refused, if it is at least signed by whom we trust.

    Otherwise, or if it cannot be seen within ``timeout`` seconds and the deadline, there is none.
    That takes a second handshake; nothing is sent afterwards.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        context = context_of_signers(server.ca_file, strict=server.strict_tls)
        with suppress(OSError):
            return certificate_at(server.url, context, min(timeout, remaining()))
    return {}


def certificate_at(url: str, context: ssl.SSLContext, timeout: float) -> Certificate:
    """Return the certificate of the server at ``url``; empty if ``context`` does not verify it.

    Raises OSError, such as ssl.SSLError, if there is no connection within ``timeout`` seconds.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    with (
        socket.create_connection((host, parts.port or _HTTPS_PORT), timeout) as connection,
        context.wrap_socket(connection, server_hostname=host) as secured,
    ):
        return secured.getpeercert() or {}
