"""Whom the client trusts to be its vRealize Operations."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.config.credentials import EnvironCredentials
from adapters.config.settings import VropsSettings
from adapters.vrops import Vrops
from adapters.vrops.transport import new_session
from functions.errors import OperationsUnavailableError
from lab.processes import free_port
from simulator import SettableClock, Simulator
from tests.certificates import Signed
from tests.contract.vrops.clients import connected, enter, esx, settings_for

NAME = "esx01.lab.local"
CA = Signed.ca()


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_bytes(CA.pem())
    return path


def test_a_ca_that_was_changed_needs_no_restart(tmp_path: Path) -> None:
    port, ca_file = free_port(), tmp_path / "ca.pem"
    with ExitStack() as stack:
        with Simulator(port=port, ca_file=ca_file) as before:
            vrops = stack.enter_context(connected(before))
            enter(vrops, esx(1))
        # Each has a CA of its own, and writes it into the file.
        after = stack.enter_context(Simulator(port=port, ca_file=ca_file))
        enter(vrops, esx(1))
        assert after.state(NAME) == "MAINTAINED_MANUAL"


def test_a_ca_that_is_changed_late_needs_no_restart_either(
    tmp_path: Path, clock: SettableClock
) -> None:
    ca_file = tmp_path / "trusted.pem"
    with Simulator() as simulator:
        ca_file.write_bytes(CA.pem())
        with connected(simulator, clock=clock.now, ca_file=str(ca_file)) as vrops:
            with pytest.raises(OperationsUnavailableError, match=r"not trusted: .*VROPS_CA_FILE"):
                vrops.find(esx(1))
            assert simulator.calls == []
            ca_file.write_bytes(simulator.ca_file.read_bytes())
            clock.advance(1)
            vrops.find(esx(1))


def test_connections_that_work_outlast_a_change_of_the_ca(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    with Simulator(ca_file=ca_file) as simulator:
        settings = settings_for(simulator)
        with new_session(settings) as session:
            session.get(f"{settings.url}/suite-api/api/versions/current")
            trust = session.get_adapter(settings.url)._trust  # type: ignore[attr-defined]
            ca_file.write_bytes(ca_file.read_bytes() + CA.pem())
            assert trust.renewed(trust.context)
            session.get(f"{settings.url}/suite-api/api/versions/current")
        assert simulator.connections == 1


@contextmanager
def serving(signed: Signed, folder: Path) -> Iterator[int]:
    """Shake hands with that certificate, and answer nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signed.for_server(folder / "server.pem"))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, suppress(OSError):
                        context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    ("signed", "words"),
    [
        (CA.issue("a.lab"), "made for a.lab; let VROPS_URL name what its certificate is made for"),
        (CA.issue(common_name="127.0.0.1"), "no subject alternative name.*VROPS_URL"),
        (CA.issue("127.0.0.1", until=timedelta(days=-1)), "has expired; renew it"),
        (CA.issue("127.0.0.1", since=timedelta(days=1)), "not valid yet; is this machine's clock"),
        (Signed.ca().issue("127.0.0.1"), "not trusted: .*VROPS_CA_FILE"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said(
    signed: Signed, words: str, ca_file: Path, tmp_path: Path
) -> None:
    credentials = EnvironCredentials({"VROPS_USERNAME": "u", "VROPS_PASSWORD": "p"})
    with serving(signed, tmp_path) as port:
        settings = VropsSettings(f"https://127.0.0.1:{port}", ca_file=str(ca_file))
        vrops = Vrops(settings, credentials)
        with pytest.raises(OperationsUnavailableError, match=words):
            vrops.find(esx(1))
        vrops.close()


def test_a_server_without_tls_is_told_from_one_that_is_not_trusted() -> None:
    with Simulator(tls=False) as simulator:
        url = simulator.url.replace("http:", "https:")
        with (
            connected(simulator, url=url) as vrops,
            pytest.raises(OperationsUnavailableError, match=r"no TLS is spoken there.*VROPS_URL"),
        ):
            vrops.find(esx(1))
