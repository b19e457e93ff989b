"""adapters.notify.delivery: real services get exactly what is promised, and nothing twice."""

import logging
import socket
import threading
import urllib.request
from collections.abc import Callable
from contextlib import closing

import pytest

from adapters.config.settings import CommonSettings, Secret
from adapters.notify import delivery, services_of
from adapters.notify.delivery import Delivery
from adapters.notify.services import Service
from adapters.notify.words import Notice
from adapters.outgoing import tally
from adapters.output import log
from functions.ownership import A_PERSONS
from lab.processes import free_port
from tests.receivers import Mailbox, Webhook, eventually

NOTICE = Notice("left", "host esx01.lab.local (host-1) of vc", A_PERSONS)
# A process that ends lets go of what it gathers at once; no test waits for anything else.
LONG = 600.0
JOIN_SECONDS = 30.0


def service(urls: str) -> Service:
    [found] = services_of(Secret(urls))
    # Nobody is there to be spared.
    found._service.request_rate_per_sec = 0
    return found


def told(deliveries: Delivery, *notices: Notice) -> None:
    """Tell them something, and let them end."""
    deliveries.tell(notices or (NOTICE,))
    deliveries.end()
    deliveries.join(JOIN_SECONDS)


def test_200_hosts_at_once_make_one_message() -> None:
    with Webhook().listening() as webhook:
        tells = Delivery(service(webhook.url()), LONG)
        threads = [
            threading.Thread(target=tells.tell, args=([Notice("left", f"host {n}", "left")],))
            for n in range(200)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        tells.end()
        tells.join(JOIN_SECONDS)
        [got] = webhook.got
    assert got["title"] == "maintenance-mirror: 200 things need attention"
    assert "- and 190 more: maintenance-mirror status lists all\n" in got["message"]
    assert tells.dropped == 0


def test_nobody_who_tells_it_something_waits_and_it_is_sent_after_a_while() -> None:
    with Webhook().listening() as webhook:
        tells = Delivery(service(webhook.url()), 0.01)
        tells.tell([NOTICE])
        eventually(lambda: webhook.got)
        tells.tell([NOTICE])
        eventually(lambda: len(webhook.got) == 2)
        tells.end()
        tells.join(JOIN_SECONDS)
        assert len(webhook.got) == 2


def test_each_recipient_gets_one_mail_though_one_of_them_refuses_at_first() -> None:
    with Mailbox(refuses="b@lab.local").listening() as mailbox:
        told(Delivery(service(mailbox.url("a@lab.local", "b@lab.local", "c@lab.local"))))
        assert sorted(to for to, _ in mailbox.got) == ["a@lab.local", "b@lab.local", "c@lab.local"]
        mail = mailbox.got[0][1]
    assert mail["Subject"] == "maintenance-mirror: 1 thing needs attention"
    assert mail.get_content_type() == "text/plain"
    assert f"- {NOTICE.line}" in mail.get_content()


def test_a_chat_gets_text_that_is_no_markup() -> None:
    forged = Notice("impostor", "host <!everyone> of vc", "[x](https://evil) @here", "by *eve*")
    with Webhook().listening() as webhook:
        told(Delivery(service(webhook.chat_url())), forged)
        [got] = webhook.got
    assert "host ＜!everyone＞ of vc: ［x］(https：//evil) ＠here (by ＊eve＊)" in got["text"]
    assert not {*got["text"]} & {*"<>[]*@"}


def test_what_is_refused_is_tried_again_and_told_once() -> None:
    with Webhook(500, 404).listening() as webhook:
        tells = Delivery(service(webhook.url()))
        told(tells)
        assert len(webhook.got) == 3
        assert (tells.dropped, webhook.answers) == (0, [])


def test_what_is_refused_again_and_again_is_dropped_with_one_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    monkeypatch.setattr(tally, "drop", counted.append)
    with Webhook(*[500] * 9).listening() as webhook:
        tells = Delivery(service(webhook.url()))
        told(tells, NOTICE, Notice("overdue", "host b", "long ago"))
        assert len(webhook.got) == 4
    assert (tells.dropped, counted) == (1, ["notifications"])
    assert caplog.messages == [
        "number 1 of NOTIFY_URLS (json) was not told of 2 things:"
        " it refuses the message, or cannot be reached"
    ]


def test_a_service_that_is_gone_is_no_more_than_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    tells = Delivery(service(f"jsons://u:s3cret@127.0.0.1:{free_port()}/t0ken"))
    told(tells)
    assert tells.dropped == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "number 1 of NOTIFY_URLS (jsons) was not told of 1 things" in caplog.text


def test_a_service_that_does_not_answer_is_told_once_and_no_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Webhook(hangs=True).listening() as webhook:
        tells = Delivery(service(webhook.url("?cto=0.1&rto=0.2")))
        told(tells)
        assert (len(webhook.got), tells.dropped) == (1, 1)
    assert "it did not answer in time, so it may know all the same" in caplog.text


def test_a_mail_server_that_says_nothing_is_given_up() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        tells = Delivery(
            service(f"mailto://127.0.0.1:{port}/?from=a@lab.local&to=b@lab.local&cto=0.2")
        )
        told(tells)
    assert tells.dropped == 1


def test_one_that_hangs_holds_up_no_other() -> None:
    with Webhook(hangs=True).listening() as hangs, Webhook().listening() as good:
        one, other = (Delivery(each, LONG) for each in services_of(Secret(_urls(hangs, good))))
        for each in (one, other):
            each.tell([NOTICE])
            each.end()
        other.join(JOIN_SECONDS)
        assert len(good.got) == 1
        hangs.ended.set()
        one.join(JOIN_SECONDS)


def test_what_takes_too_long_at_the_end_is_left_and_said(caplog: pytest.LogCaptureFixture) -> None:
    with Webhook(hangs=True).listening() as webhook:
        tells = Delivery(service(webhook.url("?rto=30")), LONG)
        tells.tell([NOTICE])
        tells.end()
        tells.join(0.01)
        assert "may not know of the last things" in caplog.text
        webhook.ended.set()
        tells.join(JOIN_SECONDS)


def test_what_is_too_much_is_dropped_and_counted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_MAX_WAITING", 3)
    with Webhook().listening() as webhook:
        tells = Delivery(service(webhook.url()), LONG)
        tells.tell([NOTICE, NOTICE])
        told(tells, NOTICE, NOTICE, NOTICE)
        assert [each["title"][20:28] for each in webhook.got] == ["3 things"]
    assert tells.dropped == 1
    assert "was not told of 2 things: too much waits for it" in caplog.text


def test_messages_that_follow_each_other_gather_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    tells = Delivery(service("json://127.0.0.1"), 30.0)
    tells._waiting.append(NOTICE)
    gathers = [30.0]
    for _ in range(6):
        gathers.append(tells._following(gathers[-1]))
    assert gathers == [30.0, 60.0, 120.0, 240.0, 480.0, 900.0, 900.0]
    tells._waiting.clear()
    monkeypatch.setattr(delivery, "_CALM_SECONDS", 0.0)
    assert tells._following(900.0) == 30.0


def test_no_thread_begins_before_there_is_something_to_tell() -> None:
    tells = Delivery(service("json://127.0.0.1"))
    tells.end()
    tells.join(JOIN_SECONDS)
    assert tells._thread is None


def test_a_bug_is_told_and_what_comes_later_is_sent(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Webhook().listening() as webhook:
        tells = Delivery(service(webhook.url()), 0.01)
        tells.tell([Notice("no such subject", "", "")])
        eventually(lambda: tells.dropped == 1)
        told(tells)
        assert len(webhook.got) == 1
    assert "this is a bug" in caplog.text


@pytest.mark.parametrize("make", [lambda: Webhook(500), lambda: Webhook(hangs=True)])
def test_no_url_is_in_any_log_whatever_goes_wrong(
    make: Callable[[], Webhook], capsys: pytest.CaptureFixture[str]
) -> None:
    log.set_up(CommonSettings(log_level="DEBUG"), default_format="json")
    with make().listening() as webhook:
        url = webhook.url("?cto=0.1&rto=0.2")
        for each in services_of(Secret(f"{url} json://s3cret:t0ken@127.0.0.1:{free_port()}")):
            told(Delivery(each))
            assert "t0ken" not in repr(each) + each.name
        logging.getLogger("urllib3.connectionpool").debug("of another thread: shown")
        logging.getLogger("apprise").error("%s", url)
    shown = capsys.readouterr()
    assert "was not told of 1 things" in shown.err
    assert "of another thread: shown" in shown.err
    assert "t0ken" not in shown.err + shown.out
    assert "s3cret" not in shown.err + shown.out


def test_what_comes_after_the_end_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    with Webhook().listening() as webhook:
        tells = Delivery(service(webhook.url()))
        told(tells)
        tells.tell([NOTICE, NOTICE])
        assert (len(webhook.got), tells.dropped) == (1, 1)
    assert caplog.messages == [
        "number 1 of NOTIFY_URLS (json) was not told of 2 things: the process ends"
    ]


def test_the_receiver_is_there() -> None:
    with Webhook().listening() as webhook:
        url = f"http://127.0.0.1:{webhook.port}"
        with urllib.request.urlopen(url, b"{}", timeout=JOIN_SECONDS) as answer:
            assert answer.status == 200
        assert webhook.got == [{}]


def _urls(*webhooks: Webhook) -> str:
    return ", ".join(each.url() for each in webhooks)
