"""What may arrive, good and bad, and an adapter that takes it without a network."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from adapters import bootstrap, knative
from adapters.config.settings import Settings, VropsSettings
from functions.context import Context
from functions.events import ENTERED, EXITED, REMOVED, HostEvent, HostRef
from functions.ports import Resource, ResourceState
from lab.events import HTTP_FORMATS, EventData, HttpMessage, router_envelope
from tests.fakes import FakeOperations
from tests.messages import read


class KnowsEveryHost(FakeOperations):
    """A vRealize Operations that has every host there could be, none of them in maintenance."""

    def find(self, host: HostRef) -> Resource:
        return Resource("any", host, ResourceState.MONITORED)

    def start_maintenance(self, resource: Resource, minutes: int | None) -> bool:
        return True

    def end_maintenance(self, resource: Resource) -> bool:
        return True


SETTINGS = Settings(vrops=VropsSettings("https://x"))
DISPATCH = bootstrap.MirrorDispatch(SETTINGS, Context(KnowsEveryHost()))
VIEW = knative.view("handle", bootstrap.answering(DISPATCH, knative.received))

# What XML 1.0 can say: no control characters, no surrogates.
texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=30
) | st.sampled_from(["a\nb\tc\rd", "<&>\"'", "]]>", "\u2028", "😀"])
names = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=40)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1990, 1, 2), datetime(2100, 1, 1), timezones=zones)


@st.composite
def timestamps(draw: st.DrawFn) -> tuple[str, datetime]:
    """A moment, and one of the ways to write it down with 0 to 9 digits of fraction."""
    moment = draw(moments)
    digits = draw(st.integers(0, 9))
    fraction = f"{moment.microsecond:06}{draw(st.integers(0, 999)):03}"[:digits]
    offset = moment.strftime("%z")
    zone = (
        draw(st.sampled_from(["Z", "z", ""])) if offset == "+0000" else f"{offset[:3]}:{offset[3:]}"
    )
    kept = moment.replace(microsecond=int(fraction[:6].ljust(6, "0")))
    return f"{moment:%Y-%m-%dT%H:%M:%S}{'.' + fraction if digits else ''}{zone}", kept


@st.composite
def events(draw: st.DrawFn) -> tuple[EventData, HostEvent]:
    """What vCenter says of one event, and what must be understood of it."""
    written, created = draw(timestamps())
    name = draw(st.sampled_from([ENTERED, EXITED, REMOVED]))
    host, moref = draw(st.one_of(st.tuples(names, names), st.tuples(st.just(""), names)))
    event_data = EventData(
        name=name,
        host=host,
        moref=moref,
        vcenter=draw(st.sampled_from(["vc.lab", "192.0.2.7", "[2001:db8::1]:8443"])),
        key=draw(st.integers(-(2**31), 2**31 - 1)),
        created=written,
        user=draw(texts),
        message=draw(texts),
        datacenter=draw(texts),
        cluster=draw(texts),
    )
    return event_data, HostEvent(
        name=name,
        host=HostRef(moref, host, event_data.vcenter),
        key=event_data.key,
        created=created.astimezone(UTC),
        event_id=router_envelope(event_data)["id"],
        user=event_data.user,
        message=event_data.message,
        datacenter=event_data.datacenter,
        cluster=event_data.cluster,
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=10,
)
content_types = st.sampled_from(
    [
        "",
        "application/json",
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
        "application/xml; charset=utf-16",
        "text/xml",
        "text/plain",
        "application/octet-stream",
        "application/gzip",
        ";;",
    ]
) | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
header_values = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20)
ce_headers = st.dictionaries(
    st.sampled_from(
        [
            "Specversion",
            "Id",
            "Source",
            "Type",
            "Subject",
            "Time",
            "Extensions",
            "Data",
            "Dataschema",
        ]
    ),
    header_values
    | st.sampled_from(["1.0", "0.3", "com.vmware.vsphere.ExitMaintenanceModeEvent.v0"]),
).map(lambda headers: {f"Ce-{name}": value for name, value in headers.items()})
SNIPPETS = (
    *(b"<", b"</host>", b"<host>", b"<e", b' type="HostSystem"', b"<?xml encoding='utf-16'?>"),
    *(b"<!DOCTYPE e [", b"<!ENTITY a 'b'>", b"]>", b"&a;", b"&#0;"),
    *(b"{", b'"Host":', b"null", b"[", b"\xff"),
)
snippets = st.sampled_from(SNIPPETS)
bodies = st.binary(max_size=200) | st.lists(snippets, max_size=12).map(b"".join)


@st.composite
def _packed(draw: st.DrawFn) -> bytes:
    """Gzip of anything, also of gzip and of a bomb: cut off, followed by more, or with a hole."""
    # Without the time, which would make an example another one when it is tried again.
    nested = gzip.compress(b"{}", mtime=0)
    content = draw(bodies | st.sampled_from([b"<" * 2**21, b"[" * 2**20, nested]))
    packed = gzip.compress(content, draw(st.sampled_from([0, 9])), mtime=0)
    packed *= draw(st.sampled_from([1, 1, 1, 2, 20]))
    start = draw(st.integers(2, len(packed)))
    return packed[:start] + draw(st.sampled_from([b"", b"\0", b"\x1f\x8b", packed[start:]]))


packed_bodies = _packed()


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A good envelope, one part of which is something else."""
    encode: Callable[[EventData], HttpMessage] = draw(st.sampled_from([*HTTP_FORMATS.values()]))
    envelope = json.loads(json.dumps(read(encode(EventData())).envelope))
    place, key = envelope, draw(st.sampled_from(sorted(envelope)))
    while isinstance(place[key], dict) and place[key] and draw(st.booleans()):
        place, key = place[key], draw(st.sampled_from(sorted(place[key])))
    place[key] = draw(json_values)
    return envelope
