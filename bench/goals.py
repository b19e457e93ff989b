"""What was to be reached, and whether it was. Times are compared with others of the same run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.results import Results


@dataclass(frozen=True)
class Goal:
    """Something to be reached: ``value`` is to be at most ``limit``, or at least.

    ``limit_says`` tells how the limit comes about, ``why`` what is in the way if it is missed.
    """

    what: str
    value: float
    limit: float
    unit: str
    limit_says: str = ""
    why: str = "That is a defect."
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether it was reached."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def missed_by(self) -> str:
        """By how much it was missed, in words."""
        if not self.limit:
            return f"{self.value:g}"
        return f"{abs(self.value - self.limit) / self.limit:.0%}"


def goals(results: Results) -> Iterator[Goal]:
    """Yield the goals, in the order of the page; those that were not measured are left out."""
    for goal in _GOALS:
        try:
            yield goal(results)
        except KeyError:  # A measure is missing.
            continue


def _warm(results: Results) -> Goal:
    least, platform = results.median("warm", "least"), results.median("warm", "platform")
    return Goal(
        "a warm event on Knative: read, write, confirm",
        results.median("warm", "knative"),
        1.3 * (3 * least + platform),
        "ms",
        "1.3 times three calls and the platform",
        f"Three calls take {3 * least:.1f} ms by themselves, the platform {platform:.1f}.",
    )


def _landed(results: Results) -> Goal:
    least, platform = results.median("warm", "least"), results.median("warm", "platform")
    return Goal(
        "the write of a warm event has landed",
        results.median("landed", "knative"),
        1.3 * (2 * least + platform),
        "ms",
        "1.3 times two calls and the platform",
        f"Two calls take {2 * least:.1f} ms by themselves, the platform {platform:.1f}.",
    )


def _peer(results: Results) -> Goal:
    least, peer = results.median("warm", "least"), results.median("warm", "peer")
    return Goal(
        "a warm event, compared with the peer",
        peer / results.median("warm", "knative"),
        20,
        "times as fast",
        why=(
            f"The peer's event takes {peer:.0f} ms, and one call alone {least:.1f} ms, of which the"
            f" simulator waits 5: three calls are at most {peer / least / 3:.1f} times as fast, and"
            f" a single one, without a look before and after it, {peer / least:.0f} times."
        ),
        at_least=True,
    )


def _verified(results: Results) -> Goal:
    verified, unverified = (results.median("verified", n) for n in ("verified", "unverified"))
    return Goal(
        "asking vCenter before and after the write costs",
        verified - unverified,
        3 * results.median("warm", "least"),
        "ms",
        "three calls",
        "Two questions of 5 ms each are not all that it takes.",
    )


def _rate(results: Results) -> Goal:
    rate, platform = results.median("rate", "knative"), results.median("rate", "platform")
    ours, theirs, least = (results.median("cpu", n) for n in ("knative", "platform", "least"))
    return Goal(
        "events per second on one core, eight in flight",
        rate,
        platform / 2,
        "per second",
        "half of what the platform does, doing nothing",
        why=(
            f"An event takes {ours:.2f} ms of the processor, of which {theirs:.2f} ms are the"
            f" platform's, and the goal leaves {2 * theirs:.2f} ms."
            f" Three calls by http.client, with nothing around them, take {3 * least:.2f} ms, so"
            f" that {1000 / (theirs + 3 * least):,.0f} per second are the most that Python can do"
            " here; most of the rest is requests, which prepares every call anew."
        ),
        at_least=True,
    )


def _storm(results: Results) -> Goal:
    wrong = max(results.values["wrong"]["after a storm"])
    return Goal("hosts that are wrong after a storm", wrong, 0, "hosts")


def _cold(results: Results) -> Goal:
    knative, platform, calls = (results.median("cold", n) for n in ("knative", "platform", "calls"))
    beside = "beside functions_framework"
    ours = results.median("import", f"adapters.knative {beside}")
    requests = results.median("import", f"requests {beside}")
    return Goal(
        "cold start: from the start of the process to the first mirrored event",
        knative,
        1.25 * platform + calls,
        "ms",
        "1.25 times the platform's first answer, and the calls",
        why=(
            f"Beside the platform and the calls it takes {knative - platform - calls:.0f} ms, and"
            f" {platform / 4:.0f} are allowed: importing requests takes {requests:.0f} ms, and all"
            f" else that the adapter imports {ours - requests:.0f} ms."
        ),
    )


def _import(results: Results) -> Goal:
    ours, requests = (results.median("import", n) for n in ("adapters.eventbridge", "requests"))
    return Goal(
        "import of adapters.eventbridge",
        ours,
        1.5 * requests,
        "ms",
        "1.5 times importing requests",
        f"Importing requests takes {requests:.0f} ms of it, and all else {ours - requests:.0f} ms.",
    )


def _init(results: Results) -> Goal:
    return Goal(
        "init on Lambda's runtime",
        results.median("init", "ours"),
        1.5 * results.median("init", "requests"),
        "ms",
        "1.5 times a handler that only imports requests",
        "There is no bytecode in a zip, so that every module is compiled at each cold start.",
    )


def _optional(results: Results) -> Goal:
    loaded = results.median("optional", "adapters.eventbridge")
    return Goal(
        "optional packages that adapters.eventbridge imports unasked", loaded, 0, "packages"
    )


def _sweep(results: Results) -> Goal:
    hosts = max(_hosts(name) for name in results.values["sweep calls"])
    return Goal(
        f"calls of a sweep of {hosts:,} hosts, all right",
        results.median("sweep calls", f"{hosts:,} hosts, 0 wrong"),
        2 + -(-hosts // 1000),
        "calls",
        "the login, the adapter instances, and one for each page of a thousand",
    )


def _outage(results: Results) -> Goal:
    wrong = max(results.values["wrong"]["after an outage"])
    return Goal("hosts that are wrong after an outage", wrong, 0, "hosts")


def _left_over(results: Results) -> Goal:
    left = sum(max(values) for values in results.values["left over"].values())
    return Goal("threads and sockets left over after an outage", left, 0, "of them")


def _hosts(name: str) -> int:
    return int(name.split(" ")[0].replace(",", ""))


_GOALS: tuple[Callable[[Results], Goal], ...] = (
    *(_warm, _landed, _peer, _verified, _rate, _storm, _cold, _import, _init, _optional),
    *(_sweep, _outage, _left_over),
)
