"""Everything that can go wrong with an event, sorted by one question: would trying again help?

::

    MaintenanceError
      PermanentError                  trying again cannot help
        InvalidEventError             one of ours without what we need
          NotACloudEventError         no CloudEvent at all, or one that cannot be decoded
            EventTooLargeError        refused before it was decoded
        AmbiguousHostError            several hosts fit; refuse rather than silence the wrong one
        UnverifiedEventError          no configured vCenter can say whether it is true
        HostGoneError                 its own vCenter has no such host, and never will again
        RequestRejectedError          a refusal that no retry will change (403: no privilege)
        SweepRefusedError             a sweep would change more than it may
      TransientError                  may succeed later
        EventInterruptedError         what arrived broke off before its end
        ShuttingDownError             the process is told to stop, and takes no more events
        HostNotFoundError             a new host is discovered only after minutes
        HostUnsettledError            the host goes in and out while we look
        OperationsUnavailableError    connect, timeout, TLS, 5xx, 429, or an answer without sense
        VCenterUnavailableError       the same of vCenter
        AuthenticationError           refused credentials; a password may just have been rotated
    ConfigurationError                raised at start; the process does not come up

A message says who and what, in words that may be logged: never a body, a header or a credential.
"""

from typing import Any


class MaintenanceError(Exception):
    """Any reason why an event was not mirrored.

    ``event`` is the HostEvent that it is about; None where its host could not be read, and of a
    sweep. ``told``: somebody has been told of it by then, so that it need not be said again.
    """

    # HostEvent is defined in events, which is built on this module.
    event: Any = None
    told: bool = False


class PermanentError(MaintenanceError):
    """Trying again cannot help: the event is refused, and an ERROR line says why."""


class InvalidEventError(PermanentError):
    """The event lacks something we need; the message names the event and what is missing."""


class NotACloudEventError(InvalidEventError):
    """What arrived is not a CloudEvent, or its data cannot be decoded."""


class EventTooLargeError(NotACloudEventError):
    """What arrived is larger than the limit; nothing of it was decoded."""


class AmbiguousHostError(PermanentError):
    """Several resources fit the event's host: silencing the wrong one is the worst we could do."""


class UnverifiedEventError(PermanentError):
    """None of the configured vCenters has the event's host, and REQUIRE_VERIFICATION is set."""


class HostGoneError(PermanentError):
    """A vCenter has no such host: it was removed, and MoRefs are not reused."""


class RequestRejectedError(PermanentError):
    """vRealize Operations or vCenter refused a request for a reason that no retry will change."""


class SweepRefusedError(PermanentError):
    """A sweep would change more hosts than it may, so it changed none: a person has to look."""


class TransientError(MaintenanceError):
    """The same event may succeed later.

    ``retry_after`` is the pause in seconds after which trying again makes sense. What is
    ``lasting`` will not pass by itself, but when somebody has mended it.
    """

    retry_after: float = 30.0

    def __init__(
        self, message: str, retry_after: float | None = None, *, lasting: bool = False
    ) -> None:
        super().__init__(message)
        self.lasting = lasting
        if retry_after is not None:
            self.retry_after = retry_after


class EventInterruptedError(TransientError):
    """What arrived broke off before its end; the sender may have more luck next time."""

    retry_after = 1.0


class ShuttingDownError(TransientError):
    """The process was told to stop: whoever takes its place will take the event."""

    retry_after = 1.0


class HostNotFoundError(TransientError):
    """No resource fits the host yet: vRealize Operations discovers a new host within minutes."""

    retry_after = 60.0


class HostUnsettledError(TransientError):
    """The host went in and out of maintenance mode each time we looked."""


class OperationsUnavailableError(TransientError):
    """vRealize Operations could not be reached, or did not answer as the Suite API does."""

    # Whoever met an outage first should not be the last to know that it is over.
    retry_after = 10.0


class VCenterUnavailableError(TransientError):
    """A vCenter could not be reached, or its answer cannot be believed."""


class AuthenticationError(TransientError):
    """vRealize Operations or vCenter refused the credentials."""


class ConfigurationError(Exception):
    """The configuration is wrong; the message names every variable that is, and no secret."""
