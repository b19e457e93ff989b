"""adapters.incoming.responses: what each processor is told about an error."""

import pytest

from adapters.incoming import responses
from functions import errors


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (errors.EventTooLargeError("x"), 413, None),
        (errors.NotACloudEventError("x"), 400, None),
        (errors.InvalidEventError("x"), 422, None),
        (errors.AmbiguousHostError("x"), 422, None),
        (errors.HostGoneError("x"), 422, None),
        (errors.RequestRejectedError("x"), 422, None),
        (errors.EventInterruptedError("x"), 503, "1"),
        (errors.HostNotFoundError("x"), 503, "60"),
        (errors.OperationsUnavailableError("x"), 503, "10"),
        (errors.VCenterUnavailableError("x"), 503, "30"),
        (errors.OperationsUnavailableError("x", 0.2), 503, "1"),
        (errors.AuthenticationError("x", 12.1), 503, "13"),
    ],
)
def test_every_error_has_its_status(
    error: errors.MaintenanceError, status: int, retry_after: str | None
) -> None:
    assert responses.status(error) == status
    assert responses.headers(error).get("Retry-After") == retry_after


def test_no_error_is_without_a_status() -> None:
    def tree(kind: type[errors.MaintenanceError]) -> set[type[errors.MaintenanceError]]:
        return {kind}.union(*(tree(each) for each in kind.__subclasses__()))

    concrete = tree(errors.MaintenanceError) - {errors.MaintenanceError}
    assert {responses.status(kind("x")) for kind in concrete} == {400, 413, 422, 503}


def test_no_status_makes_a_broker_deliver_again_what_cannot_succeed() -> None:
    # kncloudevents.SelectiveRetry of Knative eventing: these, and all from 500.
    again = {404, 408, 409, 429}
    for kind, status in responses.STATUS:
        retried = status in again or status >= 500
        assert retried == issubclass(kind, errors.TransientError)
