"""What gzip holds, inflated no further than is asked for.

Source: RFC 1952, by which a body may be several members, one after the other.
"""

import zlib
from typing import Final

from functions.errors import NotACloudEventError

_GZIP_ONLY: Final = 16 + zlib.MAX_WBITS
# One is what senders make. A megabyte could be fifty thousand, each copying what is behind it.
_MAX_MEMBERS: Final = 16


def gunzip(body: bytes, max_bytes: int) -> bytes:
    """Return the first ``max_bytes`` of what ``body`` holds; what is behind is not inflated.

    Raises NotACloudEventError if it is not well-formed up to there: damaged, broken off, of more
    than 16 members, or followed by anything else.
    """
    content = b""
    try:
        for _ in range(_MAX_MEMBERS):
            member = zlib.decompressobj(_GZIP_ONLY)
            content += member.decompress(body, max_bytes - len(content))
            body = member.unused_data
            if len(content) == max_bytes or (member.eof and not body):
                return content
            if not member.eof:
                break
    except zlib.error:
        pass
    raise NotACloudEventError("the event is not well-formed gzip")
