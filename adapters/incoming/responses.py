"""What each event processor is told, in one table.

The numbers are chosen for what processors do with them (Knative's kncloudevents.SelectiveRetry,
the RabbitMQ broker's dispatcher, VEBA's router): 404, 408, 409 and 429 would be delivered again,
a plain 500 is not retried by the router to Knative, and every other 4xx ends the matter
(decision 0002).
"""

import math
from typing import Final

from functions.errors import (
    EventTooLargeError,
    MaintenanceError,
    NotACloudEventError,
    PermanentError,
    TransientError,
)

STATUS: Final[tuple[tuple[type[MaintenanceError], int], ...]] = (
    (EventTooLargeError, 413),
    (NotACloudEventError, 400),
    (PermanentError, 422),
    (TransientError, 503),
)


def status(error: MaintenanceError) -> int:
    """Return the HTTP status that makes a processor do the right thing about ``error``."""
    return next(code for kind, code in STATUS if isinstance(error, kind))


def headers(error: MaintenanceError) -> dict[str, str]:
    """Return ``Retry-After`` in whole seconds where trying again makes sense."""
    if isinstance(error, TransientError):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
    return {}
