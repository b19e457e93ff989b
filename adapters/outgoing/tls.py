"""Whom we trust to be who they say they are, the same on every Python (decision 0019)."""

import logging
import ssl
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

# Python 3.13 made its default strict, and let a CA file do that has only the issuing CA: so the
# same certificate would be trusted by one version of Python and refused by another.
_FLAGS: Final = ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
# X509_V_FLAG_NO_CHECK_TIME of OpenSSL's x509_vfy.h, for which Python has no name.
_AT_ANY_TIME: Final = 0x200000
_PAUSE_SECONDS: Final = 1.0

_logger: Final = logging.getLogger(__name__)


def client_context(ca_file: str | None, *, insecure: bool, strict: bool = False) -> ssl.SSLContext:
    """Return how to verify a server: by the CAs in ``ca_file``, or by the well-known ones.

    ``insecure`` switches that off: anyone on the way can then be the server. ``strict`` refuses
    certificates that are not made as RFC 5280 demands.

    Raises OSError if the file cannot be read, or holds no certificates in PEM.
    """
    context = ssl.create_default_context(cafile=ca_file or _well_known())
    context.verify_flags = _FLAGS | ssl.VERIFY_X509_STRICT if strict else _FLAGS
    context.hostname_checks_common_name = False
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def context_of_signers(ca_file: str | None, *, strict: bool = False) -> ssl.SSLContext:
    """Return how to verify who signed a certificate, and neither its name nor its dates.

    It is for looking at a certificate that was refused: nothing may be sent over it.

    Raises what client_context raises.
    """
    context = client_context(ca_file, insecure=False, strict=strict)
    context.check_hostname = False
    context.verify_flags |= _AT_ANY_TIME
    return context


def ssl_error(error: BaseException | None) -> ssl.SSLError | None:
    """Return the error of the module ssl that ``error`` was raised for, if there is one."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__context__
    return None


class Trust:
    """Whom a client trusts, for all threads: its CA file may hold other CAs after a while.

    ``context`` verifies servers as client_context says; new connections have to ask for it anew,
    and those that exist go on with what they have. ``clock`` tells seconds.

    Raises what client_context raises.
    """

    def __init__(
        self,
        ca_file: str | None,
        *,
        insecure: bool = False,
        strict: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ca_file = ca_file
        self._new_context = partial(client_context, ca_file, insecure=insecure, strict=strict)
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at = clock() - _PAUSE_SECONDS
        # First the content: if the file changes in between, it is only read once too often.
        self._content = _content(ca_file)
        self.context = self._new_context()

    def renewed(self, used: ssl.SSLContext) -> bool:
        """Return whether there is another context than ``used``, which has refused a server.

        The CA file is read again for that, once a second at most, and not believed again before
        it changes once more if it holds no certificates: the context then stays as it is.
        """
        with self._lock:
            if self.context is used and self._ca_file and self._is_due():
                self._read_again()
            return self.context is not used

    def _is_due(self) -> bool:
        now = self._clock()
        if now - self._read_at < _PAUSE_SECONDS:
            return False
        self._read_at = now
        return True

    def _read_again(self) -> None:
        content = _content(self._ca_file)
        if content == self._content:
            return
        self._content = content
        try:
            self.context = self._new_context()
        except OSError:
            _logger.warning("CA file %s was changed, and holds no certificates now", self._ca_file)
        else:
            _logger.info("CA file %s was changed, and is read again", self._ca_file)


def _content(ca_file: str | None) -> bytes | None:
    try:
        return Path(ca_file).read_bytes() if ca_file else None
    except OSError:
        return None


def _well_known() -> str:
    # Where a CA file is set, other versions of Python can try this module without any package.
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    return DEFAULT_CA_BUNDLE_PATH
