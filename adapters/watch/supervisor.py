"""Tell systemd how it goes, where that has started the process with Type=notify.

Source: sd_notify(3): lines of text to a datagram socket that NOTIFY_SOCKET names; a name that
begins with @ is in the abstract namespace.
"""

import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

_TIMEOUT_SECONDS: Final = 1.0


def notify(state: str, environ: Mapping[str, str]) -> None:
    """Send ``state``, such as ``READY=1``, if anybody wants to know; never raises."""
    name = environ.get("NOTIFY_SOCKET", "")
    if not name:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.settimeout(_TIMEOUT_SECONDS)
        channel.sendto(state.encode(), f"\0{name[1:]}" if name.startswith("@") else name)
