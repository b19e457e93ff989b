"""What the simulator is asked and answers, held against the official specification."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from simulator import Companion, Host, Simulator, Switches
from tests.contract.specification import (
    check_answer,
    check_request,
    jsonschema,
    needs_specification,
    validate,
)

pytestmark = needs_specification

NOBODY = "00000000-0000-0000-0000-000000000000"
KIND = "/adapterkinds/VMWARE/resourcekinds/HostSystem/resources"
IDENTIFIERS = "?identifiers[VMEntityObjectID]=host-29&identifiers[VMEntityVCID]="

READS = [
    ("GET", "/auth/currentuser"),
    ("GET", "/versions/current"),
    ("GET", "/deployment/node/status"),
    ("GET", "/adapters"),
    ("GET", "/adapters?adapterKindKey=VMWARE"),
    ("GET", "/adapters/{adapter}"),
    ("GET", "/adapters/{adapter}/resources"),
    ("GET", "/adapters/{adapter}/resources?page=0&pageSize=1"),
    ("GET", KIND),
    ("GET", KIND + "?name=esx&page=1&pageSize=1"),
    ("GET", KIND + IDENTIFIERS + "{vcid}"),
    ("GET", "/resources"),
    ("GET", "/resources?name=esx&adapterKind=VMWARE&resourceKind=HostSystem&pageSize=2&page=1"),
    ("GET", "/resources?regex=e.x&resourceState=MAINTAINED&resourceState=STARTED"),
    ("GET", "/resources?resourceStatus=DATA_RECEIVING&adapterInstanceId={adapter}"),
    ("GET", "/resources?resourceId={id}"),
    ("GET", "/resources/{id}"),
    ("GET", "/resources/{adapter}"),
    ("GET", "/adapterkinds/VMWARE/resourcekinds/Datastore/resources"),
    ("GET", "/resources?resourceKind=Datastore&resourceKind=VirtualMachine"),
    ("GET", "/resources/{datastore}"),
    ("GET", "/resources/{machine}"),
    ("GET", "/resources/{cluster}"),
    ("GET", "/resources/{id}/relationships"),
    ("GET", "/resources/{id}/relationships?relationshipType=ALL&page=1&pageSize=1"),
    ("GET", "/resources/{id}/relationships?relationshipType=CHILD"),
    ("GET", "/resources/{datastore}/relationships?relationshipType=PARENT"),
    ("POST", "/resources/bulk/relationships"),
    ("POST", "/resources/bulk/relationships?page=1&pageSize=1"),
    ("POST", "/resources/query"),
    ("POST", "/auth/token/acquire"),
]
WRITES = [
    ("PUT", "/resources/{id}/maintained"),
    ("PUT", "/resources/{id}/maintained?duration=60"),
    ("PUT", "/resources/{id}/maintained?end=4102444800000"),
    ("DELETE", "/resources/{id}/maintained"),
    ("PUT", "/resources/maintained?id={id}&duration=60"),
    ("PUT", "/resources/maintained?id={id}&id={datastore}&id={cluster}&id={machine}"),
    ("DELETE", "/resources/maintained?id={id}"),
    ("PUT", "/resources/{datastore}/maintained?duration=60"),
    ("DELETE", "/resources/{datastore}/maintained"),
    ("PUT", "/adapters/{adapter}/maintained?duration=60"),
    ("DELETE", "/adapters/{adapter}/maintained"),
    ("POST", "/auth/token/release"),
]
REFUSED = [
    ("GET", f"/resources/{NOBODY}", 404),
    ("GET", f"/adapters/{NOBODY}", 404),
    ("GET", f"/adapters/{NOBODY}/resources", 404),
    ("PUT", f"/resources/{NOBODY}/maintained", 404),
    ("PUT", f"/adapters/{NOBODY}/maintained?duration=60", 404),
    ("DELETE", f"/adapters/{NOBODY}/maintained", 404),
    ("PUT", "/adapters/{adapter}/maintained", 400),
    ("PUT", "/resources/host-29/maintained", 400),
    ("GET", f"/resources/{NOBODY}/relationships", 404),
    ("GET", "/resources/{id}/relationships?relationshipType=SELF", 400),
    ("POST", f"/resources/bulk/relationships#{NOBODY}", 404),
    ("GET", "/resources?page=-1", 400),
    ("GET", KIND + "?identifiers[VMEntityObjectID]=host-29", 400),
    ("GET", "/nothing/of/the/kind", 404),
    ("DELETE", "/versions/current", 405),
]
RELATED: dict[str, Any] = {
    "relationshipType": "ALL",
    "resourceIds": ["{id}", "{other}"],
    "resourceQuery": {"adapterKind": ["VMWARE"], "resourceKind": ["Datastore", "VirtualMachine"]},
    "hierarchyDepth": 1,
}
BODIES: dict[str, dict[str, Any]] = {
    "/resources/bulk/relationships": RELATED,
    "/resources/bulk/relationships?page=1&pageSize=1": RELATED,
    f"/resources/bulk/relationships#{NOBODY}": {**RELATED, "resourceIds": [NOBODY]},
    "/resources/query": {"name": ["esx"], "resourceState": ["STARTED"], "adapterKind": ["VMWARE"]},
    "/auth/token/acquire": {"username": "admin", "password": "simulated", "authSource": "LOCAL"},
}
SWITCHES = [
    Switches(),
    Switches(extra_states=2, extra_states_flip=True, vcid_upper_case=True),
    Switches(
        adapters_expose_vcid=False,
        release="VCF Operations 9.1.0",
        datastore_relation="parent",
        relations_expose_states=False,
    ),
]


@pytest.fixture(params=SWITCHES, ids=["default", "several states", "release 9"])
def simulator(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    hosts = [Host("esx01", "host-29"), Host("esx02"), Host("gone", state="NOT_EXISTING")]
    both = ["esx01", "esx02"]
    companions = [
        Companion("local", "datastore-12", hosts=["esx01"]),
        Companion("shared", "datastore-13", hosts=both),
        Companion("cluster", "domain-c8", kind="ClusterComputeResource", hosts=both),
        Companion("machine", "vm-42", kind="VirtualMachine", hosts=["esx01"]),
    ]
    with Simulator(hosts, companions=companions, switches=request.param) as running:
        yield running


@pytest.fixture
def session(simulator: Simulator) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(simulator.ca_file)
        session.headers["Accept"] = "application/json"
        body = {"username": simulator.username, "password": simulator.password}
        url = simulator.url + "/suite-api/api/auth/token/acquire"
        token = session.post(url, json=body, timeout=10).json()["token"]
        session.headers["Authorization"] = f"vRealizeOpsToken {token}"
        yield session


def call(
    session: requests.Session, simulator: Simulator, method: str, path: str
) -> requests.Response:
    esx01 = simulator.resource("esx01")
    adapter, vcid = esx01.vcenter.adapter_id, esx01.vcenter.instance_uuid
    names = {"other": "esx02", "datastore": "shared", "cluster": "cluster", "machine": "machine"}
    ids = {"id": esx01.id, **{word: simulator.resource(name).id for word, name in names.items()}}
    filled = path.format(**ids, adapter=adapter, vcid=vcid)
    url, body = f"{simulator.url}/suite-api/api{filled}", dict(BODIES.get(path, {}))
    if "resourceIds" in body:
        body["resourceIds"] = [each.format(**ids) for each in body["resourceIds"]]
    return session.request(method, url, json=body or None, timeout=10)


@pytest.mark.parametrize(("method", "path"), READS + WRITES)
def test_every_call_and_its_answer_are_as_specified(
    session: requests.Session, simulator: Simulator, method: str, path: str
) -> None:
    answer = call(session, simulator, method, path)
    check_request(answer.request)
    check_answer(answer)


@pytest.mark.parametrize(("method", "path"), READS)
def test_hosts_in_maintenance_are_described_as_specified(
    session: requests.Session, simulator: Simulator, method: str, path: str
) -> None:
    simulator.maintain("esx01", minutes=5)
    simulator.maintain("esx02")
    check_answer(call(session, simulator, method, path))
    simulator.maintain_adapter(minutes=5)
    check_answer(call(session, simulator, method, path))


@pytest.mark.parametrize(("method", "path", "status"), REFUSED)
def test_every_refusal_has_the_specified_form_of_an_error(
    session: requests.Session, simulator: Simulator, method: str, path: str, status: int
) -> None:
    answer = call(session, simulator, method, path)
    assert answer.status_code == status
    validate(answer.json(), {"$ref": "#/components/schemas/error"})


@pytest.mark.parametrize("path", ["/resources", "/auth/token/acquire"])
def test_a_401_has_the_specified_form_of_an_error(
    session: requests.Session, simulator: Simulator, path: str
) -> None:
    simulator.revoke_tokens()
    method, body = (
        ("POST", {"username": "x", "password": "y"}) if "token" in path else ("GET", None)
    )
    answer = session.request(method, f"{simulator.url}/suite-api/api{path}", json=body, timeout=10)
    assert answer.status_code == 401
    validate(answer.json(), {"$ref": "#/components/schemas/error"})


def test_an_injected_error_has_the_specified_form(
    session: requests.Session, simulator: Simulator
) -> None:
    simulator.fault(status=503)
    answer = call(session, simulator, "GET", "/resources")
    validate(answer.json(), {"$ref": "#/components/schemas/error"})


def test_a_document_of_another_form_would_be_noticed() -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate({"resourceList": [{"identifier": 1}]}, {"$ref": "#/components/schemas/resources"})
