"""adapters.notify.services: which URLs will do, and what is said of those that will not."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import listening
from adapters.config.settings import Secret, Settings, VropsSettings
from adapters.notify import notifier, services_of
from adapters.notify.listener import Notifier
from adapters.notify.services import Answer, Attempts
from adapters.notify.words import Message
from functions.errors import ConfigurationError
from lab.processes import ROOT
from tests.receivers import Webhook

SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
NO_SERVICE = "is no URL of a service that can be told"
READS_A_FILE = "would have a file read, which is not allowed"


def problems(urls: str) -> str:
    with pytest.raises(ConfigurationError) as raised:
        services_of(Secret(urls))
    assert raised.value.__cause__ is None
    return str(raised.value)


def test_urls_are_separated_as_apprise_does_and_each_counts_once() -> None:
    found = services_of(Secret(f"{SLACK}, jsons://a/t0ken\nmailtos://u:p@lab.local,{SLACK}"))
    assert [each.name for each in found] == [
        "number 1 of NOTIFY_URLS (slack)",
        "number 2 of NOTIFY_URLS (jsons)",
        "number 3 of NOTIFY_URLS (mailtos)",
    ]


def test_the_address_that_slack_itself_shows_is_one() -> None:
    [found] = services_of(Secret(SLACK.replace("slack://", "https://hooks.slack.com/services/")))
    assert found.kind == "slack"


@pytest.mark.parametrize(
    "url",
    [
        "config://t0ken",
        "file:///etc/t0ken",
        "http://lab.local/t0ken",
        "include://t0ken",
        "slack://t0ken",
        "t0ken",
    ],
)
def test_what_is_no_service_is_named_by_its_place(url: str) -> None:
    assert problems(f"{SLACK} {url}" if "://" in url else url).endswith(NO_SERVICE)


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert problems(f"config://x,{SLACK},file:///etc/passwd") == (
        f"NOTIFY_URLS: number 1 {NO_SERVICE}; NOTIFY_URLS: number 3 {NO_SERVICE}"
    )


@given(st.text(), st.sampled_from(["", "json://", "slack://", "mailto://", "https://"]))
def test_whatever_is_wrong_is_told_without_the_text(text: str, scheme: str) -> None:
    problem: ConfigurationError | None = None
    try:
        services_of(Secret(f"{scheme}hunter2{text}"))
    except ConfigurationError as error:
        problem = error
    assert "hunter2" not in str(problem)
    assert problem is None or problem.__context__ is None


def test_nothing_is_nothing() -> None:
    assert problems(" , ") == "NOTIFY_URLS holds no URL"


@pytest.mark.parametrize(
    "url",
    [
        f"{SLACK}/?template=/etc/passwd",
        f"{SLACK}/?template=https://evil.lab.local/x",
        "workflows://host.lab/id/signature?template=/etc/passwd",
        "vapid://user@lab.local/x?keyfile=/etc/passwd",
        "vapid://user@lab.local/x?subfile=/etc/passwd",
        "fcm://project@key/device?keyfile=/etc/passwd",
    ],
)
def test_no_url_may_have_a_file_read(url: str) -> None:
    assert problems(url) == f"NOTIFY_URLS: number 1 {READS_A_FILE}"


def test_no_redirect_is_followed_and_no_picture_is_fetched() -> None:
    with Webhook(302).listening() as webhook:
        [found] = services_of(Secret(webhook.url()))
        assert not found.test("a", "b")
        [chat] = services_of(Secret(webhook.chat_url()))
        assert chat.test("a", "b")
        assert "http" not in str(webhook.got[-1])


def test_nothing_is_kept_on_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with Webhook().listening() as webhook:
        [found] = services_of(Secret(webhook.url()))
        assert found.test("a", "b")
    assert [*tmp_path.iterdir()] == []


def test_without_apprise_the_configuration_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    monkeypatch.delitem(sys.modules, "adapters.notify.services")
    with pytest.raises(
        ConfigurationError, match=r"^NOTIFY_URLS needs apprise, the extra 'notify'$"
    ):
        notifier(Secret(SLACK))


def test_it_is_built_where_it_is_wanted_and_refused_on_lambda() -> None:
    settings = Settings(vrops=VropsSettings("https://x"), notify_urls=Secret(SLACK))
    built = listening._notifier(settings, {}, "watch")
    assert isinstance(built, Notifier)
    built.close()
    assert listening._notifier(replace(settings, notify_urls=None), {}, "watch") is None
    with pytest.raises(ConfigurationError, match=r"^NOTIFY_URLS is not for Lambda"):
        listening.listener(settings, {}, "eventbridge")


def test_nobody_imports_it_unless_it_is_wanted() -> None:
    code = (
        "import sys, adapters.openfaas, adapters.watch.program, adapters.cli.commands\n"
        "print({each.partition('.')[0] for each in sys.modules} & {'apprise', 'markdown'})\n"
        "print('adapters.notify.listener' in sys.modules)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    )
    assert told.stdout == "set()\nFalse\n"


def test_what_a_service_raises_is_a_refusal() -> None:
    [found] = services_of(Secret(SLACK))

    def fails(*_: object, **__: object) -> bool:
        raise ValueError("hunter2")

    found._service.notify = fails  # type: ignore[method-assign]
    assert found.send(Attempts(Message("a", "b"))) is Answer.REFUSED
