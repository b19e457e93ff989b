"""Who logs in, and who that is after the password was changed."""

from collections.abc import Mapping
from typing import Protocol

from adapters.config.settings import Credentials
from functions.errors import AuthenticationError, ConfigurationError


class CredentialSource(Protocol):
    """Knows the credentials now, and asks again once they were refused."""

    def current(self) -> Credentials:
        """Return the credentials as they were last read."""
        ...

    def renewed(self) -> Credentials | None:
        """Read them again; None if they are the ones that were refused.

        Raises AuthenticationError if they cannot be read.
        """
        ...


class EnvironCredentials:
    """From the environment: a file that a variable names may hold new ones after a while."""

    def __init__(self, environ: Mapping[str, str], service: str = "VROPS") -> None:
        self._environ = environ
        self._service = service
        self._credentials = Credentials.from_environ(environ, service)

    def current(self) -> Credentials:
        """See CredentialSource.current."""
        return self._credentials

    def renewed(self) -> Credentials | None:
        """See CredentialSource.renewed."""
        try:
            credentials = Credentials.from_environ(self._environ, self._service)
        except ConfigurationError as error:
            raise AuthenticationError(f"the credentials were refused, and now {error}") from None
        if credentials == self._credentials:
            return None
        self._credentials = credentials
        return credentials
