"""What `kubectl apply -k` would create, checked against what Knative takes and VEBA sends."""

import shutil
from itertools import accumulate, pairwise
from pathlib import Path

import pytest

from adapters.config.settings import Settings
from adapters.knative import TARGETS
from adapters.outcomes.messages import MEANINGS
from functions.context import Policy
from functions.events import OUTCOME_TYPE, RECONCILE
from functions.handlers import HANDLERS
from lab import events
from lab.events import HTTP_FORMATS, EventData
from tests import messages
from tests.deploy.knative import manifests
from tests.deploy.knative.manifests import (
    ECHOING,
    KNATIVE,
    MIRRORS,
    OVERLAYS,
    RELEASES,
    VERIFYING,
    Manifest,
    build,
    of_kind,
    read,
    release,
    veba,
)
from tests.deploy.knative.schemas import KUSTOMIZATION, RABBITMQ, ROUTER, mistakes, problems
from tests.documents import blocks, table

pytestmark = pytest.mark.skipif(manifests.tool() is None, reason="needs kubectl or kustomize")

README = KNATIVE / "README.md"
KUSTOMIZATIONS = sorted(KNATIVE.rglob("kustomization.yaml"))
DEADLINE = Settings.deadline_seconds
AN_HOUR = 3600.0
# How many messages a dispatcher takes from RabbitMQ at once: fixed from 1.8 on (ChannelQoS), before
# that what the annotation says (1.1), or one (0.20).
PREFETCH = {"0.20": 1, "1.1": 100, "1.8": 100, "1.13": 100}
PARALLELISM = {"0.20": "", "1.1": "prefetchCount", "1.8": "parallelism", "1.13": "parallelism"}
# queue-proxy lets ten times as many wait as are handled at once, and answers 503 to all above.
WAITING = 10


def formats(overlay: str) -> list[str]:
    """Return what reaches the broker of the VEBA that an overlay is for."""
    source = "vspheresource-" if veba(overlay) == "veba-0.8" else "router-"
    return [name for name in HTTP_FORMATS if name.startswith(source)]


ARRIVING = [(overlay, name) for overlay in MIRRORS for name in formats(overlay)]


def container(service: Manifest) -> Manifest:
    only: Manifest
    (only,) = service["spec"]["template"]["spec"]["containers"]
    return only


def volumes_of(service: Manifest) -> list[Manifest]:
    found: list[Manifest] = service["spec"]["template"]["spec"]["volumes"]
    return found


def variables(service: Manifest, objects: list[Manifest]) -> dict[str, str]:
    """Return the environment that a Service's container gets, in Kubernetes' order."""
    found: dict[str, str] = {}
    for source in container(service).get("envFrom", []):
        found |= of_kind(objects, "ConfigMap")[source["configMapRef"]["name"]]["data"]
    return found | {each["name"]: each["value"] for each in container(service)["env"]}


def services(overlay: str) -> list[Manifest]:
    return list(of_kind(build(overlay), "Service").values())


def triggers(overlay: str) -> dict[str, Manifest]:
    return of_kind(build(overlay), "Trigger")


def receivers(overlay: str, format_name: str, event_data: EventData) -> list[str]:
    """Return the triggers that would deliver an event, as every broker decides it."""
    event = messages.read(HTTP_FORMATS[format_name](event_data)).envelope
    return [
        name
        for name, trigger in triggers(overlay).items()
        if all(
            event.get(attribute) == value
            for attribute, value in trigger["spec"]["filter"]["attributes"].items()
        )
    ]


def seconds(duration: str) -> float:
    """Return a duration such as PT4S as a number; nothing longer is written that way here."""
    return float(duration.removeprefix("PT").removesuffix("S"))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_one_that_its_platform_knows(overlay: str) -> None:
    found = {each["metadata"]["name"]: mistakes(release(overlay), each) for each in build(overlay)}
    assert found == {name: [] for name in found}


@pytest.mark.parametrize("path", ["secret.example.yaml", "vspheresource.yaml"])
def test_the_files_beside_are_what_their_platform_knows(path: str) -> None:
    found = [mistakes("1.13", each) for each in read(KNATIVE / path)]
    assert found
    assert not any(found)


def patches(kustomization: Path) -> list[str]:
    """Return the texts of a kustomization's patches, of which each has to be one document."""
    (found,) = read(kustomization)
    return [
        each.get("patch") or (kustomization.parent / each["path"]).read_text(encoding="utf-8")
        for each in found.get("patches", ())
    ]


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: path.parent.name)
def test_a_kustomization_uses_nothing_that_the_oldest_kubectl_does_not_know(path: Path) -> None:
    (found,) = read(path)
    assert problems(KUSTOMIZATION, found) == []
    assert [len(manifests.load(text)) for text in patches(path)] == [1] * len(patches(path))


def test_an_overlay_is_a_few_lines_for_each_veba() -> None:
    folders = [path for path in (KNATIVE / "overlays").iterdir() if any(path.iterdir())]
    assert {path.name for path in folders} == {*OVERLAYS}
    for folder in folders:
        (only,) = folder.iterdir()
        (found,) = read(only)
        assert found.keys() <= {"apiVersion", "kind", "resources", "components"}


def test_a_misspelt_field_would_be_noticed() -> None:
    trigger, *_ = triggers("veba-0.8").values()
    delivery = trigger["spec"]["delivery"]
    misspelt = trigger | {"spec": {**trigger["spec"], "delivery": {**delivery, "retries": 1}}}
    assert mistakes("1.13", trigger) == []
    assert mistakes("1.13", misspelt)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_is_where_veba_looks_for_functions(overlay: str) -> None:
    for each in build(overlay):
        assert each["metadata"]["namespace"] == "vmware-functions"
        # All that is made can be found, and removed, by the one label; VEBA's UI uses the other.
        labels = {"app.kubernetes.io/part-of": "maintenance-mirror"}
        shown = {"app": "veba-ui"} if each["kind"] in ("Service", "Trigger") else {}
        assert each["metadata"]["labels"] == labels | shown
        if each["kind"] == "Trigger":
            assert each["spec"]["broker"] == "default"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_name_leads_to_an_object_of_the_same_overlay(overlay: str) -> None:
    objects = build(overlay)
    for trigger in of_kind(objects, "Trigger").values():
        assert trigger["spec"]["subscriber"]["ref"]["name"] in of_kind(objects, "Service")
    for timer in of_kind(objects, "PingSource").values():
        assert timer["spec"]["sink"]["ref"]["name"] in of_kind(objects, "Service")
    for service in of_kind(objects, "Service").values():
        mounted = {each["name"] for each in container(service).get("volumeMounts", [])}
        defined = {each["name"] for each in service["spec"]["template"]["spec"].get("volumes", [])}
        assert mounted == defined
        assert variables(service, objects)["FUNCTION_TARGET"] in TARGETS


@pytest.mark.parametrize(("overlay", "name"), ARRIVING)
def test_an_event_is_delivered_by_the_trigger_for_it_and_no_other(overlay: str, name: str) -> None:
    assert receivers(overlay, name, events.ENTER) == ["maintenance-mirror-enter"]
    assert receivers(overlay, name, events.EXIT) == ["maintenance-mirror-exit"]
    assert receivers(overlay, name, events.REMOVED) == ["maintenance-mirror-removed"]
    assert receivers(overlay, name, events.NOT_OURS) == []
    others = ("EnteringMaintenanceModeEvent", "ExitedStandbyModeEvent", "VmRemovedEvent")
    for other in (*others, "HostRemovedFromClusterEvent", "VmPoweredOnEvent"):
        assert receivers(overlay, name, EventData(name=other)) == []


@pytest.mark.parametrize(("overlay", "name"), ARRIVING)
def test_every_event_that_is_handled_is_delivered_once(overlay: str, name: str) -> None:
    # The timer has no trigger, and calls the function itself.
    handled = [each for each in HANDLERS if each != RECONCILE]
    delivering = [receivers(overlay, name, EventData(name=each)) for each in handled]
    assert sorted(delivering) == [[each] for each in sorted(triggers(overlay))]


@pytest.mark.parametrize("overlay", MIRRORS)
def test_every_event_is_delivered_alike(overlay: str) -> None:
    first, *others = triggers(overlay).values()
    for other in others:
        assert {**other["spec"], "filter": {}} == {**first["spec"], "filter": {}}
        assert {**other["metadata"], "name": ""} == {**first["metadata"], "name": ""}


@pytest.mark.parametrize(("overlay", "name"), ARRIVING)
def test_an_impostor_is_kept_away_where_the_type_tells(overlay: str, name: str) -> None:
    # VSphereSource gives both the same type, so there the function itself has to tell.
    expected = ["maintenance-mirror-enter"] if veba(overlay) == "veba-0.8" else []
    assert receivers(overlay, name, events.IMPOSTOR) == expected


@pytest.mark.parametrize("overlay", ECHOING)
def test_the_echo_function_gets_every_event(overlay: str) -> None:
    (trigger,) = triggers(overlay).values()
    assert "filter" not in trigger["spec"]


def deliveries(overlay: str) -> list[Manifest]:
    """Return what the triggers of an overlay say about delivery, which 0.20 cannot say."""
    found = [each["spec"].get("delivery") for each in triggers(overlay).values()]
    assert (found == [None] * 3) == (release(overlay) == "0.20")
    return [each for each in found if each]


def attempts(overlay: str, delivery: Manifest) -> list[float]:
    """Return when RabbitMQ's dispatcher tries an event, in seconds after the first try.

    The n-th retry waits delay * 2^n, from n = 1 on, or delay * n. 1.1 takes no delay, and has one
    of its own.
    """
    older = release(overlay) == "1.1"
    assert delivery["backoffPolicy"] == ("linear" if older else "exponential")
    assert ("backoffDelay" in delivery) == (not older)
    delay = seconds(delivery.get("backoffDelay", "PT0.05S"))
    retries = range(1, delivery["retry"] + 1)
    return [0.0, *accumulate(delay * (n if older else 2**n) for n in retries)]


@pytest.mark.parametrize("overlay", ["veba-0.7.2", "veba-0.7.2-vcenter"])
def test_no_pause_of_knative_1_1_is_long_enough_for_its_connection_to_be_closed(
    overlay: str,
) -> None:
    for delivery in deliveries(overlay):
        when = attempts(overlay, delivery)
        # Contour's Envoy waits for 60 seconds.
        assert max(later - earlier for earlier, later in pairwise(when)) < 30


@pytest.mark.parametrize("overlay", MIRRORS)
def test_retries_outlast_an_hour_of_outage(overlay: str) -> None:
    for delivery in deliveries(overlay):
        # Knative's own broker, which a VEBA with 1.1 does not have, begins with n = 0.
        half = 1 if release(overlay) == "1.1" else 2
        assert attempts(overlay, delivery)[-1] / half > AN_HOUR


@pytest.mark.parametrize("overlay", MIRRORS)
def test_rabbitmq_waits_longer_than_all_retries_of_an_event_take(overlay: str) -> None:
    (patch,) = read(KNATIVE / "rabbitmq.yaml")
    assert problems(RABBITMQ, patch["spec"]) == []
    setting = patch["spec"]["rabbitmq"]["additionalConfig"].strip()
    allowed = int(setting.removeprefix("consumer_timeout = ")) / 1000
    for delivery in deliveries(overlay):
        # A function that always takes the whole of its time, and 1.1 has no time-out but Knative's.
        each = seconds(delivery.get("timeout", "PT30S"))
        when = attempts(overlay, delivery)
        assert when[-1] + len(when) * each < allowed


def promised(overlay: str) -> dict[str, str]:
    """Return the README's column of a VEBA: what holds there."""
    heads, _, *rows = table(README, "What holds where")
    (column,) = [n for n, head in enumerate(heads) if head.startswith(overlay[len("veba-") :])]
    return {row[0]: row[column] for row in rows}


@pytest.mark.parametrize("overlay", RELEASES)
def test_the_readme_says_how_often_an_event_is_tried(overlay: str) -> None:
    for delivery in deliveries(overlay):
        when = attempts(overlay, delivery)
        said = f"{len(when)} times over {when[-1] / 60:.0f} minutes"
        assert promised(overlay)["an event is tried"].startswith(said)
    assert deliveries(overlay) or promised(overlay)["dead letters"].startswith("none")


@pytest.mark.parametrize("overlay", RELEASES)
def test_a_host_that_stays_unknown_is_given_up_within_the_hour(overlay: str) -> None:
    discovered = 60 * Policy.discovery_minutes
    for delivery in deliveries(overlay):
        last = next(when for when in attempts(overlay, delivery) if when > discovered)
        said = promised(overlay)["an event of an unknown host is given up"]
        assert said.startswith(f"after {last / 60:.0f} minutes")
        assert last < AN_HOUR
        assert release(overlay) == "1.1" or f"after {last:.0f} seconds" in README.read_text("utf-8")


@pytest.mark.parametrize("overlay", MIRRORS)
def test_where_few_attempts_arrive_each_of_them_is_worth_its_time(
    overlay: str, tmp_path: Path
) -> None:
    assert settings(overlay, tmp_path).hold_events == (release(overlay) in ("0.20", "1.1") or None)


@pytest.mark.parametrize("overlay", MIRRORS)
def test_an_event_that_is_retried_holds_back_no_other(overlay: str) -> None:
    for trigger in triggers(overlay).values():
        name = PARALLELISM[release(overlay)]
        expected = {f"rabbitmq.eventing.knative.dev/{name}": str(PREFETCH[release(overlay)])}
        assert trigger["metadata"].get("annotations", {}) == (expected if name else {})


@pytest.mark.parametrize("overlay", MIRRORS)
def test_knative_lets_everything_wait_that_all_triggers_send_at_once(overlay: str) -> None:
    sent = len(triggers(overlay)) * PREFETCH[release(overlay)]
    timer = len(of_kind(build(overlay), "PingSource"))
    for service in services(overlay):
        at_once = service["spec"]["template"]["spec"]["containerConcurrency"]
        assert sent + timer <= at_once + WAITING * at_once


@pytest.mark.parametrize("overlay", MIRRORS)
def test_what_is_given_up_is_kept_where_it_can_be_seen(overlay: str) -> None:
    objects = build(overlay)
    names = {delivery["deadLetterSink"]["ref"]["name"] for delivery in deliveries(overlay)}
    # Where nothing is ever given up to it, there is none.
    assert names == of_kind(objects, "Service").keys() - {"maintenance-mirror"}
    for name in names:
        sink = of_kind(objects, "Service")[name]
        assert variables(sink, objects)["FUNCTION_TARGET"] == "dead_letters"
        assert variables(sink, objects)["LOG_FORMAT"] == "json"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nobody_gives_up_before_the_functions_own_deadline(overlay: str) -> None:
    for trigger in triggers(overlay).values():
        # Before 1.8 there is no such time-out, or it is refused.
        timeout = trigger["spec"].get("delivery", {}).get("timeout")
        assert (timeout is not None) == (release(overlay) in ("1.8", "1.13") and overlay in MIRRORS)
        assert timeout is None or seconds(timeout) > DEADLINE
    for service in services(overlay):
        assert service["spec"]["template"]["spec"]["timeoutSeconds"] > DEADLINE
        for probe in ("readinessProbe", "livenessProbe"):
            assert container(service)[probe]["httpGet"]["path"] == "/healthz"
            assert container(service)[probe]["timeoutSeconds"] > DEADLINE


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_as_many_events_at_once_as_there_are_threads(overlay: str) -> None:
    for service in services(overlay):
        threads = variables(service, build(overlay))["THREADS"]
        assert service["spec"]["template"]["spec"]["containerConcurrency"] == int(threads)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_exactly_one_is_always_running(overlay: str) -> None:
    for service in services(overlay):
        scale = service["spec"]["template"]["metadata"]["annotations"]
        assert sorted(scale.values()) == ["1", "1"]
        assert len(scale) == 2


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_container_may_do_as_little_as_its_platform_can_say(overlay: str) -> None:
    full = {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    unknown = {
        "0.20": full.keys() - {"runAsUser"},
        "1.1": {"allowPrivilegeEscalation", "seccompProfile"},
        "1.8": {"seccompProfile"},
    }.get(release(overlay), set())
    expected = {name: value for name, value in full.items() if name not in unknown}
    for service in services(overlay):
        assert container(service)["securityContext"] == expected
        assert container(service)["resources"].keys() == {"requests", "limits"}


def settings(overlay: str, folder: Path) -> Settings:
    """Return what the function reads at its start, with what is mounted in ``folder``."""
    objects = build(overlay)
    service = of_kind(objects, "Service")["maintenance-mirror"]
    environ = {
        name: value.replace("/etc/maintenance-mirror", str(folder))
        for name, value in variables(service, objects).items()
    }
    for mount in container(service)["volumeMounts"]:
        mounted = Path(mount["mountPath"].replace("/etc/maintenance-mirror", str(folder)))
        mounted.mkdir()
        if mount["name"].endswith("account"):
            (mounted / "username").write_text("mirror\n", encoding="utf-8")
            (mounted / "password").write_text("secret\n", encoding="utf-8")
    without_cas = {name: value for name, value in environ.items() if "_CA_FILE" not in name}
    return Settings.from_environ(without_cas)


@pytest.mark.parametrize("overlay", MIRRORS)
def test_the_function_starts_with_what_it_is_given(overlay: str, tmp_path: Path) -> None:
    found = settings(overlay, tmp_path)
    assert found.vrops.url == "https://vrops.example.com"
    assert found.lease_minutes == 24 * 60
    expected = ["https://vcenter.example.com"] if overlay in VERIFYING else []
    assert [each.url for each in found.vcenters] == expected


@pytest.mark.parametrize("overlay", VERIFYING)
def test_the_timer_comes_as_often_as_the_function_is_told(overlay: str, tmp_path: Path) -> None:
    found = settings(overlay, tmp_path)
    (timer,) = of_kind(build(overlay), "PingSource").values()
    assert timer["spec"]["schedule"] == f"*/{found.interval_minutes} * * * *"
    # It would come at odd times if an hour did not divide by it.
    assert 60 % (found.interval_minutes or 0) == 0
    assert (found.lease_minutes or 0) >= 2 * (found.interval_minutes or 0)


@pytest.fixture(scope="module")
def with_outcomes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of this, with the line in each overlay that the page shows."""
    copied = tmp_path_factory.mktemp("outcomes") / "knative"
    shutil.copytree(KNATIVE, copied)
    line, trigger = blocks(README, "yaml", "Outcomes as events")
    for overlay in MIRRORS:
        path = copied / "overlays" / overlay / "kustomization.yaml"
        path.write_text(path.read_text(encoding="utf-8") + line, encoding="utf-8")
    (copied / "trigger.yaml").write_text(trigger, encoding="utf-8")
    return copied


@pytest.mark.parametrize("overlay", MIRRORS)
def test_outcomes_are_sent_to_the_broker_where_that_is_asked_for(
    overlay: str, with_outcomes: Path
) -> None:
    objects = manifests.kustomized(with_outcomes / "overlays" / overlay)
    (binding,) = [each for each in objects if each["kind"] == "SinkBinding"]
    assert [each for each in objects if each != binding] == build(overlay)
    assert mistakes(release(overlay), binding) == []
    labels = {"app.kubernetes.io/part-of": "maintenance-mirror"}
    assert binding["metadata"]["labels"] == labels
    assert binding["metadata"]["namespace"] == "vmware-functions"
    # By name, so that the place for dead letters is left alone.
    service = of_kind(objects, "Service")[binding["spec"]["subject"]["name"]]
    assert variables(service, objects)["FUNCTION_TARGET"] == "handle"
    assert service["apiVersion"] == binding["spec"]["subject"]["apiVersion"]
    for trigger in of_kind(objects, "Trigger").values():
        assert trigger["spec"]["broker"] == binding["spec"]["sink"]["ref"]["name"]
        wanted = trigger["spec"]["filter"]["attributes"]
        assert not wanted["type"].startswith(OUTCOME_TYPE)


def test_the_page_shows_a_trigger_of_ones_own(with_outcomes: Path) -> None:
    (trigger,) = read(with_outcomes / "trigger.yaml")
    assert [mistakes(each, trigger) for each in RELEASES.values()] == [[]] * 4
    listed = {f"{OUTCOME_TYPE}.{meaning}" for meaning in MEANINGS.values()}
    assert trigger["spec"]["filter"]["attributes"]["type"] in listed


@pytest.mark.parametrize("overlay", RELEASES)
def test_no_timer_comes_where_there_is_nothing_to_compare_with(overlay: str) -> None:
    assert of_kind(build(overlay), "PingSource") == {}


@pytest.mark.parametrize("overlay", VERIFYING)
def test_knative_waits_longer_than_a_sweep_may_take(overlay: str, tmp_path: Path) -> None:
    service = of_kind(build(overlay), "Service")["maintenance-mirror"]
    allowed = service["spec"]["template"]["spec"]["timeoutSeconds"]
    found = settings(overlay, tmp_path)
    # And ends it before the next one is due.
    assert found.sweep_seconds < allowed < 60 * (found.interval_minutes or 0)


@pytest.mark.parametrize("overlay", VERIFYING)
def test_a_vcenter_adds_to_an_overlay_and_changes_nothing_else_of_it(overlay: str) -> None:
    added = {"maintenance-mirror", "maintenance-mirror-timer"}
    untouched = [each for each in build(overlay) if each["metadata"]["name"] not in added]
    # A ConfigMap's name follows its content.
    kept = [each for each in untouched if each["kind"] != "ConfigMap"]
    assert len(kept) == (3 if release(overlay) == "0.20" else 4)
    assert [each for each in kept if each not in build(veba(overlay))] == []


def test_the_cas_lie_where_they_are_looked_for() -> None:
    objects = build("veba-0.8-vcenter")
    service = of_kind(objects, "Service")["maintenance-mirror"]
    mounts = {each["name"]: each["mountPath"] for each in container(service)["volumeMounts"]}
    assert variables(service, objects)["VROPS_CA_FILE"] == f"{mounts['ca']}/ca.crt"
    assert variables(service, objects)["VCENTER_CA_FILE"] == f"{mounts['vcenter-ca']}/ca.crt"


def test_the_secrets_are_named_but_nowhere_applied() -> None:
    templates = read(KNATIVE / "secret.example.yaml")
    service = of_kind(build("veba-0.8-vcenter"), "Service")["maintenance-mirror"]
    volumes = [each["secret"] for each in volumes_of(service) if "secret" in each]
    assert [each["secretName"] for each in volumes] == [
        each["metadata"]["name"] for each in templates
    ]
    for template in templates:
        assert template["stringData"] == {"username": "REPLACE_ME", "password": "REPLACE_ME"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_password_is_applied(overlay: str) -> None:
    objects = build(overlay)
    assert of_kind(objects, "Secret") == {}
    names = {name for service in services(overlay) for name in variables(service, objects)}
    assert not {"VROPS_PASSWORD", "VCENTER_PASSWORD"} & names


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_image_has_a_version(overlay: str) -> None:
    images = {container(service)["image"] for service in services(overlay)}
    assert images == {manifests.IMAGE}


def test_the_event_source_replays_and_writes_json() -> None:
    (source,) = read(KNATIVE / "vspheresource.yaml")
    assert source["spec"]["payloadEncoding"] == "application/json"
    assert source["spec"]["checkpointConfig"]["maxAgeSeconds"] >= AN_HOUR
    assert source["spec"]["skipTLSVerify"] is False
    assert source["spec"]["sink"]["ref"]["name"] == "default"


def test_the_event_router_replays_and_holds_no_secret() -> None:
    (router,) = read(KNATIVE / "router-config.yaml")
    assert problems(ROUTER["knative"], router) == []
    vcenter = router["eventProvider"]["vcenter"]
    assert vcenter["checkpoint"] is True
    assert vcenter["insecureSSL"] is False
    assert set(vcenter["auth"]["basicAuth"].values()) == {"REPLACE_ME"}
    broker = router["eventProcessor"]["knative"]["destination"]["ref"]
    assert (broker["kind"], broker["name"]) == ("Broker", "default")
