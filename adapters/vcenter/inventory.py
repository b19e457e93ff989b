"""What a vCenter says of itself, of one host, and of all hosts page by page.

Everything is read by the PropertyCollector, which fetches the properties that are named and no
others: one call for a host, one for a thousand hosts.
"""

import logging
import re
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from pyVmomi import vim, vmodl

from adapters.vcenter.faults import (
    ArgumentRefusedError,
    ObjectGoneError,
    SessionEndedError,
    refusal,
)
from adapters.vcenter.session import Session
from adapters.vcenter.versions import ApiVersion
from functions.errors import MaintenanceError, VCenterUnavailableError
from functions.events import MAX_NAME_LENGTH, HostRef
from functions.ports import VCenterHost

_logger: Final = logging.getLogger(__name__)

MODE: Final = "runtime.inMaintenanceMode"
_PAGE_SIZE: Final = 1000
MOREF: Final = re.compile(r"[\w.:-]{1,80}", re.ASCII)

# What vCenter may say of all that it is asked about because of a single one.
_OF_ONE: Final = (ObjectGoneError, ArgumentRefusedError)

_Collector = vmodl.query.PropertyCollector
_ALL_AT_ONCE: Final = _Collector.RetrieveOptions()


@dataclass(frozen=True)
class View:
    """A view of all there is of some kinds, which lives in a session until it is destroyed."""

    session: Session
    container: Any


def instance_uuid(session: Session) -> str:
    """Return what no other vCenter has; it came with the session."""
    return str(session.content.about.instanceUuid)


def api_version(session: Session) -> ApiVersion:
    """Return which version is spoken; it was agreed upon with the session."""
    return session.stub.spoken


def current_time(session: Session) -> datetime:
    """Return the time on vCenter's clock, aware."""
    moment: datetime = vim.ServiceInstance("ServiceInstance", session.stub).CurrentTime()
    return moment


def in_maintenance_mode(session: Session, moref: str) -> bool | None:
    """Return a host's mode, or None if there is no such host, by one call."""
    if not MOREF.fullmatch(moref):
        return None
    try:
        return mode(read(session, vim.HostSystem(moref, session.stub), MODE), session.service)
    except ObjectGoneError:
        return None


def modes(session: Session, morefs: Collection[str]) -> dict[str, bool]:
    """Return the modes of many hosts, by one call; those that make no sense are left out.

    So are those that are not told, such as that of a host which is gone, or all if vCenter dislikes
    one of them: each is told alone why.
    """
    known = [vim.HostSystem(moref, session.stub) for moref in morefs if MOREF.fullmatch(moref)]
    wanted = _Collector.FilterSpec(
        objectSet=[_Collector.ObjectSpec(obj=host) for host in known],
        propSet=[properties(vim.HostSystem, MODE)],
        # Otherwise one that is gone would fail all of them.
        reportMissingObjectsInResults=True,
    )
    told: dict[str, bool] = {}
    with suppress(*_OF_ONE), closing(objects(session, [wanted] if known else [])) as found:
        for each in found:
            check_session([missing.fault for missing in each.missingSet], session.service)
            of_it = {each.obj._GetMoId(): one.val for one in each.propSet}
            told.update({moref: is_so for moref, is_so in of_it.items() if isinstance(is_so, bool)})
    return told


def read(session: Session, thing: Any, name: str) -> Any:
    """Return one property of an object.

    Raises ObjectGoneError if there is no such object, and what ``faults.refusal`` makes of the
    reason why the property is missing.
    """
    of_it = _Collector.ObjectSpec(obj=thing)
    kind: Any = type(thing)
    wanted = _Collector.FilterSpec(objectSet=[of_it], propSet=[properties(kind, name)])
    result = session.content.propertyCollector.RetrievePropertiesEx(
        specSet=[wanted], options=_ALL_AT_ONCE
    )
    for found in result.objects if result else ():
        for missing in found.missingSet:
            raise refusal(missing.fault, session.service)
        for each in found.propSet:
            return each.val
    raise VCenterUnavailableError(f"{session.service} does not tell what it was asked")


def view_of_hosts(session: Session) -> View:
    """Let vCenter make a view of all hosts, by one call."""
    return view_of(session, [vim.HostSystem])


def view_of(session: Session, kinds: Collection[Any]) -> View:
    """Let vCenter make a view of all there is of these kinds, by one call."""
    container = session.content.viewManager.CreateContainerView(
        container=session.content.rootFolder, type=list(kinds), recursive=True
    )
    return View(session, container)


def hosts(view: View, address: str) -> Iterator[VCenterHost]:
    """Read the hosts of ``view``, a page at a time, and destroy it in the end, come what may."""
    for found in all_in(view, of_all(view)):
        yield from _host(found, address, view.session.service)


def all_in(view: View, wanted: Any) -> Iterator[Any]:
    """Read all objects of ``view``, a page at a time, and destroy it in the end, come what may."""
    try:
        with closing(objects(view.session, [wanted], _PAGE_SIZE)) as found:
            yield from found
    finally:
        # Whatever this leaves behind ends with the session.
        with suppress(MaintenanceError, SessionEndedError, ObjectGoneError):
            view.container.DestroyView()


def objects(
    session: Session, wanted: Sequence[Any], page_size: int | None = None
) -> Generator[Any, None, None]:
    """Read what is ``wanted`` to its end; without a ``page_size``, vCenter chooses one."""
    collector = session.content.propertyCollector
    options = _Collector.RetrieveOptions(maxObjects=page_size)
    token = None
    try:
        result = collector.RetrievePropertiesEx(specSet=list(wanted), options=options)
        while result:
            token = result.token
            yield from result.objects
            if not token:
                return
            result = collector.ContinueRetrievePropertiesEx(token=token)
    finally:
        if token:
            with suppress(MaintenanceError, SessionEndedError, ObjectGoneError):
                collector.CancelRetrievePropertiesEx(token=token)


def of_all(view: View) -> Any:
    """Return what a collector is to read: the name and the mode of every host of ``view``."""
    return of_view(view, properties(vim.HostSystem, "name", MODE))


def of_view(view: View, *wanted: Any) -> Any:
    """Return what a collector is to read: these ``properties`` of all there is in ``view``."""
    into = _Collector.TraversalSpec(type=vim.view.ContainerView, path="view", skip=False)
    start = _Collector.ObjectSpec(obj=view.container, skip=True, selectSet=[into])
    return _Collector.FilterSpec(objectSet=[start], propSet=list(wanted))


@cache
def properties(kind: Any, *names: str) -> Any:
    """Return which properties of the objects of a kind a collector is to read.

    It is the same object each time, since pyVmomi checks each field of a new one; nobody changes
    it.
    """
    return _Collector.PropertySpec(type=kind, pathSet=list(names), all=False)


def _host(found: Any, address: str, service: str) -> Iterator[VCenterHost]:
    """Yield the host, unless its mode is missing: that must not count as no maintenance."""
    values = {each.name: each.val for each in found.propSet}
    moref = found.obj._GetMoId()
    if MODE in values and MOREF.fullmatch(moref):
        host = HostRef(moref, printable(values.get("name")), address)
        yield VCenterHost(host, mode(values[MODE], service))
        return
    check_session([missing.fault for missing in found.missingSet], service)
    _logger.warning("%s does not tell the mode of host %a; it is left out", service, moref[:80])


def check_session(faults: Iterable[Any], service: str) -> None:
    """Raise SessionEndedError if that is why properties are missing."""
    for error in (refusal(fault, service) for fault in faults):
        if isinstance(error, SessionEndedError):
            raise error


def mode(value: object, service: str) -> bool:
    """Return a host's mode as it was told; raises VCenterUnavailableError if it is none."""
    if not isinstance(value, bool):
        raise VCenterUnavailableError(f"{service} tells a mode that is neither true nor false")
    return value


def printable(name: object) -> str:
    """Return a name that may be shown, or none: something else says who or what it is."""
    usable = isinstance(name, str) and name.isprintable() and len(name) <= MAX_NAME_LENGTH
    return str(name) if usable else ""
