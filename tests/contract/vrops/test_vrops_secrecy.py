"""Neither the password nor a token shows anywhere, whatever goes wrong."""

import logging
import re
import traceback
from collections.abc import Callable, Iterator

import pytest

from adapters.vrops import Vrops
from functions.errors import MaintenanceError
from simulator import Fault, SettableClock, Simulator
from tests.contract.vrops.clients import connected, enter, esx, leave

PASSWORD = "correct horse battery staple"
TOKEN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}::")

TROUBLES = [
    Fault(revoke=True, path="/resources"),
    Fault(status=401, path="/token/acquire", body="html"),
    Fault(status=403, path="/resources"),
    Fault(status=302, path="/resources"),
    Fault(status=422, path="/maintained"),
    Fault(status=500, path="/token/acquire"),
    Fault(status=503, path="/maintained", count=100),
    Fault(status=200, path="/token/acquire", body="html"),
    Fault(cut="after", path="/token/acquire"),
    Fault(cut="before", path="/maintained", count=100),
    Fault(cut="after", path="/resources", count=100),
]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(password=PASSWORD) as running:
        yield running


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "urllib3")


def test_nothing_secret_is_logged_when_all_goes_well(
    simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(simulator) as vrops:
        enter(vrops, esx(1))
        leave(vrops, esx(1))
    assert any(record.name.startswith("urllib3") for record in caplog.records)
    _assert_nothing_secret(caplog.text, repr(vrops))


@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
def test_nothing_secret_is_told_whatever_goes_wrong(
    simulator: Simulator, caplog: pytest.LogCaptureFixture, pauses: list[float], trouble: Fault
) -> None:
    simulator.fault(trouble)
    with connected(simulator) as vrops:
        told = [_told(enter, vrops), _told(leave, vrops)]
    _assert_nothing_secret(caplog.text, *told)


def test_a_wrong_password_is_not_told_either(
    simulator: Simulator, caplog: pytest.LogCaptureFixture, clock: SettableClock
) -> None:
    with connected(simulator, password=PASSWORD + "?", clock=clock.now) as vrops:
        told = _told(enter, vrops)
    assert "AuthenticationError" in told
    _assert_nothing_secret(caplog.text, told)


def test_an_untrusted_server_learns_and_causes_nothing_secret(
    simulator: Simulator, caplog: pytest.LogCaptureFixture, pauses: list[float]
) -> None:
    with connected(simulator, ca_file=None) as vrops:
        told = _told(enter, vrops)
    assert "certificate" in told
    _assert_nothing_secret(caplog.text, told)


def _told(act: Callable[..., bool], vrops: Vrops) -> str:
    """Everything that an error, and what caused it, says of itself."""
    try:
        act(vrops, esx(1))
    except MaintenanceError as error:
        logging.getLogger("test").exception("failed")
        return "\n".join([*traceback.format_exception(error), *_reprs(error)])
    return ""


def _reprs(error: BaseException | None) -> Iterator[str]:
    while error:
        yield f"{error!r} {error} {error.args!r}"
        error = error.__cause__ or error.__context__


def _assert_nothing_secret(*texts: str) -> None:
    for text in texts:
        assert PASSWORD not in text
        assert not TOKEN.search(text)
