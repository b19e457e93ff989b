"""adapters.outcomes.web_sink, against a real server that does what servers do."""

import base64
import logging
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from adapters.config.settings import OutcomeSettings, Secret
from adapters.outcomes import web_sink
from adapters.outcomes.answers import Verdict
from adapters.outcomes.outbox import Outbox
from adapters.outcomes.web_sink import WebSink
from functions.events import Envelope
from lab.processes import free_port
from tests.sinks import Sink, running_sink

EVENT: Envelope = {
    "specversion": "1.0",
    "type": "maintenance-mirror.outcome.silenced",
    "source": "maintenance-mirror/vrops.lab",
    "id": "0123",
    "subject": "esx01.lab.local",
    "time": "2026-11-25T18:53:13.000Z",
    "datacontenttype": "application/json",
    "cluster": "lab",
    "data": {"host": "esx01.lab.local", "reason": "h\u00e4st"},
}
ACCOUNT = "mirror:hunter%402"
TOKEN = "t0ken-of-the-path"


@pytest.fixture
def sink() -> Iterator[Sink]:
    with running_sink() as running:
        yield running


def made(url: str, ca_file: Path | None = None, *, strict: bool = False) -> WebSink:
    return WebSink(OutcomeSettings(Secret(url), str(ca_file) if ca_file else None, strict))


def test_an_event_arrives_as_the_sdk_reads_it(sink: Sink) -> None:
    assert made(f"{sink.url}/default?x=1").send([EVENT]).verdicts == [Verdict.TAKEN]
    (request,) = sink.requests
    event = request.event
    assert {**event.get_attributes(), "data": event.get_data()} == dict(EVENT)
    assert request.path == "/default?x=1"
    assert request.headers["content-type"] == "application/json"
    assert "authorization" not in request.headers
    assert "cookie" not in request.headers


@pytest.mark.parametrize(
    ("subject", "header"),
    [
        ("h\u00e4st", "h%C3%A4st"),
        ("a b", "a%20b"),
        ('50% "x"', "50%25%20%22x%22"),
        ("\U0001f5a5", "%F0%9F%96%A5"),
    ],
)
def test_a_header_is_encoded_as_the_binding_says(subject: str, header: str, sink: Sink) -> None:
    made(sink.url).send([{**EVENT, "subject": subject}])
    assert sink.requests[0].headers["ce-subject"] == header


def test_one_connection_serves_them_all(sink: Sink) -> None:
    to = made(sink.url)
    for _ in range(5):
        to.send([EVENT])
    assert (len(sink.requests), sink.connections) == (5, 1)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.TAKEN),
        (204, Verdict.TAKEN),
        (400, Verdict.REFUSED),
        (401, Verdict.REFUSED),
        (404, Verdict.REFUSED),
        (408, Verdict.AGAIN),
        (413, Verdict.REFUSED),
        (429, Verdict.AGAIN),
        (500, Verdict.AGAIN),
        (503, Verdict.AGAIN),
        (0, Verdict.AGAIN),
    ],
)
def test_what_is_answered_says_whether_to_try_again(
    status: int, verdict: Verdict, sink: Sink
) -> None:
    sink.status = status
    answer = made(sink.url).send([EVENT])
    assert answer.verdicts == [verdict]
    assert (answer.problem == "") == (verdict is Verdict.TAKEN)
    assert len(sink.requests) == 1


def test_a_redirect_is_not_followed(sink: Sink) -> None:
    with running_sink() as elsewhere:
        sink.status, sink.headers = 307, {"Location": elsewhere.url}
        answer = made(f"{sink.url}/{TOKEN}").send([EVENT])
        assert (answer.verdicts, answer.problem) == ([Verdict.REFUSED], "it answered 307")
        assert elsewhere.requests == []


def test_an_answer_that_looks_like_an_event_is_not_read(sink: Sink) -> None:
    sink.headers = {"ce-specversion": "1.0", "ce-type": "com.vmware.event.router/event"}
    sink.headers["Set-Cookie"] = "a=b"
    sink.body = b"x" * 1_000_000
    to = made(sink.url)
    assert [to.send([EVENT]).verdicts for _ in range(2)] == [[Verdict.TAKEN]] * 2
    assert all("cookie" not in each.headers for each in sink.requests)


def test_one_that_hangs_is_given_up(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_sink, "_TIMEOUTS", (2.0, 0.05))
    sink.gate.clear()
    answer = made(sink.url).send([EVENT])
    assert (answer.verdicts, answer.problem) == ([Verdict.AGAIN], "it did not answer in time")


def test_one_that_is_gone_is_given_up() -> None:
    answer = made(f"http://127.0.0.1:{free_port()}/{TOKEN}").send([EVENT])
    assert (answer.verdicts, answer.problem) == ([Verdict.AGAIN], "it cannot be reached")


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's certificate, and the CA that signed it."""
    ca, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return context, tmp_path / "ca.pem"


def test_over_tls_the_ca_file_says_who_is_trusted(tls: tuple[ssl.SSLContext, Path]) -> None:
    context, ca_file = tls
    with running_sink(context) as secured:
        url = secured.url.replace("https://", f"https://{ACCOUNT}@")
        assert made(url, ca_file).send([EVENT]).verdicts == [Verdict.TAKEN]
        basic = base64.b64encode(b"mirror:hunter@2").decode()
        assert secured.requests[0].headers["authorization"] == f"Basic {basic}"
        refused = made(url).send([EVENT])
        assert refused.verdicts == [Verdict.AGAIN]
        assert refused.problem.startswith("its certificate is not trusted: ")
        assert "let OUTCOME_SINK_CA_FILE name the CA" in refused.problem
        assert len(secured.requests) == 1


def test_a_ca_file_that_was_changed_is_read_again(
    tls: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.outgoing.tls._PAUSE_SECONDS", 0.0)
    context, ca_file = tls
    right = ca_file.read_bytes()
    trustme.CA().cert_pem.write_to_path(str(ca_file))
    with running_sink(context) as secured:
        to = made(secured.url, ca_file)
        assert to.send([EVENT]).verdicts == [Verdict.AGAIN]
        ca_file.write_bytes(right)
        assert to.send([EVENT]).verdicts == [Verdict.TAKEN]


def test_a_proxy_is_honoured(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", sink.url)
    monkeypatch.setenv("no_proxy", "broker.lab")
    assert made("http://sink.lab/default").send([EVENT]).verdicts == [Verdict.TAKEN]
    assert sink.requests[0].path == "http://sink.lab/default"


def test_an_account_of_netrc_is_sent_to_nobody(
    sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    made(sink.url).send([EVENT])
    assert "authorization" not in sink.requests[0].headers


@pytest.mark.parametrize("status", [202, 302, 500, 0])
def test_no_part_of_the_url_but_host_and_port_is_ever_told(
    status: int, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sink.status, sink.headers = status, {"Location": f"{sink.url}/{TOKEN}"}
    url = f"{sink.url}/{TOKEN}?key={TOKEN}"
    to = made(url)
    box = Outbox(to)
    box.put(EVENT)
    sink.wait()
    box.close(30)
    assert sink.requests[0].path == f"/{TOKEN}?key={TOKEN}"
    assert to.name == sink.url
    told = caplog.text + repr(to) + repr(OutcomeSettings(Secret(url)))
    assert TOKEN not in told
    assert ("were not sent" in told) == (status != 202)


def test_without_a_url_there_is_no_sink() -> None:
    with pytest.raises(ValueError, match="no sink"):
        WebSink(OutcomeSettings())
