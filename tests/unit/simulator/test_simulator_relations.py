"""What goes with hosts: its kinds, its relations, and what is unknown of them."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import Companion, Host, SettableClock, Switches
from simulator.inventory import Inventory
from simulator.relations import RELATIONS, Family

Run = Callable[..., Any]

CLUSTER, MACHINE = "ClusterComputeResource", "VirtualMachine"
BOTH = ["esx01", "esx02"]
COMPANIONS = [
    Companion("local", "datastore-12", hosts=["esx01"]),
    Companion("shared", "datastore-13", hosts=BOTH),
    Companion("cluster", "domain-c8", kind=CLUSTER, hosts=BOTH),
    Companion("machine", "vm-42", kind=MACHINE, hosts=["esx02"]),
]
NOBODY = "00000000-0000-0000-0000-000000000000"
BULK = "/resources/bulk/relationships"


@pytest.fixture
def started(run: Run) -> Run:
    """Start a simulator of two hosts with what goes with them; the options are its switches."""
    return lambda **switches: run(companions=COMPANIONS, switches=Switches(**switches))


def related(caller: Any, name: str, relation: str | None = None) -> set[str]:
    id = caller.simulator.resource(name).id
    return set(caller.names(f"/resources/{id}/relationships", relationshipType=relation))


def bulk(caller: Any, names: list[str], relation: str, **more: Any) -> dict[str, set[str]]:
    """Return who is related to those of these names, and to which of them."""
    asked = {caller.simulator.resource(name).id: name for name in names}
    body = {"relationshipType": relation, "resourceIds": [*asked], **more}
    answer = caller.api("POST", BULK, json=body).json()
    assert answer["relationshipType"] == relation
    return {
        each["resource"]["resourceKey"]["name"]: {asked[id] for id in each["relatedResources"]}
        for each in answer["resourcesRelations"]
    }


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("HostSystem", ["esx01", "esx02"]),
        ("Datastore", ["local", "shared"]),
        ("clustercomputeresource", ["cluster"]),
        (MACHINE, ["machine"]),
        ("ResourcePool", []),
    ],
)
def test_each_kind_is_listed_for_itself(started: Run, kind: str, names: list[str]) -> None:
    caller = started()
    assert caller.names(resourceKind=kind) == names
    assert caller.names(f"/adapterkinds/VMWARE/resourcekinds/{kind}/resources") == names
    assert caller.names(f"/adapterkinds/other/resourcekinds/{kind}/resources") == []
    queried = caller.api("POST", "/resources/query", json={"resourceKind": [kind]}).json()
    assert [each["resourceKey"]["name"] for each in queried["resourceList"]] == names


def test_without_a_kind_all_are_listed(started: Run) -> None:
    assert len(started().names()) == 6
    assert len(started().names(resourceKind=["Datastore", CLUSTER])) == 3


@pytest.mark.parametrize("companion", COMPANIONS, ids=lambda each: each.name)
def test_a_companion_is_described_as_hosts_are(started: Run, companion: Companion) -> None:
    caller = started()
    known = caller.simulator.resource(companion.name)
    key = caller.api("GET", f"/resources/{known.id}").json()["resourceKey"]
    assert (key["name"], key["resourceKindKey"]) == (companion.name, companion.kind)
    unique = {
        each["identifierType"]["name"]: each["value"]
        for each in key["resourceIdentifiers"]
        if each["identifierType"]["isPartOfUniqueness"]
    }
    vcid = known.vcenter.instance_uuid
    assert unique == {"VMEntityObjectID": companion.moref, "VMEntityVCID": vcid}
    path = f"/adapterkinds/VMWARE/resourcekinds/{companion.kind}/resources"
    params = {f"identifiers[{name}]": value for name, value in unique.items()}
    assert caller.names(path, **params) == [companion.name]


@pytest.mark.parametrize("companion", COMPANIONS, ids=lambda each: each.name)
def test_maintenance_of_a_companion_is_its_own(started: Run, companion: Companion) -> None:
    caller = started()
    caller.maintain("esx01", params={"duration": 5})
    assert caller.simulator.state(companion.name) == "STARTED"
    caller.maintain(companion.name)
    assert caller.names(resourceState="MAINTAINED_MANUAL") == [companion.name]
    assert caller.simulator.states() == {"esx01": "MAINTAINED", "esx02": "STARTED"}
    caller.end(companion.name)
    assert caller.simulator.state(companion.name) == "STARTED"


def test_hosts_and_companions_are_maintained_by_one_call(started: Run) -> None:
    caller = started()
    ids = [caller.simulator.resource(name).id for name in ("esx01", "local", "cluster")]
    caller.api("PUT", "/resources/maintained", params={"id": ids, "duration": 5})
    assert set(caller.names(resourceState="MAINTAINED")) == {"esx01", "local", "cluster"}
    caller.api("DELETE", "/resources/maintained", params={"id": ids})
    assert caller.names(resourceState="MAINTAINED") == []


@pytest.mark.parametrize(
    ("side", "name", "relation", "expected"),
    [
        ("child", "esx01", None, {"local", "shared", "cluster"}),
        ("child", "esx01", "ALL", {"local", "shared", "cluster"}),
        ("child", "esx01", "CHILD", {"local", "shared"}),
        ("child", "esx01", "PARENT", {"cluster"}),
        ("child", "esx02", "CHILD", {"shared", "machine"}),
        ("child", "shared", "PARENT", {"esx01", "esx02"}),
        ("child", "shared", "CHILD", set()),
        ("child", "cluster", "CHILD", {"esx01", "esx02"}),
        ("child", "machine", "PARENT", {"esx02"}),
        ("parent", "esx01", "CHILD", set()),
        ("parent", "esx01", "PARENT", {"local", "shared", "cluster"}),
        ("parent", "esx02", "CHILD", {"machine"}),
        ("parent", "shared", "CHILD", {"esx01", "esx02"}),
    ],
)
def test_a_resource_tells_what_is_next_to_it(
    started: Run, side: str, name: str, relation: str | None, expected: set[str]
) -> None:
    assert related(started(datastore_relation=side), name, relation) == expected


def test_relationships_are_told_by_pages(started: Run) -> None:
    caller = started()
    path = f"/resources/{caller.simulator.resource('esx01').id}/relationships"
    answer = caller.api("GET", path, params={"page": 1, "pageSize": 2}).json()
    assert answer["pageInfo"] == {"totalCount": 3, "page": 1, "pageSize": 2}
    pages = [caller.names(path, page=page, pageSize=2) for page in range(3)]
    assert [len(page) for page in pages] == [2, 1, 0]
    assert {name for page in pages for name in page} == {"local", "shared", "cluster"}


def test_many_are_asked_at_once_which_of_them_each_is_related_to(started: Run) -> None:
    caller = started()
    assert bulk(caller, BOTH, "CHILD") == {
        "local": {"esx01"},
        "shared": {"esx01", "esx02"},
        "machine": {"esx02"},
    }
    assert bulk(caller, ["local", "shared"], "PARENT") == {
        "esx01": {"local", "shared"},
        "esx02": {"shared"},
    }


@pytest.mark.parametrize(
    ("relation", "depth", "expected"),
    [
        ("DESCENDANT", None, {"esx01", "esx02", "local", "shared", "machine"}),
        ("DESCENDANT", 2**31 - 1, {"esx01", "esx02", "local", "shared", "machine"}),
        ("DESCENDANT", 1, {"esx01", "esx02"}),
        ("CHILD", None, {"esx01", "esx02"}),
        ("ALL", 1, {"esx01", "esx02"}),
        ("ANCESTOR", None, set()),
    ],
)
def test_relations_lead_as_deep_as_is_asked(
    started: Run, relation: str, depth: int | None, expected: set[str]
) -> None:
    found = bulk(started(), ["cluster"], relation, hierarchyDepth=depth)
    assert found == {name: {"cluster"} for name in expected}


def test_all_leads_up_and_down_but_not_to_neighbours(started: Run) -> None:
    caller = started()
    assert set(bulk(caller, ["local"], "ALL")) == {"esx01", "cluster"}
    assert set(bulk(caller, ["esx01"], "ALL")) == {"local", "shared", "cluster"}
    assert set(bulk(caller, ["machine"], "ANCESTOR")) == {"esx02", "cluster"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, {"local", "shared", "cluster"}),
        ({"resourceKind": ["Datastore"], "adapterKind": ["VMWARE"]}, {"local", "shared"}),
        ({"resourceKind": ["Datastore", CLUSTER]}, {"local", "shared", "cluster"}),
        ({"adapterKind": ["OTHER"]}, set()),
        ({"name": ["loc"]}, {"local"}),
        ({"resourceState": ["MAINTAINED"]}, {"shared"}),
        ({"resourceId": [NOBODY]}, set()),
    ],
)
def test_related_resources_are_filtered_as_lists_are(
    started: Run, query: dict[str, Any], expected: set[str]
) -> None:
    caller = started()
    caller.simulator.maintain("shared", minutes=5)
    assert set(bulk(caller, ["esx01"], "ALL", resourceQuery=query)) == expected


def test_those_that_are_unknown_are_left_out_unless_all_are(started: Run) -> None:
    caller = started()
    ids = [NOBODY]
    body = {"relationshipType": "CHILD", "resourceIds": ids}
    assert caller.api("POST", BULK, json=body).status_code == 404
    ids.append(caller.simulator.resource("esx01").id.upper())
    answer = caller.api("POST", BULK, params={"page": 1, "pageSize": 1}, json=body).json()
    assert answer["pageInfo"] == {"totalCount": 2, "page": 1, "pageSize": 1}
    (row,) = answer["resourcesRelations"]
    assert row["relatedResources"] == [caller.simulator.resource("esx01").id]


@pytest.mark.parametrize(
    "body",
    [
        {"resourceIds": [NOBODY]},
        {"relationshipType": "SELF", "resourceIds": [NOBODY]},
        {"relationshipType": "CHILD", "resourceIds": ["host-29"]},
        {"relationshipType": "ALL", "resourceIds": [NOBODY], "hierarchyDepth": -1},
        {"relationshipType": "ALL", "resourceIds": [NOBODY], "hierarchyDepth": "deep"},
        {"relationshipType": "ALL", "resourceQuery": {"statKey": ["a"]}},
        {"relationshipType": "ALL", "resourceQuery": ["a"]},
    ],
)
def test_what_cannot_be_asked_of_many_is_refused(started: Run, body: dict[str, Any]) -> None:
    assert started().api("POST", BULK, json=body).status_code == 400


def test_calls_for_relationships_are_calls_like_others(started: Run) -> None:
    caller = started()
    related(caller, "esx01")
    bulk(caller, ["esx01"], "ALL")
    assert [(each.method, each.path[-13:], each.status) for each in caller.simulator.calls] == [
        ("GET", "relationships", 200),
        ("POST", "relationships", 200),
    ]
    caller.simulator.fault(status=503, path="/relationships")
    id = caller.simulator.resource("esx01").id
    assert caller.api("GET", f"/resources/{id}/relationships").status_code == 503


@pytest.mark.parametrize("status", [403, 404, 500])
def test_relationships_of_one_can_be_refused(started: Run, status: int) -> None:
    caller = started(relationships=status)
    id = caller.simulator.resource("esx01").id
    answer = caller.api("GET", f"/resources/{id}/relationships")
    assert (answer.status_code, answer.json()["httpStatusCode"]) == (status, status)
    assert set(bulk(caller, ["esx02"], "CHILD")) == {"shared", "machine"}


@pytest.mark.parametrize("status", [403, 404, 405, 500])
def test_relationships_of_many_can_be_missing(started: Run, status: int) -> None:
    caller = started(bulk_relationships=status)
    body = {"relationshipType": "CHILD", "resourceIds": [caller.simulator.resource("esx01").id]}
    assert caller.api("POST", BULK, json=body).status_code == status
    assert related(caller, "esx01", "CHILD") == {"local", "shared"}


@pytest.mark.parametrize("shown", [True, False])
def test_related_resources_may_not_tell_their_states(started: Run, shown: bool) -> None:
    caller = started(relations_expose_states=shown)
    id = caller.simulator.resource("esx01").id
    body = {"relationshipType": "CHILD", "resourceIds": [id]}
    one = caller.api("GET", f"/resources/{id}/relationships").json()["resourceList"]
    many = caller.api("POST", BULK, json=body).json()["resourcesRelations"]
    for each in [*one, *(row["resource"] for row in many)]:
        assert bool(each["resourceStatusStates"]) == shown
        whole = caller.api("GET", f"/resources/{each['identifier']}").json()
        assert whole["resourceStatusStates"]


def test_a_changed_relation_shows_late(started: Run, clock: SettableClock) -> None:
    caller = started(relation_delay=5)
    assert related(caller, "local") == {"esx01"}
    caller.simulator.relate("local", ["esx02"])
    caller.simulator.add_companion(Companion("new", hosts=["esx01"]))
    clock.advance(4.9)
    assert (related(caller, "local"), related(caller, "new")) == ({"esx01"}, set())
    clock.advance(0.1)
    assert (related(caller, "local"), related(caller, "new")) == ({"esx02"}, {"esx01"})
    caller.simulator.relate("local", [])
    clock.advance(5)
    assert related(caller, "local") == set()


def test_a_companion_that_is_removed_stays_behind_as_a_host_does(started: Run) -> None:
    caller = started()
    caller.simulator.maintain("local")
    caller.simulator.remove_companion("local")
    assert caller.simulator.state("local") == "NOT_EXISTING"
    assert related(caller, "esx01", "CHILD") == {"local", "shared"}
    caller.simulator.add_companion(Companion("local", "datastore-12", hosts=["esx02"]))
    assert caller.simulator.states("Datastore") == {"local": "STARTED", "shared": "STARTED"}
    assert related(caller, "local") == {"esx02"}


def test_a_companion_is_of_the_vcenter_of_its_hosts(run: Run) -> None:
    hosts = [Host("esx01", vcenter="a"), Host("esx02", vcenter="b")]
    simulator = run(hosts, ["a", "b"]).simulator
    assert simulator.add_companion(Companion("local", hosts=["esx02"])).vcenter.name == "b"
    assert simulator.add_companion(Companion("lonely")).vcenter.name == "a"
    with pytest.raises(LookupError, match="No host is called esx01"):
        simulator.add_companion(Companion("other", vcenter="b", hosts=["esx01"]))
    with pytest.raises(LookupError, match="No host is called esx01"):
        simulator.add_companion(Companion("other", hosts=["esx02", "esx01"]))
    with pytest.raises(LookupError, match="No host is called esx01"):
        simulator.relate("local", ["esx01"])
    with pytest.raises(LookupError, match="esx01 is a host"):
        simulator.relate("esx01", [])


def test_a_host_goes_before_a_companion_of_its_name(run: Run) -> None:
    simulator = run(["esx01"], companions=[Companion("esx01", hosts=["esx01"])]).simulator
    assert simulator.resource("esx01").kind == "HostSystem"
    assert simulator.states() == simulator.states("Datastore") == {"esx01": "STARTED"}


def test_only_kinds_that_are_known_can_be_added() -> None:
    with pytest.raises(ValueError, match="'Folder' is no kind of resource"):
        Companion("group-4", kind="Folder")


def test_companions_without_a_moref_never_share_one() -> None:
    inventory = Inventory(SettableClock())
    kinds = ["Datastore", "Datastore", CLUSTER, MACHINE]
    morefs = [inventory.add_companion(Companion(kind, kind=kind)).moref for kind in kinds]
    assert len({*morefs}) == 4
    prefixes = ("datastore-", "datastore-", "domain-c", "vm-")
    assert all(map(str.startswith, morefs, prefixes))


TOPOLOGIES = st.lists(
    st.tuples(st.sampled_from(["Datastore", CLUSTER, MACHINE]), st.sets(st.integers(0, 4))),
    max_size=6,
)


@given(TOPOLOGIES, st.sampled_from(["child", "parent"]), st.integers(1, 4))
def test_who_is_related_to_whom_is_so_from_both_sides(
    topology: list[tuple[str, set[int]]], side: str, depth: int
) -> None:
    inventory = Inventory(SettableClock())
    hosts = [inventory.add_host(Host(f"esx{n}")) for n in range(5)]
    for place, (kind, members) in enumerate(topology):
        names = [hosts[n].name for n in sorted(members)]
        inventory.add_companion(Companion(f"companion{place}", kind=kind, hosts=names))
    resources = inventory.resources()
    family = Family(resources, Switches(datastore_relation=side))
    ids = [each.id for each in resources]
    for one, other in {"PARENT": "CHILD", "ANCESTOR": "DESCENDANT", "ALL": "ALL"}.items():
        assert {one, other} <= RELATIONS.keys()
        there = {(a, b) for a in ids for b in family.related(a, one, depth)}
        back = {(a, b) for b in ids for a in family.related(b, other, depth)}
        assert there == back
    for each in resources:
        near = family.related(each.id, "ALL", 1)
        assert set(each.hosts) == (near if each.hosts else set())
