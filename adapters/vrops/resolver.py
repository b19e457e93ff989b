"""Which resource is this host? Exactly one, or a refusal (decision 0004).

The order, from the surest evidence to the weakest, and what each step costs:

1. MoRef within the event's vCenter, whose adapter instance is known by its URL or UUID: by
   identifiers (one call), else among the resources of that name (one call), else among all
   hosts of the instance (a call per thousand, at most once a minute, and one to read it anew).
2. Exact name within that adapter instance, in any case even if the server minds the case, and
   only a resource that does not say it is another host.
3. The same over all, only where the vCenter is known to no adapter instance, and only if no
   other vCenter has such a host. If the instance is known, a host of that name elsewhere is
   certainly a different one.

Where vCenter itself has told its UUID, a resource of another UUID is never the one.

Sources: Suite API 8.6 to 9.1, ``GET /api/adapters``, ``GET /api/resources`` (name is a *partial*
match) and ``GET /api/adapterkinds/{kind}/resourcekinds/{kind}/resources`` (identifiers).
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, TypeVar

from adapters.outgoing.cache import TimedCache
from adapters.outgoing.deadline import deadline, remaining
from adapters.outgoing.grouping import Grouping, halved
from adapters.vrops import models
from adapters.vrops.client import BATCH, PAGE_SIZE, REFUSED, SuiteApi, batches, objects
from adapters.vrops.models import VSPHERE, Candidate, Instance
from functions.errors import AmbiguousHostError, HostNotFoundError, OperationsUnavailableError
from functions.events import HOST, HostRef
from functions.ports import Resource, ResourceState

T = TypeVar("T")

_logger: Final = logging.getLogger(__name__)
_BY_IDENTIFIERS: Final = "/adapterkinds/VMWARE/resourcekinds/HostSystem/resources"
# What a server may answer if it does not like the identifiers: no document says.
_IDENTIFIERS_REFUSED: Final = (400, 404, 405, 500, 501)
# If more than this of one instance are looked up at the same time, all its hosts are listed.
_FEW: Final = 4
# Which resource a host is hardly ever changes; that a new host or adapter has come, soon enough.
REMEMBERED_SECONDS: Final = 600.0
LISTING_SECONDS: Final = 60.0
# How long one waits for what another asks; then he asks himself.
_ASKING_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Located:
    """Which resource something is, and the adapter instances whose word of its state counts."""

    identifier: str
    owners: frozenset[str]


class Wanted(NamedTuple):
    """Resources that somebody looks at, all of one ``kind``, or with "" of any; None: a single one.

    Several are listed, a single one is asked for by itself: that is how one is gone for sure.
    """

    identifiers: tuple[str, ...]
    kind: str | None = None


class _Identity(NamedTuple):
    """What a host is found by: its MoRef, and who collects it."""

    instance: Instance
    moref: str


# What is found, by its identifier.
_Seen = Mapping[str, Candidate]


class Resolver:
    """Finds hosts, and remembers for a while what it found.

    ``uuid_of`` tells a vCenter's instance UUID by its address, or "" where it is not known.
    """

    def __init__(
        self,
        api: SuiteApi,
        uuid_of: Callable[[str], str] = lambda address: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._uuid_of = uuid_of
        self._looks: Grouping[Wanted, _Seen] = Grouping(
            self._look, self._look_together, BATCH, OperationsUnavailableError, _weight
        )
        self._identities: Grouping[_Identity, list[Candidate]] = Grouping(
            self._identify, self._identify_together, BATCH, OperationsUnavailableError
        )
        self._located: TimedCache[HostRef, Located] = TimedCache(REMEMBERED_SECONDS, clock=clock)
        # There are many more of these, and hosts must not have to make room for them.
        self._companions: TimedCache[HostRef, Located] = TimedCache(REMEMBERED_SECONDS, clock=clock)
        self._asking = threading.Lock()
        self._instances: TimedCache[str, list[Instance]] = TimedCache(LISTING_SECONDS, clock=clock)
        self._listings: TimedCache[tuple[str, str], list[Candidate]] = TimedCache(
            LISTING_SECONDS, clock=clock
        )

    def find(self, host: HostRef) -> Resource:
        """Read the one resource that is ``host``; one call if it is remembered.

        Raises HostNotFoundError or AmbiguousHostError, and what SuiteApi does.
        """
        located = self.located(host)
        candidate = self._read(located) if located else None
        if candidate is None or not candidate.is_still(host):
            self.forget(host)
            candidate = self._locate(host)
        return candidate.as_resource(host)

    def read(self, resource: Resource) -> ResourceState:
        """Read the state of ``resource`` again.

        Raises HostNotFoundError if it is gone by now, and what SuiteApi does.
        """
        located = self.located(resource.host) or Located(resource.identifier, frozenset())
        candidate = self._read(located)
        if candidate is None:
            raise self.gone(resource)
        return candidate.state

    def of_vcenter(self, address: str, kind: str = HOST) -> Iterator[Resource]:
        """Read every host of a vCenter anew, or all of another kind, by pages of a thousand.

        Where no adapter instance is known to be its own, hosts say by its UUID that they are.
        """
        instances = self._of_vcenter(address)
        owners = self._owners(instances)
        known: set[str] = set()
        for candidate in self._listed_of(instances, address, kind):
            # Two adapter instances may collect from one vCenter.
            if candidate.identifier not in known and not candidate.gone:
                known.add(candidate.identifier)
                host = candidate.reference(address, kind)
                yield candidate.owned_by(owners).as_resource(host)

    def known_of(self, address: str, kind: str) -> tuple[list[Candidate], frozenset[str]]:
        """Return all of a kind in a vCenter as they were within the last minute, and its owners."""
        instances, uuid = self._of_vcenter(address), self._uuid_of(address).casefold()
        listed = [c for each in instances for c in self._listing(each, kind) if c.may_be_of(uuid)]
        if not instances and uuid:
            listed = [c for c in self._listing(None, kind) if c.vcenter == uuid]
        return listed, self._owners(instances)

    def may_be_of(self, candidate: Candidate, address: str) -> bool:
        """Whether nothing says that it belongs to another vCenter than the one there."""
        return candidate.may_be_of(self._uuid_of(address).casefold())

    def states(self, resources: Sequence[Resource]) -> Iterator[tuple[str, ResourceState]]:
        """Read the states of many resources by one call; those that are gone are left out."""
        located = {each.identifier: self.located(each.host) for each in resources}
        kinds = {each.host.kind for each in resources}
        kind = kinds.pop() if len(kinds) == 1 else ""
        seen = self._looks.call(Wanted(tuple(each.identifier for each in resources), kind))
        for identifier, candidate in seen.items():
            known = located.get(identifier)
            yield identifier, candidate.owned_by(known.owners if known else self._owners([])).state

    def several(self, located: Iterable[Located]) -> dict[str, Candidate]:
        """Read many by their identifiers, of whatever kind; those that are gone are left out."""
        owners = {each.identifier: each.owners for each in located}
        found = [
            candidate.owned_by(owners[candidate.identifier])
            for batch in batches(list(owners))
            for candidate in self._looks.call(Wanted(tuple(batch), "")).values()
            if candidate.identifier in owners
        ]
        return {each.identifier: each for each in found if not each.gone}

    def located(self, host: HostRef) -> Located | None:
        """Return which resource a host or a companion was, if that is remembered."""
        return self._located.get(host) if host.is_host else self._companions.get(_key(host))

    def remember(self, companion: HostRef, located: Located) -> None:
        """Remember which resource a companion is."""
        self._companions.put(_key(companion), located)

    def forget(self, host: HostRef) -> None:
        """Let a host or a companion be looked up anew."""
        self._located.drop(host)
        self._companions.drop(_key(host))

    def instances(self) -> list[Instance]:
        """Read anew which vCenters are collected."""
        answer = self._api.get("/adapters", {"adapterKindKey": "VMWARE"})
        instances = [models.instance(item) for item in objects(answer, "adapterInstancesInfoDto")]
        self._instances.put("", instances)
        return instances

    def gone(self, resource: Resource) -> HostNotFoundError:
        """Forget ``resource``, which the server no longer knows, and return the error to raise."""
        self.forget(resource.host)
        return HostNotFoundError(f"{resource.host} is gone from vRealize Operations; trying anew")

    def _read(self, located: Located) -> Candidate | None:
        found = self._looks.call(Wanted((located.identifier,))).get(located.identifier)
        candidate = found and found.owned_by(located.owners)
        return None if candidate is None or candidate.gone else candidate

    def _look(self, wanted: Wanted) -> _Seen:
        if wanted.kind is not None:
            listed = self._listed({"resourceId": wanted.identifiers}, wanted.kind)
            return {each.identifier: each for each in listed}
        [identifier] = wanted.identifiers
        answer = self._api.request("GET", f"/resources/{identifier}", tolerated=(404,))
        return {} if answer.status == 404 else {identifier: models.candidate(answer.object())}

    def _look_together(self, many: Sequence[Wanted]) -> Mapping[Wanted, _Seen]:
        return halved(many, self._listed_together)

    def _listed_together(self, many: Sequence[Wanted]) -> Mapping[Wanted, _Seen] | None:
        """Read what all of them look at by one call; None if that is refused."""
        identifiers = dict.fromkeys(each for wanted in many for each in wanted.identifiers)
        params = {"adapterKind": VSPHERE, "resourceId": [*identifiers], "pageSize": PAGE_SIZE}
        answer = self._api.request("GET", "/resources", params, REFUSED)
        if not answer.ok:
            return None
        rows = [models.candidate(item) for item in objects(answer.object(), "resourceList")]
        seen = {each.identifier: each for each in rows if each.entries}
        # What is not told is looked at anew: only a call of its own says that it is gone.
        return {
            each: part
            for each in many
            if len(part := _part(seen, each)) == len(set(each.identifiers))
        }

    def _locate(self, host: HostRef) -> Candidate:
        instances = self._of_vcenter(host.vcenter)
        owners = self._owners(instances)
        found = self._within(instances, host) if instances else self._anywhere(host)
        if not found and not instances:
            raise HostNotFoundError(
                f"{host} is not known to vRealize Operations, nor is its vCenter by that address"
            )
        uuid = self._uuid_of(host.vcenter).casefold()
        own = [each.owned_by(owners) for each in found if each.may_be_of(uuid)]
        candidate = _the_one(host, own)
        if not instances:
            _logger.warning("%s was found by its name only, since its vCenter is unknown", host)
        # Its vCenter may be added meanwhile, and then have such a host itself.
        seconds = REMEMBERED_SECONDS if instances else LISTING_SECONDS
        self._located.put(host, Located(candidate.identifier, owners), seconds)
        return candidate

    def _owners(self, instances: list[Instance]) -> frozenset[str]:
        return frozenset(each.identifier for each in instances or self._all_instances())

    def _within(self, instances: list[Instance], host: HostRef) -> list[Candidate]:
        """Steps 1 and 2: by MoRef, else by name, within the vCenter's own adapter instances."""
        if found := [c for each in instances for c in self._identified(each, host)]:
            return found
        named = [c for each in instances for c in self._named(host.name, each)]
        return (
            [each for each in named if each.has_moref(host)]
            or self._in_listings(instances, host, Candidate.has_moref)
            or [each for each in named if each.is_named(host)]
            or self._in_listings(instances, host, Candidate.is_named)
        )

    def _anywhere(self, host: HostRef) -> list[Candidate]:
        """Step 3: the vCenter is unknown, so only what does not say that it is another host."""
        named = [each for each in self._named(host.name) if each.is_named(host)]
        return named or self._in_listings([None], host, Candidate.is_named)

    def _identified(self, instance: Instance, host: HostRef) -> list[Candidate]:
        if not host.moref or not instance.uuid:
            return []
        return self._identities.call(_Identity(instance, host.moref))

    def _identify(self, wanted: _Identity) -> list[Candidate]:
        params = {
            "identifiers[VMEntityObjectID]": wanted.moref,
            "identifiers[VMEntityVCID]": wanted.instance.uuid,
        }
        answer = self._api.request("GET", _BY_IDENTIFIERS, params, tolerated=_IDENTIFIERS_REFUSED)
        if not answer.ok:
            return []
        # A server that ignores the identifiers answers with hosts of every vCenter.
        found = [models.candidate(item) for item in objects(answer.object(), "resourceList")]
        return [each for each in found if _is_identified(each, wanted)]

    def _identify_together(self, many: Sequence[_Identity]) -> Mapping[_Identity, list[Candidate]]:
        """Find them among all hosts of their instances, and read those anew.

        Who is not among them is looked up alone: the listing may be a minute old, or there are so
        few of an instance, or so many hosts there, that it would take longer.
        """
        counts = Counter(each.instance for each in many)
        listed: dict[_Identity, list[str]] = {}
        for instance, count in counts.items():
            for host in self._listed_in_time(instance, are_few=count <= _FEW):
                listed.setdefault(_Identity(instance, host.moref), []).append(host.identifier)
        known = {each: listed.get(each, []) for each in many}
        located = [Located(id, frozenset()) for ids in known.values() for id in ids]
        anew: Mapping[str, Candidate] = _in_time(lambda: self.several(located), {})
        found = {each: [anew[id] for id in ids if id in anew] for each, ids in known.items()}
        return {
            wanted: hosts
            for wanted, hosts in found.items()
            if hosts and all(_is_identified(each, wanted) for each in hosts)
        }

    def _listed_in_time(self, instance: Instance, *, are_few: bool) -> list[Candidate]:
        """List all hosts of an instance, or none if that takes more than half of the time.

        For a few, there are none either, unless they were listed already.
        """
        if are_few:
            return self._listings.get((instance.identifier, HOST)) or []
        return _in_time(lambda: self._listing(instance), [])

    def _named(self, name: str, instance: Instance | None = None) -> list[Candidate]:
        if not name:
            return []
        listed = self._listed({"name": name, **_owned(instance)})
        return [each for each in listed if each.is_called(name)]

    def _in_listings(
        self,
        instances: Iterable[Instance | None],
        host: HostRef,
        fits: Callable[[Candidate, HostRef], bool],
    ) -> list[Candidate]:
        """Read those anew that fit: the listing that has them may be a minute old."""
        known = [c for each in instances for c in self._listing(each) if fits(c, host)]
        anew = [self._read(Located(each.identifier, frozenset())) for each in known]
        return [each for each in anew if each]

    def _listing(self, instance: Instance | None, kind: str = HOST) -> list[Candidate]:
        key = (instance.identifier if instance else "", kind)
        known = self._listings.get(key)
        if known is None:
            known = list(self._listed(_owned(instance), kind))
            self._listings.put(key, known)
        return known

    def _listed_of(self, instances: list[Instance], address: str, kind: str) -> Iterator[Candidate]:
        uuid = self._uuid_of(address).casefold()
        for instance in instances:
            listed = self._listed(_owned(instance), kind)
            yield from (each for each in listed if each.may_be_of(uuid))
        if not instances and uuid:
            yield from (each for each in self._listed({}, kind) if each.vcenter == uuid)

    def _listed(self, params: Mapping[str, Any], kind: str = HOST) -> Iterator[Candidate]:
        """List resources of a kind, or with "" of any."""
        kinds = {"adapterKind": VSPHERE, **({"resourceKind": kind} if kind else {})}
        pages = self._api.pages("/resources", {**kinds, **params}, "resourceList")
        return (models.candidate(item) for item in pages)

    def _of_vcenter(self, address: str) -> list[Instance]:
        known = self._instances.get("")
        # One may have been added since they were read.
        return self._matching(address, known or []) or self._matching(address, self._newer(known))

    def _newer(self, known: list[Instance] | None) -> list[Instance]:
        """Return the instances as they are by now; of several who miss them at once, one asks."""
        alone = self._asking.acquire(timeout=min(remaining(), _ASKING_SECONDS))
        try:
            anew = self._instances.get("")
            return self.instances() if anew is None or anew is known else anew
        finally:
            if alone:
                self._asking.release()

    def _matching(self, address: str, instances: Iterable[Instance]) -> list[Instance]:
        uuid = self._uuid_of(address).casefold()
        return [
            each
            for each in instances
            if (address and each.address == address) or (uuid and each.uuid.casefold() == uuid)
        ]

    def _all_instances(self) -> list[Instance]:
        known = self._instances.get("")
        return self._newer(None) if known is None else known


def _in_time(read: Callable[[], T], nothing: T) -> T:
    """Read within half of the time that there is; ``nothing``, if it takes longer."""
    with deadline(remaining() / 2):
        try:
            return read()
        except OperationsUnavailableError:
            if remaining():
                raise
            return nothing


def _weight(wanted: Wanted) -> int:
    return len(wanted.identifiers)


def _is_identified(candidate: Candidate, wanted: _Identity) -> bool:
    uuid = wanted.instance.uuid.casefold()
    return candidate.moref == wanted.moref and candidate.vcenter == uuid


def _part(seen: _Seen, wanted: Wanted) -> _Seen:
    return {each: seen[each] for each in wanted.identifiers if each in seen}


def _the_one(host: HostRef, found: list[Candidate]) -> Candidate:
    different = {each.identifier: each for each in found if not each.gone}
    if not different:
        raise HostNotFoundError(f"{host} is not known to vRealize Operations (yet)")
    # A twin in another vCenter is never a stale one, however quiet: it is another host.
    if len({each.vcenter for each in different.values()}) > 1:
        raise _ambiguous(host, len(different))
    alive = models.liveliest(different.values())
    if len(alive) > 1:
        raise _ambiguous(host, len(alive))
    return alive[0]


def _ambiguous(host: HostRef, count: int) -> AmbiguousHostError:
    return AmbiguousHostError(f"{count} resources fit {host}; none of them is touched")


def _key(companion: HostRef) -> HostRef:
    """Under what it is remembered: its name is not what it is found by."""
    return replace(companion, name="")


def _owned(instance: Instance | None) -> dict[str, str]:
    return {"adapterInstanceId": instance.identifier} if instance else {}
