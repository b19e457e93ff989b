"""adapters.board.server with pages: what is sent to it, and who sends it slowly."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection

import pytest

from adapters.board import server
from adapters.board.access import Access
from adapters.board.pages import Pages
from adapters.config.settings import Secret
from tests.unit.board.boards import BOARD

TIMEOUT_SECONDS = 30
TOKEN = "f3a9c1d07be24e58a6"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    pages = Pages(lambda: BOARD, Access(Secret(TOKEN)))
    with server.serving(("127.0.0.1", 0), pages, "HEALTH_ADDRESS", posts=True) as port:
        yield port


def said(port: int, sent: bytes) -> bytes:
    """Send that, and return all that comes until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def asked(port: int, method: str, path: str, body: str = "", **headers: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    connection.request(method, path, body or None, headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, content


def test_head_is_told_what_get_is_without_its_content(port: int) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert asked(port, "HEAD", "/", **bearer) == (200, b"")
    assert asked(port, "HEAD", "/") == (401, b"")
    assert asked(port, "GET", "/", **bearer)[0] == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"])
def test_nothing_can_be_done_to_it(port: int, method: str) -> None:
    assert asked(port, method, "/")[0] == 501


def test_a_login_is_taken(port: int) -> None:
    assert asked(port, "POST", "/login", f"token={TOKEN}") == (303, b"")


@pytest.mark.parametrize(
    ("length", "status"),
    [
        ("4097", b"413"),
        ("99999999999999999999", b"413"),
        ("-1", b"411"),
        ("x", b"411"),
        ("+5", b"411"),
        ("\xb2", b"411"),
        ("", b"411"),
    ],
)
def test_a_body_that_is_too_long_or_has_no_length_is_not_read(
    port: int, length: str, status: bytes
) -> None:
    head = f"POST /login HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode("latin-1")
    assert status in said(port, head)[:40]


def test_a_body_in_pieces_is_not_read(port: int) -> None:
    head = b"POST /login HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ntoken\r\n0\r\n\r\n"
    assert b"411" in said(port, head)[:40]


def test_a_body_that_never_comes_is_not_waited_for(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server._Handler, "timeout", 0.1)
    assert said(port, b"POST /login HTTP/1.1\r\nContent-Length: 100\r\n\r\ntoken=") == b""


def test_who_reads_slowly_keeps_nobody_out(port: int) -> None:
    request = f"GET / HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
    with ExitStack() as slow:
        for _ in range(100):
            opened = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
            slow.enter_context(opened).sendall(request)
        assert asked(port, "GET", "/board.css")[0] == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nAuthorization: Bearer " + b"a" * 60_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nCookie: board=" + b"9" * 60_000 + b".\r\n\r\n",
        b"GET / HTTP/1.1\r\nCookie: " + b"a=b;" * 15_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nCookie: board=\xff.\xfe\r\n\r\n",
        b"GET /?" + b"q=a&" * 15_000 + b" HTTP/1.1\r\n\r\n",
    ],
    ids=["token", "time", "cookies", "bytes", "query"],
)
def test_whatever_is_sent_in_place_of_a_token_is_answered(port: int, sent: bytes) -> None:
    assert b"401" in said(port, sent)[:40]
