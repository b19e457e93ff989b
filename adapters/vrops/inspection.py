"""What vRealize Operations says of itself and of our account. Nothing here writes.

Sources: Suite API 8.6 to 9.1, ``GET /api/versions/current``, ``/api/deployment/node/status``,
``/api/auth/currentuser/permissions`` and ``/api/adapters``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from adapters.vrops.client import Answer, SuiteApi, objects
from adapters.vrops.models import Instance

# Seen on 8.18.7: 503 for hours, with the time in its body, while everything else was well.
_OFFLINE: Final = 503
# Not every release and role can see its permissions.
_NOT_TOLD: Final = (400, 403, 404, 405, 500, 501)
_LATEST: Final = 1e14


@dataclass(frozen=True)
class Role:
    """A role of our account; ``all_objects``: it holds for every object, whatever its scope."""

    name: str
    all_objects: bool


class Inspection:
    """Asks questions that mirroring does not need; each raises what SuiteApi does."""

    def __init__(self, api: SuiteApi, instances: Callable[[], list[Instance]]) -> None:
        self._api = api
        self._instances = instances

    def release(self) -> str:
        """Return the name of the release, such as ``VMware Aria Operations 8.18.7``."""
        return str(self._api.get("/versions/current").get("releaseName") or "unknown")

    def roles(self) -> list[Role] | None:
        """Return the roles of our account, or None if it is not told."""
        answer = self._api.request("GET", "/auth/currentuser/permissions", tolerated=_NOT_TOLD)
        if not answer.ok:
            return None
        listed = objects(answer.object(), "permissions")
        return [
            Role(str(each.get("roleName")), each.get("allowAllObjects") is True) for each in listed
        ]

    def now(self) -> datetime | None:
        """Return the time on its clock, in UTC, or None if it does not tell."""
        answer = self._api.request("GET", "/deployment/node/status", tolerated=(_OFFLINE,))
        milliseconds = answer.object().get("systemTime")
        if isinstance(milliseconds, int | float) and 0 < milliseconds < _LATEST:
            return datetime.fromtimestamp(milliseconds / 1000, UTC)
        return _date(answer)

    def instances(self) -> list[Instance]:
        """Return which vCenters are collected."""
        return self._instances()


def _date(answer: Answer) -> datetime | None:
    try:
        return parsedate_to_datetime(answer.headers.get("Date", "")).astimezone(UTC)
    except ValueError:
        return None
