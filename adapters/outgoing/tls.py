"""Whom we trust to be who they say they are."""

import ssl

from requests.utils import DEFAULT_CA_BUNDLE_PATH


def client_context(ca_file: str | None, *, insecure: bool) -> ssl.SSLContext:
    """Return how to verify a server: by the CAs in ``ca_file``, or by the well-known ones.

    ``insecure`` switches that off: anyone on the way can then be the server.
    """
    context = ssl.create_default_context(cafile=ca_file or DEFAULT_CA_BUNDLE_PATH)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
