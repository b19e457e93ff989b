"""Where words to a person arrive, on 127.0.0.1: a webhook and a mail server, both real."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

_TIMEOUT_SECONDS = 30.0


class Webhook:
    """Takes what is posted; ``answers`` are the statuses of the first ones, then it is 200.

    With ``hangs``, it takes all of it, and never says so.
    """

    def __init__(self, *answers: int, hangs: bool = False) -> None:
        self.got: list[dict[str, Any]] = []
        self.answers = [*answers]
        self.hangs = hangs
        self.ended = threading.Event()

    def url(self, options: str = "") -> str:
        """Its URL, with a token that must not be seen."""
        return f"json://user:s3cret@127.0.0.1:{self.port}/t0ken{options}"

    def chat_url(self) -> str:
        """Its URL as that of a chat, Mattermost, which is like Slack."""
        return f"mmost://127.0.0.1:{self.port}/3ccdd113474722377935511fc85d3dd4"

    @contextmanager
    def listening(self) -> Iterator["Webhook"]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield self
        finally:
            self.ended.set()
            server.shutdown()
            server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                webhook.got.append(json.loads(self.rfile.read(length)))
                if webhook.hangs:
                    webhook.ended.wait(_TIMEOUT_SECONDS)
                    return
                self.send_response(webhook.answers.pop(0) if webhook.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


class Mailbox:
    """Takes mail for everybody but ``refuses``, the first time that it is asked to."""

    def __init__(self, refuses: str = "") -> None:
        self.got: list[tuple[str, EmailMessage]] = []
        self._refuses = refuses

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, to: str, options: list[str]
    ) -> str:
        if to == self._refuses:
            self._refuses = ""
            return "451 not now"
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        mail = message_from_bytes(cast(bytes, envelope.content), policy=policy.default)
        self.got += [(to, mail) for to in envelope.rcpt_tos]
        return "250 OK"

    @contextmanager
    def listening(self) -> Iterator["Mailbox"]:
        controller = _AnyPort(self, hostname="127.0.0.1", port=0)
        controller.start()
        self.port = controller.port
        try:
            yield self
        finally:
            controller.stop()

    def url(self, *to: str) -> str:
        return f"mailto://127.0.0.1:{self.port}/?from=mirror@lab.local&to={','.join(to)}"


class _AnyPort(Controller):
    """It looks whether it can be reached, but not at which port that is."""

    def _trigger_server(self) -> None:
        server = cast(asyncio.Server, self.server)
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


def eventually(holds: Callable[[], object]) -> None:
    """Wait until it holds; fails after half a minute."""
    ends = time.monotonic() + _TIMEOUT_SECONDS
    while not holds():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.01)
