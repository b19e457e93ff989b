"""The commands, what each one takes, and the exit codes."""

import ssl
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.client import HTTPException
from importlib import metadata
from typing import Final

import click

from adapters.cli import doctor as doctor_
from adapters.cli import examining, locating, sending, sweeping
from adapters.cli import status as status_
from adapters.cli.connecting import Connect, connected
from adapters.cli.ports import ConnectedClients
from adapters.cli.sending import Target
from adapters.cli.terminal import Terminal
from adapters.clients import Clients
from adapters.config.settings import Settings
from adapters.outgoing.deadline import deadline
from adapters.outgoing.tls import client_context
from adapters.output import log
from functions.errors import ConfigurationError, MaintenanceError
from functions.events import HostRef, vcenter_address
from functions.outcomes import SweepListener

OK, FAILED, WRONG_USE, DIFFERENT, INTERRUPTED = 0, 1, 2, 3, 130

_NAME: Final = "maintenance-mirror"
_NO_VCENTER: Final = (
    "no vCenter is configured, so there is nothing to compare with;"
    " set VCENTER_URL or VCENTERS_FILE"
)
_BELIEVED: Final = "note: a function without a configured vCenter believes such an event"
_MAX_NAME_LENGTH: Final = 255


@dataclass(frozen=True)
class Call:
    """What every command works with: the environment, a way to connect, and a terminal."""

    environ: Mapping[str, str]
    connect: Connect
    terminal: Terminal = field(default_factory=Terminal)


def run(arguments: Sequence[str], environ: Mapping[str, str], connect: Connect = Clients) -> int:
    """Run a command line, and return its exit code; ``connect`` makes the clients of settings.

    What can be foreseen is said in one line on stderr, without a traceback.
    """
    call = Call(environ, connect)
    try:
        return int(cli.main([*arguments], _NAME, standalone_mode=False, obj=call) or OK)
    except click.ClickException as error:
        error.show(sys.stderr)
        return error.exit_code
    except click.Abort:
        call.terminal.note("Interrupted.")
        return INTERRUPTED
    except ConfigurationError as error:
        call.terminal.error(f"wrong configuration: {error}")
        return WRONG_USE
    except MaintenanceError as error:
        call.terminal.error(str(error))
        return FAILED


def _version() -> str:
    try:
        return metadata.version(_NAME)
    except metadata.PackageNotFoundError:
        return "(not installed)"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("-v", "--verbose", count=True, help="Say more of what is done; -vv shows all calls.")
@click.version_option(_version(), prog_name=_NAME)
@click.pass_obj
def cli(call: Call, verbose: int) -> None:
    """Compare vCenter's maintenance mode with vRealize Operations, and repair what differs.

    It reads the same environment variables as the function: VROPS_URL, VROPS_USERNAME,
    VROPS_PASSWORD or VROPS_PASSWORD_FILE, VCENTER_URL and so on.

    \b
    Examples:
      maintenance-mirror doctor                 is all well?
      maintenance-mirror status                 which hosts differ, or are in maintenance?
      maintenance-mirror reconcile --dry-run    what would a sweep do?
      maintenance-mirror reconcile              repair what differs
    """
    call.terminal.listen(verbose)


@cli.command()
@click.option("--dry-run", is_flag=True, help="Show the plan, and change nothing.")
@click.option(
    "--adopt",
    is_flag=True,
    help="End open-ended maintenance, too, of hosts that vCenter says are not in maintenance mode.",
)
@click.option(
    "--max-changes",
    type=click.IntRange(0),
    metavar="N",
    help="Start or end maintenance of at most N hosts; if there are more, of none."
    "  [default: RECONCILE_MAX_CHANGES; without it 50, or a fifth of all]",
)
@click.option("--yes", is_flag=True, help="Do not ask before --adopt ends maintenance.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=30,
    show_default=True,
    metavar="MINUTES",
    help="Give up after so long.",
)
@click.pass_obj
def reconcile(
    call: Call, dry_run: bool, adopt: bool, max_changes: int | None, yes: bool, timeout: float
) -> int:
    """Let vRealize Operations agree with vCenter.

    All hosts are compared. Maintenance is started where it is missing, renewed where hosts are
    still in maintenance mode, and ended where vCenter says that it is over. What may be a person's
    is left alone.

    --adopt is for those who come from functions that set open-ended maintenance, or who have
    just switched leases on: it ends what such functions have left behind. It cannot tell that
    from what a person has set, so that it asks before it does.

    \b
    Examples:
      maintenance-mirror reconcile --dry-run
      maintenance-mirror reconcile --max-changes 200
      maintenance-mirror reconcile --adopt --yes

    \b
    Exit codes:
      0  all was done, or there was nothing to do
      1  something failed
      2  wrong use or configuration
      3  it would change more hosts than it may, so it changed none
    """
    ask = adopt and not dry_run and not yes
    if ask and not sys.stdin.isatty():
        raise click.UsageError(
            "--adopt may end a person's maintenance: without a terminal, add --yes"
        )
    with _compared(call) as (_, clients), deadline(timeout * 60):
        context = clients.context(SweepListener())
        if max_changes is not None:
            context = replace(context, policy=replace(context.policy, max_changes=max_changes))
        try:
            return sweeping.sweep(context, call.terminal, dry_run=dry_run, adopt=adopt, ask=ask)
        except sweeping.DeclinedError:
            call.terminal.note("Nothing was changed.")
            return FAILED


@cli.command()
@click.option(
    "--output",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="A table for people, or what programs and spreadsheets read.",
)
@click.option("--all", "every", is_flag=True, help="Show the other hosts, too.")
@click.pass_obj
def status(call: Call, output: str, every: bool) -> int:
    """Show which hosts differ, or are in maintenance.

    \b
    Examples:
      maintenance-mirror status
      maintenance-mirror status --all --output csv > hosts.csv
      maintenance-mirror status --output json | jq '.[] | select(.agrees | not)'

    \b
    Exit codes:
      0  both sides agree
      1  something could not be read
      2  wrong use or configuration
      3  both sides differ
    """
    with _compared(call) as (settings, clients):
        rows, complete = _rows(call, settings, clients)
    if rows or complete:
        _show_status(call.terminal, output, rows, every=every)
    if not complete:
        return FAILED
    return OK if all(row.agrees for row in rows) else DIFFERENT


@cli.command()
@click.argument("event", type=click.Choice([*sending.EVENTS]))
@click.argument("host")
@click.option("--to", "url", required=True, metavar="URL", help="Where the function listens.")
@click.option("--moref", default="", help="Which host it is in vCenter, such as host-29.")
@click.option("--vcenter", default="", metavar="ADDRESS", help="Which vCenter says so.")
@click.option(
    "--format",
    "form",
    type=click.Choice([*sending.FORMATS]),
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

    EVENT is enter or exit, HOST the host's name. Without --moref, the host is looked up in the
    configured vCenter; if that does not know it, or none is configured, the name alone is sent.

    A function that has a vCenter asks it, and mirrors what is true, whatever is sent. One that has
    none believes what it is sent.

    \b
    Formats:
      router-binary                   VEBA 0.7, Knative
      router-structured               the same, as one document
      router-0.5-binary               VEBA 0.5 and 0.6, Knative
      router-openfaas                 VEBA 0.5 to 0.7, OpenFaaS
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
    _check_names(host, moref, vcenter)
    if not vcenter.isascii() or " " in vcenter:
        raise click.BadParameter("it is no address", param_hint="--vcenter")
    address = vcenter_address(vcenter) if vcenter else ""
    found = _located(call, HostRef(moref, host, address))
    event_data = sending.event_data(event, found, datetime.now(UTC))
    raw = sending.FORMATS[form](event_data).request(target.path, target.authority)
    if dry_run:
        click.echo(raw)
        return OK
    call.terminal.note(_BELIEVED)
    return _send(call.terminal, raw, target, _context(ca_file))


@cli.command()
@click.pass_obj
def doctor(call: Call) -> int:
    """Check that all is well, and say what to do about what is not.

    Nothing is written anywhere.

    \b
    Example:
      maintenance-mirror doctor

    \b
    Exit codes:
      0  all is well; a line that begins with ! is worth a thought
      1  something has to be done
    """
    with closing(doctor_.examine(call.environ, call.connect)) as lines:
        return OK if examining.show(lines, call.terminal) else FAILED


@contextmanager
def _compared(call: Call) -> Iterator[tuple[Settings, ConnectedClients]]:
    """Connect to both sides; without a vCenter there is only one."""
    with connected(call.environ, call.connect) as (settings, clients):
        log.warn_of_risks(settings)
        if not clients.vspheres:
            raise ConfigurationError(_NO_VCENTER)
        yield settings, clients


def _rows(
    call: Call, settings: Settings, clients: ConnectedClients
) -> tuple[list[status_.Row], bool]:
    """Read all vCenters; returns whether none of them failed, which spares the others."""
    rows, complete = [], True
    for vsphere in clients.vspheres:
        try:
            rows += status_.read(vsphere, clients.operations, settings.policy, call.terminal)
        except MaintenanceError as error:
            call.terminal.error(f"{vsphere.address}: {error}")
            complete = False
    return rows, complete


def _show_status(terminal: Terminal, output: str, rows: list[status_.Row], *, every: bool) -> None:
    shown = [row for row in rows if every or row.matters]
    if output == "json":
        click.echo(status_.as_json(shown))
    elif output == "csv":
        click.echo(status_.as_csv(shown), nl=False)
    else:
        if shown:
            status_.show(shown, terminal)
            terminal.say("")
        terminal.say(status_.summary(rows))


def _target(url: str) -> Target:
    try:
        return Target.of(url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--to") from None


def _check_names(*texts: str) -> None:
    for text in texts:
        if not text.isprintable() or len(text) > _MAX_NAME_LENGTH:
            raise click.UsageError("a name, a MoRef or an address cannot look like that")


def _located(call: Call, host: HostRef) -> HostRef:
    if locating.is_complete(host) or not locating.is_vcenter_configured(call.environ):
        return locating.as_given(host)
    with connected(call.environ, call.connect) as (_, clients):
        return locating.looked_up(host, clients, call.terminal)


def _context(ca_file: str | None) -> ssl.SSLContext:
    try:
        return client_context(ca_file, insecure=False)
    except OSError:
        raise click.BadParameter(
            "it is no file of certificates in PEM", param_hint="--ca-file"
        ) from None


def _send(terminal: Terminal, raw: bytes, target: Target, context: ssl.SSLContext) -> int:
    try:
        reply = sending.deliver(raw, target, context)
    except (OSError, HTTPException) as error:
        terminal.error(f"no reply from {target.authority}: {sending.why_not(error)}")
        return FAILED
    terminal.say(f"HTTP {reply.status} {reply.phrase}")
    terminal.say(reply.meaning)
    return OK if reply.done else FAILED
