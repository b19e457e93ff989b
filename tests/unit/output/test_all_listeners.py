"""All who listen at once, to hosts with what goes with them: each is told its own part of it."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from adapters.metrics.embedded import EmbeddedMetrics
from adapters.metrics.prometheus import PrometheusMetrics
from adapters.output.listeners import Listeners
from adapters.output.log import SweepLog
from functions.ports import ResourceState
from tests.unit.board.boards import ADDRESS, host
from tests.unit.board.test_live import LOCAL, SHARED, Site
from tests.unit.notify.test_listener import Told, notifier
from tests.unit.outcomes.test_listener import Box
from tests.unit.outcomes.test_listener import listener as outcomes
from tests.unit.outcomes.test_messages import problems


class All(Site):
    """A process in which everything is switched on."""

    def __init__(self) -> None:
        super().__init__(datastores={LOCAL: [1], SHARED: [1, 2]})
        self.metrics = PrometheusMetrics("watch", [ADDRESS], leases=True, now=lambda: 1.0)
        self.lines: list[dict[str, Any]] = []
        self.embedded = EmbeddedMetrics(
            leases=True, write=lambda line: self.lines.append(json.loads(line))
        )
        self.box = Box()
        self.notifier, self.told = notifier(self.clock)
        self.listener = Listeners(
            [
                *(SweepLog(), self.metrics, self.embedded, outcomes(self.box, lease=120)),
                *(self.notifier, self.live),
            ]
        )
        self.context = replace(self.context, listener=self.listener)

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics._registry.get_sample_value(f"maintenance_mirror_{name}", labels)


@pytest.fixture
def site() -> Iterator[All]:
    made = All()
    yield made
    made.metrics.close()
    made.embedded.close()


def left(told: Told) -> list[str]:
    notices = [each for batch in told.batches for each in batch]
    assert {each.subject for each in notices} <= {"left"}
    return [each.about for each in notices]


def test_a_companion_of_a_person_is_told_by_all_of_them_and_counted_as_no_host(
    site: All, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    site.operations.set_state(SHARED, ResourceState.OPEN_ENDED)
    site.changes(1, True)
    site.tells(1, True)
    for _ in range(3):
        site.clock.advance(60)
        site.sweep()
    assert site.metric("hosts_in_maintenance", vcenter=ADDRESS, owner="ours") == 1
    assert site.metric("hosts_in_maintenance", vcenter=ADDRESS, owner="person") == 0
    assert site.metric("hosts_differing", vcenter=ADDRESS) == 0
    assert [each.get("HostsInMaintenance") for each in site.lines] == [None, 1, 1, 1]
    assert left(site.told) == [str(SHARED)]
    assert [problems(each["data"]) for each in site.box.events] == [[]] * len(site.box.events)
    assert {each["data"]["kind"] for each in site.box.events} == {"HostSystem", "Datastore"}
    [row] = [each for each in site.board().rows if each.host == host(1)]
    assert {each.host: each.whose for each in row.companions} == {LOCAL: "ours", SHARED: "person"}
    warnings = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert any("companions: 1 entered, 1 left" in each for each in warnings)
    assert not any("failed with" in each.getMessage() for each in caplog.records)
