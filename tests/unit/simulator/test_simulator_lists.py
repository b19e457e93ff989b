from collections.abc import Callable
from typing import Any

import pytest

from simulator import Host, Switches, VCenter

Run = Callable[..., Any]

KIND = "/adapterkinds/VMWARE/resourcekinds/HostSystem/resources"
LISTS = ["/resources", KIND]
NOBODY = "00000000-0000-0000-0000-000000000000"


def identifiers(moref: str | None = None, vcid: str | None = None) -> dict[str, str | None]:
    return {"identifiers[VMEntityObjectID]": moref, "identifiers[VMEntityVCID]": vcid}


def resource(caller: Any, name: str) -> dict[str, Any]:
    answer = caller.api("GET", f"/resources/{caller.simulator.resource(name).id}")
    return dict(answer.json())


def shown_identifiers(document: dict[str, Any]) -> dict[str, str]:
    shown = document["resourceKey"]["resourceIdentifiers"]
    return {each["identifierType"]["name"]: each["value"] for each in shown}


def adapters(caller: Any, **params: str) -> list[dict[str, Any]]:
    return list(caller.api("GET", "/adapters", params=params).json()["adapterInstancesInfoDto"])


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("matching", "wanted", "found"),
    [
        ("contains", "esx1", ["esx1", "esx10", "ESX1.lab"]),
        ("case-sensitive", "esx1", ["esx1", "esx10"]),
        ("exact", "esx1", ["esx1"]),
        ("exact", "ESX1", []),
    ],
)
def test_a_name_matches_as_switched(
    run: Run, path: str, matching: str, wanted: str, found: list[str]
) -> None:
    caller = run(["esx1", "esx10", "ESX1.lab", "other"], switches=Switches(name_matching=matching))
    assert caller.names(path, name=wanted) == found


@pytest.mark.parametrize("path", LISTS)
def test_an_empty_name_is_no_filter(run: Run, path: str) -> None:
    assert run().names(path, name="") == ["esx01", "esx02"]


def test_only_the_first_name_counts_and_it_beats_a_regex(run: Run) -> None:
    caller = run()
    assert caller.names(name=["esx02", "esx01"], regex="esx01") == ["esx02"]
    assert caller.names(regex="0[13]$") == ["esx01"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"adapterKind": "vmware", "resourceKind": "hostsystem"}, ["esx01", "esx02", "down"]),
        ({"adapterKind": ["other", "VMWARE"]}, ["esx01", "esx02", "down"]),
        ({"resourceKind": "VirtualMachine"}, []),
        ({"adapterKind": "other"}, []),
        ({"resourceState": "MAINTAINED"}, ["esx02"]),
        ({"resourceState": ["MAINTAINED", "STARTED"]}, ["esx01", "esx02"]),
        ({"resourceStatus": "NO_DATA_RECEIVING"}, ["down"]),
        ({"resourceId": NOBODY}, []),
        ({"adapterInstanceId": NOBODY}, []),
    ],
)
def test_lists_are_filtered_by_get_and_by_query_alike(
    run: Run, filters: dict[str, Any], found: list[str]
) -> None:
    caller = run(["esx01", "esx02", Host("down", state="UNKNOWN", status="NO_DATA_RECEIVING")])
    caller.simulator.maintain("esx02", minutes=5)
    body: dict[str, Any] = {
        name: value if isinstance(value, list) else [value] for name, value in filters.items()
    }
    queried = caller.api("POST", "/resources/query", json=body).json()["resourceList"]
    assert caller.names(**filters) == found
    assert [each["resourceKey"]["name"] for each in queried] == found


def test_lists_are_filtered_by_ids_in_either_case(run: Run) -> None:
    caller = run([Host("esx01", vcenter="a"), Host("esx02", vcenter="b")], ["a", "b"])
    esx02 = caller.simulator.resource("esx02")
    assert caller.names(resourceId=esx02.id.upper()) == ["esx02"]
    assert caller.names(adapterInstanceId=esx02.vcenter.adapter_id.upper()) == ["esx02"]


def test_empty_lists_in_a_query_are_no_filters(run: Run) -> None:
    body: dict[str, Any] = {"name": [], "resourceKind": [], "regex": None}
    answer = run().api("POST", "/resources/query", json=body)
    assert answer.json()["pageInfo"]["totalCount"] == 2


@pytest.mark.parametrize(
    "filters",
    [
        {"resourceState": "SLEEPING"},
        {"resourceStatus": "x"},
        {"regex": "("},
        {"page": "-1"},
        {"page": "x"},
        {"pageSize": "0"},
        {"pageSize": "9" * 30},
        {"propertyName": "a|b"},
        {"includeRelated": "CHILD"},
    ],
)
def test_what_cannot_be_filtered_by_is_refused(run: Run, filters: dict[str, str]) -> None:
    answer = run().api("GET", "/resources", params=filters)
    assert (answer.status_code, answer.json()["apiErrorCode"]) == (400, 1501)


@pytest.mark.parametrize("field", ["resourceId", "adapterInstanceId"])
@pytest.mark.parametrize("status", [400, 404])
def test_a_malformed_id_is_refused_as_switched(run: Run, field: str, status: int) -> None:
    caller = run(switches=Switches(malformed_uuid=status))
    assert caller.api("GET", "/resources", params={field: "host-29"}).status_code == status


def test_pages_count_from_zero_and_the_last_is_short(run: Run) -> None:
    caller = run(5)
    pages = [caller.names(page=number, pageSize=2) for number in range(4)]
    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert [name for page in pages for name in page] == caller.names()


def test_a_page_says_where_it_stands(run: Run) -> None:
    answer = run(5).api("GET", "/resources", params={"page": 1, "pageSize": 2}).json()
    assert answer["pageInfo"] == {"totalCount": 5, "page": 1, "pageSize": 2}
    numbers = {link["name"]: link["href"].split("page=")[1][0] for link in answer["links"]}
    assert numbers == {"current": "1", "first": "0", "last": "2", "previous": "0", "next": "2"}


def test_links_are_escaped_as_on_a_real_appliance(run: Run) -> None:
    answer = run().api("GET", "/resources", params={"name": "esx", "pageSize": 7}).json()
    assert answer["links"][0]["href"] == (
        "/suite-api/api/resources?name=esx&amp;page=0&amp;pageSize=7"
    )


def test_a_page_is_never_larger_than_switched(run: Run) -> None:
    caller = run(5, switches=Switches(max_page_size=3))
    answer = caller.api("GET", "/resources", params={"pageSize": 1000}).json()
    assert (len(answer["resourceList"]), answer["pageInfo"]["pageSize"]) == (3, 3)


def test_identifiers_find_one_host_and_beat_the_name(run: Run) -> None:
    caller = run([Host("esx01", "host-29", "a"), Host("esx01", "host-29", "b")], ["a", "b"])
    b = caller.simulator.resource("esx01", "b")
    params = identifiers("host-29", b.vcenter.instance_uuid.upper())
    found = caller.api("GET", KIND, params={**params, "name": "nobody"}).json()["resourceList"]
    assert [each["identifier"] for each in found] == [b.id]
    assert caller.names(KIND, **identifiers("host-30", b.vcenter.instance_uuid)) == []


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize("params", [identifiers("host-29"), identifiers(vcid=NOBODY)])
def test_a_missing_identifier_is_refused_as_switched(
    run: Run, status: int, params: dict[str, str | None]
) -> None:
    caller = run(switches=Switches(missing_identifier=status))
    assert caller.api("GET", KIND, params=params).status_code == status


def test_looking_up_by_identifiers_can_be_refused(run: Run) -> None:
    caller = run(switches=Switches(identifiers_lookup="refused"))
    assert caller.api("GET", KIND, params=identifiers("host-29", NOBODY)).status_code == 400
    assert caller.names(KIND, name="esx01") == ["esx01"]


def test_identifiers_can_be_ignored(run: Run) -> None:
    caller = run(switches=Switches(identifiers_lookup="ignored"))
    assert caller.names(KIND, **identifiers("host-29", NOBODY)) == ["esx01", "esx02"]


def test_other_kinds_of_resources_have_no_hosts(run: Run) -> None:
    assert run().names("/adapterkinds/VMWARE/resourcekinds/VirtualMachine/resources") == []


def test_adapters_show_the_vcenter_as_it_was_configured(run: Run) -> None:
    urls = ["vcsa-e", "192.0.2.16", "https://vc.example.com/sdk"]
    caller = run([], [VCenter(f"name {url[-3:]}", url, uuid=NOBODY) for url in urls])
    shown = [shown_identifiers(each) for each in adapters(caller, adapterKindKey="VMWARE")]
    assert [each["VCURL"] for each in shown] == urls
    assert {each["VMEntityVCID"] for each in shown} == {NOBODY}


def test_a_vcenter_without_a_url_shows_its_name(run: Run) -> None:
    (adapter,) = adapters(run([], ["vcenter.lab"]))
    assert shown_identifiers(adapter)["VCURL"] == "vcenter.lab"


def test_adapters_can_hide_the_instance_uuid(run: Run) -> None:
    (adapter,) = adapters(run(switches=Switches(adapters_expose_vcid=False)))
    assert "VMEntityVCID" not in shown_identifiers(adapter)


def test_other_kinds_have_no_adapters(run: Run) -> None:
    assert adapters(run(), adapterKindKey="OPENAPI") == []


def test_an_adapter_lists_its_own_hosts_only(run: Run) -> None:
    caller = run([Host("esx01", vcenter="a"), Host("esx02", vcenter="b")], ["a", "b"])
    a, b = (each["id"] for each in adapters(caller))
    assert caller.names(f"/adapters/{a}/resources") == ["esx01"]
    assert caller.names(f"/adapters/{b}/resources") == ["esx02"]
    assert caller.api("GET", f"/adapters/{a}").json()["numberOfResourcesCollected"] == 1


@pytest.mark.parametrize("path", [f"/adapters/{NOBODY}/resources", f"/resources/{NOBODY}"])
def test_an_unknown_id_is_not_found(run: Run, path: str) -> None:
    answer = run().api("GET", path)
    assert (answer.status_code, answer.json()["httpStatusCode"]) == (404, 404)
    assert answer.json()["message"].startswith("No such ")


@pytest.mark.parametrize("path", ["/nothing", "/resources/stats", "/adapters/x/y/z"])
def test_other_paths_answer_an_error_of_the_documented_form(run: Run, path: str) -> None:
    answer = run().api("GET", path)
    assert answer.status_code in (400, 404)
    assert answer.json()["httpStatusCode"] == answer.status_code


def test_a_method_that_a_path_does_not_have_is_refused(run: Run) -> None:
    answer = run().api("DELETE", "/versions/current")
    assert (answer.status_code, answer.json()["httpStatusCode"]) == (405, 405)


def test_a_host_carries_its_four_identifiers(run: Run) -> None:
    caller = run([Host("esx01", "host-29")], [VCenter("vc", uuid=NOBODY)])
    assert shown_identifiers(resource(caller, "esx01")) == {
        "isPingEnabled": "",
        "VMEntityName": "esx01",
        "VMEntityObjectID": "host-29",
        "VMEntityVCID": NOBODY,
    }


def test_a_host_can_carry_the_vcenters_uuid_in_upper_case(run: Run) -> None:
    caller = run(switches=Switches(vcid_upper_case=True))
    vcid = caller.simulator.resource("esx01").vcenter.instance_uuid
    assert shown_identifiers(resource(caller, "esx01"))["VMEntityVCID"] == vcid.upper() != vcid
    assert shown_identifiers(adapters(caller)[0])["VMEntityVCID"] == vcid


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("extra", [0, 1, 2])
def test_the_owning_adapters_state_comes_last(run: Run, extra: int, flip: bool) -> None:
    caller = run(switches=Switches(extra_states=extra, extra_states_flip=flip))
    caller.maintain("esx01")
    entries = resource(caller, "esx01")["resourceStatusStates"]
    others = ["MAINTAINED_MANUAL" if flip else "STARTED"] * extra
    assert [each["resourceState"] for each in entries] == [*others, "MAINTAINED_MANUAL"]
    assert entries[-1]["adapterInstanceId"] == adapters(caller)[0]["id"]
    assert caller.simulator.state("esx01") == "MAINTAINED_MANUAL"


def test_equal_names_and_morefs_in_several_vcenters_stay_apart(run: Run) -> None:
    caller = run([Host("esx01", "host-29", "a"), Host("esx01", "host-29", "b")], ["a", "b"])
    caller.simulator.maintain("esx01", vcenter="b")
    assert caller.simulator.states() == {"a/esx01": "STARTED", "b/esx01": "MAINTAINED_MANUAL"}
    assert caller.names(name="esx01") == ["esx01", "esx01"]
    with pytest.raises(LookupError, match="2 hosts are called esx01"):
        caller.simulator.state("esx01")


def test_a_removed_host_leaves_a_stale_resource_behind(run: Run) -> None:
    caller = run([Host("esx01", "host-29")])
    caller.simulator.remove_host("esx01")
    (entry,) = resource(caller, "esx01")["resourceStatusStates"]
    assert (entry["resourceState"], entry["resourceStatus"]) == (
        "NOT_EXISTING",
        "NO_DATA_RECEIVING",
    )
    caller.simulator.add_host(Host("esx01", "host-30"))
    assert caller.names(name="esx01") == ["esx01", "esx01"]
    assert caller.simulator.states() == {"esx01": "STARTED"}


def test_without_an_accept_header_the_answer_is_xml(run: Run) -> None:
    caller = run(["esx<01>"])
    answer = caller.api("GET", "/resources", headers={"Accept": None})
    assert answer.headers["Content-Type"].startswith("application/xml")
    assert "<ops:name>esx&lt;01&gt;</ops:name>" in answer.text


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/json;charset=UTF-8", "application/json"),
        ("*/*", "application/json"),
        ("application/xml", "application/xml"),
        ("application/xml, application/json", "application/json"),
    ],
)
def test_the_accept_header_decides_the_form(run: Run, accept: str, kind: str) -> None:
    answer = run().api("GET", "/nothing", headers={"Accept": accept})
    assert answer.headers["Content-Type"] == kind
