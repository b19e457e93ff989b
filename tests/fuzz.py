"""Send inputs that nobody would send, for a while: ``python -m tests.fuzz [seconds]``.

Half of them are made of hypothesis' strategies, half are example requests with bytes changed, cut
out or repeated: labelled right and wrong, broken off, packed, and packed badly. Whatever arrives,
the Knative adapter must answer with a status of its table and an empty body. The exit code is 1
for the first input that breaks this, which is printed.
"""

import gzip
import itertools
import logging
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator

from hypothesis import HealthCheck, given, seed, settings

from lab.events import HTTP_FORMATS, EventData, HttpMessage
from tests.messages import request
from tests.mislabelled import ALL_MISLABELLED
from tests.strategies import VIEW, bodies, ce_headers, content_types, packed_bodies

ROUND = 500
REPLIES = {204, 400, 413, 422}
ENCODINGS = (*HTTP_FORMATS.values(), *ALL_MISLABELLED)
LABELS = ("application/json", "application/xml", "text/plain", "application/octet-stream", "")
BOMB = gzip.compress(b"[" * 2**24)


def main(seconds: float) -> int:
    """Fuzz for ``seconds`` and report; returns the exit code."""
    logging.disable()
    started, replies = time.monotonic(), Counter[int]()
    for number in itertools.count():
        if time.monotonic() - started > seconds:
            break
        for message in itertools.chain(damaged_requests(number), generated_requests(number)):
            status = send(message)
            replies[status] += 1
            if status not in REPLIES:
                print(f"round {number}: {status} for {message!r}")
                return 1
    told = ", ".join(f"{count} x {status}" for status, count in sorted(replies.items()))
    print(f"{replies.total()} inputs in {time.monotonic() - started:.0f} s: {told}")
    return 0


def send(message: HttpMessage) -> int:
    """Send one input; returns the status, or 500 for an exception or a reply with a body."""
    try:
        reply = VIEW(request(message))
    except Exception as error:
        print(repr(error))
        return 500
    return 500 if reply.data else int(reply.status_code)


def damaged_requests(number: int) -> Iterator[HttpMessage]:
    """Return example requests with bytes changed, cut out or repeated; each round has its own."""
    chance = random.Random(number)
    examples = [encode(EventData()) for encode in ENCODINGS]
    return (_damaged(chance.choice(examples), chance) for _ in range(ROUND))


def generated_requests(number: int) -> list[HttpMessage]:
    """Return what hypothesis makes up in this round."""
    made: list[HttpMessage] = []

    @seed(number)
    @settings(
        max_examples=ROUND, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(bodies | packed_bodies, content_types, ce_headers)
    def make(body: bytes, content_type: str, headers: dict[str, str]) -> None:
        made.append(HttpMessage({"Content-Type": content_type, **headers}, body))

    make()
    return made


def _damaged(message: HttpMessage, chance: random.Random) -> HttpMessage:
    harm = chance.choice((_with_holes, _with_holes, _cut_off, _packed, _relabelled))
    return harm(message, chance)


def _with_holes(message: HttpMessage, chance: random.Random) -> HttpMessage:
    body = bytearray(message.body)
    for _ in range(chance.randint(1, 8)):
        start = chance.randrange(len(body) + 1)
        end = min(len(body), start + chance.randint(0, 20))
        part = bytes(body[start:end])
        body[start:end] = chance.choice([b"", part * 2, chance.randbytes(len(part)), b"[" * 40])
    return HttpMessage(message.headers, bytes(body))


def _cut_off(message: HttpMessage, chance: random.Random) -> HttpMessage:
    return HttpMessage(message.headers, message.body[: chance.randrange(len(message.body))])


def _packed(message: HttpMessage, chance: random.Random) -> HttpMessage:
    holed = gzip.compress(_with_holes(message, chance).body)
    rest = chance.choice([b"", b"", b"\0", chance.randbytes(9), holed, holed[:-5], BOMB])
    return HttpMessage(message.headers, holed + rest)


def _relabelled(message: HttpMessage, chance: random.Random) -> HttpMessage:
    return HttpMessage({**message.headers, "Content-Type": chance.choice(LABELS)}, message.body)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60))
