"""Between a client and a vcsim, over TLS: counts the calls, and spoils the answers at will."""

import http.client
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import AF_INET, AF_INET6
from urllib.parse import urlsplit

import trustme

from tests.vcenters import Vcsim

_METHOD = re.compile(rb"<(?:\w+:)?Body>\s*<(?:\w+:)?(\w+)")
_PASSED_ON = ("Content-Type", "Set-Cookie")


@dataclass(frozen=True)
class Answer:
    """An answer on its way back; ``length`` is what it claims to have, -1 closes instead."""

    status: int
    headers: dict[str, str]
    body: bytes
    length: int


Spoil = Callable[[Answer], Answer]


@dataclass
class Interceptor:
    """Where it listens, and what it is told to do.

    ``calls`` are the methods that were called, by their names on the wire, and the files that were
    fetched; ``asked_in`` is the API version of each method. ``spoil`` holds what becomes of the
    answers to a method, or of a file. While ``hasty``, connections are closed after each answer
    without a word, as idle ones are.
    """

    url: str
    ca_file: Path
    context: ssl.SSLContext
    calls: list[str] = field(default_factory=list)
    asked_in: list[str] = field(default_factory=list)
    spoil: dict[str, Spoil] = field(default_factory=dict)
    hasty: bool = False
    stalled: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def change_authority(self, address: str = "127.0.0.1") -> bytes:
        """Go on with a certificate of another CA, whose own is returned in PEM."""
        authority = trustme.CA()
        authority.issue_cert(address).configure_cert(self.context)
        return authority.cert_pem.bytes()

    def stall(self, answer: Answer) -> Answer:
        """Keep an answer back until it is ``released``, at the end of the test at the latest."""
        self.stalled.set()
        self.released.wait(60)
        return answer


def page(status: int, body: bytes, content_type: str = "text/html") -> Spoil:
    """Answer with something else instead."""
    return lambda _: Answer(status, {"Content-Type": content_type}, body, len(body))


def fault(name: str) -> Spoil:
    """Answer with a fault of the vSphere API, whose texts are nobody's business."""
    body = (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><soapenv:Fault>'
        "<faultcode>ServerFaultCode</faultcode><faultstring>FAULT TEXT</faultstring><detail>"
        f'<{name}Fault xmlns="urn:vim25" xsi:type="{name}"/></detail></soapenv:Fault>'
        "</soapenv:Body></soapenv:Envelope>"
    )
    return page(500, body.encode(), "text/xml")


def version_refused(detail: str = "") -> Spoil:
    """Answer as a server that does not speak the version that it is asked in."""
    body = (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><soapenv:Fault>'
        "<faultcode>ns0:VersionMismatchFaultCode</faultcode>"
        '<faultstring>Unsupported version URI "urn:vim25/FAULT TEXT"</faultstring>'
        f"<detail>{detail}</detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    )
    return page(500, body.encode(), "text/xml")


def rewritten(pattern: bytes, new: bytes) -> Spoil:
    """Answer with ``new`` in the first place that ``pattern`` matches."""

    def spoil(answer: Answer) -> Answer:
        body = re.sub(pattern, new, answer.body, count=1)
        return Answer(answer.status, answer.headers, body, len(body))

    return spoil


def missing_mode(name: str) -> Spoil:
    """Let the first host's mode be missing, for the reason that the fault tells."""
    mode = b"runtime.inMaintenanceMode"
    reason = f'<fault xsi:type="{name}"/><localizedMessage>FAULT TEXT</localizedMessage>'
    return rewritten(
        b"<propSet><name>%b</name><val.*?</val></propSet>" % mode,
        b"<missingSet><path>%b</path><fault>%b</fault></missingSet>" % (mode, reason.encode()),
    )


def silence(answer: Answer) -> Answer:
    """Close the connection instead of answering."""
    return Answer(answer.status, answer.headers, b"", -1)


def half(answer: Answer) -> Answer:
    """Close the connection in the middle of the answer."""
    body = answer.body[: len(answer.body) // 2]
    return Answer(answer.status, answer.headers, body, answer.length)


def once(spoil: Spoil) -> Spoil:
    """Spoil the first answer only."""
    waiting = [spoil]
    return lambda answer: waiting.pop()(answer) if waiting else answer


@contextmanager
def intercepted(vcenter: Vcsim, folder: Path, address: str = "127.0.0.1") -> Iterator[Interceptor]:
    """Listen at ``address`` with a CA of its own, and pass on to ``vcenter`` what arrives."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "interceptor.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(address).configure_cert(context)
    with _server(address)((address, 0), BaseHTTPRequestHandler) as listener:
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
        host = f"[{address}]" if ":" in address else address
        url = f"https://{host}:{listener.server_port}/sdk"
        interceptor = Interceptor(url, folder / "interceptor.pem", context)
        listener.RequestHandlerClass = _handler(interceptor, vcenter)
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield interceptor
        finally:
            interceptor.released.set()
            listener.shutdown()
            thread.join()


def _as_it_is(answer: Answer) -> Answer:
    return answer


def _server(address: str) -> type[ThreadingHTTPServer]:
    class Server(ThreadingHTTPServer):
        address_family = AF_INET6 if ":" in address else AF_INET

        def handle_error(self, request: object, client_address: object) -> None:
            """Who hangs up on us is a test's client."""

    return Server


def _handler(interceptor: Interceptor, vcenter: Vcsim) -> type[BaseHTTPRequestHandler]:
    trust = ssl.create_default_context(cafile=str(vcenter.ca_file))
    parts = urlsplit(vcenter.url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found = _METHOD.search(body)
            interceptor.asked_in.append(self.headers["SOAPAction"].strip('"'))
            self._handle(found[1].decode() if found else "?", body)

        def do_GET(self) -> None:
            self._handle(self.path.removeprefix("/sdk/"))

        def _handle(self, what: str, body: bytes | None = None) -> None:
            interceptor.calls.append(what)
            answer = interceptor.spoil.get(what, _as_it_is)(self._passed_on(body))
            with suppress(OSError):  # Whoever asked may have given up.
                self._answer(answer)

        def _passed_on(self, body: bytes | None) -> Answer:
            connection = http.client.HTTPSConnection(parts.netloc, context=trust, timeout=30)
            names = ("Cookie", "SOAPAction", "Content-Type")
            headers = {name: self.headers[name] for name in names if self.headers[name]}
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            answered = response.read()
            connection.close()
            passed_on = {name: response.headers[name] for name in _PASSED_ON}
            headers = {name: value for name, value in passed_on.items() if value}
            return Answer(response.status, headers, answered, len(answered))

        def _answer(self, answer: Answer) -> None:
            self.close_connection = interceptor.hasty or answer.length != len(answer.body)
            if answer.length < 0:
                return
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(answer.length)}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
