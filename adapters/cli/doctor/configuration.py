"""Is the configuration right, and what does it leave open? Names are shown, values never."""

from collections.abc import Collection, ItemsView, Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from adapters.cli.doctor.findings import Finding, Findings, failed, note, ok
from adapters.config.settings import Secret, Settings
from adapters.notify import services_of
from functions.errors import ConfigurationError

_LEASE: Final = "MAINTENANCE_LEASE_MINUTES"
_INTERVAL: Final = "RECONCILE_INTERVAL_MINUTES"
# What begins with so short a word, as LOG_DIR and MAX_JOBS do, may be any program's.
_MAX_COMMON_WORD_LENGTH: Final = 3
# A letter too many, too few or another, in a name as long as ours are.
_NEARLY_THE_SAME: Final = 0.9


class Asked(Mapping[str, str]):
    """An environment that remembers which variables it was asked for."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.names: dict[str, None] = {}

    def __getitem__(self, name: str) -> str:
        self.names[name] = None
        return self._environ[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)

    def items(self) -> ItemsView[str, str]:
        """Whoever looks through all of them asks for none of them."""
        return self._environ.items()

    def is_set(self, name: str) -> bool:
        """Whether a variable is set, whatever to; an empty one is not."""
        return bool(self._environ.get(name))


def wrong(error: ConfigurationError) -> Findings:
    """A line for each variable that is wrong."""
    advice = "see docs/configuration.md"
    return (failed("variables", problem, advice) for problem in str(error).split("; "))


def checked(settings: Settings, asked: Asked) -> Findings:
    """What can be said of a configuration that is right."""
    known = [name for name in asked.names if not name.endswith("_FILE")]
    given = [name for name in asked.names if asked.is_set(name)]
    yield ok("set", ", ".join(given))
    yield ok("by default", ", ".join(n for n in known if not {n, f"{n}_FILE"} & {*given}))
    if unread := _unread(asked):
        yield note("unread", ", ".join(sorted(unread)), "nobody reads this; is it misspelt?")
    yield _lease(settings)
    yield _interval(settings)
    yield _verification(settings)
    if settings.notify_urls:
        yield _notification(settings.notify_urls)
    if told := _told_to(settings):
        yield ok("outcomes", f"are sent to {told}")


def _unread(asked: Asked) -> list[str]:
    ours = Settings.variables()
    others = [name for name in asked if name not in asked.names and asked.is_set(name)]
    return [name for name in others if _is_meant_as_one_of(ours, name)]


def _is_meant_as_one_of(ours: Collection[str], name: str) -> bool:
    """Whether a variable begins like one of ours, or is spelt nearly like one."""
    word = name.partition("_")[0]
    begins_like_ours = word in {each.partition("_")[0] for each in ours}
    if begins_like_ours and len(word) > _MAX_COMMON_WORD_LENGTH:
        return True
    return bool(get_close_matches(name, ours, 1, _NEARLY_THE_SAME))


def _told_to(settings: Settings) -> str:
    bus = settings.outcomes.event_bus
    return " and ".join(filter(None, [settings.outcomes.shown, bus and f"the event bus {bus}"]))


def _lease(settings: Settings) -> Finding:
    if settings.lease_minutes:
        return ok("leases", f"maintenance ends by itself after {settings.lease_minutes} minutes")
    remains = "sweeps have to end what a lost exit event leaves behind"
    if not settings.vcenters:
        remains = "a lost exit event leaves a host unmonitored until somebody looks"
    return note("leases", f"{_LEASE} is not set: {remains}", f"set {_LEASE}")


def _interval(settings: Settings) -> Finding:
    if settings.interval_minutes:
        return ok("sweeps", f"asked for by a timer every {settings.interval_minutes} minutes")
    found = f"{_INTERVAL} is not set: nobody checks that leases outlast the time between sweeps"
    return note("sweeps", found, f"set {_INTERVAL} to what the timer does")


def _notification(urls: Secret) -> Finding:
    try:
        services = services_of(urls)
    except ConfigurationError as error:
        return failed("notify", str(error), "see docs/observability.md")
    kinds = ", ".join(each.kind for each in services)
    return ok("notify", f"{kinds}; maintenance-mirror notify --test tells whether it arrives")


def _verification(settings: Settings) -> Finding:
    if not settings.vcenters:
        remains = "events are believed, whoever sent them, and no sweep repairs what was missed"
        return note("verification", f"no vCenter is configured: {remains}", "set VCENTER_URL")
    if settings.require_verification:
        return ok("verification", "events of hosts that no configured vCenter has are refused")
    found = "events of hosts that no configured vCenter has are believed"
    return note("verification", found, "REQUIRE_VERIFICATION=true refuses them")
