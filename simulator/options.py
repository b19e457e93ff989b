"""What can be said on the command line."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, NoReturn

from simulator.inventory import (
    KINDS,
    Companion,
    Host,
    VCenter,
    generated_companions,
    generated_hosts,
)
from simulator.switches import Switches
from simulator.threaded import DEMO_PASSWORD, USERNAME, Simulator

DEFAULT_PORT = 8443
DEFAULT_HOSTS = 12
MAX_HOSTS = 100_000
DEFAULT_CA_FILE = Path("build/simulator-ca.pem")
METAVARS: dict[type, str] = {float: "SECONDS", int: "N", str: "TEXT"}

DESCRIPTION = """\
A stand-in for vRealize Operations: its Suite API over HTTPS, and a page that shows
every host, every call and every fault as it happens.

  python -m simulator
  python -m simulator --hosts 500 --vcenter vc1.lab.local --vcenter vc2.lab.local
  python -m simulator --host esx01.lab.local,host-29 --visible-delay 3
  python -m simulator --host esx01 --companion Datastore,local01,datastore-12,esx01
"""
EPILOG = """\
TLS certificates come from a CA that is made for each run; verify with the CA file.
Ctrl-C stops the simulator.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line."""
        self.exit(2, f"{self.prog}: {message} (--help shows the options)\n")


def simulator_from(arguments: Sequence[str], environ: Mapping[str, str]) -> Simulator:
    """Return the simulator that a command line asks for, or exit with one clear line."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return _simulator(options, _password(options.password_file, environ))
    except (ValueError, OSError, LookupError) as error:
        parser.error(str(error))


def _simulator(options: argparse.Namespace, password: str) -> Simulator:
    made_up = _made_up_hosts(options)
    return Simulator(
        [*made_up, *options.host],
        options.vcenter,
        [*_made_up_companions(options, made_up), *options.companion],
        switches=_switches(options),
        username=options.username,
        password=password,
        bind=options.bind,
        port=options.port,
        tls=options.tls,
        tls_names=options.tls_name,
        ca_file=options.ca_file,
    )


def _made_up_hosts(options: argparse.Namespace) -> list[Host]:
    default = 0 if options.host else DEFAULT_HOSTS
    count = default if options.hosts is None else options.hosts
    return generated_hosts(count, [each.name for each in options.vcenter])


def _made_up_companions(options: argparse.Namespace, hosts: Sequence[Host]) -> list[Companion]:
    wanted = options.hosts is None if options.companions is None else options.companions
    return generated_companions(hosts) if wanted else []


def _switches(options: argparse.Namespace) -> Switches:
    values = {switch.name: getattr(options, switch.name) for switch in fields(Switches)}
    return Switches(**values | {"header_schemes": tuple(options.header_schemes)})


def _password(path: Path | None, environ: Mapping[str, str]) -> str:
    password = (
        path.read_text(encoding="utf-8").strip() if path else environ.get("SIMULATOR_PASSWORD")
    )
    if password is None:
        return DEMO_PASSWORD
    if not password:
        raise ValueError("the password is empty")
    return password


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="simulator",
        usage="python -m simulator [options]",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=_formatter,
        allow_abbrev=False,
    )
    _add_listening(parser.add_argument_group("where it listens"))
    _add_inventory(parser.add_argument_group("what it holds"))
    _add_user(parser.add_argument_group("who may call"))
    _add_switches(parser.add_argument_group("what differs or is not known of real appliances"))
    return parser


def _formatter(prog: str) -> argparse.HelpFormatter:
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=32, width=96)


def _add_listening(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--port",
        type=_number(0, 65_535),
        default=DEFAULT_PORT,
        metavar="PORT",
        help="0 takes any that is free (default: %(default)s)",
    )
    group.add_argument(
        "--bind", default="127.0.0.1", metavar="ADDRESS", help="(default: %(default)s)"
    )
    group.add_argument("--no-tls", dest="tls", action="store_false", help="speak plain HTTP")
    group.add_argument(
        "--ca-file",
        type=Path,
        default=DEFAULT_CA_FILE,
        metavar="PATH",
        help="where to write the CA certificate in PEM (default: %(default)s)",
    )
    group.add_argument(
        "--tls-name",
        action="append",
        default=[],
        metavar="NAME",
        help="another name or address callers use; repeatable",
    )


def _add_inventory(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--hosts",
        type=_number(0, MAX_HOSTS),
        metavar="N",
        help=f"how many hosts to make up (default: {DEFAULT_HOSTS}, none beside --host)",
    )
    group.add_argument(
        "--host",
        type=_host,
        action="append",
        default=[],
        metavar="NAME[,MOREF[,VCENTER]]",
        help="a host of your own; repeatable",
    )
    group.add_argument(
        "--companions",
        action=argparse.BooleanOptionalAction,
        help="make up a local datastore for each host made up, a shared one and a cluster"
        " (default: no beside --hosts, otherwise yes)",
    )
    group.add_argument(
        "--companion",
        type=_companion,
        action="append",
        default=[],
        metavar="KIND,NAME,MOREF[,HOST...]",
        help="a datastore, cluster or virtual machine of your own, and the names of its hosts;"
        " repeatable",
    )
    group.add_argument(
        "--vcenter",
        type=_vcenter,
        action="append",
        default=[],
        metavar="NAME[,URL[,UUID]]",
        help="a vCenter, with the VCURL and instance UUID to show; repeatable",
    )


def _add_user(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--username", default=USERNAME, metavar="NAME", help="(default: %(default)s)"
    )
    group.add_argument(
        "--password-file",
        type=Path,
        metavar="PATH",
        help="file with the password; without it SIMULATOR_PASSWORD of the environment"
        f" counts, and without that the password is: {DEMO_PASSWORD}",
    )


def _add_switches(group: argparse._ArgumentGroup) -> None:
    for switch in fields(Switches):
        group.add_argument(
            "--" + switch.name.replace("_", "-"), default=switch.default, **_details(switch)
        )


def _details(switch: Field[Any]) -> dict[str, Any]:
    help, choices = switch.metadata["help"], switch.metadata["choices"]
    if isinstance(switch.default, bool):
        shown = "yes" if switch.default else "no"
        return {"action": argparse.BooleanOptionalAction, "help": f"{help} (default: {shown})"}
    if isinstance(switch.default, tuple):
        help = f"{help}, of {', '.join(choices)} (default: {' '.join(switch.default)})"
        return {"nargs": "+", "choices": choices, "metavar": "SCHEME", "help": help}
    metavar = None if choices else METAVARS[type(switch.default)]
    help = f"{help} (default: %(default)s)"
    return {
        "type": type(switch.default),
        "choices": choices or None,
        "metavar": metavar,
        "help": help,
    }


def _number(low: int, high: int) -> Any:
    def number(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low} to {high}")
        return int(text)

    return number


def _host(text: str) -> Host:
    return Host(*_parts(text, "NAME[,MOREF[,VCENTER]]"))


def _companion(text: str) -> Companion:
    kind, *parts = (part.strip() for part in text.split(","))
    if len(parts) < 2 or not all(parts) or kind not in KINDS[1:]:
        form = f"KIND,NAME,MOREF[,HOST...], where KIND is one of {', '.join(KINDS[1:])}"
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form {form}")
    name, moref, *hosts = parts
    return Companion(name, moref, kind=kind, hosts=hosts)


def _vcenter(text: str) -> VCenter:
    return VCenter(*_parts(text, "NAME[,URL[,UUID]]"))


def _parts(text: str, form: str) -> Any:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > 3 or not all(parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form {form}")
    return parts
