"""adapters.watch.server: whoever asks, and however, the process goes on."""

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection

import pytest

from adapters.watch.health import Health, VCenterHealth
from adapters.watch.server import serving
from functions.errors import ConfigurationError
from tests.unit.watch.doubles import ADDRESS, Seconds, signs

TIMEOUT_SECONDS = 30


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[int, Health]]:
    health = Health([], lambda: 3)
    with serving(("127.0.0.1", 0), health) as port:
        yield port, health


@pytest.fixture
def health(served: tuple[int, Health]) -> Health:
    """That of a process that has just begun."""
    health = served[1]
    health.vcenters, health.signs, health.operations_success = [VCenterHealth(ADDRESS)], [], None
    return health


@pytest.fixture
def port(served: tuple[int, Health], health: Health) -> int:
    """Where ``health`` is served, so that no test finds what an earlier one left in it."""
    return served[0]


def asked(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    connection.request(method, path)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, content


def opened(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)


def said(connection: socket.socket, sent: bytes) -> bytes:
    """Send that, and return all that comes until the other side closes."""
    connection.sendall(sent)
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_it_tells_that_the_process_lives(port: int) -> None:
    assert asked(port, "/healthz")[0] == 200
    assert json.loads(asked(port, "/healthz")[1]) == {"alive": True, "faults": []}


def test_it_tells_that_a_thread_is_stuck(port: int, health: Health) -> None:
    clock = Seconds()
    stuck = signs(clock)
    health.signs.append(stuck)
    clock.now += 61
    status, body = asked(port, "/healthz")
    assert status == 503
    assert json.loads(body) == {
        "alive": False,
        "faults": [f"{stuck.name}: no sign of life for 61 s"],
    }


def test_it_tells_whether_all_is_mirrored(port: int, health: Health) -> None:
    assert asked(port, "/readyz")[0] == 503
    [vcenter] = health.vcenters
    vcenter.connected_since, vcenter.swept = health.now(), True
    health.operations_answered()
    status, body = asked(port, "/readyz?verbose")
    assert (status, json.loads(body)) == (200, health.report())


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/"])
def test_head_is_an_answer_without_its_content(port: int, path: str) -> None:
    assert asked(port, path, "HEAD") == (asked(port, path)[0], b"")


@pytest.mark.parametrize(
    "path",
    ["/", "/healthz/", "/HEALTHZ", "/healthz/../readyz", "/%68ealthz", "http://x/healthz", "*"],
)
def test_any_other_path_is_nothing(port: int, path: str) -> None:
    assert asked(port, path) == (404, b"{}\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT"])
def test_nothing_can_be_done_to_it(port: int, method: str) -> None:
    assert asked(port, "/healthz", method)[0] == 501


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", b"431"),
        (b"GET /healthz HTTP/1.1\r\n" + b"X: a\r\n" * 200 + b"\r\n", b"431"),
        (b"GET /healthz HTTP/9.9\r\n\r\n", b"505"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"nonsense\r\n\r\n", b"400"),
    ],
    ids=["long line", "long header", "many headers", "version", "TLS", "nonsense"],
)
def test_what_is_no_request_is_refused(port: int, sent: bytes, status: bytes) -> None:
    with opened(port) as connection:
        assert status in said(connection, sent)[:200]
    assert asked(port, "/healthz")[0] == 200


def test_it_tells_who_it_is_but_not_what_it_is_made_of(port: int) -> None:
    with opened(port) as connection:
        answer = said(connection, b"GET /healthz HTTP/1.0\r\n\r\n")
    assert b"Server: maintenance-mirror" in answer
    assert b"python" not in answer.lower()


def test_who_opens_many_connections_and_says_nothing_keeps_nobody_out(port: int) -> None:
    with ExitStack() as attack:
        slow = [attack.enter_context(opened(port)) for _ in range(200)]
        for each in slow[-20:]:
            each.sendall(b"GET /heal")
        before = threading.active_count()
        assert asked(port, "/healthz")[0] == 200
        assert before < 100
        assert slow[0].recv(1) == b""
    assert asked(port, "/healthz")[0] == 200


def test_who_hangs_up_leaves_nothing_in_the_log(
    port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(5):
        with opened(port) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\n")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert asked(port, "/healthz")[0] == 200
    while any("process_request" in each.name for each in threading.enumerate()):
        threading.Event().wait(0.01)
    assert capfd.readouterr() == ("", "")


def test_an_address_in_use_is_a_wrong_configuration(port: int, health: Health) -> None:
    with (
        pytest.raises(ConfigurationError, match=r"HEALTH_ADDRESS: cannot .*: Address already in"),
        serving(("127.0.0.1", port), health),
    ):
        pass


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "...", "2001:db8::1"])
def test_an_address_that_is_not_ours_is_a_wrong_configuration(host: str, health: Health) -> None:
    with (
        pytest.raises(ConfigurationError, match="HEALTH_ADDRESS: cannot listen there"),
        serving((host, 0), health),
    ):
        pass


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="needs IPv6 of the operating system")
def test_it_listens_at_an_ipv6_address(health: Health) -> None:
    with (
        serving(("::1", 0), health) as port,
        socket.create_connection(("::1", port), TIMEOUT_SECONDS) as connection,
    ):
        assert b"200" in said(connection, b"GET /healthz HTTP/1.0\r\n\r\n")


def test_it_listens_without_asking_dns_who_it_is(
    health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for: list[str] = []
    monkeypatch.setattr("socket.getfqdn", asked_for.append)
    with serving(("127.0.0.1", 0), health) as port:
        assert asked(port, "/healthz")[0] == 200
    assert asked_for == []


def test_it_stops_listening_in_the_end(health: Health) -> None:
    with serving(("127.0.0.1", 0), health) as port:
        pass
    with pytest.raises(ConnectionRefusedError):
        opened(port)
