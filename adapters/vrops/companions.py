"""Which resources go with a host, and which of them with this host alone?

What is found by a MoRef within the host's own vCenter is found as surely as a host is; nothing is
found by its name (decision 0004).

Sources: Suite API 8.6 to 9.1, ``GET /api/resources/{id}/relationships`` and ``POST
/api/resources/bulk/relationships``, whose rows may lack their resourceStatusStates (so does the
specification's own example). Whether a datastore is a host's parent or its child, no document
says: ALL is both.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from adapters.outgoing.cache import TimedCache
from adapters.outgoing.deadline import deadline, remaining
from adapters.vrops import models
from adapters.vrops.client import SuiteApi
from adapters.vrops.models import VSPHERE, Candidate
from adapters.vrops.resolver import LISTING_SECONDS, REMEMBERED_SECONDS, Located, Resolver
from functions.errors import RequestRejectedError
from functions.events import HOST, HostRef
from functions.ports import Resource

_logger: Final = logging.getLogger(__name__)

_RELATED: Final = "/resources/{}/relationships"
_MANY_RELATED: Final = "/resources/bulk/relationships"
# What a server may say where it tells no relations; hosts are mirrored all the same.
_NOT_TOLD: Final = (400, 403, 404, 405, 500, 501)

# A host may have a thousand virtual machines.
_NEAR_HOSTS: Final = 1000

_Near = Mapping[HostRef, Located]


class Companions:
    """Finds what goes with hosts, and remembers for a while what it found, as the Resolver does.

    Where relations are never told, there are none, and a WARNING says so every ten minutes. What
    may be told later is an error, and takes no more than half of the time that there is.
    """

    def __init__(
        self, api: SuiteApi, resolver: Resolver, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._api = api
        self._resolver = resolver
        self._near: TimedCache[tuple[HostRef, frozenset[str]], _Near] = TimedCache(
            REMEMBERED_SECONDS, _NEAR_HOSTS, clock
        )
        self._warned: TimedCache[str, bool] = TimedCache(REMEMBERED_SECONDS, clock=clock)

    def find_with(self, host: HostRef, kinds: Collection[str]) -> list[Resource]:
        """See OperationsManager.find_with."""
        if not kinds:
            return [self._resolver.find(host)]
        near = self._near.get((host, frozenset(kinds)))
        found = [] if near is None else self._remembered(host, near)
        return found or self._anew(host, frozenset(kinds))

    def find_all(self, companions: Collection[HostRef]) -> list[Resource]:
        """See OperationsManager.find_all."""
        known = {each: self._resolver.located(each) for each in companions}
        found = self._read({each: located for each, located in known.items() if located})
        missing = [each for each in companions if each not in found]
        found |= self._read(self._listed(missing))
        return [found[each] for each in companions if each in found]

    def alone(self, host: Resource, companions: Sequence[Resource]) -> list[Resource]:
        """See OperationsManager.alone."""
        if not companions:
            return []
        hosts = self._hosts_of([each.identifier for each in companions])
        return [each for each in companions if hosts.get(each.identifier) == {host.identifier}]

    def _remembered(self, host: HostRef, near: _Near) -> list[Resource]:
        """Read all that is remembered; nothing, if the host is not what it was."""
        located = self._resolver.located(host)
        if located is None:
            return []
        found = self._resolver.several([located, *near.values()])
        itself = found.get(located.identifier)
        if itself is None or not itself.is_still(host):
            self._resolver.forget(host)
            return []
        return [itself.as_resource(host), *self._resources(near, found).values()]

    def _anew(self, host: HostRef, kinds: frozenset[str]) -> list[Resource]:
        itself = self._resolver.find(host)
        located = self._resolver.located(host)
        owners = located.owners if located else frozenset()
        related = self._related(itself, kinds)
        if related is None:
            self._near.put((host, kinds), {}, LISTING_SECONDS)
            return [itself]
        found = {
            each.reference(host.vcenter): each.owned_by(owners)
            for each in _distinct(self._with_states(related, owners))
        }
        near = {ref: Located(each.identifier, owners) for ref, each in found.items()}
        self._remember(near)
        self._near.put((host, kinds), near)
        return [itself, *(each.as_resource(ref) for ref, each in found.items())]

    def _related(self, host: Resource, kinds: Collection[str]) -> list[Candidate] | None:
        """Return what of ``kinds`` is related to ``host`` in its vCenter; None if it isn't told."""
        rows = self._told(
            "GET", _RELATED.format(host.identifier), "resourceList", {"relationshipType": "ALL"}
        )
        if rows is None:
            return None
        found = [models.candidate(row) for row in rows]
        uuid = host.vcenter_uuid
        return [c for c in found if uuid and c.vcenter == uuid and c.moref and c.kind in kinds]

    def _with_states(self, found: Collection[Candidate], owners: frozenset[str]) -> list[Candidate]:
        """Read those anew whose row does not tell a state: that must not count as monitored."""
        untold = [Located(each.identifier, owners) for each in found if not each.entries]
        anew = self._resolver.several(untold)
        return [each for each in found if each.entries and not each.gone] + [*anew.values()]

    def _listed(self, companions: Iterable[HostRef]) -> dict[HostRef, Located]:
        """Look them up among all of their kind; those of which there are several are left out."""
        found: dict[HostRef, Located] = {}
        for vcenter, kind in {(each.vcenter, each.kind): None for each in companions}:
            known, owners = self._resolver.known_of(vcenter, kind)
            one = {c.moref: c for c in _distinct(c.owned_by(owners) for c in known if not c.gone)}
            for each in companions:
                if (each.vcenter, each.kind) == (vcenter, kind) and each.moref in one:
                    found[each] = Located(one[each.moref].identifier, owners)
        self._remember(found)
        return found

    def _read(self, located: _Near) -> dict[HostRef, Resource]:
        return self._resources(located, self._resolver.several(located.values()))

    def _resources(self, located: _Near, found: Mapping[str, Candidate]) -> dict[HostRef, Resource]:
        """Return those that are found, and still are what they were."""
        pairs = [(ref, found.get(each.identifier)) for ref, each in located.items()]
        return {
            ref: candidate.as_resource(ref)
            for ref, candidate in pairs
            if candidate
            and candidate.is_companion(ref)
            and self._resolver.may_be_of(candidate, ref.vcenter)
        }

    def _remember(self, found: _Near) -> None:
        for ref, located in found.items():
            self._resolver.remember(ref, located)

    def _hosts_of(self, identifiers: Sequence[str]) -> dict[str, set[str]]:
        """Return by resource the hosts that it is related to, as far as that is told."""
        query = {
            "relationshipType": "ALL",
            "resourceIds": list(identifiers),
            "resourceQuery": {"adapterKind": [VSPHERE], "resourceKind": [HOST]},
            "hierarchyDepth": 1,
        }
        rows = self._told("POST", _MANY_RELATED, "resourcesRelations", {}, query) or []
        hosts: dict[str, set[str]] = {}
        for row in rows:
            for each in _texts(row, "relatedResources"):
                hosts.setdefault(each, set()).add(_identifier(row))
        return hosts

    def _told(
        self,
        method: str,
        path: str,
        key: str,
        params: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]] | None:
        """Read what is related, or return None with a WARNING if that is never told.

        A host is mirrored all the same, so that a slow answer must leave it some time.
        """
        try:
            with deadline(remaining() / 2):
                return list(self._api.answers(method, path, params, key, body, _NOT_TOLD))
        except RequestRejectedError as error:
            if not self._warned.get(method):
                self._warned.put(method, True)
                _logger.warning("what goes with hosts cannot be told by relations: %s", error)
            return None


def _distinct(found: Iterable[Candidate]) -> list[Candidate]:
    """Return the liveliest of those that have a MoRef, where it is a single one."""
    groups: dict[tuple[str, str], dict[str, Candidate]] = {}
    for each in found:
        groups.setdefault((each.kind, each.moref), {})[each.identifier] = each
    alive = [models.liveliest(group.values()) for group in groups.values() if _is_of_one(group)]
    return [one for one, *others in alive if not others]


def _is_of_one(group: Mapping[str, Candidate]) -> bool:
    """Whether all are in one vCenter: a twin in another one is never a stale one."""
    return len({each.vcenter for each in group.values()}) == 1


def _identifier(row: Mapping[str, Any]) -> str:
    resource = row.get("resource")
    return models.candidate(resource).identifier if isinstance(resource, dict) else ""


def _texts(row: Mapping[str, Any], key: str) -> list[str]:
    listed = row.get(key)
    return [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
