"""Rows that a simulator would not give: twins, what is foreign, and what makes no sense."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, cast

import pytest

from adapters.vrops.client import SuiteApi
from adapters.vrops.companions import Companions
from adapters.vrops.resolver import Resolver
from functions.events import COMPANIONS, HOST, HostRef
from functions.ports import Resource, ResourceState

VCENTER, UUID, OTHER = "vc.lab.local", "uuid-a", "uuid-b"
ESX = HostRef("host-1", "esx1", VCENTER)
STORE = HostRef("datastore-1", "store", VCENTER, "Datastore")
LIVE, QUIET = "DATA_RECEIVING", "NO_DATA_RECEIVING"


def row(
    id: str,
    ref: HostRef = STORE,
    uuid: str = UUID,
    adapter: str = "VMWARE",
    entries: Collection[tuple[str, str, str]] = (("a", "STARTED", LIVE),),
) -> dict[str, Any]:
    """A resource as it is listed; ``entries`` are (adapter instance, state, status)."""
    values = {"VMEntityObjectID": ref.moref, "VMEntityVCID": uuid}
    listed = [{"identifierType": {"name": name}, "value": each} for name, each in values.items()]
    key = {"adapterKindKey": adapter, "resourceKindKey": ref.kind, "name": ref.name}
    return {
        "identifier": id,
        "resourceKey": {**key, "resourceIdentifiers": listed},
        "resourceStatusStates": [
            {"adapterInstanceId": owner, "resourceState": state, "resourceStatus": status}
            for owner, state, status in entries
        ],
    }


class Table:
    """A Suite API that has one host, what is ``related`` to it, and the resources ``known``."""

    def __init__(
        self,
        related: list[dict[str, Any]],
        known: list[dict[str, Any]] | None = None,
        rows: Any = (),
    ) -> None:
        self.related = related
        self.known = [row("h", ESX), *(related if known is None else known)]
        self.rows = rows

    def get(self, path: str, params: object = None) -> dict[str, Any]:
        key = {"resourceIdentifiers": [{"identifierType": {"name": "VCURL"}, "value": VCENTER}]}
        return {"adapterInstancesInfoDto": [{"id": "a", "resourceKey": key}]}

    def pages(self, path: str, params: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
        for each in self.known:
            kind, id = each["resourceKey"]["resourceKindKey"], each["identifier"]
            if kind == params.get("resourceKind", kind) and id in params.get("resourceId", [id]):
                yield each

    def answers(self, method: str, *args: object) -> Iterator[dict[str, Any]]:
        return iter(self.related if method == "GET" else self.rows)


def companions(*related: dict[str, Any], **more: Any) -> Companions:
    api = cast(SuiteApi, Table(list(related), **more))
    return Companions(api, Resolver(api))


def found(asked: Companions) -> list[tuple[str, ResourceState]]:
    [host, *those] = asked.find_with(ESX, COMPANIONS)
    assert host.identifier == "h"
    again = asked.find_with(ESX, COMPANIONS)
    assert again == [host, *those]
    return [(each.identifier, each.state) for each in those]


def identifiers(asked: Companions) -> list[str]:
    return [identifier for identifier, _ in found(asked)]


GONE = (("a", "NOT_EXISTING", QUIET),)


@pytest.mark.parametrize(
    ("twin", "left"),
    [
        (row("2"), []),
        (row("2", entries=[("a", "STARTED", QUIET)]), ["1"]),
        (row("2", entries=GONE), ["1"]),
        (row("2", HostRef("datastore-1", "cluster", VCENTER, "VirtualMachine")), ["1", "2"]),
    ],
    ids=["live", "quiet", "gone", "another-kind"],
)
def test_of_two_that_may_be_it_the_live_one_is_it_or_none(
    twin: dict[str, Any], left: list[str]
) -> None:
    for related in ([row("1"), twin], [twin, row("1")]):
        assert sorted(identifiers(companions(*related))) == left
        asked = companions(*related).find_all([STORE])
        assert [each.identifier for each in asked] == [each for each in left if each == "1"]


def test_one_that_is_listed_twice_is_one() -> None:
    assert identifiers(companions(row("1"), row("1"))) == ["1"]


@pytest.mark.parametrize(
    "foreign",
    [
        row("1", uuid=OTHER),
        row("1", uuid=""),
        row("1", adapter="OTHER"),
        row("1", HostRef("", "store", VCENTER, "Datastore")),
        row("1", HostRef("group-1", "folder", VCENTER, "Folder")),
        row("1", HostRef("host-2", "esx2", VCENTER, HOST)),
        row("1", entries=GONE),
        {"identifier": "1"},
        {"identifier": "1", "resourceKey": None, "resourceStatusStates": [None]},
        {},
    ],
    ids=str,
)
def test_what_is_foreign_or_makes_no_sense_is_no_companion(foreign: dict[str, Any]) -> None:
    assert identifiers(companions(foreign, known=[])) == []


def test_a_host_that_does_not_tell_its_vcenter_has_no_companions_by_relations() -> None:
    api = Table([row("1", uuid="")])
    api.known[0] = row("h", ESX, uuid="")
    asked = Companions(cast(SuiteApi, api), Resolver(cast(SuiteApi, api)))
    assert identifiers(asked) == []


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ([row("1", entries=[("a", "MAINTAINED", LIVE)])], [("1", ResourceState.TIMED)]),
        ([row("1", entries=[])], [("1", ResourceState.MONITORED)]),
        ([row("1", entries=GONE)], []),
        ([], []),
    ],
)
def test_a_row_without_a_state_is_read_anew(
    known: list[dict[str, Any]], expected: list[tuple[str, ResourceState]]
) -> None:
    assert found(companions(row("1", entries=[]), known=known)) == expected


def test_the_word_of_its_own_adapter_counts() -> None:
    entries = [("z", "MAINTAINED_MANUAL", LIVE), ("a", "STARTED", LIVE)]
    asked = companions(row("1", entries=entries))
    assert found(asked) == [("1", ResourceState.MONITORED)]
    assert [each.state for each in asked.find_all([STORE])] == [ResourceState.MONITORED]


def test_one_of_another_vcenter_in_the_same_listing_is_a_doubt() -> None:
    both = companions(row("1"), row("2", uuid=OTHER))
    assert both.find_all([STORE]) == []


RESOURCE = Resource("1", STORE, ResourceState.MONITORED, STORE.moref, UUID)
HOSTED = Resource("h", ESX, ResourceState.MONITORED, ESX.moref, UUID)


@pytest.mark.parametrize(
    ("rows", "alone"),
    [
        ([{"resource": row("h", ESX), "relatedResources": ["1"]}], True),
        ([{"resource": row("h", ESX), "relatedResources": ["1", "2"]}] * 2, True),
        ([], False),
        ([{"resource": row("h", ESX), "relatedResources": ["2"]}], False),
        ([{"resource": row("other", ESX), "relatedResources": ["1"]}], False),
        (
            [
                {"resource": row(id, ESX, entries=GONE), "relatedResources": ["1"]}
                for id in ("h", "other")
            ],
            False,
        ),
        (
            [
                {"resource": row("h", ESX), "relatedResources": ["1"]},
                {"relatedResources": ["1"]},
            ],
            False,
        ),
        ([{"resource": row("h", ESX)}], False),
        ([{"resource": row("h", ESX), "relatedResources": "1"}], False),
        ([{"resource": None, "relatedResources": [None, "1"]}], False),
    ],
)
def test_alone_is_only_what_is_certainly_so(rows: list[dict[str, Any]], alone: bool) -> None:
    assert companions(rows=rows).alone(HOSTED, [RESOURCE]) == ([RESOURCE] if alone else [])
