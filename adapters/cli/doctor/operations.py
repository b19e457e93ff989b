"""Does vRealize Operations let us in, and may we do what is needed?"""

from collections.abc import Generator, Sequence
from typing import Final

from adapters.cli.doctor import clocks
from adapters.cli.doctor.findings import Finding, note, ok, skipped, tried
from adapters.cli.ports import Inspection
from adapters.vrops.inspection import Role
from functions.errors import MaintenanceError

NAMES: Final = ("login", "version", "privileges", "clock")
_CREDENTIALS: Final = "are VROPS_USERNAME, VROPS_PASSWORD and VROPS_AUTH_SOURCE right?"
_NEEDED: Final = "'All other Read, Write APIs' under Administration > Access Control > REST APIs"
_MAY_EVERYTHING: Final = "Administrator"
_MAY_NOTHING: Final = "ReadOnly"


def examined(inspection: Inspection, reachable: bool) -> Generator[Finding, None, bool]:
    """Yield what it says of itself and our account; returns whether it lets us in."""
    if not reachable:
        yield from skipped(*NAMES, because="it cannot be reached")
        return False
    login = tried("login", lambda: _let_in(inspection), _CREDENTIALS)
    yield login
    if login.result == "failed":
        yield from skipped(*NAMES[1:], because="it does not let us in")
        return False
    yield tried("version", lambda: ok("version", inspection.release()))
    yield tried("privileges", lambda: _privileges(inspection.roles()))
    yield _clock(inspection)
    return True


def _let_in(inspection: Inspection) -> Finding:
    inspection.release()
    return ok("login", "it takes the user name and the password")


def _privileges(roles: Sequence[Role] | None) -> Finding:
    if not roles:
        return note("privileges", "could not tell", f"the role needs {_NEEDED}")
    named = ", ".join(role.name for role in roles)
    if all(role.name == _MAY_NOTHING for role in roles):
        return Finding("privileges", "failed", f"{named} may not write", f"it needs {_NEEDED}")
    if any(role.name == _MAY_EVERYTHING and role.all_objects for role in roles):
        return ok("privileges", f"{named}, for all objects; {_NEEDED} is enough")
    scope = "" if any(role.all_objects for role in roles) else ", and its scope the vSphere hosts"
    found = f"{named}: could not tell whether that is enough"
    return note("privileges", found, f"it needs {_NEEDED}{scope}")


def _clock(inspection: Inspection) -> Finding:
    try:
        return clocks.compared(inspection.now())
    except MaintenanceError as error:
        return note(clocks.NAME, f"could not tell: {error}")
