"""The real definitions of Knative's custom resources, where they lie beside the project."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.processes import ROOT
from tests.deploy.knative.manifests import Manifest, read

CRDS = ROOT.parent / "shared" / "crds"
Schema = dict[str, Any]
# Every object has these, whatever its definition says.
_OF_ALL_OBJECTS = {"apiVersion", "kind", "metadata"}


@functools.cache
def definitions(release: str, folder: Path = CRDS) -> dict[str, Manifest]:
    """Return the definitions of a release by the kind that they define."""
    read_all = [each for path in sorted((folder / release).glob("*.yaml")) for each in read(path)]
    return {each["spec"]["names"]["kind"]: each for each in read_all}


def served(definition: Manifest) -> dict[str, Schema]:
    """Return the schemas of a definition by the versions that it serves, as an object has them."""
    spec = definition["spec"]
    return {
        f"{spec['group']}/{each['name']}": each["schema"]["openAPIV3Schema"]
        for each in spec["versions"]
        if each["served"]
    }


def unknown(schema: Schema, value: Any, path: str = "") -> Iterator[str]:
    """Yield each field of an object that a strict API server would refuse."""
    if isinstance(value, list):
        for each in value:
            yield from unknown(schema.get("items", schema), each, path)
    elif isinstance(value, dict):
        for name in value.keys() - ({} if path else _OF_ALL_OBJECTS):
            below = field(schema, name)
            if below is None:
                yield f"{path}.{name}"
            else:
                yield from unknown(below, value[name], f"{path}.{name}")


def beyond(ours: Schema, real: Schema, path: str = "") -> Iterator[str]:
    """Yield each field of our own schema that the real one does not have."""
    if "items" in ours:
        yield from beyond(ours["items"], real.get("items", real), path)
    for name, schema in ours.get("properties", {}).items():
        below = field(real, name)
        if below is None:
            yield f"{path}.{name}"
        else:
            yield from beyond(schema, below, f"{path}.{name}")


def field(schema: Schema, name: str) -> Schema | None:
    """Return the schema of a field, or None where there is no such field.

    Below a field that is kept whatever it holds, everything is, and so are the items of a list.
    """
    known: dict[str, Schema] = schema.get("properties", {})
    if name in known:
        return known[name]
    others = schema.get("additionalProperties")
    if isinstance(others, dict):
        return others
    free = schema.get("x-kubernetes-preserve-unknown-fields", False)
    return {"x-kubernetes-preserve-unknown-fields": True} if free else None
