"""Certificates as people make them, good and bad ones, from any time.

trustme makes them as they should be; these are made with ``cryptography`` itself.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Signed:
    """A certificate and its key; ``above`` are those that a server sends along with it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    above: tuple[x509.Certificate, ...] = ()

    @classmethod
    def ca(
        cls,
        name: str = "Private CA",
        *,
        by: "Signed | None" = None,
        since: timedelta = -_YEAR,
        until: timedelta = 10 * _YEAR,
        good: bool = True,
    ) -> Self:
        """Make a CA, its own or ``by`` another; one that is not ``good`` is made by hand.

        Its basicConstraints are not critical, and it has no key identifier. Its dates are counted
        from now.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, key, by, _now() + since, _now() + until)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), good)
        if good:
            builder = _with_identifiers(builder, key, by).add_extension(_may_sign(), critical=True)
        above = (by.certificate, *by.above) if by else ()
        return cls(builder.sign((by or _Own(key)).key, hashes.SHA256()), key, above)

    def issue(
        self,
        *names: str,
        since: timedelta = -_YEAR,
        until: timedelta = _YEAR,
        common_name: str = "server",
        good: bool = True,
    ) -> "Signed":
        """Sign a server's certificate for ``names``; its dates are counted from now."""
        return _leaf(names, common_name, self, _now() + since, _now() + until, good)

    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def for_server(self, path: Path) -> Path:
        """Write key, certificate and those above it, the root left out, to ``path``."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        sent = [each for each in self.above if each.issuer != each.subject]
        chain = [each.public_bytes(serialization.Encoding.PEM) for each in sent]
        path.write_bytes(b"".join([key, self.pem(), *chain]))
        return path


def self_signed(*names: str) -> Signed:
    """Make a server's certificate that is signed by itself."""
    return _leaf(names, names[0], None, _now() - _YEAR, _now() + _YEAR, good=True)


@dataclass(frozen=True)
class _Own:
    key: ec.EllipticCurvePrivateKey


def _leaf(
    names: Iterable[str],
    common_name: str,
    by: Signed | None,
    since: datetime,
    until: datetime,
    good: bool,
) -> Signed:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(common_name, key, by, since, until)
    if listed := [_general(name) for name in names]:
        builder = builder.add_extension(x509.SubjectAlternativeName(listed), critical=False)
    if good:
        builder = _with_identifiers(builder, key, by)
    above = (by.certificate, *by.above) if by else ()
    return Signed(builder.sign((by or _Own(key)).key, hashes.SHA256()), key, above)


def _builder(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    by: Signed | None,
    since: datetime,
    until: datetime,
) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
    )


def _with_identifiers(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, by: Signed | None
) -> x509.CertificateBuilder:
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    of_issuer = (by.key if by else key).public_key()
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(of_issuer)
    return builder.add_extension(own, critical=False).add_extension(issuer, critical=False)


def _may_sign() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
