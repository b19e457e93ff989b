"""send: what a person types."""

import ssl
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Final

import click

from adapters.cli.call import Call
from adapters.cli.exit_codes import FAILED, OK
from adapters.cli.send.delivery import Target, deliver, why_not
from adapters.cli.send.event import EVENTS, FORMATS, event_data
from adapters.cli.send.host import find_host
from adapters.cli.terminal import Terminal
from adapters.outgoing.tls import client_context
from functions.events import MAX_NAME_LENGTH, HostRef, vcenter_address

_BELIEVED: Final = "note: a function without a configured vCenter believes such an event"


@click.command()
@click.argument("event", type=click.Choice([*EVENTS]))
@click.argument("host")
@click.option("--to", "url", required=True, metavar="URL", help="Where the function listens.")
@click.option("--moref", default="", help="Which host it is in vCenter, such as host-29.")
@click.option("--vcenter", default="", metavar="ADDRESS", help="Which vCenter says so.")
@click.option(
    "--format",
    "form",
    type=click.Choice([*FORMATS]),
    default="router-binary",
    show_default=True,
    metavar="FORMAT",
    help="As which event source sends it; all are listed above.",
)
@click.option("--ca-file", metavar="FILE", help="CA of the function's certificate, in PEM.")
@click.option("--dry-run", is_flag=True, help="Print the request, and send nothing.")
@click.pass_obj
def send(
    call: Call,
    event: str,
    host: str,
    url: str,
    moref: str,
    vcenter: str,
    form: str,
    ca_file: str | None,
    dry_run: bool,
) -> int:
    """Send an event as VEBA would.

    EVENT is enter, exit or removed, HOST the host's name. Without --moref, the host is looked up in
    the configured vCenter; if that does not know it, or none is configured, the name alone is sent.

    A function that has a vCenter asks it, and mirrors what is true, whatever is sent. One that has
    none believes what it is sent.

    \b
    Formats:
      router-binary                   VEBA 0.7, Knative
      router-structured               the same, as one document
      router-0.7.0-structured         the same, by VEBA 0.7.0 to 0.7.2
      router-0.5-binary               VEBA 0.5 and 0.6, Knative
      router-0.5-structured           the same, as one document
      router-openfaas                 VEBA 0.7, OpenFaaS
      router-0.7.0-openfaas           the same, by VEBA 0.7.0 to 0.7.2
      router-0.5-openfaas             VEBA 0.5 and 0.6, OpenFaaS
      router-0.3-openfaas             VEBA 0.3 and 0.4, OpenFaaS
      vspheresource-json              VEBA 0.8
      vspheresource-xml               the same, in XML
      vspheresource-structured-xml    the same, as one document
      vspheresource-camelcase         as newer releases of govmomi write it
      router-labelled-json            as a forwarder may label it
      eventbridge                     what Lambda is given, for its emulator

    \b
    Examples:
      maintenance-mirror send enter esx01.lab.local --to http://localhost:8080
      maintenance-mirror send exit esx01.lab.local --moref host-29 --vcenter vcenter.lab.local \\
          --format router-openfaas --to http://gateway:8080/function/maintenance-mirror
      maintenance-mirror send enter esx01.lab.local --dry-run --to http://localhost:8080

    \b
    Exit codes:
      0  the event was taken
      1  it was not
      2  wrong use or configuration
    """
    target = _target(url)
    meant = find_host(_given(host, moref, vcenter), call)
    message = FORMATS[form](event_data(event, meant, datetime.now(UTC)))
    raw = message.request(target.path, target.authority)
    if dry_run:
        click.echo(raw)
        return OK
    call.terminal.note(_BELIEVED)
    return _sent(raw, target, _trust(ca_file), call.terminal)


def _target(url: str) -> Target:
    try:
        return Target.of(url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--to") from None


def _given(name: str, moref: str, vcenter: str) -> HostRef:
    """Return the host as it is given, and nothing that could add a header to the request."""
    for text in (name, moref, vcenter):
        if not text.isprintable() or len(text) > MAX_NAME_LENGTH:
            raise click.UsageError("a name, a MoRef or an address cannot look like that")
    if not vcenter.isascii() or " " in vcenter:
        raise click.BadParameter("it is no address", param_hint="--vcenter")
    return HostRef(moref, name, vcenter_address(vcenter) if vcenter else "")


def _trust(ca_file: str | None) -> ssl.SSLContext:
    try:
        return client_context(ca_file, insecure=False)
    except OSError:
        raise click.BadParameter(
            "it is no file of certificates in PEM", param_hint="--ca-file"
        ) from None


def _sent(raw: bytes, target: Target, context: ssl.SSLContext, terminal: Terminal) -> int:
    try:
        reply = deliver(raw, target, context)
    except (OSError, HTTPException) as error:
        terminal.error(f"no reply from {target.authority}: {why_not(error)}")
        return FAILED
    terminal.say(f"HTTP {reply.status} {reply.phrase}")
    terminal.say(reply.meaning)
    return OK if reply.done else FAILED
