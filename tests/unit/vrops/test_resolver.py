"""Answers that a simulator would not give, read from a table instead of a server."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, cast

import pytest

from adapters.vrops import models
from adapters.vrops.client import Answer, SuiteApi
from adapters.vrops.resolver import Resolver
from functions.errors import AmbiguousHostError, HostNotFoundError
from functions.events import HostRef
from functions.ports import ResourceState

EVENT = HostRef("host-1", "esx01", "vc.lab.local")


class Table:
    """A Suite API with some adapter instances and hosts; it knows no identifiers."""

    def __init__(self, adapters: list[dict[str, Any]], hosts: list[dict[str, Any]]) -> None:
        self.adapters = adapters
        self.hosts = hosts

    def request(
        self, method: str, path: str, params: Any = None, tolerated: Collection[int] = ()
    ) -> Answer:
        found = [host for host in self.hosts if path.endswith(f"/{host['identifier']}")]
        status = 200 if found else 404
        return Answer(f"{method} {path}", status, {}, b"", lambda: found[0])

    def get(self, path: str, params: object = None) -> dict[str, Any]:
        return {"adapterInstancesInfoDto": self.adapters}

    def pages(self, path: str, params: Mapping[str, str], key: str) -> Iterator[dict[str, Any]]:
        owner = params.get("adapterInstanceId")
        for host in self.hosts:
            owners = [entry["adapterInstanceId"] for entry in host["resourceStatusStates"]]
            if owner is None or owner in owners:
                yield host


def key(name: str, **identifiers: str) -> dict[str, Any]:
    listed = [{"identifierType": {"name": k}, "value": v} for k, v in identifiers.items()]
    return {"name": name, "resourceIdentifiers": listed}


def adapter(id: str, **identifiers: str) -> dict[str, Any]:
    return {"id": id, "resourceKey": key("as anyone may call it", **identifiers)}


def host(
    id: str,
    *entries: tuple[str, str],
    name: str = "esx01",
    moref: str = "host-1",
    status: str = "DATA_RECEIVING",
) -> dict[str, Any]:
    states = [
        {"adapterInstanceId": owner, "resourceState": state, "resourceStatus": status}
        for owner, state in entries
    ]
    return {
        "identifier": id,
        "resourceKey": key(name, VMEntityObjectID=moref),
        "resourceStatusStates": states,
    }


def resolver(*hosts: dict[str, Any], adapters: list[dict[str, Any]], **more: Any) -> Resolver:
    return Resolver(cast(SuiteApi, Table(adapters, list(hosts))), **more)


def test_an_instance_without_a_url_is_not_the_vcenter_of_an_event_without_a_source() -> None:
    here, there = host("1", ("a", "STARTED")), host("2", ("b", "STARTED"))
    resolve = resolver(here, there, adapters=[adapter("a"), adapter("b", VCURL="vc.lab.local")])
    with pytest.raises(AmbiguousHostError):
        resolve.find(HostRef("host-1", "esx01", ""))


def test_a_vcenter_is_known_by_its_uuid_where_its_url_has_another_form() -> None:
    here, there = host("1", ("a", "STARTED")), host("2", ("b", "STARTED"))
    adapters = [
        adapter("a", VCURL="192.0.2.1", VMEntityVCID="1F-A"),
        adapter("b", VCURL="192.0.2.2", VMEntityVCID="1F-B"),
    ]
    resolve = resolver(here, there, adapters=adapters, uuid_of=lambda address: "1f-b")
    assert resolve.find(EVENT).identifier == "2"


@pytest.mark.parametrize("owner_first", [True, False])
@pytest.mark.parametrize("owned", ["STARTED", "MAINTAINED", "MAINTAINED_MANUAL"])
@pytest.mark.parametrize("other", ["STARTED", "MAINTAINED_MANUAL", "NOT_EXISTING"])
def test_the_state_is_the_owners_whatever_others_say(
    owner_first: bool, owned: str, other: str
) -> None:
    entries = [("vc", owned), ("other", other)]
    resolve = resolver(
        host("1", *(entries if owner_first else reversed(entries))),
        adapters=[adapter("vc", VCURL="vc.lab.local")],
    )
    expected = "MONITORED" if owned == "STARTED" else owned
    assert [resolve.find(EVENT).state for _ in range(2)] == [ResourceState(expected)] * 2


def test_a_host_that_its_owner_no_longer_has_is_gone_whatever_others_say() -> None:
    resolve = resolver(
        host("1", ("other", "STARTED"), ("vc", "NOT_EXISTING")),
        adapters=[adapter("vc", VCURL="vc.lab.local")],
    )
    with pytest.raises(HostNotFoundError):
        resolve.find(EVENT)


def test_a_host_that_two_instances_report_is_one_host() -> None:
    resolve = resolver(
        host("1", ("a", "STARTED"), ("b", "STARTED")),
        adapters=[adapter("a", VCURL="vc.lab.local"), adapter("b", VCURL="https://VC.lab.local")],
    )
    assert resolve.find(EVENT).identifier == "1"


def test_a_host_in_maintenance_that_sends_no_data_beats_a_stale_twin() -> None:
    twins = [
        host("1", ("vc", "STARTED"), status="NO_DATA_RECEIVING", moref=""),
        host("2", ("vc", "MAINTAINED"), status="NO_DATA_RECEIVING", moref=""),
    ]
    for hosts in (twins, twins[::-1]):
        resolve = resolver(*hosts, adapters=[adapter("vc", VCURL="vc.lab.local")])
        assert resolve.find(EVENT).identifier == "2"


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"identifier": 1, "resourceKey": [], "resourceStatusStates": {}},
        {"resourceKey": {"name": None, "resourceIdentifiers": [None, {}, {"identifierType": 1}]}},
        {"resourceStatusStates": [None, {"adapterInstanceId": 1, "resourceState": None}]},
    ],
)
def test_an_answer_without_sense_is_a_host_that_is_nobody(item: dict[str, Any]) -> None:
    candidate = models.candidate(item)
    assert not candidate.is_named(EVENT)
    assert not candidate.has_moref(EVENT)
    assert candidate.state is ResourceState.MONITORED


def test_whoever_is_looked_at_together_is_judged_by_the_word_of_their_own_instances() -> None:
    adapters = [adapter("a", VCURL="a.lab.local"), adapter("b", VCURL="b.lab.local")]
    here = host("1", ("a", "STARTED"), ("b", "MAINTAINED_MANUAL"), name="esx01", moref="host-1")
    there = host("2", ("b", "STARTED"), name="esx02", moref="host-2")
    resolve = resolver(here, there, adapters=adapters)
    refs = [HostRef("host-1", "esx01", "a.lab.local"), HostRef("host-2", "esx02", "b.lab.local")]
    found = [resolve.find(each) for each in refs]
    assert dict(resolve.states(found)) == {each.identifier: each.state for each in found}
    assert found[0].state is ResourceState.MONITORED
