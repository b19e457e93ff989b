"""What the Suite API answers when it refuses."""


class ApiError(Exception):
    """A refusal in the form of the specification's schema `error`."""

    def __init__(self, status: int, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code or status


def no_such(kind: str, id: str) -> ApiError:
    """Aria Operations 8.18.7: an unknown id is a 404 that names the kind and the id."""
    return ApiError(404, f"No such {kind} - {id}.")


def invalid(value: object, status: int = 400) -> ApiError:
    """VCF Operations 9.x: a bad value is a 400 with apiErrorCode 1501."""
    return ApiError(status, f'Value "{value}" is invalid for request param.', 1501)
