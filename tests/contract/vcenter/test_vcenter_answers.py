"""Answers that make no sense, and faults: none of them is a mode."""

import pytest

from adapters.vcenter import VSphere
from functions.errors import VCenterUnavailableError
from tests.contract.vcenter.interceptor import (
    Interceptor,
    Spoil,
    fault,
    half,
    page,
    rewritten,
    silence,
)

ENVELOPE = b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">%b</e:Envelope>'

SOAP = ENVELOPE % b"<e:Body>%b</e:Body>"

ANSWER = b'<RetrievePropertiesExResponse xmlns="urn:vim25">%b</RetrievePropertiesExResponse>'

TYPE = b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type'

NO_VCENTER = "does not answer as a vCenter does"

GARBAGE = [
    (200, "text/html", b"<html><body>no server here</body></html>", NO_VCENTER),
    (200, "text/xml", b"<html><body>no server here</body></html>", "does not tell"),
    (200, "text/xml", b"", NO_VCENTER),
    (200, "text/xml", b"\x00\xff\x1f\x8b", NO_VCENTER),
    (200, "text/xml", SOAP % b"", "does not tell"),
    (200, "text/xml", SOAP % (ANSWER % b""), "does not tell"),
    (200, "text/xml", SOAP % (ANSWER % (b"<returnval %b='xsd:string'/>" % TYPE)), NO_VCENTER),
    (200, "text/xml", SOAP % (ANSWER % (b"<returnval %b='NoSuch'/>" % TYPE)), NO_VCENTER),
    (200, "text/xml", SOAP % (ANSWER % b"<returnval><what/></returnval>"), NO_VCENTER),
    (200, "text/xml", SOAP % (ANSWER % b"<returnval><token/></returnval>"), "does not tell"),
    (200, "application/json", b"{}", NO_VCENTER),
    (204, "text/plain", b"", NO_VCENTER),
    (302, "text/html", b"moved", "answers with HTTP 302"),
    (404, "text/html", b"not found", "answers with HTTP 404"),
    (500, "text/html", b"an error", "answers with HTTP 500"),
    (500, "text/xml", SOAP % b"", NO_VCENTER),
    (503, "text/html", b"busy", "answers with HTTP 503"),
]


@pytest.mark.parametrize(("status", "content_type", "body", "told"), GARBAGE)
def test_what_makes_no_sense_is_no_mode(
    vsphere: VSphere,
    interceptor: Interceptor,
    moref: str,
    status: int,
    content_type: str,
    body: bytes,
    told: str,
) -> None:
    interceptor.spoil["RetrievePropertiesEx"] = page(status, body, content_type)
    with pytest.raises(VCenterUnavailableError, match=told):
        vsphere.in_maintenance_mode(moref)
    interceptor.spoil.clear()
    assert not vsphere.in_maintenance_mode(moref)


@pytest.mark.parametrize("mode", [b"maybe", b"", b"2"])
def test_a_mode_that_is_neither_is_no_mode(
    vsphere: VSphere, interceptor: Interceptor, moref: str, mode: bytes
) -> None:
    interceptor.spoil["RetrievePropertiesEx"] = rewritten(b">false<", b">%b<" % mode)
    with pytest.raises(VCenterUnavailableError):
        vsphere.in_maintenance_mode(moref)


@pytest.mark.parametrize("kind", [b"xsd:string", b"xsd:int"])
@pytest.mark.parametrize("question", ["mode", "hosts"])
def test_a_mode_of_another_type_is_no_mode(
    vsphere: VSphere, interceptor: Interceptor, moref: str, kind: bytes, question: str
) -> None:
    other = b'%b">0<' % kind
    interceptor.spoil["RetrievePropertiesEx"] = rewritten(b'xsd:boolean">false<', other)
    with pytest.raises(VCenterUnavailableError, match="neither true nor false"):
        vsphere.in_maintenance_mode(moref) if question == "mode" else list(vsphere.hosts())


def test_a_fault_is_told_by_its_class_alone(
    vsphere: VSphere, interceptor: Interceptor, moref: str
) -> None:
    interceptor.spoil["RetrievePropertiesEx"] = fault("HostCommunication")
    with pytest.raises(VCenterUnavailableError, match=r"HostCommunication") as unavailable:
        vsphere.in_maintenance_mode(moref)
    assert "FAULT TEXT" not in str(unavailable.value)


@pytest.mark.parametrize("spoil", [silence, half], ids=["unanswered", "half"])
@pytest.mark.parametrize("call", ["RetrieveServiceContent", "Login", "RetrievePropertiesEx"])
def test_an_exchange_that_breaks_off_is_no_mode(
    vsphere: VSphere, interceptor: Interceptor, moref: str, call: str, spoil: Spoil
) -> None:
    interceptor.spoil[call] = spoil
    with pytest.raises(VCenterUnavailableError):
        vsphere.in_maintenance_mode(moref)
