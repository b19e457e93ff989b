"""How requests verifies servers: by the trust that it is given, and nothing else."""

from ssl import SSLCertVerificationError
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import SSLError
from urllib3.connectionpool import ConnectionPool, HTTPSConnectionPool

from adapters.outgoing.tls import Trust, ssl_error


class TrustingAdapter(HTTPAdapter):
    """The adapter for one server, whose trust and pool are settled.

    requests would look for the CA file, and for the pool, at every request. A CA file that was
    changed since is read again where a certificate is refused.
    """

    def __init__(self, trust: Trust, **options: Any) -> None:
        self._trust = trust
        self._pool: ConnectionPool | None = None
        super().__init__(**options)

    def send(self, *args: Any, **options: Any) -> requests.Response:
        """See HTTPAdapter.send."""
        used = self._trust.context
        try:
            return super().send(*args, **options)
        except SSLError as error:
            refused = isinstance(ssl_error(error), SSLCertVerificationError)
            if not refused or not self._trust.renewed(used):
                raise
        # Who is not trusted was told nothing, so that even a login may be sent again.
        return super().send(*args, **options)

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> ConnectionPool:
        """See HTTPAdapter.get_connection_with_tls_context."""
        pool = self._pool
        if pool is None:
            pool = self._pool = super().get_connection_with_tls_context(*args, **options)
        if isinstance(pool, HTTPSConnectionPool):
            # What new connections are made with; the pool and those that work are kept.
            pool.conn_kw["ssl_context"] = self._trust.context
        return pool

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """See HTTPAdapter.cert_verify: the context of the trust does all that."""

    def close(self) -> None:
        """See HTTPAdapter.close; whoever sends afterwards has a new pool."""
        self._pool = None
        super().close()
