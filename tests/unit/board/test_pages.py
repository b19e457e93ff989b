"""Who may look, and what each answer says of itself."""

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest

from adapters.board.access import Access
from adapters.board.model import Board
from adapters.board.pages import Pages
from adapters.board.server import Answer
from adapters.config.settings import Secret
from tests.unit.board.boards import BOARD, asking, in_service

TOKEN = "f3a9c1d07be24e58a6"
BEARER = f"Bearer {TOKEN}"


class Seconds:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def pages(token: str | None = None, clock: Callable[[], float] = Seconds()) -> Pages:  # noqa: B008
    return Pages(lambda: BOARD, Access(Secret(token) if token else None, clock))


def logged_in(shown: Pages, said: str = TOKEN, **headers: str) -> Answer:
    return shown(asking("/login", "POST", b"token=" + quote(said).encode(), **headers))


def cookie(answer: Answer) -> str:
    return answer.headers["Set-Cookie"].partition(";")[0]


@pytest.mark.parametrize("path", ["/", "/board.json", "/board.css", "/board.js", "/x", "/login"])
@pytest.mark.parametrize("token", [None, TOKEN])
def test_every_answer_says_what_a_browser_may_do_with_it(path: str, token: str | None) -> None:
    headers = pages(token)(asking(path)).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == (
        "nosniff",
        "no-referrer",
    )
    assert headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in headers


@pytest.mark.parametrize(
    "named",
    ["localhost", "LOCALHOST:8090", "127.0.0.1", "127.0.0.1:8090", "127.8.8.8:1", "[::1]:8090"],
)
def test_this_machine_may_look_without_a_token(named: str) -> None:
    assert pages()(asking("/", Host=named)).status == 200


@pytest.mark.parametrize(
    "named",
    [
        "",
        "evil.example",
        "evil.example:8090",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1:8090@evil.example",
        "evil.example#localhost",
        "192.0.2.1:8090",
        "[::2]:8090",
        "0.0.0.0:8090",
        "::1",
        ":8090",
        "localhost:x",
    ],
)
@pytest.mark.parametrize("path", ["/", "/board.json"])
def test_a_name_that_was_made_to_lead_here_is_told_nothing(named: str, path: str) -> None:
    answer = pages()(asking(path, Host=named))
    assert answer.status == 403
    assert b"esx" not in answer.content


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN.upper()}",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer \xff\xfe",
    ],
)
@pytest.mark.parametrize("path", ["/", "/board.json", f"/?token={TOKEN}", f"/?q={TOKEN}"])
def test_whoever_has_not_the_token_is_told_nothing(said: str, path: str) -> None:
    answer = pages(TOKEN)(asking(path, Authorization=said))
    assert answer.status == 401
    assert b"esx" not in answer.content
    assert TOKEN.encode() not in answer.content


def test_whoever_has_the_token_may_look_from_anywhere() -> None:
    answer = pages(TOKEN)(asking("/board.json", Host="board.example", Authorization=BEARER))
    assert answer.status == 200
    assert json.loads(answer.content)["hosts"]


def test_a_login_is_remembered_for_half_a_day_and_by_nothing_but_a_cookie() -> None:
    clock = Seconds()
    shown = pages(TOKEN, clock)
    answer = logged_in(shown)
    assert (answer.status, answer.headers["Location"]) == (303, "./")
    attributes = answer.headers["Set-Cookie"].split("; ")[1:]
    assert attributes == ["Path=/", "Max-Age=43200", "HttpOnly", "SameSite=Strict"]
    assert TOKEN not in str(answer)
    assert shown(asking("/", Cookie=f"a=b; {cookie(answer)}")).status == 200
    clock.now += 12 * 3600
    assert shown(asking("/", Cookie=cookie(answer))).status == 401


def test_a_cookie_that_came_by_tls_goes_by_tls() -> None:
    answer = logged_in(pages(TOKEN), X_Forwarded_Proto="https")
    assert answer.headers["Set-Cookie"].endswith("; Secure")


def test_a_cookie_is_good_for_nobody_else() -> None:
    other = cookie(logged_in(pages(TOKEN)))
    shown = pages(TOKEN)
    assert shown(asking("/", Cookie=other)).status == 401
    ends, _, sign = cookie(logged_in(shown)).removeprefix("board=").partition(".")
    for forged in (f"{int(ends) + 1}.{sign}", f"{ends}.", ends, f"x.{sign}", "", ".", "\xff.\xff"):
        assert shown(asking("/", Cookie=f"board={forged}")).status == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"token=",
        b"token=wrong",
        b"token=%ff%fe",
        b"token=" + TOKEN[:-1].encode(),
        b"x=" + TOKEN.encode(),
        b"a=1&b=2&c=3&d=4&token=" + TOKEN.encode(),
        b"\xff\xfe\x00",
        b'{"token": "' + TOKEN.encode() + b'"}',
    ],
)
def test_what_is_not_the_token_logs_nobody_in(body: bytes) -> None:
    answer = pages(TOKEN)(asking("/login", "POST", body))
    assert answer.status == 401
    assert b"That is not the token." in answer.content
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/board.json", "/x", "/login/"])
def test_nothing_else_can_be_sent(path: str) -> None:
    assert pages(TOKEN)(asking(path, "POST", b"token=" + TOKEN.encode())).status == 405


def test_without_a_token_there_is_nothing_to_log_in_to() -> None:
    assert pages()(asking("/login", "POST", b"token=")).status == 405


@pytest.mark.parametrize(
    "path",
    [
        *("/..", "/../page.py", "/board.css/../../config/settings.py", "/%2e%2e/page.py"),
        *("/page.py", "//board.css", "/board.css/", "/board.css%00", "/BOARD.JSON", "*", ""),
        *("http://x/board.json", "/login", "/healthz"),
    ],
)
def test_any_other_path_is_nothing(path: str) -> None:
    answer = pages()(asking(path))
    assert (answer.status, answer.content) == (404, b"{}\n")


@pytest.mark.parametrize("path", ["/", "/board.json", "/?q=esx01"])
def test_what_has_not_changed_is_not_sent_again(path: str) -> None:
    shown = pages()
    first = shown(asking(path))
    again = shown(asking(path, If_None_Match=first.headers["ETag"]))
    assert (again.status, again.content) == (304, b"")
    other = shown(asking(f"{path.partition('?')[0]}?q=esx02"))
    assert other.headers["ETag"] != first.headers["ETag"]


def test_a_tag_tells_nothing_to_whoever_may_not_look() -> None:
    tag = pages()(asking("/board.json")).headers["ETag"]
    answer = pages(TOKEN)(asking("/board.json", If_None_Match=tag))
    assert answer.status == 401
    assert "ETag" not in answer.headers


def test_a_board_is_drawn_once_for_all_who_ask() -> None:
    boards = [Board((in_service(1),)), Board((in_service(2),))]
    shown = Pages(lambda: boards[0], Access(None))
    first = shown(asking("/"))
    assert shown(asking("/")).content is first.content
    boards.pop(0)
    assert b"esx02" in shown(asking("/")).content


@pytest.mark.parametrize("query", ["q=" + "a" * 5000, "&" * 200 + "q=x", "q=%ff%00", "q", "=&=&"])
def test_whatever_is_looked_for_is_answered(query: str) -> None:
    answer = pages()(asking(f"/?{query}"))
    assert answer.status == 200
    assert len(answer.content) < 20_000


def test_what_was_looked_for_is_not_kept_for_ever() -> None:
    shown = pages()
    for number in range(100):
        shown(asking(f"/?q={number}"))
    assert len(shown._drawn) <= 16
