"""doctor: what each finding says, and that one failure does not look like ten."""

import io
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from adapters.cli.doctor import clocks, configuration, findings, network, operations, vcenters, view
from adapters.cli.doctor.configuration import Asked
from adapters.cli.doctor.findings import Finding
from adapters.cli.doctor.network import Server
from adapters.cli.terminal import Terminal
from adapters.config.settings import Settings
from adapters.vrops.inspection import Role
from adapters.vrops.models import Instance
from functions.context import Context, Policy
from functions.errors import (
    AuthenticationError,
    OperationsUnavailableError,
    RequestRejectedError,
    VCenterUnavailableError,
)
from functions.ports import ModeChange, Resource, ResourceState
from lab.processes import free_port
from tests.certificates import Signed
from tests.fakes import VCENTER_UUID, FakeOperations
from tests.unit.cli.runner import ADDRESS, ENVIRON, FakeInspection, FakeVSphere, hosts

BY_HAND = Signed.ca(good=False)
COMPLETE = {
    **ENVIRON,
    "VCENTER_URL": f"https://{ADDRESS}",
    "VCENTER_USERNAME": "mirror",
    "VCENTER_PASSWORD": "hunter3",
    "MAINTENANCE_LEASE_MINUTES": "120",
    "RECONCILE_INTERVAL_MINUTES": "15",
    "REQUIRE_VERIFICATION": "true",
}


def results(found: Iterator[Finding]) -> dict[str, str]:
    return {finding.name: finding.result for finding in found}


def configured(**environ: str) -> list[Finding]:
    asked = Asked(environ)
    return list(configuration.checked(Settings.from_environ(asked), asked))


def test_who_is_told_is_shown_by_kind_and_nobody_is_told() -> None:
    urls = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ, mailtos://u:hunter4@lab.local"
    [found] = [each for each in configured(**COMPLETE, NOTIFY_URLS=urls) if each.name == "notify"]
    assert (found.result, found.found) == (
        "ok",
        "slack, mailtos; maintenance-mirror notify --test tells whether it arrives",
    )


def test_a_url_that_will_not_do_is_named_by_its_place() -> None:
    found = configured(**COMPLETE, NOTIFY_URLS="json://lab.local,file:///hunter4")[-1]
    assert (found.name, found.result) == ("notify", "failed")
    assert found.found == "NOTIFY_URLS: number 2 is no URL of a service that can be told"


def test_a_complete_configuration_is_all_well() -> None:
    assert {finding.result for finding in configured(**COMPLETE)} == {"ok"}


def test_every_variable_is_named_and_no_value_is() -> None:
    given, default = configured(**COMPLETE)[:2]
    assert set(given.found.split(", ")) == set(COMPLETE)
    assert "LOG_LEVEL" in default.found.split(", ")
    assert not set(COMPLETE) & set(default.found.split(", "))
    shown = " ".join(finding.found for finding in configured(**COMPLETE))
    assert not any(value in shown for value in ("hunter2", "hunter3", "mirror", "lab.local"))


def test_a_variable_of_a_file_is_named_as_it_is_set(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter4", encoding="utf-8")
    environ = {**ENVIRON, "VROPS_PASSWORD_FILE": str(tmp_path / "password")}
    del environ["VROPS_PASSWORD"]
    given, default = configured(**environ)[:2]
    assert "VROPS_PASSWORD_FILE" in given.found
    assert "VROPS_PASSWORD" not in default.found.split(", ")


def test_a_misspelt_variable_is_noticed() -> None:
    (finding,) = [f for f in configured(**COMPLETE, VCENTER_PASWORD="x") if f.name == "unread"]
    assert (finding.result, finding.found) == ("note", "VCENTER_PASWORD")


def unread(*names: str) -> list[str]:
    """The variables among these that are set, and that doctor says nobody reads."""
    found = [f for f in configured(**ENVIRON, **dict.fromkeys(names, "x")) if f.name == "unread"]
    return found[0].found.split(", ") if found else []


@pytest.mark.parametrize(
    "name",
    [
        "EVENT_DEADLINE_SECOND",
        "CONFIRM_SECOND",
        "THREAD",
        "MAX_BODY_BYTE",
        "LOG_LEVL",
        "VROP_URL",
        "VROPS_TIMEOUT",
        "MAINTENANCE_LEASE_HOURS",
        "REQUIRE_VERIFY",
        "VROPS_PASSWORD_FLIE",
    ],
)
def test_whatever_begins_like_a_setting_or_nearly_is_one_is_noticed(name: str) -> None:
    assert unread(name) == [name]


def test_what_is_another_programs_is_not_noticed() -> None:
    others = ["LOG_DIR", "LOG_FILE", "MAX_JOBS", "APP_LOG_LEVEL", "HOME", "TERM", "USERNAME"]
    assert unread(*others, "VAULT_SECRET_ID", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD") == []


@pytest.mark.parametrize(
    ("missing", "name", "words"),
    [
        ("MAINTENANCE_LEASE_MINUTES", "leases", "sweeps have to end"),
        ("RECONCILE_INTERVAL_MINUTES", "sweeps", "nobody checks"),
        ("REQUIRE_VERIFICATION", "verification", "are believed"),
    ],
)
def test_what_is_left_open_is_a_note(missing: str, name: str, words: str) -> None:
    found = configured(**{key: value for key, value in COMPLETE.items() if key != missing})
    (finding,) = [finding for finding in found if finding.name == name]
    assert (finding.result, words in finding.found) == ("note", True)
    assert missing in finding.advice


def test_events_alone_are_a_note_that_says_what_remains() -> None:
    notes = {finding.name: finding.found for finding in configured(**ENVIRON)}
    assert "until somebody looks" in notes["leases"]
    assert "no sweep repairs" in notes["verification"]


def examined(inspection: FakeInspection, reachable: bool = True) -> dict[str, Finding]:
    return {each.name: each for each in operations.examined(inspection, reachable)}


@pytest.mark.parametrize(
    ("roles", "result"),
    [
        ([Role("Administrator", True)], "ok"),
        ([Role("Administrator", False)], "note"),
        ([Role("Mirror", True)], "note"),
        ([Role("ReadOnly", True)], "failed"),
        ([Role("ReadOnly", True), Role("Mirror", False)], "note"),
        ([], "note"),
        (None, "note"),
        (OperationsUnavailableError("503"), "failed"),
    ],
)
def test_privileges_fail_only_if_it_is_sure(roles: Any, result: str) -> None:
    finding = examined(FakeInspection(roles))["privileges"]
    assert finding.result == result
    assert "Access Control" in finding.found + finding.advice or result == "failed"


def test_a_refused_login_is_one_failure_and_says_what_to_do() -> None:
    found = examined(FakeInspection(said_release=AuthenticationError("it refuses")))
    assert [each.result for each in found.values()] == ["failed", *["skipped"] * 3]
    assert "VROPS_PASSWORD" in found["login"].advice
    assert {each.found for each in found.values()} == {"it refuses", "it does not let us in"}


def test_an_unreachable_server_is_not_asked() -> None:
    found = examined(FakeInspection(said_release=AssertionError()), reachable=False)
    assert {each.result for each in found.values()} == {"skipped"}


@pytest.mark.parametrize(
    ("ahead", "result"), [(0, "ok"), (59, "ok"), (-59, "ok"), (90, "failed"), (-90, "failed")]
)
def test_clocks_differ_by_a_minute_at_most(ahead: int, result: str) -> None:
    finding = clocks.compared(datetime.now(UTC) + timedelta(seconds=ahead))
    assert finding.result == result


@pytest.mark.parametrize("now", [None, OperationsUnavailableError("503")])
def test_a_clock_that_is_not_told_is_no_failure(now: Any) -> None:
    assert examined(FakeInspection(said_now=now))["clock"].result == "note"


INSTANCE = Instance("adapter", ADDRESS, "")
BY_UUID = Instance("adapter", "192.0.2.16", VCENTER_UUID.upper())
ANOTHER = Instance("another", "vc2.lab.local", "another")


def both_sides(
    vsphere: FakeVSphere, instances: list[Instance] | None, known: Any = None
) -> dict[str, Finding]:
    operations = known or FakeOperations(hosts(3))
    context = Context(operations, policy=Policy(120), now=vsphere.clock)
    found = vcenters.examined(vsphere, context, instances, reachable=True)
    return {each.name: each for each in found}


@pytest.mark.parametrize("instance", [INSTANCE, BY_UUID])
def test_all_is_well_with_a_vcenter_that_is_collected(instance: Instance) -> None:
    found = both_sides(FakeVSphere(hosts(3)), [ANOTHER, instance])
    assert {each.result for each in found.values()} == {"ok"}
    assert found["one host"].found == (
        "esx01.lab.local (host-1): in service in vCenter, monitored in vRealize Operations"
    )


def test_a_vcenter_that_is_not_collected_is_a_failure() -> None:
    found = both_sides(FakeVSphere(hosts(3)), [ANOTHER])
    assert found["collected"].result == "failed"


def test_a_vcenter_that_shows_no_hosts_lacks_a_right() -> None:
    found = both_sides(FakeVSphere([]), [INSTANCE])
    assert (found["hosts"].result, "Read-only" in found["hosts"].advice) == ("failed", True)
    assert found["one host"].result == found["maintenance"].result == "skipped"


def test_the_history_is_read_as_far_back_as_a_lease() -> None:
    vsphere = FakeVSphere(hosts(3))
    for minutes in (121, 119, 5):
        vsphere.clock.moment = datetime.now(UTC) - timedelta(minutes=minutes)
        vsphere.enter("host-1")
    finding = both_sides(vsphere, [INSTANCE])["history"]
    told = "2 events of hosts that entered or left, in the last 120 minutes"
    assert (finding.result, finding.found) == ("ok", told)


class Silent(FakeVSphere):
    """A vCenter that does not let us read its events."""

    def mode_changes(self, since: Any, moref: str = "") -> list[ModeChange]:
        raise RequestRejectedError("no privilege")


def test_a_history_that_may_not_be_read_is_a_failure_that_says_what_it_costs() -> None:
    finding = both_sides(Silent(hosts(3)), [INSTANCE])["history"]
    assert (finding.result, "they leave it" in finding.found) == ("failed", True)
    assert "Read-only" in finding.advice


def test_a_host_that_the_other_side_does_not_know_is_a_failure() -> None:
    known = FakeOperations(hosts(3)[1:])
    assert both_sides(FakeVSphere(hosts(3)), [INSTANCE], known)["one host"].result == "failed"


class Nameless(FakeOperations):
    """A vRealize Operations whose resources do not tell their MoRef."""

    def find(self, host: Any) -> Resource:
        return Resource("id", host, ResourceState.MONITORED)


def test_a_host_that_is_found_by_its_name_only_is_a_note() -> None:
    found = both_sides(FakeVSphere(hosts(1)), [INSTANCE], Nameless(hosts(1)))
    assert (found["one host"].result, "by its name" in found["one host"].found) == ("note", True)


def test_what_differs_or_may_be_a_persons_is_counted() -> None:
    known = FakeOperations(hosts(3))
    known.set_state(hosts(3)[0], ResourceState.OPEN_ENDED)
    known.set_state(hosts(3)[1], ResourceState.TIMED)
    vsphere = FakeVSphere(hosts(3))
    unproven = both_sides(vsphere, [INSTANCE], known)["maintenance"]
    vsphere.enter("host-2")
    vsphere.leave("host-2")
    proven = both_sides(vsphere, [INSTANCE], known)["maintenance"]
    for finding, not_ours in ((unproven, 2), (proven, 1)):
        assert (finding.result, finding.found) == (
            "note",
            f"2 of 3 hosts differ; {not_ours} in maintenance that may be a person's",
        )


def test_without_history_any_timed_window_may_be_a_persons() -> None:
    known = FakeOperations(hosts(3))
    known.set_state(hosts(3)[1], ResourceState.TIMED)
    finding = both_sides(Silent(hosts(3)), [INSTANCE], known)["maintenance"]
    assert (finding.result, finding.found) == (
        "note",
        "1 of 3 hosts differ; 1 in maintenance that may be a person's",
    )


def test_a_vcenter_that_refuses_us_is_one_failure() -> None:
    refusing = FakeVSphere(hosts(3), failures=[AuthenticationError("it refuses")])
    found = both_sides(refusing, [INSTANCE])
    assert [each.result for each in found.values()] == ["failed", *["skipped"] * 7]
    assert "VCENTER_PASSWORD" in found["login"].advice


def test_without_vrealize_operations_the_rest_of_a_vcenter_is_checked() -> None:
    found = both_sides(FakeVSphere(hosts(3)), None)
    assert [name for name, each in found.items() if each.result == "ok"] == [
        "login",
        "version",
        "clock",
        "hosts",
        "history",
    ]
    assert found["collected"].found == "vRealize Operations does not let us in"


@pytest.mark.parametrize(
    ("listed", "result", "words"),
    [
        (True, "ok", "vSphere API 8.0.3.0, the newest that both know"),
        (False, "note", "vSphere API 8.0.3.0, since it does not list which ones it speaks"),
    ],
)
def test_the_api_version_is_told_and_why_it_is_spoken(
    listed: bool, result: str, words: str
) -> None:
    finding = both_sides(FakeVSphere(hosts(3), listed=listed), [INSTANCE])["version"]
    assert (finding.result, finding.found) == (result, words)
    assert ("vimServiceVersions.xml" in finding.advice) == (not listed)


def test_vcenters_that_are_not_configured_are_notes() -> None:
    unreachable = FakeVSphere(failures=[VCenterUnavailableError("x")] * 2)
    found = list(vcenters.not_configured([INSTANCE, ANOTHER], [unreachable]))
    assert [(each.result, "vc2.lab.local" in each.found) for each in found] == [("note", True)]


@contextmanager
def listening(certificate: trustme.LeafCert | Path | None) -> Iterator[int]:
    """Shake hands over TLS, again and again, or, without a certificate, say something else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if isinstance(certificate, Path):
        context.load_cert_chain(certificate)
    elif certificate:
        certificate.configure_cert(context)

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            if not certificate:
                connection.sendall(b"SSH-2.0-OpenSSH\r\n")
                return
            context.wrap_socket(connection, server_side=True).close()

    def serve() -> None:
        while not over.is_set():
            answer(listener.accept()[0])

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            with suppress(OSError):
                socket.create_connection(listener.getsockname(), 1).close()
            thread.join()


def reached(url: str, ca_file: Path | None = None, insecure: bool = False) -> list[Finding]:
    server = Server(url, str(ca_file) if ca_file else None, insecure, "VROPS")
    return list(network.reached(server))


@pytest.fixture
def authority(tmp_path: Path) -> tuple[trustme.CA, Path]:
    authority, path = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return authority, path


@pytest.mark.parametrize(
    ("name", "expires_in", "result", "words"),
    [
        ("127.0.0.1", timedelta(days=400), "ok", "trusted, until"),
        ("127.0.0.1", timedelta(days=29), "note", "only until"),
        ("127.0.0.1", timedelta(days=-1), "failed", "renew"),
        ("vrops.lab.local", timedelta(days=400), "failed", "what its certificate is made for"),
    ],
)
def test_a_certificate_is_judged(
    name: str,
    expires_in: timedelta,
    result: str,
    words: str,
    authority: tuple[trustme.CA, Path],
) -> None:
    certificate = authority[0].issue_cert(name, not_after=datetime.now(UTC) + expires_in)
    with listening(certificate) as port:
        dns, tls = reached(f"https://127.0.0.1:{port}", authority[1])
    assert (dns.result, tls.result) == ("ok", result)
    assert words in f"{tls.found}; {tls.advice}"


@pytest.mark.parametrize(
    ("signed", "words"),
    [
        (BY_HAND.issue("a.lab", "192.0.2.7"), "its certificate is made for a.lab, 192.0.2.7; let"),
        (
            BY_HAND.issue(*(f"{each}.lab" for each in "abcdefg")),
            "made for a.lab, b.lab, c.lab, d.lab, e.lab and 2 more; let VROPS_URL name",
        ),
        (
            BY_HAND.issue(common_name="127.0.0.1"),
            "has no subject alternative name, and common names are not checked any more; have",
        ),
        (
            BY_HAND.issue("127.0.0.1", until=timedelta(hours=-1)),
            f"expired: it was valid until {datetime.now(UTC) - timedelta(hours=1):%Y-%m-%d }",
        ),
        (
            BY_HAND.issue("127.0.0.1", since=timedelta(days=1)),
            f"not valid yet: it will be from {datetime.now(UTC) + timedelta(days=1):%Y-%m-%d }",
        ),
        (
            Signed.ca("Old", by=BY_HAND, until=timedelta(days=-1)).issue("127.0.0.1"),
            "the certificate of a CA above its own has expired; renew it",
        ),
        (
            Signed.ca("New", by=BY_HAND, since=timedelta(days=1)).issue("127.0.0.1"),
            "the certificate of a CA above its own is not valid yet; is this machine's clock right",
        ),
    ],
)
def test_what_is_wrong_with_a_certificate_is_read_from_it(
    signed: Signed, words: str, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_bytes(BY_HAND.pem())
    with listening(signed.for_server(tmp_path / "server.pem")) as port:
        _, tls = reached(f"https://127.0.0.1:{port}", tmp_path / "ca.pem")
    assert tls.result == "failed"
    assert words in f"{tls.found}; {tls.advice}"


def test_a_name_of_who_is_not_trusted_is_not_told(
    authority: tuple[trustme.CA, Path], tmp_path: Path
) -> None:
    signed = BY_HAND.issue("evil.lab").for_server(tmp_path / "server.pem")
    with listening(signed) as port:
        _, tls = reached(f"https://127.0.0.1:{port}", authority[1])
    assert "evil" not in f"{tls.found}{tls.advice}"
    assert "VROPS_CA_FILE" in tls.advice


def test_strictness_is_what_doctor_asks_for_too(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(BY_HAND.pem())
    signed = BY_HAND.issue("127.0.0.1", good=False).for_server(tmp_path / "server.pem")
    found = []
    for strict in (False, True):
        with listening(signed) as port:
            where = f"https://127.0.0.1:{port}"
            server = Server(where, str(tmp_path / "ca.pem"), False, "VROPS", strict)
            found.append(list(network.reached(server))[1])
    assert [each.result for each in found] == ["ok", "failed"]
    assert "TLS_STRICT" in found[1].advice


def test_a_certificate_of_an_unknown_ca_says_which_variable_to_set() -> None:
    with listening(trustme.CA().issue_cert("127.0.0.1")) as port:
        _, tls = reached(f"https://127.0.0.1:{port}")
    assert (tls.result, "VROPS_CA_FILE" in tls.advice) == ("failed", True)


def test_what_is_not_verified_is_a_note() -> None:
    with listening(trustme.CA().issue_cert("127.0.0.1")) as port:
        _, tls = reached(f"https://127.0.0.1:{port}", insecure=True)
    assert (tls.result, "INSECURE" in tls.found) == ("note", True)


def test_plain_http_is_a_note() -> None:
    with listening(None) as port:
        _, tls = reached(f"http://127.0.0.1:{port}", insecure=True)
    assert tls.result == "note"


def test_what_speaks_no_tls_is_a_failure() -> None:
    with listening(None) as port:
        _, tls = reached(f"https://127.0.0.1:{port}")
    assert (tls.result, tls.found) == ("failed", "no TLS is spoken there")


def test_a_closed_port_is_a_failure() -> None:
    _, tls = reached(f"https://127.0.0.1:{free_port()}")
    assert (tls.result, "Connection refused" in tls.found) == ("failed", True)


@pytest.mark.parametrize("name", ["nowhere.invalid", "a" * 64 + ".lab.local"])
def test_an_unknown_name_is_one_failure(name: str) -> None:
    dns, tls = reached(f"https://{name}")
    assert (dns.result, tls.result) == ("failed", "skipped")
    assert "VROPS_URL" in dns.advice


def test_behind_a_proxy_names_and_certificates_are_not_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.lab.local:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert {each.result for each in reached("https://nowhere.invalid")} == {"skipped"}


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_findings_are_a_line_each_with_a_mark(encoding: str) -> None:
    raw = io.BytesIO()
    lines: list[str | Finding] = [
        "A service",
        findings.ok("a", "well"),
        findings.note("b", "so so", "think"),
        findings.failed("c", "x" * 300, "mend it"),
        *findings.skipped("d", because="of c"),
    ]
    with redirect_stdout(io.TextIOWrapper(raw, encoding, newline="")) as out:
        assert not view.show(lines, Terminal())
        out.flush()
    shown = raw.getvalue().decode(encoding).splitlines()
    assert [line.split()[0] for line in shown[1:5]] == (
        ["✓", "!", "✗", "-"] if encoding == "utf-8" else ["ok", "!!", "XX", "--"]
    )
    assert shown[2].split(maxsplit=2)[2] == "so so; think"
    assert shown[3].split(maxsplit=2)[2] == "x" * 300 + "; mend it"
    assert shown[-1] == "1 check failed."
