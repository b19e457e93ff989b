"""Handshakes in memory, by any version of Python: the standard library, and what is under test.

As a program it reads ``{case: [server file, CA file, host, strict]}`` as JSON, and prints what
became of each: ``trusted``, or what is wrong, in words.
"""

import json
import ssl
import sys
from contextlib import suppress

from adapters.outgoing.certificates import Names, tls_fault
from adapters.outgoing.tls import client_context


def handshake(context: ssl.SSLContext, server_file: str, host: str) -> ssl.SSLObject:
    """Let a client with ``context`` meet a server; raises what the client's handshake raises."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(server_file)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server, server_hostname=host)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    while True:
        try:
            client.do_handshake()
        except ssl.SSLWantReadError:
            with suppress(ssl.SSLWantReadError):
                server.do_handshake()
        else:
            return client


def verdict(server_file: str, ca_file: str, host: str, strict: bool) -> str:
    """Return ``trusted``, or what is wrong."""
    context = client_context(ca_file, insecure=False, strict=strict)
    try:
        handshake(context, server_file, host)
    except ssl.SSLError as error:
        return str(tls_fault(error, Names.of("VROPS")))
    return "trusted"


if __name__ == "__main__":
    cases = json.load(sys.stdin)
    json.dump({name: verdict(*case) for name, case in cases.items()}, sys.stdout)
