"""The official specification of the Suite API, where somebody has it.

The specification is not part of this project. It is looked for where the variable
SUITE_API_SPECIFICATION points, and beside the project.
"""

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

jsonschema = pytest.importorskip("jsonschema")

BESIDE = Path(__file__).parents[2] / ".." / "shared/openapi/suite-api-subset-9.1.0.0.json"
SPECIFICATION = Path(os.environ.get("SUITE_API_SPECIFICATION", BESIDE))

needs_specification = pytest.mark.skipif(
    not SPECIFICATION.is_file(),
    reason="the official specification is not here; set SUITE_API_SPECIFICATION to its path",
)


@cache
def specification() -> dict[str, Any]:
    """Return the official specification."""
    return dict(json.loads(SPECIFICATION.read_text(encoding="utf-8")))


def operation(method: str, path: str) -> dict[str, Any]:
    """Return the specified operation that serves a path; a literal path goes first."""
    for template, operations in sorted(specification()["paths"].items(), key=_placeholders):
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method.lower() in operations:
            return dict(operations[method.lower()])
    raise LookupError(f"{method} {path} is not in the specification")


def _placeholders(item: tuple[str, object]) -> int:
    return item[0].count("{")


def validate(document: object, schema: dict[str, Any]) -> None:
    # The schemas refer to `#/components/...`, and so they are checked as a part of the whole.
    whole = {"components": specification()["components"], **schema}
    checker = jsonschema.Draft4Validator(whole, format_checker=jsonschema.FormatChecker())
    checker.validate(document)


def check_request(sent: requests.PreparedRequest) -> None:
    """Check that every parameter sent is specified and of the specified type."""
    url = urlsplit(str(sent.url))
    specified = operation(str(sent.method), url.path.removeprefix("/suite-api"))
    parameters = {each["name"]: each["schema"] for each in specified.get("parameters", ())}
    for key, value in parse_qsl(url.query):
        name = key.partition("[")[0]
        validate(_typed({name: value}, parameters[name], key != name), parameters[name])
    if "requestBody" in specified:
        schema = specified["requestBody"]["content"]["application/json"]["schema"]
        validate(json.loads(sent.body or b"null"), schema)


def _typed(pair: dict[str, str], schema: dict[str, Any], is_deep: bool) -> object:
    (value,) = pair.values()
    if is_deep:
        return pair
    if schema["type"] == "array":
        return [value]
    return int(value) if schema["type"] == "integer" else value


def check_answer(answer: requests.Response) -> None:
    """Check that the status is specified, and the body of the specified form."""
    path = urlsplit(str(answer.request.url)).path.removeprefix("/suite-api")
    specified = operation(str(answer.request.method), path)["responses"][str(answer.status_code)]
    if "content" not in specified:
        assert answer.content == b""
        return
    assert answer.headers["Content-Type"] == "application/json"
    validate(answer.json(), specified["content"]["application/json"]["schema"])
