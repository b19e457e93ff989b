"""Which resources stand above which, and who is related to whom by that."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from simulator.inventory import CLUSTER, DATASTORE, Resource
from simulator.switches import Switches

UP, DOWN = "up", "down"
# Which ways a relation leads, and whether only one step.
RELATIONS = {
    "PARENT": ((UP,), True),
    "CHILD": ((DOWN,), True),
    "ANCESTOR": ((UP,), False),
    "DESCENDANT": ((DOWN,), False),
    "ALL": ((UP, DOWN), False),
}
DEFAULT_DEPTH = 10


class Family:
    """Who stands above whom among `resources`.

    A cluster stands above its hosts, and a host above its virtual machines; whether it stands above
    its datastores as well is a switch.
    """

    def __init__(self, resources: Iterable[Resource], switches: Switches) -> None:
        self._next: Mapping[str, defaultdict[str, list[str]]] = {
            UP: defaultdict(list),
            DOWN: defaultdict(list),
        }
        above = {CLUSTER, *([DATASTORE] if switches.datastore_relation == "parent" else [])}
        for each in resources:
            for host in each.hosts:
                pair = (each.id, host) if each.kind in above else (host, each.id)
                self._add(*pair)

    def related(self, id: str, relation: str, depth: int) -> set[str]:
        """Return the ids of those that have a relation to `id`, at most `depth` steps away."""
        ways, is_near = RELATIONS[relation]
        return {each for way in ways for each in self._reached(id, way, 1 if is_near else depth)}

    def _add(self, parent: str, child: str) -> None:
        self._next[UP][child].append(parent)
        self._next[DOWN][parent].append(child)

    def _reached(self, id: str, way: str, depth: int) -> set[str]:
        found: set[str] = set()
        last: Sequence[str] = [id]
        for _ in range(depth):
            last = [far for near in last for far in self._next[way].get(near, ())]
            last = list(set(last) - found)
            if not last:
                break
            found |= set(last)
        return found
