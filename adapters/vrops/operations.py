"""The OperationsManager port on the Suite API: read, write, confirm."""

import time
from collections.abc import Callable
from typing import Final

from adapters.credentials import CredentialSource
from adapters.deadline import remaining
from adapters.settings import VropsSettings
from adapters.vrops.client import Answer, SuiteApi
from adapters.vrops.resources import Resolver
from functions.errors import HostNotFoundError, OperationsUnavailableError, TransientError
from functions.events import HostRef
from functions.ports import Resource

# The pauses in seconds between looks at a state that was just written; tools of others wait 3 to 5.
_LOOKS: Final = (0.0, 0.25, 0.5, 1.0, 1.25, 2.0)
# What a server may say where there is nothing to end: no document tells, so the state decides.
_NOTHING_TO_END: Final = (400, 404, 409, 422, 500)


class Vrops:
    """vRealize Operations, for all threads of a process.

    Source of the calls: Suite API 8.6 to 9.1, ``PUT`` and ``DELETE
    /api/resources/{id}/maintained``: ``duration`` in minutes makes a timed window (MAINTAINED),
    neither duration nor end an open-ended one (MAINTAINED_MANUAL); both are safe to repeat.
    """

    def __init__(
        self,
        settings: VropsSettings,
        credentials: CredentialSource,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._api = SuiteApi(settings, credentials)
        self._resolver = Resolver(self._api)
        self._confirm_seconds = settings.confirm_seconds
        self._sleep = sleep

    def find(self, host: HostRef) -> Resource:
        """See OperationsManager.find."""
        return self._resolver.find(host)

    def start_maintenance(self, resource: Resource, minutes: int | None) -> bool:
        """See OperationsManager.start_maintenance."""
        params = None if minutes is None else {"duration": minutes}
        answer = self._api.request("PUT", _path(resource), params, tolerated=(404,))
        if answer.status == 404:
            raise self._resolver.gone(resource)
        return self._confirmed(resource, maintained=True)

    def end_maintenance(self, resource: Resource) -> bool:
        """See OperationsManager.end_maintenance."""
        answer = self._delete(resource)
        # There may be nothing to end, or the server may have failed while a start that it just
        # accepted does not show yet, which would silence the host for good: so ask once more.
        if not answer.ok and not self._confirmed(resource, maintained=True):
            answer = self._delete(resource)
        if answer.ok:
            return self._confirmed(resource, maintained=False)
        if self._resolver.read(resource).maintained:
            raise OperationsUnavailableError(f"{answer.what} was answered with {answer.status}")
        return True

    def close(self) -> None:
        """Release the token and the connections."""
        self._api.close()

    def _delete(self, resource: Resource) -> Answer:
        return self._api.request("DELETE", _path(resource), tolerated=_NOTHING_TO_END)

    def _confirmed(self, resource: Resource, *, maintained: bool) -> bool:
        """Look until the written state shows, for as long as is configured and the event has."""
        waited = 0.0
        for pause in _LOOKS:
            waited += pause
            if waited > self._confirm_seconds or pause >= remaining():
                break
            self._sleep(pause)
            if self._shows(resource, maintained):
                return True
        return False

    def _shows(self, resource: Resource, maintained: bool) -> bool:
        try:
            return self._resolver.read(resource).maintained == maintained
        except HostNotFoundError:
            raise
        except TransientError:
            return False  # The write was accepted: that it cannot be seen now is no failure.


def _path(resource: Resource) -> str:
    return f"/resources/{resource.identifier}/maintained"
