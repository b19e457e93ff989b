"""What whoever counts is told of the calls of a vCenter, by how they end."""

import ssl
from http.client import HTTPException

import pytest
from pyVmomi import vim

from adapters.outgoing.tally import WORDS
from adapters.vcenter.faults import status


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "200"),
        ([], "200"),
        (vim.fault.InvalidLogin(), "fault"),
        (TimeoutError(), "timeout"),
        (ConnectionRefusedError(), "unreachable"),
        (ConnectionResetError(), "unreachable"),
        (ssl.SSLEOFError(), "unreachable"),
        (ssl.SSLCertVerificationError(), "tls"),
        (HTTPException("503 without SOAP"), "503"),
        (HTTPException("something else"), "invalid"),
        (ValueError("no SOAP"), "invalid"),
    ],
)
def test_every_end_of_a_call_has_one_of_few_names(answer: object, said: str) -> None:
    assert status(answer) == said
    assert said in WORDS or said.isdigit()
