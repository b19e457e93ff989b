"""A certificate authority of its own, so that callers can verify as in real life."""

import ssl
from collections.abc import Iterable

import trustme


def authority_and_context(names: Iterable[str]) -> tuple[bytes, ssl.SSLContext]:
    """Return a new CA's certificate in PEM and a server's context that it vouches for."""
    authority = trustme.CA(organization_name="Simulated vRealize Operations")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    authority.issue_cert(*names).configure_cert(context)
    return authority.cert_pem.bytes(), context
