"""Which metrics there are, by name and in words; docs/observability.md has the same table."""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "gauge", "histogram"]

PREFIX: Final = "maintenance_mirror_"
# An event waits for vRealize Operations for 12 seconds at most, and a sweep for 120.
_EVENT_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0)
_CALL_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(frozen=True)
class Metric:
    """One metric: what it counts in words, and what it is told apart by; ``buckets`` in seconds."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


METRICS: Final = tuple(
    Metric(PREFIX + name, *rest)
    for name, *rest in (
        (
            "events_total",
            "counter",
            "Events and sweeps that were handled, by what became of them.",
            ("event", "outcome", "error"),
        ),
        (
            "event_duration_seconds",
            "histogram",
            "How long one event or sweep took.",
            ("event",),
            _EVENT_SECONDS,
        ),
        (
            "calls_total",
            "counter",
            "Calls of vRealize Operations and of vCenters.",
            ("party",),
        ),
        (
            "call_duration_seconds",
            "histogram",
            "How long one call took, with what was tried again within it.",
            ("party", "status"),
            _CALL_SECONDS,
        ),
        (
            "logins_total",
            "counter",
            "Passwords that were sent, whether they were taken or not.",
            ("party",),
        ),
        (
            "breaker_open",
            "gauge",
            "1 while a service is given a pause, since it failed repeatedly; else 0.",
            ("party",),
        ),
        (
            "hosts_in_maintenance",
            "gauge",
            "Hosts in maintenance in vRealize Operations after the last sweep, by whose it is.",
            ("vcenter", "owner"),
        ),
        (
            "hosts_differing",
            "gauge",
            "Hosts that the last sweep should have started or ended, and did not.",
            ("vcenter",),
        ),
        (
            "hosts_overdue",
            "gauge",
            "Hosts that were in maintenance mode for too long at the last sweep.",
            ("vcenter",),
        ),
        (
            "sweeps_total",
            "counter",
            "Sweeps, by how they went.",
            ("result",),
        ),
        (
            "last_good_sweep_timestamp_seconds",
            "gauge",
            "When the last good sweep ended; of several vCenters, that of the oldest one.",
        ),
        (
            "last_event_timestamp_seconds",
            "gauge",
            "When the last event of a host was handled.",
        ),
        (
            "outcomes_dropped_total",
            "counter",
            "Outcomes that could not be sent.",
        ),
        (
            "notifications_dropped_total",
            "counter",
            "Notifications that could not be sent.",
        ),
        (
            "build_info",
            "gauge",
            "Always 1; its labels say what runs.",
            ("version", "python", "door"),
        ),
    )
)
