"""What sends events, with the patience that VEBA's router was measured to have.

No version of it honours Retry-After. Seen by running the routers 0.5 to 0.7.5; those of 0.3 and
0.4.1 try once, whatever the answer, and so does VSphereSource.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import requests

from adapters.cli.formats import HttpMessage

# What a try was answered with; None means that there was no answer in time.
Status = int | None


@dataclass(frozen=True)
class Patience:
    """How long to go on: ``pauses`` before each further try, ``timeout`` for each, in seconds.

    ``retried`` says after which answers there is another try.
    """

    pauses: tuple[float, ...]
    timeout: float | None
    retried: Callable[[Status], bool]


def _to_openfaas(status: Status) -> bool:
    return status in (None, 429) or (status >= 500 and status != 501)


def _to_knative(status: Status) -> bool:
    return status in (None, 404, 413, 425, 429, 502, 503, 504)


OPENFAAS: Final = Patience((0.0, 1.0, 2.0), 15.0, _to_openfaas)
KNATIVE: Final = Patience((0.2, 0.4, 0.8), None, _to_knative)


def deliver(send: Callable[[], Status], patience: Patience, scale: float = 1.0) -> list[Status]:
    """Call ``send`` until it is answered for good, or the patience is at its end.

    Pauses are multiplied by ``scale``. Returns what each try was answered with.
    """
    answers = [send()]
    for pause in patience.pauses:
        if not patience.retried(answers[-1]):
            break
        time.sleep(pause * scale)
        answers.append(send())
    return answers


def post(url: str, message: HttpMessage, patience: Patience) -> Status:
    """Send a message once; returns the status of the answer, None if there is none in time."""
    try:
        reply = requests.post(
            url, data=message.body, headers=dict(message.headers), timeout=patience.timeout
        )
    except requests.RequestException:
        return None
    return reply.status_code
