"""What goes wrong on the way to a vCenter and back, as errors of ours.

The exceptions below stay within this package: a session that has ended is renewed, and an object
that is gone, or an argument that is refused, means something else to each caller.
"""

import re
import ssl
from http.client import HTTPException
from typing import Final

from pyVmomi import vim, vmodl

from adapters.config.settings import VCenterSettings
from adapters.outgoing import tally
from adapters.vcenter.versions import FILE, ApiVersion
from functions.errors import (
    AuthenticationError,
    MaintenanceError,
    RequestRejectedError,
    VCenterUnavailableError,
)

# What vCenter says of a version that it does not speak, in a fault of one class or another.
_UNSUPPORTED: Final = re.compile(r"unsupported version|request version", re.IGNORECASE)

Kinds = type[BaseException] | tuple[type[BaseException], ...]


class SessionEndedError(Exception):
    """vCenter does not know the session any more: it was idle for 30 minutes, or terminated."""


class VersionRefusedError(SessionEndedError):
    """vCenter does not take the session's API version, or not any more: it was upgraded."""


class ObjectGoneError(Exception):
    """The object that was asked for does not exist."""


class ArgumentRefusedError(VCenterUnavailableError):
    """vCenter does not take what it was sent as an argument."""


_BROKEN_OFF: Final = (
    ConnectionResetError,
    BrokenPipeError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)
_REFUSALS: Final[tuple[tuple[Kinds, type[Exception], str], ...]] = (
    # First, since it is a NoPermission, too.
    (vim.fault.NotAuthenticated, SessionEndedError, "the session has ended"),
    (vim.fault.InvalidLogin, AuthenticationError, "it refuses the user name or the password"),
    (
        vim.fault.NoPermission,
        RequestRejectedError,
        "the account lacks a privilege: it needs the role Read-only on the vCenter itself,"
        " propagated to its children",
    ),
    (vmodl.fault.ManagedObjectNotFound, ObjectGoneError, "an object is gone"),
)
_UNREACHABLE: Final[tuple[tuple[Kinds, type[MaintenanceError], str], ...]] = (
    (_BROKEN_OFF, VCenterUnavailableError, "the exchange broke off"),
    (TimeoutError, VCenterUnavailableError, "it does not answer in time"),
    (OSError, VCenterUnavailableError, "it cannot be reached"),
    # Only a login sends text that did not come from vCenter.
    (UnicodeEncodeError, AuthenticationError, "the user name or the password cannot be encoded"),
)


def refusal(fault: Exception, service: str) -> Exception:
    """Return what a fault of the vSphere API means; of its text, only its class is told."""
    for kinds, error, meaning in _REFUSALS:
        if isinstance(fault, kinds):
            return error(f"{service}: {meaning}")
    answered = f"{service} answers with the fault {type(fault).__name__}"
    if isinstance(fault, vmodl.fault.InvalidArgument):
        return ArgumentRefusedError(answered)
    return VCenterUnavailableError(answered)


def refuses_version(answer: object) -> bool:
    """Whether an answer is a fault that says that its API version is not spoken."""
    return isinstance(answer, vmodl.MethodFault) and bool(_UNSUPPORTED.search(answer.msg or ""))


def refusal_of_version(service: str, version: ApiVersion) -> VersionRefusedError:
    """Return in words what it means that ``version`` is refused."""
    listed = "although it lists it" if version.listed else "and does not list which ones it speaks"
    return VersionRefusedError(
        f"{service} refuses the API version {version.number}, {listed} (/sdk/{FILE})"
    )


def status(answer: object) -> str:
    """Return, for the tally, how a call ended: by an answer, or by an error in its place."""
    if not isinstance(answer, Exception):
        return tally.http_status(200)
    if isinstance(answer, vmodl.MethodFault):
        return tally.FAULT
    if isinstance(answer, ssl.SSLError) and not isinstance(answer, _BROKEN_OFF):
        return tally.TLS
    if isinstance(answer, TimeoutError):
        return tally.TIMEOUT
    if isinstance(answer, OSError):
        return tally.UNREACHABLE
    return tally.http_status(_http_status(answer))


def unreachable(error: Exception, service: str, settings: VCenterSettings) -> MaintenanceError:
    """Return what it means that there was no answer, or none of the vSphere API.

    pyVmomi raises errors of any kind when it parses what is no SOAP; none of their texts is told,
    since they may repeat what was sent or received.
    """
    if isinstance(error, ssl.SSLError) and not isinstance(error, _BROKEN_OFF):
        # Only what fails has to wait for it, and not every start.
        from adapters.outgoing.handshake import fault_of

        fault = fault_of(error, "VCENTER", settings)
        return VCenterUnavailableError(f"{service}: {fault}", lasting=True)
    for kinds, meant, meaning in _UNREACHABLE:
        if isinstance(error, kinds):
            return meant(f"{service}: {meaning}")
    if code := _http_status(error):
        return VCenterUnavailableError(f"{service} answers with HTTP {code}")
    return VCenterUnavailableError(
        f"{service} does not answer as a vCenter does; is its URL right?"
    )


def _http_status(error: Exception) -> int:
    """Return the status of HTTP that an error of ours names; 0 if it names none."""
    found = isinstance(error, HTTPException) and re.match(r"[13-5]\d\d\b", str(error))
    return int(found[0]) if found else 0
