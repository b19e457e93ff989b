"""What the Suite API says about vCenters, hosts and their companions, as plain documents.

Shapes: specification 9.1.0.0; field by field as seen on 6.7 and 8.18.7.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from simulator.inventory import HOST, MACHINE, Resource, VCenter, stable_id
from simulator.search import Page
from simulator.switches import Switches

Document = dict[str, Any]

BASE = "/suite-api/api"
CREATED = 1_767_225_600_000


def resource_document(resource: Resource, switches: Switches) -> Document:
    """Describe a host or a companion (schema `resource`)."""
    key = _key(resource.name, resource.kind, identifiers(resource, switches))
    return _resource(resource.id, key, status_states(resource, switches))


def related_document(resource: Resource, switches: Switches) -> Document:
    """Describe a resource where it is listed as related to another (schema `resource`)."""
    document = resource_document(resource, switches)
    return document if switches.relations_expose_states else document | {"resourceStatusStates": []}


def identifiers(resource: Resource, switches: Switches) -> dict[str, tuple[str, bool]]:
    """Return a resource's identifiers: name to value and whether it is part of uniqueness.

    As seen of hosts, and on 8.18.7 of virtual machines; the two that all kinds have make it unique.
    """
    vcid = resource.vcenter.instance_uuid
    return {
        **({"isPingEnabled": ("", False)} if resource.kind in (HOST, MACHINE) else {}),
        **(_machine_identifiers(resource) if resource.kind == MACHINE else {}),
        "VMEntityName": (resource.name, False),
        "VMEntityObjectID": (resource.moref, True),
        "VMEntityVCID": (vcid.upper() if switches.vcid_upper_case else vcid, True),
    }


def _machine_identifiers(resource: Resource) -> dict[str, tuple[str, bool]]:
    uuid = stable_id("instance", resource.id)
    return {"VMEntityInstanceUUID": (uuid, False), "VMServiceMonitoringEnabled": ("", False)}


def status_states(resource: Resource, switches: Switches) -> list[Document]:
    """Return one entry for each adapter instance that reports a resource, the owner's last.

    Aria Operations 8.18.7: the owning adapter does not come first.
    """
    state = resource.state if switches.extra_states_flip else resource.entity.state
    others = [
        _state_entry(stable_id("other adapter", str(n)), resource.entity.status, state)
        for n in range(switches.extra_states)
    ]
    owner = resource.vcenter.adapter_id
    return [*others, _state_entry(owner, resource.entity.status, resource.state)]


def adapter_document(vcenter: VCenter, resources: int, switches: Switches, now: float) -> Document:
    """Describe the adapter instance of a vCenter (schema `adapter-instance`)."""
    return {
        "resourceKey": _adapter_key(vcenter, switches),
        "description": "",
        "collectorId": 1,
        "monitoringInterval": 5,
        "numberOfMetricsCollected": 60 * resources,
        "numberOfResourcesCollected": resources,
        "lastHeartbeat": int(now * 1000),
        "lastCollected": int(now * 1000),
        "messageFromAdapterInstance": "",
        "links": [_link(f"/adapters/{vcenter.adapter_id}", "SELF", "linkToSelf")],
        "id": vcenter.adapter_id,
    }


def adapter_resource_document(vcenter: VCenter, state: str, switches: Switches) -> Document:
    """Describe the adapter instance of a vCenter as the resource it is, too (schema `resource`)."""
    entry = _state_entry(vcenter.adapter_id, "DATA_RECEIVING", state)
    return _resource(vcenter.adapter_id, _adapter_key(vcenter, switches), [entry])


def page_document(
    found: Sequence[Resource],
    page: Page,
    path: str,
    query: Iterable[tuple[str, str]],
    describe: Callable[[Resource], Document],
    name: str = "resourceList",
) -> Document:
    """Describe one page of resources, in a list of that `name`; pages count from 0."""
    start = page.number * page.size
    return {
        "pageInfo": {"totalCount": len(found), "page": page.number, "pageSize": page.size},
        "links": _page_links(page, max(0, len(found) - 1) // page.size, path, list(query)),
        name: [describe(each) for each in found[start : start + page.size]],
    }


def _page_links(page: Page, last: int, path: str, query: list[tuple[str, str]]) -> list[Document]:
    numbers = {"current": page.number, "first": 0, "last": last}
    if page.number > 0:
        numbers["previous"] = min(page.number - 1, last)
    if page.number < last:
        numbers["next"] = page.number + 1
    return [
        _page_link(name, [*query, ("page", str(number)), ("pageSize", str(page.size))], path)
        for name, number in numbers.items()
    ]


def _page_link(name: str, query: list[tuple[str, str]], path: str) -> Document:
    # Aria Operations 8.18.7: even in JSON the ampersands are escaped as for HTML.
    encoded = urlencode(query).replace("&", "&amp;")
    return _link(f"{path}?{encoded}", "SELF" if name == "current" else "RELATED", name)


def _resource(id: str, key: Document, states: list[Document]) -> Document:
    return {
        "creationTime": CREATED,
        "resourceKey": key,
        "resourceStatusStates": states,
        "resourceHealth": "GREEN",
        "resourceHealthValue": 100.0,
        "dtEnabled": True,
        "badges": [{"type": "HEALTH", "color": "GREEN", "score": 100.0}],
        "relatedResources": [],
        "links": [_link(f"/resources/{id}", "SELF", "linkToSelf")],
        "identifier": id,
    }


def _adapter_key(vcenter: VCenter, switches: Switches) -> Document:
    identifiers = {"AUTODISCOVERY": ("true", False), "VCURL": (vcenter.vcurl, True)}
    if switches.adapters_expose_vcid:
        identifiers["VMEntityVCID"] = (vcenter.instance_uuid, False)
    return _key(vcenter.name, "VMwareAdapter Instance", identifiers)


def _state_entry(adapter_id: str, status: str, state: str) -> Document:
    return {
        "adapterInstanceId": adapter_id,
        "resourceStatus": status,
        "resourceState": state,
        "statusMessage": "",
    }


def _key(name: str, kind: str, identifiers: dict[str, tuple[str, bool]]) -> Document:
    return {
        "name": name,
        "adapterKindKey": "VMWARE",
        "resourceKindKey": kind,
        "resourceIdentifiers": [
            _identifier(key, value, unique) for key, (value, unique) in identifiers.items()
        ],
    }


def _identifier(name: str, value: str, unique: bool) -> Document:
    kind = {"name": name, "dataType": "STRING", "isPartOfUniqueness": unique}
    return {"identifierType": kind, "value": value}


def _link(path: str, rel: str, name: str) -> Document:
    return {"href": BASE + path, "rel": rel, "name": name}
