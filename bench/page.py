"""docs/benchmarks.md, from the results alone."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from bench import outage, rate, storm
from bench.goals import Goal, goals
from bench.results import Results, Spread
from functions.errors import OperationsUnavailableError

_INSIDE: Final = "(in-process)"
_EVENT: Final = {
    "least": "one call alone",
    "platform": "the platform, doing nothing",
    "openfaas": f"ours, OpenFaaS {_INSIDE}",
    "eventbridge": f"ours, Lambda {_INSIDE}",
    "knative": "ours, Knative",
    "emulator": "ours, Lambda's emulator",
    "peer": "the peer",
}
_LANDED: Final = {"knative": "ours, Knative", "peer": "the peer"}
_VERIFIED: Final = {"unverified": "events alone", "verified": "with vCenter"}
_RATE: Final = {
    "platform": "the platform, doing nothing",
    "knative": "ours, Knative",
    "simulator": "the simulator: calls",
}
_CPU: Final = {
    "platform": "the platform, doing nothing",
    "knative": "ours, Knative",
    "least": "one call by http.client",
}
_COLD: Final = {
    "calls": "a first event's calls alone",
    "platform": "the platform, doing nothing",
    "knative": "ours, Knative",
    "peer": "the peer",
}
_IMPORT: Final = {
    "requests": "requests",
    "adapters.eventbridge": "adapters.eventbridge",
    "requests beside functions_framework": "requests, after functions_framework",
    "adapters.knative beside functions_framework": "adapters.knative, after functions_framework",
}
_INIT: Final = {"requests": "a handler that only imports requests", "ours": "ours, Lambda"}


def render(results: Results) -> str:
    """Return the page in Markdown."""
    return "\n".join(_lines(results))


def write(results: Results, folder: Path) -> None:
    """Write the page into ``folder``, which is docs."""
    (folder / "benchmarks.md").write_text(render(results), encoding="utf-8")


def _lines(results: Results) -> Iterable[str]:
    yield "# Benchmarks"
    yield ""
    yield from _introduction(results)
    yield from _goals(list(goals(results)))
    yield from _events(results)
    yield from _rates(results)
    yield from _storms(results)
    yield from _starts(results)
    yield from _sizes(results)
    yield from _sweeps(results)
    yield from _outages(results)


_CONTESTANTS: Final = """\
- **Ours** runs as each processor runs it; on Knative in functions-framework, over a socket.
- **The peer** does in Python what the published PowerShell functions do, as a Flask application.
- **The platform** is a function of functions-framework that does nothing.
- **One call alone** is the least there is: a PUT on a kept-alive connection, with a ready token.

For every event the peer acquires a token, looks up the name, writes and reads back.
It makes a new connection for each of these calls, and does not verify the certificate.

Each contestant is a process of its own, and within each round they take turns.
The simulator answers over verified TLS, and waits 5 ms in each call unless said otherwise.
"""


def _introduction(results: Results) -> Iterable[str]:
    about = results.about
    yield "What an event costs, beside what there was before and the least that is possible."
    yield "`make bench` measures it anew and writes this page; `make bench-quick` takes a minute."
    yield ""
    yield (
        f"Measured on {about['date']}, in {about['seconds']} s{_hurried(results)}:"
        f" {about['machine']}, {about['cores']} cores, Python {about['python']}."
    )
    yield "Each number is the median of its rounds, and beside it stand the quartiles."
    yield ""
    yield _CONTESTANTS
    for what, reason in results.skipped.items():
        yield f"Not measured: {what}, since {reason}"
        yield ""


def _hurried(results: Results) -> str:
    return ", in a hurry" if results.about["quick"] else ""


def _goals(all_goals: Sequence[Goal]) -> Iterable[str]:
    yield "## Goals"
    yield ""
    yield "| | Goal | Measured | Limit |"
    yield "|---|---|---|---|"
    for goal in all_goals:
        verdict = "met" if goal.met else f"**missed by {goal.missed_by}**"
        bound = "at least" if goal.at_least else "at most"
        says = f" ({goal.limit_says})" if goal.limit_says else ""
        measured = f"{_number(goal.value)} {goal.unit}"
        yield f"| {verdict} | {goal.what} | {measured} | {bound} {_number(goal.limit)}{says} |"
    yield ""
    yield from (f"- Why not *{goal.what}*: {goal.why}" for goal in all_goals if not goal.met)
    yield ""


def _events(results: Results) -> Iterable[str]:
    yield "## One event at a time"
    yield ""
    yield "From sending it to its answer, with everything warm: read, write, confirm."
    yield ""
    yield from _table("One event, in ms", _spreads(results, "warm", _EVENT))
    yield from _table("Until the write has landed, in ms", _spreads(results, "landed", _LANDED))
    yield "With a vCenter in memory that takes 5 ms to answer, asked before and after the write:"
    yield ""
    yield from _table(f"One event, in ms {_INSIDE}", _spreads(results, "verified", _VERIFIED))


def _rates(results: Results) -> Iterable[str]:
    yield "## Events per second"
    yield ""
    yield f"The function has one core, and {rate.IN_FLIGHT} events in flight at any time."
    yield "The simulator and the sender share the other core; the simulator does not wait here."
    yield ""
    yield from _table("Per second", _spreads(results, "rate", _RATE))
    yield from _table("Time of the processor, in ms", _spreads(results, "cpu", _CPU))
    yield "Each of our events is three calls to the simulator."
    yield ""


def _storms(results: Results) -> Iterable[str]:
    yield "## A storm"
    yield ""
    yield f"{2 * storm.HOSTS:,} events for {storm.HOSTS} hosts are sent at once, in no order."
    yield "Half of the hosts go in and out, and in the end all have to be as the latest event says."
    yield ""
    yield from _table("In s", _spreads(results, "storm", _own(results, "storm")))
    memory = _spreads(results, "memory", {"after a storm": "server and worker together"})
    yield from _table("Most memory held, in MB", memory)


def _starts(results: Results) -> Iterable[str]:
    yield "## Starting"
    yield ""
    yield "From the start of a process to its first answer: for ours, an event is mirrored by then."
    yield ""
    yield from _table("First answer, in ms", _spreads(results, "cold", _COLD))
    yield from _table("Import, in ms", _spreads(results, "import", _IMPORT))
    yield from _table("Init on Lambda's runtime, in ms", _spreads(results, "init", _INIT))


def _sizes(results: Results) -> Iterable[str]:
    yield "## What is deployed"
    yield ""
    yield "The zip for Lambda, packed:"
    yield ""
    yield from _size_table(results, "zip", "KB")
    yield "What deploy/knative/Dockerfile adds to its base image, with bytecode:"
    yield ""
    yield from _size_table(results, "image", "MB")


def _sweeps(results: Results) -> Iterable[str]:
    yield "## Sweeps"
    yield ""
    yield "Each sweep has a process of its own, and a vCenter in memory."
    yield "Calls grow by pages of a thousand, and by two for each 83 hosts that are wrong."
    yield "Memory grows with the hosts, since all are compared before anything is done."
    yield ""
    yield "| | Calls | Seconds | MB more than before |"
    yield "|---|---|---|---|"
    for name, spread in _spreads(results, "sweep", _own(results, "sweep")):
        calls, memory = results.median("sweep calls", name), results.median("sweep memory", name)
        yield f"| {name} | {calls:.0f} | {_spread(spread)} | {_number(memory)} |"
    yield ""


def _outages(results: Results) -> Iterable[str]:
    yield "## An outage"
    yield ""
    yield f"vRealize Operations answers 503 for a while, in which {outage.BACKLOG:,} events arrive."
    yield f"At most {outage.AT_ONCE} are sent at once, and again when `Retry-After` says so."
    yield "The time counts from the end of the outage until hosts are as they should be."
    lengths = results.values.get("lasted", {}).get("the outage", [])
    recoveries = results.values.get("outage", {}).get("until all are right", [])
    if lengths:
        longest, then = max(zip(lengths, recoveries, strict=True))
        yield f"The longest outage took {longest:g} s, and all were right {then:.0f} s after it."
        yield f"The shortest took {min(lengths):g} s: an open breaker sees no difference."
    pause = OperationsUnavailableError.retry_after
    yield f"Those that meet it are told to come back in {pause:.0f} s."
    yield ""
    yield from _table("In s", _spreads(results, "outage", _own(results, "outage")))
    yield from _table(
        "Sent in vain, times", _spreads(results, "refusals", _own(results, "refusals"))
    )


def _own(results: Results, measure: str) -> Mapping[str, str]:
    """Contestants that are called on the page as they are in the results."""
    return {name: name for name in results.values.get(measure, {})}


def _spreads(results: Results, measure: str, names: Mapping[str, str]) -> list[tuple[str, Spread]]:
    found = ((shown, results.spread(measure, name)) for name, shown in names.items())
    return [(shown, spread) for shown, spread in found if spread]


def _table(head: str, rows: Sequence[tuple[str, Spread]]) -> Iterable[str]:
    if rows:
        yield f"| {head} | Median | Quartiles |"
        yield "|---|---|---|"
        yield from (f"| {name} | {_number(s.median)} | {_quartiles(s)} |" for name, s in rows)
        yield ""


def _size_table(results: Results, measure: str, unit: str) -> Iterable[str]:
    yield f"| | {unit} |"
    yield "|---|---|"
    sizes = {name: values[0] for name, values in results.values.get(measure, {}).items()}
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        yield f"| {name} | {_number(sizes[name])} |"
    yield ""


def _spread(spread: Spread) -> str:
    return f"{_number(spread.median)} ({_quartiles(spread)})"


def _quartiles(spread: Spread) -> str:
    return f"{_number(spread.low)} to {_number(spread.high)}"


def _number(value: float) -> str:
    """Show three digits that matter."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
