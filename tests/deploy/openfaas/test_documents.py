"""What the README shows, as far as it can be known without OpenFaaS."""

import re

from lab.processes import ROOT
from tests.deploy.openfaas.stack import COMMUNITY_STACK, STACK, VCENTER_STACK, function, stack
from tests.documents import blocks, broken_links, commands, crowded_lines

README = STACK.with_name("README.md")


def written() -> str:
    return "".join(blocks(README, "sh"))


def test_every_command_says_what_it_needs() -> None:
    assert commands(README) == []


def test_links_lead_somewhere_and_lines_are_sentences() -> None:
    assert broken_links(README) == []
    assert crowded_lines(README) == []


def test_the_stack_files_are_named_as_seen_from_the_projects_root() -> None:
    named = set(re.findall(r" -f (\S+)", written()))
    assert named == {
        str(path.relative_to(ROOT)) for path in (STACK, VCENTER_STACK, COMMUNITY_STACK)
    }


def test_functions_and_secrets_are_those_of_the_stack_files() -> None:
    functions = set(re.findall(r"(?:--filter|logs|remove|invoke) (maintenance\S+)", written()))
    stacks = (STACK, VCENTER_STACK, COMMUNITY_STACK)
    assert functions == {name for path in stacks for name in stack(path)["functions"]}
    for verb in ("create", "remove"):
        secrets = set(re.findall(rf"secret {verb} (\S+)", written()))
        assert secrets == set(function("maintenance-mirror", VCENTER_STACK)["secrets"])


def test_the_template_that_is_pulled_is_the_one_that_is_used() -> None:
    pulled = set(re.findall(r"template store pull (\S+)", written()))
    assert pulled == {definition["lang"] for definition in stack()["functions"].values()}
