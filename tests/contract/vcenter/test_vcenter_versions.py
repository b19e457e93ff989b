"""In which version of its API a vCenter is asked: the newest that both know, and never blindly."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.cli.doctor import vcenters
from adapters.outgoing.deadline import deadline
from adapters.vcenter import VSphere, versions
from functions.context import Context
from functions.errors import VCenterUnavailableError
from simulator import SettableClock
from tests.contract.vcenter.interceptor import (
    Answer,
    Interceptor,
    Spoil,
    fault,
    half,
    intercepted,
    page,
    silence,
    version_refused,
)
from tests.fakes import FakeOperations
from tests.vcenters import Vcsim, connected, needs_go, vcsim

pytestmark = needs_go

FILE = "vimServiceVersions.xml"
BEGUN = [FILE, "RetrieveServiceContent", "Login"]
INVALID_REQUEST = '<InvalidRequestFault xmlns="urn:vim25" xsi:type="InvalidRequest"/>'

BOMB = b"""<?xml version="1.0"?><!DOCTYPE namespaces [<!ENTITY a "9.0.0.0">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>
<namespaces version="1.0"><namespace><name>urn:vim25</name><version>&c;</version></namespace>
</namespaces>"""


def namespace(newest: str, *prior: str, name: str = "urn:vim25") -> str:
    older = "".join(f"<version>{number}</version>\n" for number in prior)
    return (
        f"<namespace><name>{name}</name><version>{newest}</version>"
        f"<priorVersions>{older}</priorVersions></namespace>"
    )


def document(*namespaces: str, version: str = "1.0") -> bytes:
    """A file as a vCenter has it."""
    return (
        '<?xml version="1.0" encoding="UTF-8" ?>\n<!-- Copyright -->\n'
        f'<namespaces version="{version}">{"".join(namespaces)}</namespaces>\n'
    ).encode()


def file(*numbers: str) -> Spoil:
    return page(200, document(namespace(*numbers)), "text/xml")


HUGE = document(namespace("9.0.0.0"), f"<!-- {'x' * 65536} -->")
DEEP = b"<namespaces version='1.0'>" + b"<namespace>" * 5000

# Whatever is no file of that kind: 6.5 is spoken, as it was before anybody read it.
UNLISTED: dict[str, Spoil] = {
    "404": page(404, b"not found"),
    "403": page(403, b"no"),
    "401": page(401, b"who?"),
    "501": page(501, b"what?"),
    "empty": page(200, b"", "text/xml"),
    "web page": page(200, b"<!DOCTYPE html><html><body>hello<br></body></html>"),
    "web page in XML": page(200, b"<html><body>hello</body></html>", "text/xml"),
    "JSON": page(200, b'{"version": "9.0.0.0"}', "application/json"),
    "no namespace": page(200, document(), "text/xml"),
    "another namespace": page(200, document(namespace("9.0.0.0", name="urn:vsan")), "text/xml"),
    "another kind": page(200, document(namespace("9.0.0.0"), version="2.0"), "text/xml"),
    "entity bomb": page(200, BOMB, "text/xml"),
    "huge": page(200, HUGE, "text/xml"),
    "redirect": lambda _: Answer(302, {"Location": "https://127.0.0.1:1/"}, b"", 0),
}
OUTAGES: dict[str, tuple[Spoil, str]] = {
    "500": (page(500, b"an error"), "answers with HTTP 500"),
    "502": (page(502, b"bad"), "answers with HTTP 502"),
    "503": (page(503, b"busy"), "answers with HTTP 503"),
    "504": (page(504, b"late"), "answers with HTTP 504"),
    "429": (page(429, b"slowly"), "answers with HTTP 429"),
    "408": (page(408, b"late"), "answers with HTTP 408"),
    "silence": (silence, "broke off"),
    "half": (half, "broke off"),
}


def spoken(numbers: list[str]) -> str:
    return versions.agreed(numbers, "vCenter vc.lab").number


def asked_in(interceptor: Interceptor) -> set[str]:
    return set(interceptor.asked_in)


@pytest.mark.parametrize(
    ("numbers", "newest"),
    [
        (["8.0.3.0", "8.0.2.0", "7.0.0.0", "6.7", "6.5"], "8.0.3.0"),
        (["6.0", "5.5", "8.0.2.0"], "8.0.2.0"),
        (["10.9.0.0", "10.0.0.0", "9.0.0.0", "8.0.3.0"], "9.0.0.0"),
        (["10.0.0.0", "6.5"], "6.5"),
        (["6.0", "5.5", "5.1"], "6.0"),
        (["4.1", "4.0", "2.5u2"], "4.1"),
        ([], "6.5"),
    ],
)
def test_the_newest_version_that_both_know_is_spoken(numbers: list[str], newest: str) -> None:
    assert spoken(numbers) == newest


@pytest.mark.parametrize("numbers", [["10.0.0.0"], ["4.0", "2.5"], ["what"]])
def test_where_they_have_none_in_common_that_is_said_in_words(numbers: list[str]) -> None:
    words = rf"vCenter vc\.lab speaks .*{numbers[0]}.*, and none of those known here, 4\.1 to "
    with pytest.raises(VCenterUnavailableError, match=words):
        spoken(numbers)


@pytest.mark.parametrize(
    ("content", "numbers"),
    [
        (document(namespace("6.5", "6.0"), namespace("2.0", name="urn:vim2")), ["6.5", "6.0"]),
        (document(namespace("9.0", name="urn:vsan"), namespace("6.5")), ["6.5"]),
        (document(namespace(" 8.0.3.0\n", "\t6.5 ")), ["8.0.3.0", "6.5"]),
        (document(namespace("<b>9</b>", "6.5")), ["6.5"]),
        (document(namespace("a secret", "x" * 41, "\N{DIGIT ONE}\u0663", "", "6.5")), ["6.5"]),
        (document("<namespace/>", "<namespace><name/></namespace>"), []),
        (document(namespace("6.5")).replace(b"UTF-8", b"nonsense"), []),
        (document(namespace("6.5")).replace(b"UTF-8", b"utf-7"), []),
        (b"\xff\xfe\x00", []),
        (DEEP, []),
        (DEEP + b"</namespace>" * 5000 + b"</namespaces>", []),
        (None, []),
    ],
)
def test_what_is_listed(content: bytes | None, numbers: list[str]) -> None:
    assert list(versions.listed(content)) == numbers


def test_vcsim_is_asked_in_the_version_that_it_lists(
    vsphere: VSphere, interceptor: Interceptor
) -> None:
    assert (vsphere.api_version(), vsphere.lists_api_versions()) == ("8.0.3.0", True)
    assert list(vsphere.hosts())
    vsphere.close()
    assert asked_in(interceptor) == {"urn:vim25/8.0.3.0"}
    assert interceptor.calls[:3] == BEGUN
    assert interceptor.calls.count(FILE) == 1


@pytest.mark.parametrize(
    ("numbers", "newest"),
    [(["10.0.0.0", "9.0.0.0", "6.5"], "9.0.0.0"), (["6.0", "5.5"], "6.0"), (["4.1"], "4.1")],
)
def test_every_question_can_be_asked_in_what_is_agreed(
    vsphere: VSphere, interceptor: Interceptor, moref: str, numbers: list[str], newest: str
) -> None:
    interceptor.spoil[FILE] = file(*numbers)
    assert not vsphere.in_maintenance_mode(moref)
    assert len(list(vsphere.hosts())) == 3
    assert list(vsphere.mode_changes(vsphere.now(), moref)) == []
    assert dict(vsphere.entered([moref])) == {}
    assert (vsphere.api_version(), vsphere.lists_api_versions()) == (newest, True)
    vsphere.close()
    assert asked_in(interceptor) == {f"urn:vim25/{newest}"}


@pytest.mark.parametrize("spoil", UNLISTED.values(), ids=UNLISTED)
def test_where_nothing_is_listed_it_is_that_of_6_5(
    vsphere: VSphere, interceptor: Interceptor, moref: str, spoil: Spoil
) -> None:
    interceptor.spoil[FILE] = spoil
    assert not vsphere.in_maintenance_mode(moref)
    assert (vsphere.api_version(), vsphere.lists_api_versions()) == ("6.5", False)
    assert asked_in(interceptor) == {"urn:vim25/6.5"}
    assert interceptor.calls == [*BEGUN, "RetrievePropertiesEx"]


def test_who_speaks_only_newer_versions_is_sent_no_password(
    vsphere: VSphere, interceptor: Interceptor, moref: str
) -> None:
    interceptor.spoil[FILE] = file("12.1.0.0", "12.0.0.0", "11.0.0.0", "10.9.0.0")
    words = r"speaks the API versions 12\.1\.0\.0, 12\.0\.0\.0, 11\.0\.0\.0, \.\.\., and none"
    with pytest.raises(VCenterUnavailableError, match=words):
        vsphere.in_maintenance_mode(moref)
    assert interceptor.calls == [FILE]
    interceptor.spoil.clear()
    assert not vsphere.in_maintenance_mode(moref)


@pytest.mark.parametrize(("spoil", "words"), OUTAGES.values(), ids=OUTAGES)
def test_an_outage_is_no_missing_file(
    vsphere: VSphere, interceptor: Interceptor, moref: str, spoil: Spoil, words: str
) -> None:
    interceptor.spoil[FILE] = spoil
    with pytest.raises(VCenterUnavailableError, match=words):
        vsphere.in_maintenance_mode(moref)
    assert interceptor.calls == [FILE]
    interceptor.spoil.clear()
    assert not vsphere.in_maintenance_mode(moref)


def test_a_file_that_does_not_come_is_given_up_within_the_deadline(
    vsphere: VSphere, interceptor: Interceptor, moref: str
) -> None:
    interceptor.spoil[FILE] = interceptor.stall
    with deadline(0.5), pytest.raises(VCenterUnavailableError, match="in time"):
        vsphere.in_maintenance_mode(moref)
    assert interceptor.calls == [FILE]


def test_after_five_failures_nobody_asks_for_the_file_for_a_while(
    clock: SettableClock, vsphere: VSphere, interceptor: Interceptor, moref: str
) -> None:
    interceptor.spoil[FILE] = page(503, b"busy")
    for _ in range(20):
        with pytest.raises(VCenterUnavailableError):
            vsphere.in_maintenance_mode(moref)
    assert interceptor.calls == [FILE] * 5
    interceptor.spoil.clear()
    clock.advance(5)
    assert not vsphere.in_maintenance_mode(moref)


def test_a_session_that_is_renewed_reads_it_again(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, moref: str
) -> None:
    assert not vsphere.in_maintenance_mode(moref)
    interceptor.spoil[FILE] = file("9.0.0.0", "8.0.3.0")
    vcenter.expire_sessions()
    assert not vsphere.in_maintenance_mode(moref)
    assert vsphere.api_version() == "9.0.0.0"
    assert interceptor.calls.count(FILE) == 2


def upgraded(interceptor: Interceptor) -> None:
    """From now on it speaks 9.0 alone."""
    refused = version_refused(INVALID_REQUEST)

    def spoil(answer: Answer) -> Answer:
        return refused(answer) if interceptor.asked_in[-1] != "urn:vim25/9.0.0.0" else answer

    methods = ("RetrieveServiceContent", "RetrievePropertiesEx", "ContinueRetrievePropertiesEx")
    interceptor.spoil.update(dict.fromkeys(methods, spoil))
    interceptor.spoil[FILE] = file("9.0.0.0")


def test_a_vcenter_may_be_upgraded_under_a_running_process(
    vsphere: VSphere, interceptor: Interceptor, moref: str
) -> None:
    assert not vsphere.in_maintenance_mode(moref)
    upgraded(interceptor)
    assert not vsphere.in_maintenance_mode(moref)
    assert vsphere.api_version() == "9.0.0.0"
    assert interceptor.calls.count("Login") == 2


def test_an_upgrade_between_two_pages_ends_the_sweep_and_no_other(
    vsphere: VSphere, interceptor: Interceptor, moref: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.vcenter.inventory._PAGE_SIZE", 1)
    hosts = vsphere.hosts()
    next(hosts)
    upgraded(interceptor)
    with pytest.raises(VCenterUnavailableError, match=r"refuses the API version 8\.0\.3\.0"):
        list(hosts)
    monkeypatch.undo()
    assert not vsphere.in_maintenance_mode(moref)
    assert len(list(vsphere.hosts())) == 3


@pytest.mark.parametrize(
    ("listing", "words"),
    [
        (file("8.0.3.0"), r"refuses the API version 8\.0\.3\.0, although it lists it"),
        (page(404, b""), r"refuses the API version 6\.5, and does not list which ones it speaks"),
    ],
)
@pytest.mark.parametrize("detail", ["", INVALID_REQUEST])
def test_who_refuses_the_version_says_so_in_words_and_is_sent_no_password(
    vsphere: VSphere,
    interceptor: Interceptor,
    moref: str,
    listing: Spoil,
    words: str,
    detail: str,
) -> None:
    interceptor.spoil[FILE] = listing
    interceptor.spoil["RetrieveServiceContent"] = version_refused(detail)
    with pytest.raises(VCenterUnavailableError, match=words) as refused:
        vsphere.in_maintenance_mode(moref)
    assert type(refused.value) is VCenterUnavailableError
    assert "FAULT TEXT" not in str(refused.value)
    assert interceptor.calls == BEGUN[:2]


@pytest.mark.parametrize("spoiled", [FILE, "RetrieveServiceContent"])
def test_doctor_says_so_in_words_too(
    vsphere: VSphere, interceptor: Interceptor, spoiled: str
) -> None:
    interceptor.spoil[spoiled] = file("10.0.0.0") if spoiled == FILE else version_refused()
    words = "none of those known here" if spoiled == FILE else "refuses the API version 8.0.3.0"
    context = Context(FakeOperations([]))
    found = {each.name: each for each in vcenters.examined(vsphere, context, [], reachable=True)}
    assert (found["login"].result, words in found["login"].found) == ("failed", True)
    assert found["version"].result == "skipped"


def test_another_invalid_request_is_no_question_of_versions(
    vsphere: VSphere, interceptor: Interceptor, moref: str
) -> None:
    interceptor.spoil["RetrievePropertiesEx"] = fault("InvalidRequest")
    with pytest.raises(VCenterUnavailableError, match=r"with the fault .*InvalidRequest"):
        vsphere.in_maintenance_mode(moref)
    assert interceptor.calls.count("Login") == 1


def test_a_file_is_read_below_the_path_of_the_url(vcenter: Vcsim, tmp_path: Path) -> None:
    with intercepted(vcenter, tmp_path) as interceptor:
        url = interceptor.url.removesuffix("/sdk")
        with connected(vcenter, url=url, ca_file=str(interceptor.ca_file)) as vsphere:
            assert vsphere.api_version() == "8.0.3.0"


@pytest.fixture
def secret() -> Iterator[Vcsim]:
    with vcsim(username="mirror@vsphere.local", password="correct horse") as running:
        yield running


def test_nothing_of_a_file_that_lists_nothing_is_told(
    secret: Vcsim, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with intercepted(secret, tmp_path) as interceptor:
        interceptor.spoil[FILE] = page(200, b"<html>BODY</html>", "text/xml")
        ca_file = str(interceptor.ca_file)
        with connected(secret, url=interceptor.url, ca_file=ca_file) as vsphere:
            assert vsphere.api_version() == "6.5"
    assert "is asked in API version 6.5" in caplog.text
    assert not [word for word in ("BODY", "correct horse", "mirror@") if word in caplog.text]
