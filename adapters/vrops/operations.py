"""The OperationsManager port on the Suite API: read, write, confirm."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

from adapters.config.credentials import CredentialSource
from adapters.config.settings import VropsSettings
from adapters.outgoing.deadline import remaining
from adapters.vrops.client import Answer, SuiteApi, batches
from adapters.vrops.companions import Companions
from adapters.vrops.inspection import Inspection
from adapters.vrops.resolver import Resolver
from functions.errors import (
    HostNotFoundError,
    MaintenanceError,
    OperationsUnavailableError,
    TransientError,
)
from functions.events import HOST, HostRef
from functions.ports import Resource, ResourceState

_MANY: Final = "/resources/maintained"
# The pauses in seconds between looks at a state that was just written; tools of others wait 3 to 5.
_LOOKS: Final = (0.0, 0.25, 0.5, 1.0, 1.25, 2.0)
# What a server may say where there is nothing to end: no document tells, so the state decides.
_NOTHING_TO_END: Final = (400, 404, 409, 422, 500)
# What it may say where one of many resources is gone, or where it cannot do many at once.
_NOT_ALL: Final = (400, 404, 405, 501)
# What companions make of it: one that the server cannot write must not hold up its host.
_NOT_THESE: Final = (*_NOT_ALL, 500)


class Vrops:
    """vRealize Operations, for all threads of a process.

    Source of the calls: Suite API 8.6 to 9.1, ``PUT`` and ``DELETE
    /api/resources/{id}/maintained``, and the same of ``/api/resources/maintained?id=..&id=..``:
    ``duration`` in minutes makes a timed window (MAINTAINED), neither duration nor end an
    open-ended one (MAINTAINED_MANUAL); both are safe to repeat.

    ``uuid_of`` tells a vCenter's instance UUID by its address, or "" where nobody knows it.
    ``sleep`` and ``clock`` are in seconds; tests bring their own, and need not wait.
    """

    def __init__(
        self,
        settings: VropsSettings,
        credentials: CredentialSource,
        sleep: Callable[[float], None] = time.sleep,
        uuid_of: Callable[[str], str] = lambda address: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = SuiteApi(settings, credentials, clock)
        self._resolver = Resolver(self._api, uuid_of, clock)
        self._companions = Companions(self._api, self._resolver, clock)
        self._confirm_seconds = settings.confirm_seconds
        self._sleep = sleep

    def find(self, host: HostRef) -> Resource:
        """See OperationsManager.find."""
        return self._resolver.find(host)

    def find_with(self, host: HostRef, kinds: Collection[str]) -> Sequence[Resource]:
        """See OperationsManager.find_with; one call more where nothing is remembered."""
        return self._companions.find_with(host, kinds)

    def find_all(self, companions: Collection[HostRef]) -> Sequence[Resource]:
        """See OperationsManager.find_all; one call for eighty that are remembered."""
        return self._companions.find_all(companions)

    def alone(self, host: Resource, companions: Sequence[Resource]) -> Sequence[Resource]:
        """See OperationsManager.alone; one call."""
        return self._companions.alone(host, companions)

    def start_maintenance(self, resource: Resource, minutes: int | None) -> bool:
        """See OperationsManager.start_maintenance."""
        answer = self._api.request("PUT", _path(resource), _window(minutes), tolerated=(404,))
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

    def resources(self, vcenter: str, kind: str = HOST) -> Iterator[Resource]:
        """See OperationsManager.resources."""
        return self._resolver.of_vcenter(vcenter, kind)

    def start_all(
        self, resources: Sequence[Resource], minutes: int | None
    ) -> Iterator[tuple[Resource, bool]]:
        """See OperationsManager.start_all."""

        def write(batch: Sequence[Resource]) -> Answer:
            tolerated = _NOT_ALL if all(each.host.is_host for each in batch) else _NOT_THESE
            return self._many("PUT", batch, _window(minutes), tolerated)

        return self._all(
            resources, write, lambda each: self.start_maintenance(each, minutes), maintained=True
        )

    def end_all(self, resources: Sequence[Resource]) -> Iterator[tuple[Resource, bool]]:
        """See OperationsManager.end_all."""

        def write(batch: Sequence[Resource]) -> Answer:
            return self._many("DELETE", batch, {}, (*_NOTHING_TO_END, *_NOT_ALL))

        return self._all(resources, write, self.end_maintenance, maintained=False)

    def inspection(self) -> Inspection:
        """Return what tells how all this is set up over there."""
        return Inspection(self._api, self._resolver.instances)

    def close(self) -> None:
        """Release the token and the connections."""
        self._api.close()

    def _delete(self, resource: Resource) -> Answer:
        return self._api.request("DELETE", _path(resource), tolerated=_NOTHING_TO_END)

    def _all(
        self,
        resources: Sequence[Resource],
        write_many: Callable[[Sequence[Resource]], Answer],
        write_one: Callable[[Resource], bool],
        *,
        maintained: bool,
    ) -> Iterator[tuple[Resource, bool]]:
        """Write batch by batch, then look at all; a failure hides nothing that was accepted."""
        written: list[Resource] = []
        try:
            for batch in batches(resources):
                if write_many(batch).ok:
                    written += batch
                else:
                    yield from _one_by_one(batch, write_one)
        except MaintenanceError:
            yield from self._all_confirmed(written, maintained=maintained)
            raise
        yield from self._all_confirmed(written, maintained=maintained)

    def _many(
        self,
        method: str,
        batch: Sequence[Resource],
        window: Mapping[str, int],
        tolerated: Collection[int],
    ) -> Answer:
        params = {**window, "id": [each.identifier for each in batch]}
        return self._api.request(method, _MANY, params, tolerated)

    def _confirmed(self, resource: Resource, *, maintained: bool) -> bool:
        """Look until the written state shows."""
        return any(self._shows(resource, maintained) for _ in self._looks())

    def _all_confirmed(
        self, written: Sequence[Resource], *, maintained: bool
    ) -> Iterator[tuple[Resource, bool]]:
        """Look at many until they show; what does not in time is accepted, but not seen."""
        pending = {each.identifier: each for each in written}
        for _ in self._looks() if written else ():
            for identifier, state in self._states(list(pending.values())):
                if state.maintained == maintained and identifier in pending:
                    yield pending.pop(identifier), True
            if not pending:
                return
        yield from ((each, False) for each in pending.values())

    def _states(self, pending: Sequence[Resource]) -> Iterator[tuple[str, ResourceState]]:
        for batch in batches(pending):
            with suppress(TransientError):  # As in _shows.
                yield from self._resolver.states(batch)

    def _looks(self) -> Iterator[None]:
        """Wait before each look, for as long as is configured and the event has."""
        waited = 0.0
        for pause in _LOOKS:
            waited += pause
            if waited > self._confirm_seconds or pause >= remaining():
                return
            self._sleep(pause)
            yield

    def _shows(self, resource: Resource, maintained: bool) -> bool:
        try:
            return self._resolver.read(resource).maintained == maintained
        except HostNotFoundError:
            raise
        except TransientError:
            return False  # The write was accepted: that it cannot be seen now is no failure.


def _path(resource: Resource) -> str:
    return f"/resources/{resource.identifier}/maintained"


def _window(minutes: int | None) -> dict[str, int]:
    return {} if minutes is None else {"duration": minutes}


def _one_by_one(
    batch: Iterable[Resource], write: Callable[[Resource], bool]
) -> Iterator[tuple[Resource, bool]]:
    """One by one, where many at once were refused; one that is gone spares the others.

    So does a companion that cannot be written: that is raised in the end.
    """
    failed: OperationsUnavailableError | None = None
    for resource in batch:
        try:
            yield resource, write(resource)
        except HostNotFoundError:
            yield resource, False
        except OperationsUnavailableError as error:
            if resource.host.is_host:
                raise
            failed = failed or error
    if failed:
        raise failed
