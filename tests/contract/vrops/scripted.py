"""A server that answers what a test wants, for what no Suite API would answer. Plain HTTP."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

Answer = tuple[int, Mapping[str, str], bytes]


@dataclass
class Scripted:
    """Where the server listens, and what it was sent."""

    url: str
    heads: list[str] = field(default_factory=list)


@contextmanager
def scripted(script: Callable[[str, str], Answer]) -> Iterator[Scripted]:
    """Serve ``script``, which maps a method and a path to status, headers and body."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            server.heads.append(f"{self.requestline}\n{self.headers}")
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, body = script(self.command, self.path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as listener:
        server = Scripted(f"http://127.0.0.1:{listener.server_port}")
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()
