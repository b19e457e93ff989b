import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import requests

from simulator import Simulator

Run = Callable[..., Any]

STATUS = "/suite-api/api/deployment/node/status"


def address(simulator: Simulator) -> tuple[str, int]:
    host, port = simulator.url.split("//")[1].split(":")
    return host, int(port)


def listens(simulator: tuple[str, int]) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(simulator) == 0


def exchange(connection: socket.socket, request: bytes) -> bytes:
    connection.settimeout(10)
    connection.sendall(request)
    received = b""
    while part := connection.recv(65_536):
        received += part
    return received


def test_its_own_authority_vouches_for_it_and_no_other_does(run: Run) -> None:
    caller = run()
    caller.session.verify = True
    caller.session.close()
    with pytest.raises(requests.exceptions.SSLError):
        caller.call("GET", STATUS)


def test_strict_verification_holds_by_name_and_by_address() -> None:
    with Simulator(0, tls_names=["vrops.example.com"]) as simulator:
        context = ssl.create_default_context(cafile=str(simulator.ca_file))
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        for name in ("127.0.0.1", "localhost", "vrops.example.com"):
            with socket.create_connection(address(simulator)) as plain:
                context.wrap_socket(plain, server_hostname=name).close()


def test_without_tls_it_speaks_plain_http(run: Run) -> None:
    caller = run(tls=False)
    assert caller.simulator.url.startswith("http://")
    assert caller.call("GET", STATUS).status_code == 200
    with pytest.raises(RuntimeError, match="no CA file"):
        _ = caller.simulator.ca_file


def test_many_calls_need_one_connection(run: Run) -> None:
    caller = run()
    for _ in range(50):
        caller.maintain("esx01")
        caller.acquire("wrong")
    assert caller.simulator.connections == 1


def test_sixty_four_connections_stay_open_at_once(run: Run) -> None:
    simulator = run().simulator
    before = simulator.connections
    barrier = threading.Barrier(64)

    def call_twice(_: int) -> list[int]:
        with requests.Session() as session:
            session.trust_env = False
            session.verify = str(simulator.ca_file)
            statuses = [session.get(simulator.url + STATUS, timeout=30).status_code]
            barrier.wait(30)
            return [*statuses, session.get(simulator.url + STATUS, timeout=30).status_code]

    with ThreadPoolExecutor(64) as pool:
        assert list(pool.map(call_twice, range(64))) == [[200, 200]] * 64
    assert simulator.connections - before == 64


def test_a_caller_that_never_shakes_hands_holds_up_nobody(run: Run) -> None:
    caller = run()
    with socket.create_connection(address(caller.simulator)):
        caller.session.close()
        assert caller.call("GET", STATUS).status_code == 200


def test_a_caller_that_speaks_no_tls_harms_nobody(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    caller = run()
    with socket.create_connection(address(caller.simulator)) as plain:
        exchange(plain, b"GET / HTTP/1.1\r\n\r\n")
    assert caller.call("GET", STATUS).status_code == 200
    assert capsys.readouterr().err == ""


def test_a_body_that_nobody_reads_does_not_spoil_the_next_call(run: Run) -> None:
    connection = HTTPConnection(*address(run(tls=False).simulator))
    statuses = []
    for body in (b"x" * 70_000, iter([b"chunk", b"and another"]), b""):
        connection.request("GET", STATUS, body=body)
        with connection.getresponse() as answer:
            statuses.append(answer.status)
            answer.read()
    connection.close()
    assert statuses == [200, 200, 200]


@pytest.mark.parametrize(
    ("length", "status"), [(b"-1", b"400"), (b"x", b"400"), (b"9" * 9, b"413")]
)
def test_a_body_of_impossible_length_ends_the_connection(
    run: Run, length: bytes, status: bytes
) -> None:
    request = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + b"\r\n\r\n"
    with socket.create_connection(address(run(tls=False).simulator)) as connection:
        assert exchange(connection, request).split()[1] == status


def test_a_caller_can_ask_for_the_connection_to_be_closed(run: Run) -> None:
    request = f"GET {STATUS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    with socket.create_connection(address(run(tls=False).simulator)) as connection:
        assert b"\r\nConnection: close\r\n" in exchange(connection, request)


def test_stopping_leaves_nothing_behind_even_while_callers_stay_connected() -> None:
    threads = threading.active_count()
    with ExitStack() as callers:
        with Simulator() as simulator:
            where, ca_file = address(simulator), simulator.ca_file
            context = ssl.create_default_context(cafile=str(ca_file))
            silent = callers.enter_context(socket.create_connection(where))
            idle = callers.enter_context(socket.create_connection(where))
            callers.enter_context(context.wrap_socket(idle, server_hostname="localhost"))
            assert simulator.connections == 2
            started = time.monotonic()
        assert time.monotonic() - started < 5
        assert silent.recv(1) == b""
    assert threading.active_count() == threads
    assert not listens(where)
    assert not ca_file.exists()


def test_stopping_does_not_wait_for_slow_answers() -> None:
    with Simulator(tls=False) as simulator:
        simulator.fault(delay=60)
        connection = HTTPConnection(*address(simulator))
        connection.request("GET", STATUS)
        while simulator.faults:
            time.sleep(0.001)
        started = time.monotonic()
    connection.close()
    assert time.monotonic() - started < 5


def test_a_taken_port_is_an_error_and_leaves_the_other_ones_ca_file_alone(tmp_path: Path) -> None:
    ca_file = tmp_path / "build" / "ca.pem"
    with Simulator(ca_file=ca_file) as first:
        certificate = ca_file.read_bytes()
        second = Simulator(port=address(first)[1], ca_file=ca_file)
        with pytest.raises(OSError, match="in use"):
            second.start()
        assert ca_file.read_bytes() == certificate
    assert ca_file.exists()


def test_before_the_start_there_is_no_address() -> None:
    with pytest.raises(RuntimeError, match="not been started"):
        _ = Simulator().url


def test_a_restart_gives_the_same_ids() -> None:
    ids = []
    for _ in range(2):
        simulator = Simulator(2)
        ids.append([simulator.resource(name).id for name in simulator.states()])
    assert ids[0] == ids[1]


def test_while_it_is_down_nobody_listens_and_nothing_is_forgotten(run: Run) -> None:
    caller = run(hosts=["esx01"])
    caller.maintain("esx01").raise_for_status()
    before = address(caller.simulator)
    with caller.simulator.down():
        assert not listens(before)
    assert address(caller.simulator) == before
    assert caller.names()
    assert caller.simulator.state("esx01") == "MAINTAINED_MANUAL"
    assert caller.simulator.connections == 2
