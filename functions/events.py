"""From a CloudEvent envelope to a HostEvent: every format that VEBA has ever sent.

An *envelope* is a structured-mode CloudEvent as a dict, whatever it looked like on the wire;
``adapters.incoming.envelopes`` makes them. Behind HostEvent nobody looks into a dict again
(decision 0003).

Sources: the event router's ``internal/events/events.go`` (v0.3 to v0.8), VSphereSource's
``pkg/vsphere/adapter.go``, govmomi's ``vim25/types`` for the payload, and the type of Knative's
PingSource.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from functions.errors import InvalidEventError

Envelope = Mapping[str, Any]

ENTERED: Final = "EnteredMaintenanceModeEvent"
EXITED: Final = "ExitMaintenanceModeEvent"
REMOVED: Final = "HostRemovedEvent"
# What the runtimes' timers send, in place of a vCenter event's name.
RECONCILE: Final = "Reconcile"
TIMER_TYPE: Final = "maintenance-mirror.reconcile"
# Knative's PingSource has a type of its own; elsewhere we choose it.
_TIMER_TYPES: Final = (TIMER_TYPE, "dev.knative.sources.ping")
_ROUTER_TYPE: Final = re.compile(r"com\.vmware\.event\.router/(event|eventex|extendedevent)")
_SOURCE_TYPE: Final = re.compile(r"com\.vmware\.vsphere\.(.+)\.v0")
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_DEFAULT_PORTS: Final = (None, 80, 443)
# vCenter allows 80 characters for an object's name, DNS 253: what is longer is no name of a host.
MAX_NAME_LENGTH: Final = 255
# vCenter counts its events with 32 bits, and goes on below zero after 2147483647.
KEYS: Final = 2**32


HOST: Final = "HostSystem"
# What can go with hosts, by the name that vCenter and vRealize Operations both have for it, and by
# ours. adapters.vcenter.companions knows how each is read.
COMPANIONS: Final[Mapping[str, str]] = {
    "Datastore": "datastore",
    "ClusterComputeResource": "cluster",
    "VirtualMachine": "virtual machine",
}


@dataclass(frozen=True, slots=True)
class HostRef:
    """Which host: its managed object reference (``host-29``), its name, and its vCenter.

    Or, where ``kind`` is another than HOST, which of its companions: what goes with hosts into
    maintenance and out of it. A MoRef is unique within one vCenter only, whatever the kind. One of
    ``moref`` and ``name`` may be empty.
    """

    moref: str
    name: str
    vcenter: str
    kind: str = HOST

    @property
    def is_host(self) -> bool:
        """Whether this is a host, and not what goes with one."""
        return self.kind == HOST

    @property
    def word(self) -> str:
        """What people call its kind."""
        return COMPANIONS.get(self.kind, "host")

    def __str__(self) -> str:
        moref = f" ({self.moref})" if self.name and self.moref else self.moref
        return f"{self.word} {self.name}{moref} of {self.vcenter}"


@dataclass(frozen=True, slots=True)
class HostEvent:
    """One vCenter event about one host.

    Its identity is (vcenter, key, name): the CloudEvent id is drawn anew for every replay.
    ``key`` may be negative, because vCenter's counter overflows; it and ``created`` (aware) are
    None where the event does not tell. Texts end after MAX_NAME_LENGTH characters.

    ``seen`` says that nobody has sent it: this process has seen the host change, in vCenter itself,
    which may post its own event of that some moments later.
    """

    name: str
    host: HostRef
    key: int | None
    created: datetime | None
    event_id: str
    user: str = ""
    message: str = ""
    datacenter: str = ""
    cluster: str = ""
    seen: bool = False

    @property
    def vcenter(self) -> str:
        """The vCenter's address, normalised by ``vcenter_address``."""
        return self.host.vcenter

    def is_older_than(self, other: "HostEvent") -> bool:
        """Whether time and key, as far as both events tell them, say that this was before.

        If the two disagree, it is not: a clock that was put back, or a vCenter that was restored
        from a backup, must not make an event of today look like one of yesterday.
        """
        signs = (_is_before(self.created, other.created), _precedes(self.key, other.key))
        return True in signs and False not in signs


@dataclass(frozen=True, slots=True)
class Kind:
    """What an event calls itself, and of which class it is.

    ``event`` is a vCenter class of its own. ``eventex`` and ``extendedevent`` are generic: anyone
    may post one under any name, so their name proves nothing. ``timer`` is no vCenter event.
    """

    name: str
    event_class: str

    @property
    def genuine(self) -> bool:
        """Whether the name is the vCenter class itself, or a timer's, and not just a claim."""
        return self.event_class == ("timer" if self.name == RECONCILE else "event")


def classify(envelope: Envelope) -> Kind | None:
    """Say which event this is, or None if it is neither vCenter's nor a timer's.

    The router names it in the subject under a generic type, VSphereSource in the type alone.
    """
    event_type = _text(envelope.get("type"))
    if is_timer(envelope):
        return Kind(RECONCILE, "timer")
    if match := _ROUTER_TYPE.fullmatch(event_type):
        return _kind(_text(envelope.get("subject")), match[1], envelope)
    if match := _SOURCE_TYPE.fullmatch(event_type):
        return _kind(match[1], _short(envelope.get("eventclass")) or "event", envelope)
    return None


def is_timer(envelope: Envelope) -> bool:
    """Whether this is no event of vCenter's, but the time to compare all hosts."""
    return envelope.get("type") in _TIMER_TYPES


def host_event(envelope: Envelope, name: str) -> HostEvent:
    """Read the event called ``name``; everything but the host may be missing.

    Raises InvalidEventError, naming the event and the fields, if it does not say which host.
    """
    data = _mapping(envelope.get("data"))
    return HostEvent(
        name=name,
        host=_host(envelope, data),
        key=_integer(_field(data, "Key")),
        created=_timestamp(_field(data, "CreatedTime")) or _timestamp(envelope.get("time")),
        event_id=event_id(envelope),
        user=_short(_field(data, "UserName")),
        message=_short(_field(data, "FullFormattedMessage")),
        datacenter=_short(_field(_mapping(_field(data, "Datacenter")), "Name")),
        cluster=_short(_field(_mapping(_field(data, "ComputeResource")), "Name")),
    )


def event_to_log(envelope: Envelope) -> HostEvent | None:
    """Read an event of vCenter's that nobody handles, for the log; None if it names no host."""
    kind = classify(envelope)
    if kind is None or is_timer(envelope):
        return None
    try:
        return host_event(envelope, kind.name)
    except InvalidEventError:
        return None


def event_id(envelope: Envelope) -> str:
    """Return the CloudEvent's id, for people who compare logs."""
    return _short(envelope.get("id"))


def vcenter_address(url: str) -> str:
    """Reduce any form of a vCenter's URL to the address that identifies it.

    ``https://VC.lab:443/sdk``, ``vc.lab.`` and ``vc.lab`` are all ``vc.lab``; a port that is not
    the default is kept, since another vCenter may listen there. What is no URL stays as it is.
    """
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
        return (_address(parts) or url.lower())[:MAX_NAME_LENGTH]
    except ValueError:
        return url.lower()[:MAX_NAME_LENGTH]


def _address(parts: SplitResult) -> str:
    host = (parts.hostname or "").rstrip(".")
    if parts.port in _DEFAULT_PORTS:
        return host
    return f"[{host}]:{parts.port}" if ":" in host else f"{host}:{parts.port}"


def _kind(name: str, event_class: str, envelope: Envelope) -> Kind:
    # Only EventEx and its like carry an EventTypeId; a forwarder may have lost the attribute.
    if event_class == "event" and _field(_mapping(envelope.get("data")), "EventTypeId"):
        return Kind(name, "eventex")
    return Kind(name, event_class)


def _host(envelope: Envelope, data: Mapping[str, Any]) -> HostRef:
    argument = _mapping(_field(data, "Host"))
    reference = _mapping(_field(argument, "Host"))
    name, moref = _text(_field(argument, "Name")), _text(_field(reference, "Value"))
    _check_host(event_id(envelope), name, moref, _field(reference, "Type"))
    return HostRef(moref, name, vcenter_address(_text(envelope.get("source"))))


def _check_host(event: str, name: str, moref: str, moref_type: object) -> None:
    if not name and not moref:
        raise InvalidEventError(
            f"event {event}: data.Host.Name and data.Host.Host.Value are both missing"
        )
    for field, value in (("data.Host.Name", name), ("data.Host.Host.Value", moref)):
        if not value.isprintable() or len(value) > MAX_NAME_LENGTH:
            raise InvalidEventError(f"event {event}: {field} is nothing a host can be called")
    if moref and moref_type not in (None, "", "HostSystem"):
        raise InvalidEventError(f"event {event}: data.Host.Host.Type is not HostSystem")


def _field(data: Mapping[str, Any], name: str) -> Any:
    """Read a field in the PascalCase of all released routers, or govmomi's later camelCase."""
    if name in data:
        return data[name]
    return data.get(name[0].lower() + name[1:])


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _short(value: object) -> str:
    """Return a text that is only for people, who need no megabyte of it."""
    return _text(value)[:MAX_NAME_LENGTH]


def _is_before(moment: datetime | None, other: datetime | None) -> bool | None:
    """None where it cannot be told: one of them is missing, or both are the same."""
    return None if not moment or not other or moment == other else moment < other


def _precedes(key: int | None, other: int | None) -> bool | None:
    if key is None or other is None or key == other:
        return None
    return (other - key) % KEYS < KEYS // 2


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _timestamp(value: object) -> datetime | None:
    """Read RFC 3339 with any number of fractional digits; without a zone it is UTC."""
    text = _text(value).strip().upper()
    if not _TIMESTAMP.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
