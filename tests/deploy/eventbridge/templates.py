"""The CloudFormation template as plain dicts, with its short forms written out."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from tests.processes import ROOT

DEPLOYMENT = ROOT / "deploy" / "eventbridge"
TEMPLATE = DEPLOYMENT / "template.yaml"

Resource = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """SafeLoader that knows CloudFormation's tags."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.ScalarNode)
    text = loader.construct_scalar(node)
    return {name: str(text).split(".", 1) if suffix == "GetAtt" else text}


_Loader.add_multi_constructor("!", _short_form)


def load() -> dict[str, Any]:
    """Return the template."""
    template: dict[str, Any] = yaml.load(TEMPLATE.read_text(encoding="utf-8"), _Loader)
    return template


def of_type(template: Mapping[str, Any], kind: str) -> dict[str, Resource]:
    """Return the resources of a type, by their names."""
    resources = template["Resources"].items()
    return {name: resource for name, resource in resources if resource["Type"] == kind}


def nodes(value: Any) -> Iterator[Any]:
    """Return every dict, list and scalar within ``value``."""
    yield value
    children = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | list):
        for child in children:
            yield from nodes(child)


def environment(function: Resource, parameters: Mapping[str, str]) -> dict[str, str]:
    """Return a function's variables with the stack's ``parameters`` filled in."""
    variables = function["Properties"]["Environment"]["Variables"]
    return {
        name: parameters[value["Ref"]] if isinstance(value, dict) else value
        for name, value in variables.items()
    }
