"""Neither the password nor a session shows anywhere, whatever goes wrong."""

import logging
import re
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.vcenter import VSphere
from functions.errors import MaintenanceError
from tests.contract.vcenter.interceptor import (
    Answer,
    Interceptor,
    Spoil,
    fault,
    half,
    intercepted,
    page,
    silence,
)
from tests.vcenters import Vcsim, connected, needs_go, vcsim

pytestmark = needs_go

PASSWORD = "correct horse battery staple"
USERNAME = "mirror@vsphere.local"
BODY = "BODY OF AN ANSWER"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CALLS = ["RetrieveServiceContent", "Login", "RetrievePropertiesEx", "CreateContainerView"]


def echoed(answer: Answer) -> Answer:
    """Answer as a server that repeats what it was sent would."""
    body = f"<a>{PASSWORD} {USERNAME} {BODY} 26d526ac-2f5e-4b06-91a5-28621778372c</a>"
    return page(200, body.encode(), "text/xml")(answer)


SPOILS: list[Spoil] = [
    echoed,
    silence,
    half,
    fault("InvalidLogin"),
    fault("NoPermission"),
    fault("NotAuthenticated"),
    fault("ManagedObjectNotFound"),
    fault("RuntimeFault"),
    page(200, f"{PASSWORD} {BODY}".encode()),
    page(503, f"{PASSWORD} {BODY}".encode()),
    page(500, f"<a><b>{PASSWORD} {BODY}</a>".encode(), "text/xml"),
]


@pytest.fixture
def vcenter() -> Iterator[Vcsim]:
    with vcsim(username=USERNAME, password=PASSWORD) as running:
        yield running


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def ask(vsphere: VSphere) -> None:
    list(vsphere.hosts())
    vsphere.in_maintenance_mode("host-18")


def test_nothing_secret_shows_when_all_goes_well(
    vsphere: VSphere, caplog: pytest.LogCaptureFixture
) -> None:
    assert told(ask, vsphere) == ""
    everything = [caplog.text, repr(vsphere), repr(vars(vsphere)), repr(vars(vsphere._sessions))]
    assert_nothing_secret(*everything)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("spoil", SPOILS)
def test_nothing_secret_is_told_whatever_goes_wrong(
    vsphere: VSphere,
    interceptor: Interceptor,
    caplog: pytest.LogCaptureFixture,
    call: str,
    spoil: Spoil,
) -> None:
    interceptor.spoil[call] = spoil
    said = told(ask, vsphere)
    assert "Error" in said
    assert_nothing_secret(caplog.text, said)


@pytest.mark.parametrize("password", [PASSWORD + "?", PASSWORD + "\ud800"])
def test_a_wrong_password_is_not_told_either(
    vcenter: Vcsim, caplog: pytest.LogCaptureFixture, password: str
) -> None:
    with connected(vcenter, password) as vsphere:
        said = told(ask, vsphere)
    assert "AuthenticationError" in said
    assert_nothing_secret(caplog.text, said)


def test_an_untrusted_server_causes_nothing_secret(
    vcenter: Vcsim, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with (
        intercepted(vcenter, tmp_path) as interceptor,
        connected(vcenter, url=interceptor.url) as vsphere,
    ):
        said = told(ask, vsphere)
    assert "certificate" in said
    assert_nothing_secret(caplog.text, said)


def told(act: Callable[[VSphere], None], vsphere: VSphere) -> str:
    """Everything that an error, and what caused it, says of itself."""
    try:
        act(vsphere)
    except MaintenanceError as error:
        logging.getLogger("test").exception("failed")
        return "\n".join([*traceback.format_exception(error), *reprs(error)])
    return ""


def reprs(error: BaseException | None) -> Iterator[str]:
    while error:
        yield f"{error!r} {error} {error.args!r} {vars(error)}"
        error = error.__cause__ or error.__context__


def assert_nothing_secret(*texts: str) -> None:
    for text in texts:
        assert not [secret for secret in (PASSWORD, USERNAME, BODY) if secret in text]
        assert "FAULT TEXT" not in text
        assert not UUID.search(text)
