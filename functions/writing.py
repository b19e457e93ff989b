"""Write what was found to be true: of a host alone by single calls, of several by one for all."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from functions.context import Context
from functions.errors import (
    HostNotFoundError,
    MaintenanceError,
    PermanentError,
    RequestRejectedError,
)
from functions.outcomes import Done, Outcome
from functions.ownership import Stand
from functions.ports import Resource

_PENDING: Final = "accepted by vRealize Operations, but not visible yet"

# Whether the new state was seen, or why it was not written.
_Written = bool | PermanentError | HostNotFoundError
_One = Callable[[Resource], bool]
_Many = Callable[[Sequence[Resource]], Iterable[tuple[Resource, bool]]]


def write(stands: Mapping[Resource, Stand], context: Context) -> dict[Resource, Outcome]:
    """Start or end the maintenance of each resource, by how it stands; says what became of each.

    Ends first: of two things that may fail, what is silenced is the worse. But starting does not
    depend on it, since the host may be among those. A companion that may not be written, or is
    gone, is left; a host raises what vRealize Operations does, and so does what may pass.
    """
    ending = [each for each, stand in stands.items() if not stand.in_maintenance]
    starting = [each for each, stand in stands.items() if stand.in_maintenance]
    try:
        ended = _ended(ending, context)
    except MaintenanceError:
        _started(starting, context)
        raise
    return {**ended, **_started(starting, context)}


def _ended(resources: Sequence[Resource], context: Context) -> dict[Resource, Outcome]:
    operations = context.operations
    written = _written(resources, operations.end_maintenance, operations.end_all, context)
    return {each: _outcome("exited", each, how) for each, how in written}


def _started(resources: Sequence[Resource], context: Context) -> dict[Resource, Outcome]:
    operations, lease = context.operations, context.policy.lease_minutes
    outcomes: dict[Resource, Outcome] = {}
    written = _written(
        resources,
        lambda each: operations.start_maintenance(each, lease),
        lambda several: operations.start_all(several, lease),
        context,
    )
    for each, how in written:
        if isinstance(how, bool):
            context.memory.started(each, context.now())
        action: Done = "renewed" if each.state.maintained else "entered"
        outcomes[each] = _outcome(action, each, how)
    return outcomes


def _outcome(action: Done, resource: Resource, how: _Written) -> Outcome:
    if not isinstance(how, bool):
        return Outcome("left", resource.host, str(how), needs_attention=True)
    # What still suppresses alerts that it should not is worth a look.
    needs_attention = action == "exited" and not how
    return Outcome(action, resource.host, "" if how else _PENDING, needs_attention)


def _written(
    resources: Sequence[Resource], one: _One, many: _Many, context: Context
) -> Iterator[tuple[Resource, _Written]]:
    """Write by as few calls as possible, which happens as this is iterated."""
    if len(resources) > 1:
        try:
            for resource, seen in many(resources):
                yield resource, seen or _is_pending(resource, context)
            return
        except RequestRejectedError:
            pass  # One that our account may not write must not hold up all others.
    for resource in resources:
        yield resource, _singly(resource, one)


def _is_pending(resource: Resource, context: Context) -> bool:
    """Return that the state does not show yet, unless it is a host that is gone by now.

    Raises HostNotFoundError then: of many, vRealize Operations does not say which is not there.
    """
    host = resource.host
    if host.is_host and context.operations.find(host).identifier != resource.identifier:
        raise HostNotFoundError(f"{host} is another resource by now; trying anew")
    return False


def _singly(resource: Resource, one: _One) -> _Written:
    try:
        return one(resource)
    except (PermanentError, HostNotFoundError) as error:
        if resource.host.is_host:
            raise
        return error
