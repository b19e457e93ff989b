"""send: the request, where it goes, and what the reply means."""

import json
from datetime import UTC, datetime, timedelta
from http.client import BadStatusLine
from typing import Any

import pytest

from adapters.cli.formats import EventData
from adapters.cli.send.delivery import Reply, Target, why_not
from adapters.cli.send.event import EVENTS, FORMATS, event_data
from adapters.incoming import envelopes
from adapters.incoming.responses import STATUS
from functions.errors import VCenterUnavailableError
from functions.events import HostEvent, HostRef, classify, host_event
from tests.contract.vrops.scripted import scripted
from tests.messages import LIMITS, parse, read
from tests.unit.cli.runner import (
    ADDRESS,
    ENVIRON,
    FakeClients,
    FakeVrops,
    FakeVSphere,
    clients,
    command,
)

NOW = datetime(2026, 3, 14, 9, 26, 53, 589793, tzinfo=UTC)
CONFIGURED = {
    **ENVIRON,
    "VCENTER_URL": f"https://{ADDRESS}",
    "VCENTER_USERNAME": "mirror",
    "VCENTER_PASSWORD": "hunter2",
}
DRY = ("--dry-run", "--to", "http://function.lab.local:8080")


def event_of(raw: bytes) -> HostEvent:
    """The event as the function reads it, whatever the format."""
    message = parse(raw)
    document: Any = json.loads(message.body) if message.body.startswith(b"{") else {}
    detail = document.get("detail")
    envelope = envelopes.from_object(detail, LIMITS).envelope if detail else read(message).envelope
    kind = classify(envelope)
    assert kind
    assert kind.genuine
    return host_event(envelope, kind.name)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("verb", EVENTS)
def test_every_format_is_the_same_event(form: str, verb: str) -> None:
    sent = event_data(verb, HostRef("host-29", "größe.lab.local", ADDRESS), NOW)
    event = event_of(FORMATS[form](sent).request())
    assert (event.name, event.host) == (
        EVENTS[verb],
        HostRef("host-29", "größe.lab.local", ADDRESS),
    )
    assert (event.created, event.key) == (NOW, int(NOW.timestamp()))


@pytest.mark.parametrize("form", FORMATS)
def test_a_name_alone_is_an_event_too(form: str) -> None:
    sent = event_data("enter", HostRef("", "esx01", ADDRESS), NOW)
    event = event_of(FORMATS[form](sent).request())
    assert event.host == HostRef("", "esx01", ADDRESS)


def as_router(sent: EventData) -> bytes:
    return FORMATS["router-binary"](sent).request()


def test_what_is_sent_later_is_not_older() -> None:
    for later in (timedelta(microseconds=1), timedelta(days=400), timedelta(days=40 * 365)):
        first = event_data("enter", HostRef("host-1", "esx01", ADDRESS), NOW)
        second = event_data("exit", HostRef("host-1", "esx01", ADDRESS), NOW + later)
        before, after = (event_of(as_router(each)) for each in (first, second))
        assert before.is_older_than(after)
        assert not after.is_older_than(before)
        assert -(2**31) <= second.key < 2**31


def test_each_event_has_an_id_of_its_own() -> None:
    ids = {event_data("enter", HostRef("", "esx01", ADDRESS), NOW).event_id for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("url", "expected", "authority"),
    [
        ("http://localhost", Target("localhost", 80, "/", False), "localhost"),
        ("https://fn.lab.local", Target("fn.lab.local", 443, "/", True), "fn.lab.local"),
        ("http://[::1]:8080/a?b=c#d", Target("::1", 8080, "/a?b=c", False), "[::1]:8080"),
        ("http://gw:8080/function/m", Target("gw", 8080, "/function/m", False), "gw:8080"),
    ],
)
def test_a_target_is_a_url(url: str, expected: Target, authority: str) -> None:
    assert Target.of(url) == expected
    assert expected.authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8080",
        "ftp://localhost",
        "http://",
        "http://a b",
        "http://a/\r\nX: y",
        "http://größe",
        "http://a:b",
        "http://[::1",
        "http://user:hunter2@localhost",
    ],
)
def test_what_is_no_target_is_wrong_use_and_not_repeated(url: str) -> None:
    sent = command("send", "enter", "esx01", "--to", url)
    assert sent.code == 2
    assert "hunter2" not in sent.err


@pytest.mark.parametrize("status", [200, 204, *(code for _, code in STATUS)])
def test_every_reply_of_ours_has_a_meaning(status: int) -> None:
    assert Reply(status, "", b"").meaning != Reply(418, "", b"").meaning
    assert Reply(status, "", b"").done == (status < 300)


@pytest.mark.parametrize(
    ("status", "body", "done", "meaning"),
    [
        (
            200,
            b'{"action": "entered", "reason": ""}',
            True,
            "handled: entered",
        ),
        (
            200,
            b'{"errorMessage": "x", "errorType": "XError"}',
            False,
            "failed: XError",
        ),
        (422, b'{"error": "AmbiguousHostError"}', False, "AmbiguousHostError"),
        (202, b"", True, "handled later"),
        (500, b"<html>", False, "it failed"),
        (502, b"[1]", False, "it failed"),
        (302, b"", False, "is --to right?"),
        (401, b"", False, "is --to right?"),
    ],
)
def test_a_reply_is_explained(status: int, body: bytes, done: bool, meaning: str) -> None:
    reply = Reply(status, "", body)
    assert reply.done == done
    assert meaning in reply.meaning


def test_a_reply_is_shown_and_not_obeyed() -> None:
    def script(method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, json.dumps({"action": "\x1b[2J", "reason": "[bold]"}).encode()

    with scripted(script) as server:
        sent = command("send", "enter", "esx01", "--vcenter", ADDRESS, "--to", server.url)
    assert (sent.code, sent.out) == (0, "HTTP 200 OK\nhandled: \\x1b[2J: [bold]\n")


def test_what_a_dry_run_prints_is_what_is_sent() -> None:
    where = ("send", "exit", "esx01", "--moref", "host-1", "--vcenter", ADDRESS)
    with scripted(lambda method, path: (204, {}, b"")) as server:
        to = ("--to", f"{server.url}/some/path")
        assert command(*where, *to).code == 0
        shown = command(*where, *to, "--dry-run").out
    sent = server.heads[0].replace("\r", "").splitlines()
    head = shown.replace("\r", "").partition("\n\n")[0].splitlines()
    varying = ("Ce-Id", "Ce-Time")
    assert [line for line in head if not line.startswith(varying)] == [
        line for line in sent if line and not line.startswith(varying)
    ]


def test_it_says_that_such_an_event_may_be_believed() -> None:
    with scripted(lambda method, path: (204, {}, b"")) as server:
        sent = command("send", "enter", "esx01", "--vcenter", ADDRESS, "--to", server.url)
    assert sent.out.startswith("HTTP 204 No Content\nmirrored, or ignored for a reason")
    assert sent.err == "note: a function without a configured vCenter believes such an event\n"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TimeoutError(), "in time"),
        (BadStatusLine("SSH"), "HTTP"),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset"),
        (OSError("x"), "broke off"),
    ],
)
def test_no_reply_has_a_reason(error: Any, said: str) -> None:
    assert said in why_not(error)


def located(*arguments: str, both: FakeClients | None = None) -> HostRef | str:
    """Where an event is sent about, or the last line of why it is not sent."""
    connect = both.connect if both else clients([]).connect
    environ = CONFIGURED if both else {}
    sent = command("send", "enter", *arguments, *DRY, connect=connect, environ=environ)
    assert sent.code == (0 if sent.out else 2)
    return event_of(sent.out.encode()).host if sent.out else sent.err.splitlines()[-1]


KNOWN = HostRef("host-1", "esx01", ADDRESS)


def test_a_host_is_looked_up_by_its_whole_name_in_any_case() -> None:
    both = clients([HostRef("host-10", "esx010", ADDRESS), KNOWN])
    assert located("ESX01", both=both) == KNOWN
    assert both.closed == 1


def test_a_moref_is_believed_and_the_only_vcenter_is_meant() -> None:
    both = clients([KNOWN])
    assert located("x", "--moref", "host-9", both=both) == HostRef("host-9", "x", ADDRESS)


def test_a_host_that_vcenter_does_not_know_is_sent_by_its_name() -> None:
    assert located("esx02", both=clients([KNOWN])) == HostRef("", "esx02", ADDRESS)


def test_two_hosts_of_one_name_are_refused_and_listed() -> None:
    both = clients([KNOWN, HostRef("host-2", "ESX01", ADDRESS)])
    sent = command("send", "enter", "esx01", *DRY, connect=both.connect, environ=CONFIGURED)
    assert (sent.code, sent.out) == (2, "")
    assert sent.err.splitlines()[-3:] == [
        "Error: 2 hosts are called esx01; say which one:",
        f"  --moref host-1 --vcenter {ADDRESS}",
        f"  --moref host-2 --vcenter {ADDRESS}",
    ]


def two_vcenters() -> FakeClients:
    there = HostRef("host-1", "esx01", "b.lab.local")
    return FakeClients(
        FakeVrops(), [FakeVSphere([KNOWN]), FakeVSphere([there], address="b.lab.local")]
    )


def test_of_several_vcenters_the_one_is_asked_that_is_named() -> None:
    named = ("esx01", "--vcenter", "https://B.lab.local:443/sdk")
    assert located(*named, both=two_vcenters()) == HostRef("host-1", "esx01", "b.lab.local")
    elsewhere = located("esx01", "--vcenter", "c.lab.local", both=two_vcenters())
    assert elsewhere == HostRef("", "esx01", "c.lab.local")


def test_of_several_vcenters_one_has_to_be_named_if_none_knows_the_host() -> None:
    assert located("esx02", both=two_vcenters()) == "Error: add --vcenter: an event comes from one"
    known_to_both = located("esx01", both=two_vcenters())
    assert "--vcenter b.lab.local" in str(known_to_both)


def test_without_a_configuration_a_vcenter_has_to_be_named() -> None:
    assert located("esx01") == "Error: add --vcenter: an event comes from one"
    assert located("esx01", "--vcenter", ADDRESS) == HostRef("", "esx01", ADDRESS)


def test_a_host_that_is_described_in_full_asks_nobody() -> None:
    both = clients([KNOWN])
    both.vspheres[0].failures = [VCenterUnavailableError("down")]
    full = ("x", "--moref", "host-9", "--vcenter", ADDRESS)
    assert located(*full, both=both) == HostRef("host-9", "x", ADDRESS)
    assert both.settings is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["esx\x1b01"],
        ["e" * 256],
        ["esx01", "--moref", "host\n1"],
        ["esx01", "--vcenter", "a\r\nX-Evil: 1"],
    ],
)
def test_no_argument_can_add_a_header(arguments: list[str]) -> None:
    assert "cannot look like that" in str(located(*arguments))


@pytest.mark.parametrize("vcenter", ["größe.lab.local", "a b"])
def test_a_vcenter_is_an_address(vcenter: str) -> None:
    assert "it is no address" in str(located("esx01", "--vcenter", vcenter))


def test_a_ca_file_has_to_be_one(tmp_path: Any) -> None:
    (tmp_path / "ca.pem").write_text("nothing", encoding="utf-8")
    for path in ("ca.pem", "missing.pem"):
        to = (
            "--vcenter",
            ADDRESS,
            "--to",
            "https://127.0.0.1:9",
            "--ca-file",
            str(tmp_path / path),
        )
        sent = command("send", "enter", "esx01", *to)
        assert (sent.code, sent.err.splitlines()[-1]) == (
            2,
            "Error: Invalid value for --ca-file: it is no file of certificates in PEM",
        )
