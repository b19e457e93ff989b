"""Whom we trust: the same certificates on every Python, and a CA file that was changed."""

import glob
import json
import logging
import os
import shutil
import ssl
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.outgoing.tls import Trust, client_context, context_of_signers
from lab.processes import ROOT
from simulator import SettableClock
from tests.certificates import Signed, self_signed
from tests.handshake import handshake

HOST = "vrops.lab.local"
VERSIONS = ("3.11", "3.12", "3.13", "3.14")

Case = tuple[str, str, str, bool]


class Bench:
    """Writes what a handshake needs into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def case(self, server: Signed, ca: Signed, *, host: str = HOST, strict: bool = False) -> Case:
        """A server, whom its client trusts, and how."""
        stem = f"{len(list(self._folder.iterdir()))}"
        server_file = server.for_server(self._folder / f"{stem}-server.pem")
        ca_file = self._folder / f"{stem}-ca.pem"
        ca_file.write_bytes(ca.pem())
        return str(server_file), str(ca_file), host, strict


def all_cases(bench: Bench) -> dict[str, tuple[Case, str]]:
    """Every kind of certificate, and what its verdict begins with."""
    ca, by_hand = Signed.ca(), Signed.ca("By hand", good=False)
    issuing = Signed.ca("Issuing CA", by=ca)
    own, good = self_signed(HOST), ca.issue(HOST)
    hand_made = by_hand.issue(HOST, good=False)
    past, future = timedelta(days=-1), timedelta(days=1)
    untrusted = "its certificate is not trusted: "
    another = "its certificate is made for another name: "
    return {
        "as it should be": (bench.case(good, ca), "trusted"),
        "as it should be, strictly": (bench.case(good, ca, strict=True), "trusted"),
        "by hand": (bench.case(hand_made, by_hand), "trusted"),
        "by hand, strictly": (bench.case(hand_made, by_hand, strict=True), untrusted),
        "below an issuing CA": (bench.case(issuing.issue(HOST), ca), "trusted"),
        "the issuing CA only": (bench.case(issuing.issue(HOST), issuing), "trusted"),
        "signed by itself": (bench.case(own, own), "trusted"),
        "signed by itself, unknown": (bench.case(own, ca), untrusted),
        "an unknown CA": (bench.case(good, by_hand), untrusted),
        "an address": (bench.case(ca.issue("192.0.2.7"), ca, host="192.0.2.7"), "trusted"),
        "another name": (bench.case(ca.issue("other.lab.local"), ca), another),
        "another address": (bench.case(good, ca, host="192.0.2.7"), another),
        "a common name only": (bench.case(ca.issue(common_name=HOST), ca), another),
        "expired": (
            bench.case(ca.issue(HOST, until=past), ca),
            "its certificate, or that of a CA above it, has expired",
        ),
        "not yet valid": (
            bench.case(ca.issue(HOST, since=future), ca),
            "its certificate, or that of a CA above it, is not valid yet",
        ),
    }


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    folder = tmp_path / "certificates"
    folder.mkdir()
    return Bench(folder)


def interpreter(version: str) -> str:
    """Return a Python of that version, from the path or from pyenv, or skip the test."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [shutil.which(f"python{version}") or "", *glob.glob(f"{pyenv}/{version}.*/bin/python3")]
    # Itself, and not what pyenv put in its place, which needs an environment to find it by.
    asking = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"
    for path in filter(None, found):
        run = subprocess.run(
            [path, "-c", asking], capture_output=True, encoding="utf-8", check=False
        )
        said, _, itself = run.stdout.strip().partition(" ")
        if said == version:
            return itself
    pytest.skip(f"there is no Python {version} here")


def verdicts(python: str, cases: dict[str, tuple[Case, str]]) -> dict[str, str]:
    """Let a Python that has none of our packages judge."""
    judged = subprocess.run(
        [python, "-S", "-m", "tests.handshake"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        input=json.dumps({name: case for name, (case, _) in cases.items()}),
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=60,
    )
    found: dict[str, str] = json.loads(judged.stdout)
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_certificates_are_trusted_on_every_python(version: str, bench: Bench) -> None:
    cases = all_cases(bench)
    found = verdicts(interpreter(version), cases)
    expected = {name: begins for name, (_, begins) in cases.items()}
    assert {name: found[name][: len(begins)] for name, begins in expected.items()} == expected


def test_this_python_says_what_to_do_about_each(bench: Bench) -> None:
    cases = all_cases(bench)
    found = verdicts(sys.executable, cases)
    advice = {name: text.partition("; ")[2] for name, text in found.items() if text != "trusted"}
    assert advice == {
        "by hand, strictly": "have it, and its CA, made as RFC 5280 demands, or do not set"
        " TLS_STRICT",
        "signed by itself, unknown": "let VROPS_CA_FILE name it itself, in PEM",
        "an unknown CA": "let VROPS_CA_FILE name the CA that signed it, in PEM",
        "another name": _NAMED,
        "another address": _NAMED,
        "a common name only": _NAMED,
        "expired": "renew it, unless it is this machine's clock that is wrong",
        "not yet valid": "is this machine's clock right?",
    }
    assert f"'{HOST}'" in found["another name"]


_NAMED = "let VROPS_URL name what it is made for, as maintenance-mirror doctor lists it"


def test_whoever_looks_at_a_refused_certificate_wants_to_know_who_signed_it(bench: Bench) -> None:
    ca = Signed.ca()
    server_file, ca_file, *_ = bench.case(ca.issue("a.lab", until=timedelta(days=-1)), ca)
    shown = handshake(context_of_signers(ca_file), server_file, HOST).getpeercert()
    assert shown
    assert shown["subjectAltName"] == (("DNS", "a.lab"),)
    _, another, *_ = bench.case(ca.issue("a.lab"), Signed.ca())
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(context_of_signers(another), server_file, HOST)


def test_insecure_verifies_nothing(bench: Bench) -> None:
    server_file, ca_file, *_ = bench.case(self_signed("a.lab"), Signed.ca())
    handshake(client_context(ca_file, insecure=True), server_file, HOST)


# A CA made anew under its old name, without key identifiers: OpenSSL would try the old key only.
OLD, NEW = Signed.ca("The CA", good=False), Signed.ca("The CA", good=False)


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_bytes(OLD.pem())
    return path


@pytest.fixture
def server_file(tmp_path: Path) -> str:
    return str(NEW.issue(HOST, good=False).for_server(tmp_path / "server.pem"))


def test_a_ca_file_that_was_changed_is_read_again(ca_file: Path, server_file: str) -> None:
    trust = Trust(str(ca_file))
    used = trust.context
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(used, server_file, HOST)
    ca_file.write_bytes(NEW.pem())
    assert trust.renewed(used)
    handshake(trust.context, server_file, HOST)


def test_a_ca_file_that_was_not_changed_changes_nothing(ca_file: Path) -> None:
    trust, plain = Trust(str(ca_file)), Trust(None)
    assert not trust.renewed(trust.context)
    assert not plain.renewed(plain.context)


def test_a_context_is_renewed_with_all_that_was_asked_for(ca_file: Path) -> None:
    trust = Trust(str(ca_file), insecure=True, strict=True)
    used = trust.context
    ca_file.write_bytes(NEW.pem())
    assert trust.renewed(used)
    assert trust.context.verify_mode == ssl.CERT_NONE
    assert trust.context.verify_flags == used.verify_flags
    assert used.verify_flags & ssl.VERIFY_X509_STRICT


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\nhalf", None])
def test_a_broken_file_is_tried_once_and_said_once(
    content: bytes | None,
    ca_file: Path,
    server_file: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = SettableClock()
    trust = Trust(str(ca_file), clock=clock.now)
    used = trust.context
    ca_file.unlink()
    if content is not None:
        ca_file.write_bytes(content)
    for _ in range(5):
        clock.advance(2)
        assert not trust.renewed(used)
    assert trust.context is used
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    ca_file.write_bytes(NEW.pem())
    clock.advance(2)
    assert trust.renewed(used)
    handshake(trust.context, server_file, HOST)


def test_a_file_is_not_read_for_each_of_many_events(ca_file: Path) -> None:
    clock = SettableClock()
    trust = Trust(str(ca_file), clock=clock.now)
    used = trust.context
    assert not trust.renewed(used)
    ca_file.write_bytes(NEW.pem())
    assert not trust.renewed(used)
    clock.advance(1)
    assert trust.renewed(used)


def test_of_many_threads_one_reads_and_all_go_on(
    ca_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    trust = Trust(str(ca_file))
    used, found = trust.context, list[bool]()
    ca_file.write_bytes(NEW.pem())
    threads = [threading.Thread(target=lambda: found.append(trust.renewed(used))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 8
    assert [record.levelname for record in caplog.records] == ["INFO"]
