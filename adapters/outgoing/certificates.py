"""What is wrong with a certificate, or with TLS at all, in words, and what to do about it.

OpenSSL says why a handshake failed; whoever has looked at the certificate, too, is told its names,
and by doctor its dates (decision 0019).
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

# OpenSSL's numbers (x509_vfy.h).
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_SIGNED_BY_ITSELF: Final = 18
_ANOTHER_NAME: Final = (62, 64)
_TOO_WEAK: Final = (66, 67, 68)
# All that X509_STRICT adds; 79, an invalid CA, is refused without it, too.
_NOT_STRICT: Final = frozenset(range(77, 95)) - {79}
# OpenSSL's names of what an answer looks like that is no TLS (sslerr.h).
_NO_TLS: Final = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "UNKNOWN_PROTOCOL",
    "PACKET_LENGTH_TOO_LONG",
)
_MAX_NAMES: Final = 5

Certificate = Mapping[str, Any]


@dataclass(frozen=True)
class TlsFault:
    """What is wrong, and what to do about it."""

    found: str
    advice: str

    def __str__(self) -> str:
        return f"{self.found}; {self.advice}"


@dataclass(frozen=True)
class Names:
    """Where the reader has set the address, and the CA, of the server: for the advice."""

    url: str
    ca_file: str

    @classmethod
    def of(cls, service: str) -> "Names":
        """Return the variables of VROPS or of VCENTER."""
        return cls(f"{service}_URL", f"{service}_CA_FILE")


def tls_fault(error: ssl.SSLError, names: Names, shown: Certificate | None = None) -> TlsFault:
    """Say why there is no connection.

    ``shown`` is the certificate that was refused, as SSLSocket.getpeercert returns it: empty if
    it is not known to be signed by whom we trust, and None where nobody has looked at it.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _refused(error, names, shown)
    if error.reason in _NO_TLS:
        return TlsFault("no TLS is spoken there", f"are address and port in {names.url} right?")
    reason = (error.reason or "broken off").replace("_", " ").lower()
    return TlsFault(f"TLS failed: {reason}", f"is TLS 1.2 or newer spoken at {names.url}?")


def is_of_name(error: ssl.SSLError) -> bool:
    """Whether a certificate was refused because it is made for another name."""
    return isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in _ANOTHER_NAME


def _refused(
    error: ssl.SSLCertVerificationError, names: Names, shown: Certificate | None
) -> TlsFault:
    code, said = error.verify_code, error.verify_message.rstrip(".")
    if code in _ANOTHER_NAME:
        return _another_name(said, names, shown)
    if code == _EXPIRED:
        advice = "renew it, unless it is this machine's clock that is wrong"
        return TlsFault(_expired(shown), advice)
    if code == _NOT_YET_VALID:
        return TlsFault(_not_yet_valid(shown), "is this machine's clock right?")
    if code in _TOO_WEAK:
        return TlsFault(f"its certificate is too weak: {said}", "have it made anew")
    if code in _NOT_STRICT:
        advice = "have it, and its CA, made as RFC 5280 demands, or do not set TLS_STRICT"
        return TlsFault(f"its certificate is not trusted: {said}", advice)
    who = "it itself" if code == _SIGNED_BY_ITSELF else "the CA that signed it"
    return TlsFault(
        f"its certificate is not trusted: {said}", f"let {names.ca_file} name {who}, in PEM"
    )


def _another_name(said: str, names: Names, shown: Certificate | None) -> TlsFault:
    if not shown:
        where = ", as maintenance-mirror doctor lists it" if shown is None else ""
        advice = f"let {names.url} name what it is made for{where}"
        return TlsFault(f"its certificate is made for another name: {said}", advice)
    listed = [name for _, name in shown.get("subjectAltName", ())]
    if listed:
        advice = f"let {names.url} name what its certificate is made for"
        return TlsFault(f"its certificate is made for {_joined(listed)}", advice)
    return TlsFault(
        "its certificate has no subject alternative name, and common names are not checked any"
        " more",
        f"have it made anew, with the name in {names.url} as a subject alternative name",
    )


def _joined(listed: list[str]) -> str:
    more = len(listed[_MAX_NAMES:])
    return ", ".join(listed[:_MAX_NAMES]) + (f" and {more} more" if more else "")


def _expired(shown: Certificate | None) -> str:
    if not shown:
        return "its certificate, or that of a CA above it, has expired"
    until = date_of(shown, "notAfter")
    if until > datetime.now(UTC):
        return "the certificate of a CA above its own has expired"
    return f"its certificate has expired: it was valid until {until:%Y-%m-%d %H:%M} UTC"


def _not_yet_valid(shown: Certificate | None) -> str:
    if not shown:
        return "its certificate, or that of a CA above it, is not valid yet"
    since = date_of(shown, "notBefore")
    if since < datetime.now(UTC):
        return "the certificate of a CA above its own is not valid yet"
    return f"its certificate is not valid yet: it will be from {since:%Y-%m-%d %H:%M} UTC"


def date_of(shown: Certificate, name: str) -> datetime:
    """Return ``notBefore`` or ``notAfter`` of a certificate, as a time."""
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(shown[name]), UTC)
