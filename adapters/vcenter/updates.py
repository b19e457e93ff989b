"""What a vCenter tells of by itself: which hosts have changed their mode, without being asked.

Sources: vSphere Web Services API Reference, PropertyCollector.WaitForUpdatesEx: the first answer
tells all there is, and each further one what has changed since, as soon as there is anything, or
nothing when the time is over; what is too much for one answer is truncated, and the next call
returns the rest. Filters, collectors and views live in the session, and end with it.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, Final

from pyVmomi import vmodl

from adapters.outgoing.deadline import cleaning_up
from adapters.vcenter import inventory
from adapters.vcenter.faults import ObjectGoneError, SessionEndedError
from adapters.vcenter.session import Session
from adapters.vcenter.stub import slow_answer
from functions.errors import MaintenanceError
from functions.events import HostRef
from functions.ports import VCenterHost

_logger: Final = logging.getLogger(__name__)

_WAIT: Final = "WaitForUpdatesEx"
_PAGE_SIZE: Final = 1000
_CLEANING_SECONDS: Final = 3.0

_Collector = vmodl.query.PropertyCollector


@dataclass(frozen=True)
class Updates:
    """What has happened: these hosts ``changed`` their mode, and are as they are told here.

    ``other_hosts``: some came or went, or an answer was lost on its way; one who compares all hosts
    will find out.
    ``told_again`` are the MoRefs of those among ``changed`` that were told to be so before, as when
    a host is connected again.
    """

    changed: tuple[VCenterHost, ...] = ()
    other_hosts: bool = False
    told_again: frozenset[str] = frozenset()


class HostUpdates:
    """The hosts of one vCenter, as one session keeps telling of them.

    Raises what every call raises: VCenterUnavailableError, AuthenticationError and
    RequestRejectedError, and within this package SessionEndedError and ObjectGoneError.
    """

    def __init__(self, session: Session, address: str) -> None:
        self._session = session
        self._address = address
        self._names: dict[str, str] = {}
        self._modes: dict[str, bool] = {}
        self._told_again: set[str] = set()
        self._version = ""
        self._kept = ExitStack()
        try:
            self._view = inventory.view_of_hosts(session)
            self._keep(self._view.container.DestroyView)
            self._collector = session.content.propertyCollector.CreatePropertyCollector()
            self._keep(self._collector.DestroyPropertyCollector)
            self._collector.CreateFilter(spec=inventory.of_all(self._view), partialUpdates=True)
            self._read_all()
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        """How many hosts there are."""
        return len(self._names)

    def wait(self, seconds: int) -> Updates:
        """Return what has happened since the last call, or nothing after ``seconds`` without."""
        answer = self._answer(seconds)
        self._told_again.clear()
        objects = list(_objects(answer))
        told = [host for each in objects for host in self._told(each)]
        other_hosts = self._lost() or any(each.kind != "modify" for each in objects)
        return Updates(tuple(told), other_hosts, frozenset(self._told_again))

    def close(self) -> None:
        """Give up what the session keeps for this; never raises, and takes 3 s at most."""
        with cleaning_up(_CLEANING_SECONDS):
            self._kept.close()

    def _keep(self, destroy: Callable[[], None]) -> None:
        """Have something destroyed in the end, whatever becomes of the rest."""

        def destroyed() -> None:
            with suppress(MaintenanceError, SessionEndedError, ObjectGoneError):
                destroy()

        self._kept.callback(destroyed)

    def _read_all(self) -> None:
        """Learn which hosts there are; how they are, a sweep that begins after this will tell."""
        while True:
            answer = self._answer(0)
            for each in _objects(answer):
                list(self._told(each))
            if not answer or not answer.truncated:
                return

    def _answer(self, seconds: int) -> Any:
        options = _Collector.WaitOptions(maxWaitSeconds=seconds, maxObjectUpdates=_PAGE_SIZE)
        with slow_answer(seconds):
            answer = self._collector.WaitForUpdatesEx(version=self._version, options=options)
        if answer:
            self._version = answer.version
        return answer

    def _lost(self) -> bool:
        """Whether a call was sent twice since the last time: vcsim does not tell it all again."""
        repeated = self._session.stub.repeated
        lost = _WAIT in repeated
        repeated.discard(_WAIT)
        return lost

    def _told(self, update: Any) -> Iterator[VCenterHost]:
        """Note the host's name and mode, and yield the host if its mode was told.

        One that has just come, and is in service, needs nothing.
        """
        moref = update.obj._GetMoId()
        if update.kind == "leave" or not inventory.MOREF.fullmatch(moref):
            self._names.pop(moref, None)
            self._modes.pop(moref, None)
            return
        inventory.check_session([each.fault for each in update.missingSet], self._session.service)
        values = {each.name: each.val for each in update.changeSet if each.op == "assign"}
        self._name(moref, values)
        if inventory.MODE in values:
            mode = inventory.mode(values[inventory.MODE], self._session.service)
            if self._modes.get(moref, False) == mode:
                self._told_again.add(moref)
            self._modes[moref] = mode
            if mode or update.kind == "modify":
                yield VCenterHost(HostRef(moref, self._names[moref], self._address), mode)

    def _name(self, moref: str, values: dict[str, Any]) -> None:
        name = inventory.printable(values.get("name"))
        self._names[moref] = name or self._names.get(moref, "")


def _objects(answer: Any) -> Iterator[Any]:
    for each in answer.filterSet if answer else ():
        if each.missingSet:
            # Without its view, a collector would say for ever that nothing has happened.
            raise ObjectGoneError("the view of all hosts is gone")
        yield from each.objectSet
