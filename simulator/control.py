"""What people and tests do to the simulator itself: look, click, and cause trouble."""

import secrets
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, render_template, request

from simulator.current import appliance, json_object
from simulator.errors import ApiError
from simulator.faults import Fault
from simulator.inventory import HOST, Companion, Resource, Window

control = Blueprint("control", __name__)

SHOWN_CALLS = 30
MAX_WINDOW = 525_600
COMPANION_FIELDS = {"name", "moref", "vcenter", "kind", "hosts"}
READING = ("GET", "HEAD", "OPTIONS")


@control.before_request
def _demand_json() -> None:
    # A page of another origin can make a browser post a form, but not this content type.
    if request.method not in READING and request.mimetype != "application/json":
        raise ApiError(415, "Send Content-Type: application/json.")


@control.after_request
def _forbid_caching(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@control.get("/")
def _page() -> Response:
    nonce = secrets.token_urlsafe(16)
    response = make_response(render_template("page.html", nonce=nonce))
    response.headers["Content-Security-Policy"] = _policy(nonce)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@control.get("/_simulator/state")
def _state() -> Response:
    count, latest = appliance().calls.latest(SHOWN_CALLS)
    now, resources = appliance().clock.now(), appliance().inventory.resources()
    return jsonify(
        release=appliance().switches.release,
        hosts=[_host(each, now) for each in resources if each.kind == HOST],
        companions=[_companion(each, now) for each in resources if each.kind != HOST],
        calls={"count": count, "latest": [asdict(call) for call in latest]},
        faults=_faults(),
    )


@control.get("/_simulator/faults")
def _list_faults() -> Response:
    return jsonify(faults=_faults())


@control.post("/_simulator/faults")
def _add_fault() -> Response:
    try:
        fault = Fault.from_json(request.get_json(silent=True))
    except ValueError as error:
        raise ApiError(400, str(error)) from None
    appliance().faults.add(fault)
    return jsonify(faults=_faults())


@control.delete("/_simulator/faults")
def _clear_faults() -> Response:
    appliance().faults.clear()
    return jsonify(faults=_faults())


@control.post("/_simulator/maintain")
def _maintain() -> Response:
    body = json_object()
    id, window = _wanted_host(body).id, _window(body.get("minutes"))
    appliance().inventory.maintain([id], window, 0)
    return _changed(id)


@control.post("/_simulator/end")
def _end() -> Response:
    id = _wanted_host(json_object()).id
    appliance().inventory.end_maintenance([id], 0)
    return _changed(id)


@control.post("/_simulator/companions")
def _add_companion() -> Response:
    body = json_object()
    if unknown := sorted(body.keys() - COMPANION_FIELDS):
        raise ApiError(400, f"A companion has no {' and no '.join(unknown)}.")
    texts = {name: _name(body[name]) for name in body.keys() - {"hosts"}}
    try:
        companion = Companion(**{"name": "", **texts}, hosts=_names(body))
        return _changed(appliance().inventory.add_companion(companion).id)
    except (LookupError, ValueError) as error:
        raise ApiError(400, str(error)) from None


@control.delete("/_simulator/companions")
def _remove_companion() -> Response:
    id = _wanted_companion(json_object()).id
    appliance().inventory.remove(id)
    return _changed(id)


@control.post("/_simulator/relate")
def _relate() -> Response:
    body = json_object()
    id = _wanted_companion(body).id
    try:
        appliance().inventory.relate(id, _names(body))
    except LookupError as error:
        raise ApiError(400, str(error)) from None
    return _changed(id)


def _changed(id: str) -> Response:
    resource, now = appliance().inventory.by_id(id), appliance().clock.now()
    return jsonify(_host(resource, now) if resource.kind == HOST else _companion(resource, now))


def _host(resource: Resource, now: float) -> dict[str, Any]:
    ends = resource.window.ends if resource.window else None
    return {
        "id": resource.id,
        "name": resource.name,
        "moref": resource.moref,
        "vcenter": resource.vcenter.name,
        "state": resource.state,
        "status": resource.entity.status,
        "remaining": None if ends is None else round(ends - now, 1),
    }


def _companion(resource: Resource, now: float) -> dict[str, Any]:
    return {**_host(resource, now), "kind": resource.kind, "hosts": resource.hosts}


def _wanted_companion(body: dict[str, Any]) -> Resource:
    resource = _wanted_host(body)
    if resource.kind == HOST:
        raise ApiError(400, f"{resource.name} is a host.")
    return resource


def _names(body: dict[str, Any]) -> list[str]:
    names = body.get("hosts", [])
    if not isinstance(names, list):
        raise ApiError(400, "hosts must be a list of the names of hosts.")
    return [_name(each) for each in names]


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise ApiError(400, f"{value!r} is no name.")
    return value


def _faults() -> list[dict[str, Any]]:
    return [asdict(fault) for fault in appliance().faults.all()]


def _wanted_host(body: dict[str, Any]) -> Resource:
    inventory = appliance().inventory
    try:
        if "id" in body:
            return inventory.by_id(str(body["id"]))
        return inventory.find(str(body.get("name")), body.get("vcenter"))
    except LookupError as error:
        raise ApiError(400, str(error)) from None


def _window(minutes: object) -> Window:
    if minutes is None:
        return Window()
    if type(minutes) is not int or not 1 <= minutes <= MAX_WINDOW:
        raise ApiError(400, f"minutes must be a number from 1 to {MAX_WINDOW}, or null.")
    return Window(appliance().clock.now() + 60 * minutes)


def _policy(nonce: str) -> str:
    allowed = f"script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'"
    return (
        f"default-src 'none'; {allowed}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
