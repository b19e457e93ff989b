"""functions.events: from an envelope to a HostEvent."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from functions.errors import InvalidEventError
from functions.events import (
    RECONCILE,
    HostEvent,
    HostRef,
    Kind,
    classify,
    event_to_log,
    host_event,
    is_timer,
    vcenter_address,
)
from lab.events import EventData, router_envelope, source_envelope

NAME = "EnteredMaintenanceModeEvent"
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


def envelope_with(**data: Any) -> dict[str, Any]:
    envelope = router_envelope(EventData())
    return {**envelope, "data": {**envelope["data"], **data}}


def test_everything_that_the_event_tells_is_read() -> None:
    event = host_event(router_envelope(EventData()), NAME)
    assert event.host == HostRef("host-1001", "esx01.lab.local", "vcenter.lab.local")
    assert (event.vcenter, event.key, event.name) == ("vcenter.lab.local", 51204, NAME)
    assert event.created == datetime(2026, 3, 14, 9, 26, 53, 589793, UTC)
    assert (event.user, event.datacenter, event.cluster) == ("LAB\\alice", "Lab", "Cluster-1")
    assert event.message == "Host esx01.lab.local in Lab has entered maintenance mode"


def test_a_key_below_zero_is_a_key() -> None:
    assert host_event(envelope_with(Key=-2147483000), NAME).key == -2147483000


@pytest.mark.parametrize("key", [None, True, "51204", 1.5, [1]])
def test_a_key_that_is_no_number_is_unknown(key: object) -> None:
    assert host_event(envelope_with(Key=key), NAME).key is None


@pytest.mark.parametrize("host", [None, [], ["esx1"], 7, "esx1", True, {}, {"Name": ""}])
def test_a_host_that_is_not_there_is_named_as_missing_in_the_same_words(host: object) -> None:
    missing = r"data\.Host\.Name and data\.Host\.Host\.Value"
    with pytest.raises(InvalidEventError, match=missing) as error:
        host_event(envelope_with(Host=host), NAME)
    assert router_envelope(EventData())["id"] in str(error.value)


@pytest.mark.parametrize("data", [None, [], 7, "text", b"bytes"])
def test_data_of_any_other_shape_names_no_host(data: object) -> None:
    with pytest.raises(InvalidEventError, match="missing"):
        host_event({**router_envelope(EventData()), "data": data}, NAME)


def test_a_moref_without_a_name_is_enough() -> None:
    host = {"Name": "", "Host": {"Type": "HostSystem", "Value": "host-9"}}
    assert host_event(envelope_with(Host=host), NAME).host.moref == "host-9"


@pytest.mark.parametrize("reference", [None, [], 7, "host-9", {"Type": "HostSystem"}])
def test_a_name_without_a_moref_is_enough(reference: object) -> None:
    host = host_event(envelope_with(Host={"Name": "esx1", "Host": reference}), NAME).host
    assert (host.name, host.moref) == ("esx1", "")


def test_a_reference_to_something_else_than_a_host_is_refused() -> None:
    host = {"Name": "esx1", "Host": {"Type": "VirtualMachine", "Value": "vm-9"}}
    with pytest.raises(InvalidEventError, match="not HostSystem"):
        host_event(envelope_with(Host=host), NAME)


@pytest.mark.parametrize("name", ["esx1\n", "esx\x001", "\ud800", "e" * 256])
def test_what_no_host_can_be_called_is_refused(name: str) -> None:
    host = {"Name": name, "Host": {"Type": "HostSystem", "Value": "host-9"}}
    with pytest.raises(InvalidEventError, match=r"data\.Host\.Name is nothing"):
        host_event(envelope_with(Host=host), NAME)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-14T09:26:53Z", datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)),
        ("2026-03-14T09:26:53", datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)),
        ("2026-03-14t09:26:53z", datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)),
        ("2026-03-14T09:26:53.5Z", datetime(2026, 3, 14, 9, 26, 53, 500000, UTC)),
        ("2026-03-14T09:26:53.123456789Z", datetime(2026, 3, 14, 9, 26, 53, 123456, UTC)),
        (
            "2026-03-14T09:26:53.1+05:30",
            datetime(2026, 3, 14, 9, 26, 53, 100000, timezone(timedelta(hours=5, minutes=30))),
        ),
    ],
)
def test_a_time_is_read_with_any_fraction_and_without_a_zone(text: str, moment: datetime) -> None:
    assert host_event(envelope_with(CreatedTime=text), NAME).created == moment


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-03-14", "2026-13-14T09:26:53Z", "20260314T092653Z", 7, None]
)
def test_a_time_that_is_none_falls_back_to_the_envelopes(text: object) -> None:
    envelope = {**envelope_with(CreatedTime=text), "time": "2026-01-01T00:00:00Z"}
    assert host_event(envelope, NAME).created == datetime(2026, 1, 1, tzinfo=UTC)
    assert host_event({**envelope, "time": "?"}, NAME).created is None


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("https://vc.lab/sdk", "vc.lab"),
        ("https://VC.Lab:443/sdk", "vc.lab"),
        ("vc.lab", "vc.lab"),
        ("vc.lab.", "vc.lab"),
        ("https://administrator:secret@vc.lab/sdk", "vc.lab"),
        ("https://192.0.2.16/sdk", "192.0.2.16"),
        ("https://vc.lab:8443/sdk", "vc.lab:8443"),
        ("https://[2001:db8::1]:443/sdk", "2001:db8::1"),
        ("https://[2001:db8::1]:8443/sdk", "[2001:db8::1]:8443"),
        ("urn:vc:Lab", "urn:vc:lab"),
        ("https://[nonsense/sdk", "https://[nonsense/sdk"),
        ("", ""),
    ],
)
def test_a_vcenter_has_one_address_however_it_is_written(source: str, address: str) -> None:
    assert vcenter_address(source) == address


def test_the_router_names_the_event_in_the_subject() -> None:
    assert classify(router_envelope(EventData())) == Kind(NAME, "event")


def test_vspheresource_names_the_event_in_the_type() -> None:
    assert classify(source_envelope(EventData())) == Kind(NAME, "event")


def test_vspheresource_may_have_lost_its_event_class() -> None:
    envelope = source_envelope(EventData())
    del envelope["eventclass"]
    assert classify(envelope) == Kind(NAME, "event")


@pytest.mark.parametrize("event_class", ["eventex", "extendedevent"])
@pytest.mark.parametrize("write", [router_envelope, source_envelope])
def test_a_generic_event_is_not_what_it_calls_itself(write: Any, event_class: str) -> None:
    kind = classify(write(EventData(event_class=event_class)))
    assert kind is not None
    assert not kind.genuine


@pytest.mark.parametrize("key", ["EventTypeId", "eventTypeId"])
def test_an_event_type_id_gives_a_generic_event_away(key: str) -> None:
    envelope = source_envelope(EventData())
    del envelope["eventclass"]
    kind = classify({**envelope, "data": {**envelope["data"], key: NAME}})
    assert kind == Kind(NAME, "eventex")


@pytest.mark.parametrize(
    "event_type",
    [
        "com.vmware.event.router/other",
        "com.vmware.event.router/event/",
        "x.com.vmware.event.router/event",
        "com.vmware.vsphere.EnteredMaintenanceModeEvent",
        "com.vmware.vsphere.EnteredMaintenanceModeEvent.v1",
        "com.vmware.vsphere..v0",
        "EnteredMaintenanceModeEvent",
        "",
        None,
        7,
    ],
)
def test_any_other_type_is_no_vcenter_event(event_type: object) -> None:
    assert classify({**router_envelope(EventData()), "type": event_type}) is None


def test_a_host_is_shown_with_all_that_is_known() -> None:
    assert str(HostRef("host-9", "esx1", "vc.lab")) == "host esx1 (host-9) of vc.lab"
    assert str(HostRef("host-9", "", "vc.lab")) == "host host-9 of vc.lab"
    assert str(HostRef("", "esx1", "vc.lab")) == "host esx1 of vc.lab"


def happened(key: int | None, created: datetime | None) -> HostEvent:
    return HostEvent(NAME, HostRef("host-9", "esx1", "vc.lab"), key, created, "id")


@pytest.mark.parametrize("created", [None, NOON])
@pytest.mark.parametrize(
    ("key", "later"),
    [(1, 2), (-5, -4), (-1, 0), (-1, 1), (2**31 - 1, -(2**31)), (2**31 - 5, -(2**31) + 5)],
)
def test_an_event_of_a_smaller_key_was_before_also_when_the_counter_overflows(
    key: int, later: int, created: datetime | None
) -> None:
    before, after = happened(key, created), happened(later, created)
    assert (before.is_older_than(after), after.is_older_than(before)) == (True, False)


@pytest.mark.parametrize("key", [None, 7])
def test_an_event_of_an_earlier_time_was_before(key: int | None) -> None:
    before, after = happened(key, NOON), happened(key, NOON + timedelta(microseconds=1))
    assert (before.is_older_than(after), after.is_older_than(before)) == (True, False)


def test_times_are_compared_in_whatever_zone_they_are_written() -> None:
    kolkata = timezone(timedelta(hours=5, minutes=30))
    same = NOON.astimezone(kolkata)
    assert not happened(None, same).is_older_than(happened(None, NOON))
    assert happened(1, same).is_older_than(happened(2, NOON))
    assert happened(None, same - timedelta(seconds=1)).is_older_than(happened(None, NOON))


def test_where_key_and_time_disagree_neither_event_was_before() -> None:
    one, other = happened(1, NOON + timedelta(hours=1)), happened(2, NOON)
    assert not one.is_older_than(other)
    assert not other.is_older_than(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (happened(None, None), happened(None, None)),
        (happened(1, None), happened(None, NOON)),
        (happened(7, NOON), happened(7, NOON)),
        (happened(None, NOON), happened(9, NOON)),
        (happened(0, None), happened(-(2**31), None)),
    ],
)
def test_what_cannot_be_told_is_not_older(one: HostEvent, other: HostEvent) -> None:
    assert not one.is_older_than(other)
    assert not other.is_older_than(one)


def test_a_time_alone_tells_if_only_one_of_them_has_a_key() -> None:
    before, after = happened(None, NOON), happened(3, NOON + timedelta(seconds=1))
    assert (before.is_older_than(after), after.is_older_than(before)) == (True, False)


@pytest.mark.parametrize("event_type", ["dev.knative.sources.ping", "maintenance-mirror.reconcile"])
def test_a_timer_is_a_timer_and_no_claim(event_type: str) -> None:
    envelope = {"type": event_type, "source": "/apis/v1/namespaces/vmware-functions/pingsources/x"}
    assert is_timer(envelope)
    assert classify(envelope) == Kind(RECONCILE, "timer")
    assert Kind(RECONCILE, "timer").genuine


@pytest.mark.parametrize(
    "event_type", ["dev.knative.sources.pings", "Reconcile", "", None, 7, ["x"], {}]
)
def test_nothing_else_is_a_timer(event_type: object) -> None:
    assert not is_timer({"type": event_type})
    assert classify({"type": event_type}) is None


@pytest.mark.parametrize("write", [router_envelope, source_envelope])
def test_a_vcenter_event_called_as_a_timers_is_no_timer(write: Any) -> None:
    assert not is_timer(write(EventData(name=RECONCILE)))


def test_what_is_no_event_of_vcenters_has_no_host_to_log() -> None:
    timer = {"source": "timer", "type": "maintenance-mirror.reconcile", "id": "1", "data": None}
    assert event_to_log(timer) is None
    assert event_to_log({"source": "x", "type": "y", "id": "1", "data": {}}) is None
