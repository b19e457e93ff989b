"""The platform: a function for functions-framework that does nothing, and answers as ours does."""

import functions_framework
from flask import Request, Response


@functions_framework.http
def handle(request: Request) -> Response:
    """Answer 204 to everything."""
    return Response(status=204)
