"""The function that shows every event it is sent, as the template python3-http imports it."""

from adapters.openfaas import echo as handle

__all__ = ["handle"]
