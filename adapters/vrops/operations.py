"""The OperationsManager port on the Suite API: read, write, confirm."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple

from adapters.config.credentials import CredentialSource
from adapters.config.settings import VropsSettings
from adapters.outgoing.deadline import deadline, remaining
from adapters.outgoing.grouping import Grouping, halved
from adapters.vrops.client import BATCH, REFUSED, Answer, SuiteApi, batches
from adapters.vrops.companions import Companions
from adapters.vrops.confirmations import NOTHING, Confirmations, States
from adapters.vrops.inspection import Inspection
from adapters.vrops.resolver import Resolver
from functions.errors import (
    HostNotFoundError,
    MaintenanceError,
    OperationsUnavailableError,
)
from functions.events import HOST, HostRef
from functions.ports import Resource, ResourceState

_MANY: Final = "/resources/maintained"
# What a server may say where there is nothing to end: no document tells, so the state decides.
_NOTHING_TO_END: Final = (400, 404, 409, 422, 500)
# What it may say where one of many resources is gone, or where it cannot do many at once.
_NOT_ALL: Final = (400, 404, 405, 501)
# What companions make of it: one that the server cannot write must not hold up its host.
_NOT_THESE: Final = (*_NOT_ALL, 500)


class _Written(NamedTuple):
    """What is written by one call: several resources, or a single one if ``tolerated`` is None.

    That is what a server may answer to several without an error.
    """

    resources: tuple[Resource, ...]
    tolerated: tuple[int, ...] | None = None


class _Accepted(NamedTuple):
    """What a write was answered with, and what was seen after it, if somebody has looked."""

    answer: Answer
    seen: States = NOTHING


# Whoever has less time writes alone: nobody else's write has to be over by then.
_LEAST_SECONDS: Final = 1.0


class _Writes:
    """All starts with one window, or all ends; those that come at the same time go as one call.

    ``of_one`` is what a server may answer to a single one without an error. After a call for
    several, ``look`` sees all that it has written.
    """

    def __init__(
        self,
        api: SuiteApi,
        method: str,
        window: Mapping[str, int],
        of_one: Collection[int],
        look: Callable[[Sequence[Resource]], States],
    ) -> None:
        self._request = partial(api.request, method)
        self._window = window
        self._of_one = of_one
        self._look = look
        self._grouping: Grouping[_Written, _Accepted] = Grouping(
            self._alone, self._grouped, BATCH, OperationsUnavailableError, _weight
        )

    def one(self, resource: Resource) -> _Accepted:
        """Write one."""
        return self._grouping.call(_Written((resource,)))

    def many(self, batch: Sequence[Resource], tolerated: tuple[int, ...]) -> _Accepted:
        """Write as many as one URL can name; raises answers other than 2xx and ``tolerated``."""
        return self._grouping.call(_Written(tuple(batch), tolerated))

    def _alone(self, written: _Written) -> _Accepted:
        if written.tolerated is not None:
            return _Accepted(self._together(written.resources, written.tolerated))
        [resource] = written.resources
        path = f"/resources/{resource.identifier}/maintained"
        return _Accepted(self._request(path, self._window, self._of_one))

    def _grouped(self, many: Sequence[_Written]) -> Mapping[_Written, _Accepted]:
        """Write for all who can wait; a call ends before the first of them leaves.

        What is tried again after that might come after what others wrote since. Those who stay
        make another call then.
        """
        able = self._grouping.awaited(many, _LEAST_SECONDS)
        if not able:
            return {}
        try:
            with deadline(self._grouping.patience(able)):
                return self._looked_at(halved(able, self._accepted))
        except OperationsUnavailableError:
            staying = self._grouping.awaited(able)
            if len(staying) == len(able):
                raise
            return self._grouped(staying)

    def _looked_at(self, answers: Mapping[_Written, Answer]) -> Mapping[_Written, _Accepted]:
        """Look once at all that was written, for no more than half of the time that there is.

        Whose write was accepted must hear so, however long it takes to look.
        """
        resources = _resources(answers)
        with deadline(remaining() / 2):
            seen = self._look(resources) if resources else NOTHING
        return {written: _Accepted(answer, seen) for written, answer in answers.items()}

    def _accepted(self, many: Sequence[_Written]) -> Mapping[_Written, Answer] | None:
        """Write what all of them do by one call; None if that is refused."""
        awaited = self._grouping.awaited(many)
        resources = _resources(awaited)
        if not resources:
            return {}
        answer = self._together(resources, REFUSED)
        return dict.fromkeys(awaited, answer) if answer.ok else None

    def _together(self, resources: Sequence[Resource], tolerated: Collection[int]) -> Answer:
        identifiers = [each.identifier for each in resources]
        return self._request(_MANY, {**self._window, "id": identifiers}, tolerated)


def _resources(many: Iterable[_Written]) -> list[Resource]:
    """Return what is written, each resource once, whoever writes it."""
    found = {each.identifier: each for written in many for each in written.resources}
    return list(found.values())


def _weight(written: _Written) -> int:
    return len(written.resources)


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
        sleep: Callable[[float], None] | None = None,
        uuid_of: Callable[[str], str] = lambda address: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = SuiteApi(settings, credentials, clock)
        self._resolver = Resolver(self._api, uuid_of, clock)
        self._companions = Companions(self._api, self._resolver, clock)
        self._confirmations = Confirmations(self._resolver, settings.confirm_seconds, sleep, clock)
        self._starts: dict[int | None, _Writes] = {}
        self._ends = self._writes("DELETE", {}, _NOTHING_TO_END)

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
        answer, seen = self._starting(minutes).one(resource)
        if answer.status == 404:
            raise self._resolver.gone(resource)
        return self._confirmations.one(resource, maintained=True, seen=seen)

    def end_maintenance(self, resource: Resource) -> bool:
        """See OperationsManager.end_maintenance."""
        answer, seen = self._ends.one(resource)
        # There may be nothing to end, or the server may have failed while a start that it just
        # accepted does not show yet, which would silence the host for good: so ask once more.
        if not answer.ok and not self._confirmations.one(resource, maintained=True):
            answer, seen = self._ends.one(resource)
        if answer.ok:
            return self._confirmations.one(resource, maintained=False, seen=seen)
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
        writes = self._starting(minutes)

        def write(batch: Sequence[Resource]) -> _Accepted:
            hosts = all(each.host.is_host for each in batch)
            return writes.many(batch, _NOT_ALL if hosts else _NOT_THESE)

        write_one = partial(self.start_maintenance, minutes=minutes)
        return self._all(resources, write, write_one, maintained=True)

    def end_all(self, resources: Sequence[Resource]) -> Iterator[tuple[Resource, bool]]:
        """See OperationsManager.end_all."""
        write = partial(self._ends.many, tolerated=(*_NOTHING_TO_END, *_NOT_ALL))
        return self._all(resources, write, self.end_maintenance, maintained=False)

    def inspection(self) -> Inspection:
        """Return what tells how all this is set up over there."""
        return Inspection(self._api, self._resolver.instances)

    def log_in(self, seconds: float) -> None:
        """Log in within so many seconds, if need be; never raises: who asks next finds out why."""
        with suppress(MaintenanceError), deadline(seconds):
            self._api.log_in()

    def close(self) -> None:
        """Release the token and the connections."""
        self._api.close()

    def _starting(self, minutes: int | None) -> _Writes:
        """Return who starts windows of that length: those of another one need a call of theirs."""
        if minutes not in self._starts:
            self._starts.setdefault(minutes, self._writes("PUT", _window(minutes), (404,)))
        return self._starts[minutes]

    def _writes(self, method: str, window: Mapping[str, int], of_one: Collection[int]) -> _Writes:
        return _Writes(self._api, method, window, of_one, self._confirmations.look)

    def _all(
        self,
        resources: Sequence[Resource],
        write_many: Callable[[Sequence[Resource]], _Accepted],
        write_one: Callable[[Resource], bool],
        *,
        maintained: bool,
    ) -> Iterator[tuple[Resource, bool]]:
        """Write batch by batch, then look at all; a failure hides nothing that was accepted."""
        written: list[Resource] = []
        seen: dict[str, ResourceState] = {}
        confirmed = partial(self._confirmations.many, written, maintained=maintained, seen=seen)
        try:
            for batch in batches(resources):
                answer, looked = write_many(batch)
                if answer.ok:
                    written += batch
                    # It may tell of what others have written, too.
                    seen |= {id: looked[id] for each in batch if (id := each.identifier) in looked}
                else:
                    yield from _one_by_one(batch, write_one)
        except MaintenanceError:
            yield from confirmed()
            raise
        yield from confirmed()


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
