"""What is answered at the addresses of the page, and to whom."""

import hashlib
import threading
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import parse_qs

from adapters.board import page
from adapters.board.access import Access
from adapters.board.model import MAX_QUERY_LENGTH, Board, as_json
from adapters.board.server import Answer, Request

_HTML: Final = "text/html; charset=utf-8"
_JSON: Final = "application/json"
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Who is in maintenance stays in no cache, on no disk.
    "Cache-Control": "no-store",
}
_FILES: Final = {
    "/board.css": (page.STYLE, "text/css; charset=utf-8"),
    "/board.js": (page.SCRIPT, "text/javascript; charset=utf-8"),
    "/board.svg": (page.ICON, "image/svg+xml"),
}
_MAKERS: Final[Mapping[str, tuple[Callable[[Board, str], str], str]]] = {
    "/": (page.live, _HTML),
    "/board.json": (as_json, _JSON),
}
# As many people as look for something else at the same time.
_MAX_KEPT: Final = 16


class Pages:
    """Answers whoever asks for the page, with what ``board`` returns at that moment.

    A board that is the same object as before is not drawn again.
    """

    def __init__(self, board: Callable[[], Board], access: Access) -> None:
        self._board = board
        self._access = access
        self._drawing = threading.Lock()
        self._drawn_of: Board | None = None
        self._drawn: dict[tuple[str, str], tuple[str, bytes]] = {}

    def __call__(self, request: Request) -> Answer:
        """Return the answer to one request."""
        if request.method == "POST":
            return self._login(request)
        if request.path in _FILES:
            return _answer(200, *_FILES[request.path])
        if request.path not in _MAKERS:
            return _answer(404, b"{}\n", _JSON)
        if not self._access.allows(request):
            return self._refused(request)
        return self._shown(request)

    def _login(self, request: Request) -> Answer:
        if request.path != "/login" or not self._access.by_token:
            return _answer(405, b"{}\n", _JSON, Allow="GET, HEAD")
        cookie = self._access.logged_in(request)
        if cookie is None:
            return _answer(401, page.login(wrong=True).encode(), _HTML)
        return _answer(303, b"", _HTML, Location="./", **{"Set-Cookie": cookie})

    def _refused(self, request: Request) -> Answer:
        if not self._access.by_token:
            said = b"This is shown to its own machine only; ask for localhost or 127.0.0.1.\n"
            return _answer(403, said, "text/plain; charset=utf-8")
        if request.path == "/":
            return _answer(401, page.login(wrong=False).encode(), _HTML)
        return _answer(401, b"{}\n", _JSON, **{"WWW-Authenticate": "Bearer"})

    def _shown(self, request: Request) -> Answer:
        query = _query(request)
        make, content_type = _MAKERS[request.path]
        with self._drawing:
            tag, content = self._drawn_as(request.path, query, make)
        if request.headers.get("If-None-Match") == tag:
            return _answer(304, b"", content_type, ETag=tag)
        return _answer(200, content, content_type, ETag=tag)

    def _drawn_as(
        self, path: str, query: str, make: Callable[[Board, str], str]
    ) -> tuple[str, bytes]:
        board = self._board()
        if board is not self._drawn_of or len(self._drawn) >= _MAX_KEPT:
            self._drawn_of, self._drawn = board, {}
        if (path, query) not in self._drawn:
            content = make(board, query).encode()
            tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            self._drawn[path, query] = tag, content
        return self._drawn[path, query]


def _query(request: Request) -> str:
    try:
        said = parse_qs(request.query, max_num_fields=8).get("q", [""])[0]
    except ValueError:
        return ""
    return said[:MAX_QUERY_LENGTH]


def _answer(status: int, content: bytes, content_type: str, **headers: str) -> Answer:
    return Answer(status, content, content_type, {**_HEADERS, **headers})
