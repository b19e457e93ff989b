"""The CloudFormation template as plain dicts, with its short forms written out."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml

from lab.processes import ROOT

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


def defaults(template: Mapping[str, Any]) -> dict[str, str]:
    """Return the values that parameters have where nobody gives any."""
    parameters = template["Parameters"].items()
    return {name: str(parameter.get("Default", "")) for name, parameter in parameters}


def environment(
    template: Mapping[str, Any], function: str, parameters: Mapping[str, str]
) -> dict[str, str]:
    """Return a function's variables in a stack with these ``parameters``."""
    variables = resolved(template["Resources"][function]["Properties"]["Environment"], parameters)
    return {name: str(value) for name, value in variables["Variables"].items()}


def resolved(value: Any, parameters: Mapping[str, str]) -> Any:
    """Return ``value`` with conditions and references to parameters worked out."""
    if isinstance(value, list):
        return [resolved(each, parameters) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Ref"} and value["Ref"] in parameters:
        return parameters[value["Ref"]]
    if value.keys() == {"Fn::If"}:
        condition, if_so, if_not = value["Fn::If"]
        return resolved(if_so if holds(condition, parameters) else if_not, parameters)
    inside = {name: resolved(each, parameters) for name, each in value.items()}
    if inside.keys() == {"Fn::Split"}:
        separator, text = inside["Fn::Split"]
        return text.split(separator)
    if inside.keys() == {"Fn::Join"}:
        separator, items = inside["Fn::Join"]
        # The value of a list's parameter has commas in it.
        return separator.join(items.split(",") if isinstance(items, str) else items)
    if inside.keys() == {"Fn::Select"}:
        index, items = inside["Fn::Select"]
        return items[index]
    return inside


def holds(condition: str, parameters: Mapping[str, str]) -> bool:
    """Say whether a condition of the template is true."""
    return _true(_conditions()[condition], parameters)


@cache
def _conditions() -> dict[str, Any]:
    conditions: dict[str, Any] = load()["Conditions"]
    return conditions


def _true(condition: Mapping[str, Any], parameters: Mapping[str, str]) -> bool:
    if "Condition" in condition:
        return holds(condition["Condition"], parameters)
    if "Fn::And" in condition:
        return all(_true(each, parameters) for each in condition["Fn::And"])
    if "Fn::Not" in condition:
        return not _true(condition["Fn::Not"][0], parameters)
    one, other = resolved(condition["Fn::Equals"], parameters)
    return bool(one == other)
