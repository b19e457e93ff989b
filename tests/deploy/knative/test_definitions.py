"""Each overlay against the real definitions of its release, and what we wrote down of them."""

import copy
from typing import Any

import pytest

from tests.deploy.knative import definitions as real
from tests.deploy.knative import manifests, schemas
from tests.deploy.knative.manifests import KNATIVE, OVERLAYS, build, read, release

needs_definitions = pytest.mark.skipif(
    not real.CRDS.is_dir(), reason="the definitions of Knative are not beside the project"
)
needs_kustomize = pytest.mark.skipif(manifests.tool() is None, reason="needs kubectl or kustomize")
DEFINED = ("Service", "Trigger", "PingSource")


def refused(manifest: manifests.Manifest, release: str) -> list[str]:
    """Return what a strict API server with the real definitions refuses in an object."""
    versions = real.served(real.definitions(release)[manifest["kind"]])
    schema = versions[manifest["apiVersion"]]
    return [*real.unknown(schema, manifest), *schemas.problems(schema, manifest)]


@needs_definitions
@needs_kustomize
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_one_that_the_real_definition_takes(overlay: str) -> None:
    objects = [each for each in build(overlay) if each["kind"] in DEFINED]
    found = {each["metadata"]["name"]: refused(each, release(overlay)) for each in objects}
    assert found == {name: [] for name in found}


@needs_definitions
def test_the_source_is_of_a_version_that_its_definition_serves() -> None:
    (source,) = read(KNATIVE / "vspheresource.yaml")
    assert refused(source, "1.13") == []


@needs_definitions
@pytest.mark.parametrize("kind", DEFINED)
@pytest.mark.parametrize("release", schemas.RELEASES)
def test_we_know_no_field_and_no_version_that_the_real_definition_does_not(
    kind: str, release: str
) -> None:
    versions = real.served(real.definitions(release)[kind])
    ours = schemas.definition(release, kind)
    assert schemas.served(release, kind)
    for version in schemas.served(release, kind):
        assert list(real.beyond(ours, versions[version])) == []


@needs_kustomize
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_api_server_with_our_own_definitions_takes_every_object(overlay: str) -> None:
    for each in build(overlay):
        if each["kind"] in DEFINED:
            assert each["apiVersion"] in schemas.served(release(overlay), each["kind"])
            schema = schemas.definition(release(overlay), each["kind"])
            assert list(real.unknown(schema, each)) == []


def keywords(schema: Any) -> set[str]:
    """Return the words that a schema is written in."""
    found = set(schema)
    for name in ("properties", "additionalProperties"):
        below = schema.get(name, {})
        for each in below.values() if name == "properties" else [below]:
            found |= keywords(each) if each else set()
    return found | (keywords(schema["items"]) if "items" in schema else set())


@pytest.mark.parametrize("kind", schemas.KINDS)
@pytest.mark.parametrize("release", schemas.RELEASES)
def test_our_own_definitions_are_written_as_kubernetes_demands(kind: str, release: str) -> None:
    structural = {"type", "properties", "required", "items", "enum", "pattern"}
    structural |= {"minimum", "maximum", "minLength", "minItems", "maxItems"}
    structural |= {"additionalProperties", "x-kubernetes-preserve-unknown-fields"}
    assert keywords(schemas.definition(release, kind)) <= structural


@needs_kustomize
@pytest.mark.parametrize(
    ("overlay", "refusal"),
    [
        pytest.param(overlay, refusal, id=f"{overlay} {refusal.field}")
        for overlay in OVERLAYS
        for refusal in schemas.REFUSED
        if release(overlay) in refusal.releases.split()
    ],
)
def test_what_a_webhook_refuses_is_found(overlay: str, refusal: schemas.Refusal) -> None:
    kind = [each for each in build(overlay) if each["kind"] == refusal.kind]
    for each in copy.deepcopy(kind):
        *path, last = refusal.field.split(".")
        for place in schemas.values(each, path):
            place[last] = {}
        found = list(schemas.values(each, [*path, last]))
        if found:
            assert schemas.refused(release(overlay), each) == [f"{refusal.field}: {refusal.why}"]
