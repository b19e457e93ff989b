"""Which version of the vSphere API is spoken with a vCenter (decision 0020).

Sources: vSphere Web Services SDK Programming Guide, "Multiple Versions of the vSphere API": since
vSphere 4.0 a server lists what it speaks in vimServiceVersions.xml, beside the API and without a
login, and answers in the version that it is asked in. vSphere Web Services API Reference,
PropertyCollector: RetrievePropertiesEx is there since version 4.1.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from pyVmomi.VmomiSupport import GetServiceVersions, GetVersionParents, versionIdMap

from functions.errors import VCenterUnavailableError

FILE: Final = "vimServiceVersions.xml"
# The first one that has all that we ask, and what is spoken where nothing is listed: that of
# vSphere 6.5, the oldest that VEBA was made for. Both are pyVmomi's names.
OLDEST: Final = "vim.version.version6"
_UNLISTED: Final = "vim.version.version11"
_SERVICE: Final = "vim25"
_NUMBER: Final = re.compile(r"[\w.]{1,40}", re.ASCII)
_MAX_NAMED: Final = 3


@dataclass(frozen=True)
class ApiVersion:
    """A version by pyVmomi's name for it; ``listed`` if the vCenter itself says it speaks it."""

    name: str
    listed: bool

    @property
    def number(self) -> str:
        """The version as vCenter writes it, such as ``8.0.3.0``."""
        return str(versionIdMap[self.name])


def listed(document: bytes | None) -> Sequence[str]:
    """Return the numbers of all versions that a vCenter lists in its FILE.

    There are none if the file is missing, or is no XML of that kind, as a web page is.
    """
    try:
        root = fromstring(document or b"", forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return []
    if (root.tag, root.get("version")) != ("namespaces", "1.0"):
        return []
    return [number for namespace in root.findall("namespace") for number in _numbers(namespace)]


def agreed(numbers: Sequence[str], service: str) -> ApiVersion:
    """Return the newest version that both know; that of 6.5 where none is listed.

    Raises VCenterUnavailableError where none of those that are listed is known to pyVmomi: a newer
    release of ours may know one, and what is tried again until then is not lost.
    """
    if not numbers:
        return ApiVersion(_UNLISTED, listed=False)
    known = _known()
    for version in known:
        if version.number in numbers:
            return version
    named = ", ".join(numbers[:_MAX_NAMED]) + (", ..." if len(numbers) > _MAX_NAMED else "")
    raise VCenterUnavailableError(
        f"{service} speaks the API versions {named}, and none of those known here,"
        f" {known[-1].number} to {known[0].number}; a newer release of ours may know one",
        lasting=True,
    )


def _known() -> list[ApiVersion]:
    """Return what pyVmomi knows and has all that we ask, the newest first."""
    names = GetServiceVersions(_SERVICE)
    return [ApiVersion(n, listed=True) for n in names if OLDEST in (n, *GetVersionParents(n))]


def _numbers(namespace: Element) -> Iterator[str]:
    if namespace.findtext("name", "").strip() != f"urn:{_SERVICE}":
        return
    for path in ("version", "priorVersions/version"):
        for version in namespace.findall(path):
            number = (version.text or "").strip()
            if _NUMBER.fullmatch(number):
                yield number
