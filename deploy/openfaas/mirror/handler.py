"""The function that mirrors maintenance mode, as the template python3-http imports it."""

from adapters.openfaas import handle

__all__ = ["handle"]
