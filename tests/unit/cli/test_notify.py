"""notify: a test message, and who has taken it."""

import re

import pytest

from lab.processes import free_port
from tests.receivers import Mailbox, Webhook
from tests.unit.cli.runner import Result, command

TITLE = "maintenance-mirror: a test"


def notify(urls: str, *options: str) -> Result:
    return command(*options, "notify", "--test", environ={"NOTIFY_URLS": urls})


def test_each_service_gets_one_message_and_says_so() -> None:
    with Webhook().listening() as webhook, Mailbox().listening() as mailbox:
        shown = notify(f"{webhook.url()}, {mailbox.url('a@lab.local')}")
        assert [each["title"] for each in webhook.got] == [TITLE]
        assert [mail["Subject"] for _, mail in mailbox.got] == [TITLE]
    assert (shown.code, shown.err) == (0, "")
    assert shown.out == (
        "number 1 of NOTIFY_URLS (json) took it\nnumber 2 of NOTIFY_URLS (mailto) took it\n"
    )


@pytest.mark.parametrize("verbose", ["", "-v", "-vv"])
def test_who_does_not_take_it_is_named_and_no_url_is_shown(verbose: str) -> None:
    every = Webhook(500), Webhook(), Webhook(hangs=True)
    with every[0].listening(), every[1].listening(), every[2].listening():
        urls = [each.url("?cto=0.1&rto=0.2") for each in every]
        gone = f"json://user:s3cret@127.0.0.1:{free_port()}/t0ken"
        shown = notify(" ".join([*urls, gone]), *filter(None, [verbose]))
        assert [len(each.got) for each in every] == [1, 1, 1]
    assert (shown.code, shown.out) == (1, "number 2 of NOTIFY_URLS (json) took it\n")
    assert re.findall(r"Error: number (\d) of NOTIFY_URLS \(json\) refused", shown.err) == [*"134"]
    assert not re.search("s3cret|t0ken", shown.err)


@pytest.mark.parametrize(
    ("urls", "problem"),
    [
        ("", "NOTIFY_URLS is missing"),
        ("file:///t0ken", "NOTIFY_URLS: number 1 is no URL of a service that can be told"),
    ],
)
def test_what_will_not_do_is_one_line(urls: str, problem: str) -> None:
    shown = notify(urls)
    assert (shown.code, shown.out) == (2, "")
    assert shown.err == f"Error: wrong configuration: {problem}\n"


def test_nothing_is_sent_unless_it_is_asked_for() -> None:
    with Webhook().listening() as webhook:
        shown = command("notify", environ={"NOTIFY_URLS": webhook.url()})
        assert (shown.code, webhook.got) == (2, [])
    assert "Missing option '--test'" in shown.err
