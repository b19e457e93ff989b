"""The Suite API: the calls that somebody mirroring maintenance makes.

Paths and parameters: specification 9.1.0.0; the four calls of `maintained` are the same
from 6.x to 9.1.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, current_app, request

from simulator import documents
from simulator.current import appliance, json_object
from simulator.errors import ApiError, invalid, no_such
from simulator.inventory import Resource, VCenter, Window
from simulator.relations import DEFAULT_DEPTH, RELATIONS, Family
from simulator.rendering import empty, rendered
from simulator.search import (
    Criterion,
    Page,
    checked_uuid,
    criteria,
    identifier_criteria,
    name_matcher,
    whole_number,
)

api = Blueprint("suite_api", __name__, url_prefix=documents.BASE)

MAX_END = 2**63 - 1
READABLE = "%A, %B %d, %Y at %I:%M:%S %p Coordinated Universal Time"


def _open_to_all(view: Callable[..., Response]) -> Callable[..., Response]:
    view.open_to_all = True  # type: ignore[attr-defined]
    return view


@api.before_request
def _authorise() -> None:
    view = current_app.view_functions[str(request.endpoint)]
    if not getattr(view, "open_to_all", False):
        _check(request.headers.get("Authorization", ""))


def _check(header: str) -> None:
    scheme, _, secret = header.strip().partition(" ")
    if scheme not in appliance().switches.header_schemes:
        raise ApiError(401, "The request is not authenticated.")
    if not _is_valid(scheme, secret.strip()):
        # Suite API 8.10, "Handling Token Expiration".
        message = f'The provided token for auth scheme "{scheme}" is either invalid or has expired.'
        raise ApiError(401, message, 1512)


def _is_valid(scheme: str, secret: str) -> bool:
    tokens = appliance().tokens
    return tokens.match_basic(secret) if scheme == "Basic" else tokens.use(secret)


@api.post("/auth/token/acquire")
@_open_to_all
def _acquire() -> Response:
    body = json_object()
    acquired = appliance().tokens.acquire(_text(body, "username"), _text(body, "password"))
    if acquired is None:
        message = "The provided username/password or token is not valid. Please try again."
        raise ApiError(401, message)
    token, expiry = acquired
    # `validity` is the moment of expiry in milliseconds, not a duration.
    document = {"token": token, "validity": int(expiry * 1000), "expiresAt": _readable(expiry)}
    return rendered(request, "auth-token", {**document, "roles": []})


@api.post("/auth/token/release")
def _release() -> Response:
    appliance().tokens.release(request.headers["Authorization"].partition(" ")[2].strip())
    return empty()


@api.get("/auth/currentuser")
def _current_user() -> Response:
    # The specification requires a password in the answer; nobody gets to see one.
    name = appliance().tokens.username
    return rendered(request, "user", {"username": name, "password": "", "enabled": True})


@api.get("/auth/currentuser/permissions")
def _permissions() -> Response:
    permission = {"roleName": "Administrator", "allowAllObjects": True}
    return rendered(request, "role-permissions", {"permissions": [permission]})


@api.get("/versions/current")
def _version() -> Response:
    document = {
        "releaseName": appliance().switches.release,
        "major": 1,
        "minor": 77,
        "minorMinor": 0,
        "buildNumber": 1,
        "releasedDate": documents.CREATED,
        "humanlyReadableReleaseDate": _readable(documents.CREATED / 1000),
    }
    return rendered(request, "version", document)


@api.get("/deployment/node/status")
@_open_to_all
def _node_status() -> Response:
    now = appliance().clock.now()
    document = {"status": "ONLINE", "systemTime": int(now * 1000)}
    return rendered(
        request, "node-status", {**document, "humanlyReadableSystemTime": _readable(now)}
    )


@api.get("/adapters")
def _adapters() -> Response:
    kind = request.args.get("adapterKindKey", "")
    vcenters = appliance().inventory.vcenters() if kind.casefold() in ("", "vmware") else []
    described = [_describe_adapter(vcenter) for vcenter in vcenters]
    return rendered(request, "adapter-instances", {"adapterInstancesInfoDto": described})


@api.get("/adapters/<id>")
def _adapter(id: str) -> Response:
    return rendered(request, "adapter-instance", _describe_adapter(_known_vcenter(id)))


@api.get("/adapters/<id>/resources")
def _adapter_resources(id: str) -> Response:
    vcenter = _known_vcenter(id)
    return _list([lambda resource: resource.vcenter == vcenter])


@api.put("/adapters/<id>/maintained")
def _maintain_adapter(id: str) -> Response:
    vcenter, duration = _known_vcenter(id), request.args.get("duration", "")
    # Unlike that of a resource, it has to have a duration, and knows no end.
    appliance().inventory.maintain([vcenter.adapter_id], _lasting(duration))
    return empty()


@api.delete("/adapters/<id>/maintained")
def _end_adapter_maintenance(id: str) -> Response:
    appliance().inventory.end_maintenance([_known_vcenter(id).adapter_id])
    return empty(204)


@api.get("/adapterkinds/<adapter_kind>/resourcekinds/<resource_kind>/resources")
def _resources_of_kind(adapter_kind: str, resource_kind: str) -> Response:
    kinds = {"adapterKind": [adapter_kind], "resourceKind": [resource_kind]}
    return _list([*_criteria(kinds), *_identifiers_or_name()])


@api.get("/resources")
def _resources() -> Response:
    values = {name: values for name, values in request.args.lists() if any(values)}
    return _list(_criteria(values))


@api.post("/resources/query")
def _query() -> Response:
    return _list(_criteria(_filters(json_object())))


@api.get("/resources/<id>")
def _resource(id: str) -> Response:
    return rendered(request, "resource", _describe_by_id(id))


@api.get("/resources/<id>/relationships")
def _relationships(id: str) -> Response:
    _refuse_as_switched(appliance().switches.relationships)
    known, relation = _known_resource(id).id, request.args.get("relationshipType") or "ALL"
    if relation not in ("PARENT", "CHILD", "ALL"):
        raise invalid(relation)
    resources = appliance().inventory.resources()
    related = _family(resources).related(known, relation, 1)
    page = _page([each for each in resources if each.id in related], _describe_related)
    return rendered(request, "resource-relation", {"relationshipType": relation, **page})


@api.post("/resources/bulk/relationships")
def _bulk_relationships() -> Response:
    _refuse_as_switched(appliance().switches.bulk_relationships)
    body, resources = json_object(), appliance().inventory.resources()
    tests = list(_criteria(_filters(body.get("resourceQuery") or {})))
    asked = _asked_of(resources, body)
    found = [each for each in resources if each.id in asked and all(t(each) for t in tests)]

    def row(resource: Resource) -> documents.Document:
        return {
            "resource": _describe_related(resource),
            "relatedResources": asked[resource.id],
        }

    page = _page(found, row, "resourcesRelations")
    relation = {"relationshipType": body["relationshipType"]}
    return rendered(request, "resources-relation", {**relation, **page})


@api.put("/resources/<id>/maintained")
def _maintain(id: str) -> Response:
    return _maintain_all([id])


@api.delete("/resources/<id>/maintained")
def _end_maintenance(id: str) -> Response:
    return _end_all([id])


@api.put("/resources/maintained")
def _maintain_many() -> Response:
    return _maintain_all(request.args.getlist("id"))


@api.delete("/resources/maintained")
def _end_many() -> Response:
    return _end_all(request.args.getlist("id"))


def _maintain_all(ids: Sequence[str]) -> Response:
    known, window = _known_ids(ids), _window()
    appliance().inventory.maintain(known, window)
    return empty()


def _end_all(ids: Sequence[str]) -> Response:
    known, inventory = _known_ids(ids), appliance().inventory
    status = appliance().switches.delete_when_not_maintained
    for id in known:
        if status != 200 and not inventory.is_maintained(id):
            raise ApiError(status, f"Resource - {id} is not in maintenance.")
    inventory.end_maintenance(known)
    return empty()


def _window() -> Window:
    """Read the window from the query alone: a body is ignored, and an empty `end` is none.

    Suite API 9.1: duration is in minutes, `end` is an epoch time (in milliseconds, as its
    callers send it), and "end time takes preference over duration".
    """
    if end := request.args.get("end"):
        return Window(whole_number(end, 0, MAX_END) / 1000)
    if duration := request.args.get("duration"):
        return _lasting(duration)
    return Window()


def _lasting(duration: str) -> Window:
    return Window(appliance().clock.now() + 60 * whole_number(duration, 1))


def _asked_of(resources: Sequence[Resource], body: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the ids of all that have the relation asked for, each with those it is related to."""
    relation, family = _text(body, "relationshipType"), _family(resources)
    if relation not in RELATIONS:
        raise invalid(relation)
    depth = whole_number(str(body.get("hierarchyDepth") or DEFAULT_DEPTH), 1)
    asked = defaultdict(list)
    for id in _known_of(resources, _texts(body.get("resourceIds"))):
        for related in family.related(id, relation, depth):
            asked[related].append(id)
    return asked


def _known_of(resources: Iterable[Resource], ids: Iterable[str]) -> list[str]:
    """Return which ids are known; the specification has a 404 for none of them."""
    known, switches = {each.id for each in resources}, appliance().switches
    wanted = dict.fromkeys(checked_uuid(id, switches) for id in ids)
    found = [id for id in wanted if id in known]
    if not found:
        raise ApiError(404, "None of the resources exists.")
    return found


def _refuse_as_switched(status: int) -> None:
    if status != 200:
        raise ApiError(status, "Relationships are refused.")


def _family(resources: Iterable[Resource]) -> Family:
    return Family(resources, appliance().switches)


def _criteria(values: Mapping[str, Sequence[str]]) -> Iterable[Criterion]:
    return criteria(values, appliance().switches, _shown_states)


def _filters(body: object) -> dict[str, list[str]]:
    if not isinstance(body, dict):
        raise invalid(body)
    return {name: _texts(value) for name, value in body.items()}


def _list(tests: Iterable[Criterion]) -> Response:
    tests = list(tests)
    found = [each for each in appliance().inventory.resources() if all(t(each) for t in tests)]
    return rendered(request, "resources", _page(found, _describe))


def _page(
    found: Sequence[Resource],
    describe: Callable[[Resource], documents.Document],
    name: str = "resourceList",
) -> documents.Document:
    page = Page.from_values(dict(request.args.lists()), appliance().switches)
    path = request.path.removeprefix(documents.BASE)
    query = [(k, v) for k, v in request.args.items(multi=True) if k not in ("page", "pageSize")]
    return documents.page_document(found, page, path, query, describe, name)


def _identifiers_or_name() -> Iterable[Criterion]:
    switches, name = appliance().switches, request.args.get("name")
    identifiers = {
        key[len("identifiers[") : -1]: value
        for key, value in request.args.items()
        if key.startswith("identifiers[") and key.endswith("]")
    }
    if identifiers and switches.identifiers_lookup != "ignored":
        return identifier_criteria(identifiers, switches, _shown_identifiers)
    return [name_matcher(name, switches)] if name else []


def _describe(resource: Resource) -> documents.Document:
    return documents.resource_document(resource, appliance().switches)


def _describe_related(resource: Resource) -> documents.Document:
    return documents.related_document(resource, appliance().switches)


def _describe_by_id(id: str) -> documents.Document:
    vcenter = _vcenter(id)
    if vcenter is None:
        return _describe(_known_resource(id))
    state = appliance().inventory.adapter_state(vcenter.adapter_id)
    return documents.adapter_resource_document(vcenter, state, appliance().switches)


def _describe_adapter(vcenter: VCenter) -> documents.Document:
    count = len(_resources_of(vcenter))
    now = appliance().clock.now()
    return documents.adapter_document(vcenter, count, appliance().switches, now)


def _shown_states(resource: Resource) -> Mapping[str, set[str]]:
    entries = documents.status_states(resource, appliance().switches)
    fields = ("resourceState", "resourceStatus")
    return {field: {entry[field] for entry in entries} for field in fields}


def _shown_identifiers(resource: Resource) -> Mapping[str, str]:
    shown = documents.identifiers(resource, appliance().switches)
    return {key: value for key, (value, _) in shown.items()}


def _known_resource(id: str) -> Resource:
    wanted = checked_uuid(id, appliance().switches)
    try:
        return appliance().inventory.by_id(wanted)
    except LookupError:
        raise no_such("Resource", id) from None


def _known_ids(ids: Sequence[str]) -> list[str]:
    if not ids:
        raise invalid("")
    # An adapter instance is a resource, too.
    adapters = {each.adapter_id for each in appliance().inventory.vcenters()}
    return [id.lower() if id.lower() in adapters else _known_resource(id).id for id in ids]


def _known_vcenter(id: str) -> VCenter:
    vcenter = _vcenter(id)
    if vcenter is None:
        raise no_such("AdapterInstance", id)
    return vcenter


def _vcenter(id: str) -> VCenter | None:
    """Return the vCenter whose adapter instance has this id, if any."""
    wanted = checked_uuid(id, appliance().switches)
    found = (each for each in appliance().inventory.vcenters() if each.adapter_id == wanted)
    return next(found, None)


def _resources_of(vcenter: VCenter) -> list[str]:
    return [each.id for each in appliance().inventory.resources() if each.vcenter == vcenter]


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise ApiError(400, f"{name} is missing.")
    return value


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(each) for each in values if each is not None]


def _readable(seconds: float) -> str:
    return time.strftime(READABLE, time.gmtime(seconds))
