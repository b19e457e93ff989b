"""The function that compares all hosts when a timer calls it, as python3-http imports it."""

from adapters.openfaas import reconcile as handle

__all__ = ["handle"]
