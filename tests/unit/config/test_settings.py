"""adapters.config.settings: the configuration, and what is said of a wrong one."""

import copy
import pickle
import re
import traceback
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme

from adapters.config.settings import (
    CommonSettings,
    Credentials,
    Limits,
    OutcomeSettings,
    Secret,
    Settings,
)
from adapters.config.variables import Reader
from functions.errors import ConfigurationError
from functions.events import COMPANIONS

DOCUMENT = Path(__file__).parents[3] / "docs" / "configuration.md"
ENVIRON = {
    "VROPS_URL": "https://vrops.lab.local",
    "VROPS_USERNAME": "mirror",
    "VROPS_PASSWORD": "hunter2",
}
VCENTER = {
    "VCENTER_URL": "https://vcenter.lab.local",
    "VCENTER_USERNAME": "reader@vsphere.local",
    "VCENTER_PASSWORD": "hunter3",
}
TABLES = """
[lab]
url = "https://vcenter.lab.local/sdk"
username = "reader@vsphere.local"
password = "hunter3"
aliases = ["VC", "https://192.0.2.7/sdk"]

[plant]
url = "https://plant.example.com:8443"
secret_id = "vcenter/plant"
insecure_tls = true
"""


def settings(**changes: str) -> Settings:
    return Settings.from_environ({**ENVIRON, **changes})


def password(**changes: str) -> str:
    return Credentials.from_environ({**ENVIRON, **changes}).password.reveal()


def problem(environ: Mapping[str, str]) -> str:
    with pytest.raises(ConfigurationError) as error:
        Settings.from_environ(environ)
    return str(error.value)


def test_three_variables_are_enough() -> None:
    read = settings()
    assert read.vrops.url == "https://vrops.lab.local"
    assert Credentials.from_environ(ENVIRON) == Credentials("mirror", Secret("hunter2"))
    assert (read.lease_minutes, read.vrops.insecure_tls, read.log_level) == (None, False, "INFO")
    assert (read.limits, read.deadline_seconds) == (Limits(1024 * 1024, 64), 12.0)


def test_every_variable_has_its_effect(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(ca_file))
    read = settings(
        VROPS_AUTH_SOURCE="Lab AD",
        VROPS_AUTH_SCHEME="OpsToken",
        VROPS_CA_FILE=str(ca_file),
        VROPS_INSECURE_TLS="TRUE",
        MAINTENANCE_LEASE_MINUTES="90",
        EVENT_DEADLINE_SECONDS="7.5",
        CONFIRM_SECONDS="0",
        THREADS="3",
        MAX_BODY_BYTES="2048",
        MAX_DEPTH="9",
        NOTIFY_URLS="json://hunter2",
        LOG_LEVEL="debug",
        LOG_FORMAT="text",
    )
    vrops = read.vrops
    assert (vrops.auth_source, vrops.auth_scheme) == ("Lab AD", "OpsToken")
    assert (vrops.ca_file, vrops.insecure_tls) == (str(ca_file), True)
    assert (vrops.confirm_seconds, vrops.pool_size) == (0.0, 3)
    assert (read.lease_minutes, read.deadline_seconds, read.limits) == (90, 7.5, Limits(2048, 9))
    assert (read.log_level, read.log_format) == ("DEBUG", "text")
    assert read.notify_urls == Secret("json://hunter2")
    assert "hunter2" not in repr(read)


def test_everything_that_is_missing_is_named_in_one_line() -> None:
    text = problem({})
    assert text == "VROPS_URL is missing; VROPS_USERNAME is missing; VROPS_PASSWORD is missing"


def test_with_a_secret_of_aws_neither_name_nor_password_is_needed() -> None:
    read = Settings.from_environ({"VROPS_URL": "https://vrops.lab", "VROPS_SECRET_ID": "vrops"})
    assert read.secret_id == "vrops"
    assert settings().secret_id is None


def test_an_empty_value_is_a_missing_one() -> None:
    assert problem({**ENVIRON, "VROPS_PASSWORD": ""}) == "VROPS_PASSWORD is missing"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VROPS_URL", "vrops.lab.local"),
        ("VROPS_URL", "ftp://vrops.lab.local"),
        ("VROPS_URL", "http://vrops.lab.local"),
        ("VROPS_URL", "https://"),
        ("VROPS_URL", "https://mirror:hunter2@vrops.lab.local"),
        ("VROPS_URL", "https://vrops.lab.local:port"),
        ("VROPS_URL", "https://vrops.lab.local:99999"),
        ("VROPS_URL", "https://vrops.lab.local/?hunter2"),
        ("VROPS_URL", "https://[vrops"),
        ("VROPS_URL", "https://mirror:hunter2/x@vrops.lab"),
        ("VROPS_URL", "https://mirror:hunter2#x@vrops.lab"),
        ("VROPS_URL", "https://\u2100hunter2@vrops.lab"),
        ("VROPS_URL", "https://vrops..lab"),
        ("VROPS_URL", "https://.lab"),
        ("VROPS_URL", "https://a b.lab"),
        ("VROPS_URL", "https://*.lab"),
        ("VROPS_URL", "https://[::1]x"),
        ("VROPS_URL", f"https://{'v' * 64}.lab"),
        ("MAINTENANCE_LEASE_MINUTES", "0000000000019999999999"),
        ("VROPS_AUTH_SCHEME", "Basic"),
        ("VROPS_CA_FILE", "/no/such/file"),
        ("VROPS_CA_FILE", "/"),
        ("VROPS_CA_FILE", __file__),
        ("VROPS_INSECURE_TLS", "maybe"),
        ("MAINTENANCE_LEASE_MINUTES", "0"),
        ("MAINTENANCE_LEASE_MINUTES", "-5"),
        ("MAINTENANCE_LEASE_MINUTES", "1.5"),
        ("MAINTENANCE_LEASE_MINUTES", "an hour"),
        ("MAINTENANCE_LEASE_MINUTES", "9" * 5000),
        ("MAINTENANCE_LEASE_MINUTES", "٣"),
        ("EVENT_DEADLINE_SECONDS", "0"),
        ("EVENT_DEADLINE_SECONDS", "nan"),
        ("EVENT_DEADLINE_SECONDS", "soon"),
        ("MAX_BODY_BYTES", "1"),
        ("MAX_DEPTH", "100000"),
        ("HEALTH_ADDRESS", "127.0.0.1"),
        ("HEALTH_ADDRESS", ":8080"),
        ("HEALTH_ADDRESS", "8080"),
        ("HEALTH_ADDRESS", "127.0.0.1:65536"),
        ("HEALTH_ADDRESS", "127.0.0.1:-1"),
        ("HEALTH_ADDRESS", "127.0.0.1:٣"),
        ("HEALTH_ADDRESS", "::1:8080"),
        ("HEALTH_ADDRESS", "[::1]"),
        ("HEALTH_ADDRESS", "[hunter2]:8080"),
        ("HEALTH_ADDRESS", "http://hunter2:8080"),
        ("HEALTH_ADDRESS", "hunter 2:8080"),
        ("BOARD", "hunter2"),
        ("BOARD_TOKEN", "hunter2"),
        ("BOARD_TOKEN", "hunter2 hunter2 hunter2"),
        ("BOARD_TOKEN", "hunter2hunter2hunter2\n"),
        ("BOARD_TOKEN", "hunter2hunter2hunt\u00e9r2"),
        ("MAINTENANCE_INCLUDES", "Datastores"),
        ("MAINTENANCE_INCLUDES", "Datastore;VirtualMachine"),
        ("MAINTENANCE_INCLUDES", "HostSystem"),
        ("MAINTENANCE_INCLUDES", "hunter2,Datastore"),
        ("OUTCOME_SINK", "broker.lab/hunter2"),
        ("OUTCOME_SINK", "ftp://broker.lab/hunter2"),
        ("OUTCOME_SINK", "http://mirror:hunter2@broker.lab"),
        ("OUTCOME_SINK", "https://mirror:hunter2/x@broker.lab"),
        ("OUTCOME_SINK", "https://a@b:hunter2@broker.lab"),
        ("OUTCOME_SINK", "https://broker.lab:port/hunter2"),
        ("OUTCOME_SINK", "https://broker.lab/hunter 2"),
        ("OUTCOME_SINK", "https://broker.lab/hunter2\nx"),
        ("OUTCOME_SINK_CA_FILE", "/no/such/file"),
        ("OUTCOME_EVENT_BUS", "hunter2 and more"),
        ("OUTCOME_EVENT_BUS", "arn:aws:sns:eu-central-1:123456789012:hunter2"),
        ("K_SINK", "broker.lab"),
        ("K_CE_OVERRIDES", "hunter2"),
        ("K_CE_OVERRIDES", '{"extensions": ["hunter2"]}'),
        ("K_CE_OVERRIDES", '{"extensions": {"id": "hunter2"}}'),
        ("K_CE_OVERRIDES", '{"extensions": {"Cluster": "hunter2"}}'),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_wrong_value_is_named_but_not_repeated(name: str, value: str) -> None:
    text = problem({**ENVIRON, name: value})
    assert text.startswith(f"{name} ")
    assert "hunter2" not in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("", ()),
        ("Datastore", ("Datastore",)),
        (" clustercomputeresource, Datastore,,datastore ", ("ClusterComputeResource", "Datastore")),
        ("VirtualMachine\n", ("VirtualMachine",)),
    ],
)
def test_what_goes_with_hosts_is_named_by_kind(text: str, kinds: tuple[str, ...]) -> None:
    assert settings(MAINTENANCE_INCLUDES=text).policy.includes == kinds


def test_a_kind_that_is_none_is_told_which_there_are() -> None:
    text = problem({**ENVIRON, "MAINTENANCE_INCLUDES": "Datastores"})
    assert all(kind in text for kind in COMPANIONS)
    text = problem({**ENVIRON, "MAINTENANCE_INCLUDES": "hostsystem"})
    assert "HostSystem" in text
    assert "always" in text


def test_metrics_are_of_one_process() -> None:
    several = {**ENVIRON, "WORKERS": "2"}
    assert not settings(WORKERS="2").metrics
    assert settings(METRICS="true", WORKERS="1").metrics
    text = problem({**several, "METRICS": "true"})
    assert text == "METRICS needs one process, but WORKERS asks for several"


def test_all_wrong_values_are_named_at_once() -> None:
    text = problem({"VROPS_URL": "x", "LOG_LEVEL": "x", "MAX_DEPTH": "x"})
    assert [part.split(" ")[0] for part in text.split("; ")] == [
        "VROPS_URL",
        "VROPS_USERNAME",
        "VROPS_PASSWORD",
        "MAX_DEPTH",
        "LOG_LEVEL",
    ]


@pytest.mark.parametrize(
    "host", ["vrops", "vrops.lab.", "vrops.lab:8443", "192.0.2.7", "[2001:db8::1]:443", "vröps.lab"]
)
def test_every_form_of_a_host_is_an_address(host: str) -> None:
    assert settings(VROPS_URL=f"https://{host}").vrops.url == f"https://{host}"


def test_clear_text_needs_to_be_asked_for() -> None:
    plain = settings(VROPS_URL="http://127.0.0.1:8080", VROPS_INSECURE_TLS="true")
    assert plain.vrops.url == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    "suffix",
    [
        "",
        "/",
        "/suite-api",
        "/suite-api/",
        "/suite-api/api",
        "/suite-api/api/versions/current",
        "/suite-api/docs/rest/index.html",
        "/ui",
        "/ui/index.action#/home?view=1",
        "/ui/login.action;jsessionid=1?vcf=1",
        "/vcf-operations/ui/login",
        "/admin/login.action",
    ],
)
def test_the_address_may_end_as_people_copy_it(suffix: str) -> None:
    assert settings(VROPS_URL=f"https://vrops.lab{suffix}").vrops.url == "https://vrops.lab"


@pytest.mark.parametrize(
    "suffix",
    [
        "/sdk",
        "/sdk/",
        "/sdk/vimService.wsdl",
        "/ui",
        "/ui/app/host;nav=h/urn:vmomi:HostSystem:host-29:1/summary",
        "/ui/?csp#extensionId=vsphere.core.host.summary",
        "/websso/SAML2/SSO/vsphere.local?SAMLRequest=x",
        "/mob/?moid=host-29",
    ],
)
def test_the_address_of_a_vcenter_may_end_as_people_copy_it(suffix: str) -> None:
    copied = {**VCENTER, "VCENTER_URL": f"https://vcenter.lab.local:8443{suffix}"}
    [vcenter] = settings(**copied).vcenters
    assert vcenter.url == "https://vcenter.lab.local:8443"
    assert vcenter.addresses == ("vcenter.lab.local:8443",)


@pytest.mark.parametrize("suffix", ["", "/suite-api/api", "/ui/login.action?x=1"])
def test_what_a_proxy_has_put_before_it_is_kept(suffix: str) -> None:
    read = settings(VROPS_URL=f"https://proxy.lab/ops{suffix}")
    assert read.vrops.url == "https://proxy.lab/ops"


def test_an_address_that_is_not_understood_is_refused_with_what_to_write() -> None:
    for value in ("https://vrops.lab/#/home", "https://vrops.lab/dashboard?id=1"):
        text = problem({**ENVIRON, "VROPS_URL": value})
        assert text == "VROPS_URL holds more than https://host[:port]"


def test_strictness_is_asked_for_once_and_holds_for_all() -> None:
    read = settings(**VCENTER, VCENTERS=TABLES.replace("vcenter.lab", "b.lab"), TLS_STRICT="true")
    assert read.vrops.strict_tls
    assert [vcenter.strict_tls for vcenter in read.vcenters] == [True] * 3
    [vcenter] = settings(**VCENTER).vcenters
    assert not settings().vrops.strict_tls
    assert not vcenter.strict_tls


@pytest.mark.parametrize("content", ["from a file", "from a file\n", "\ufefffrom a file\r\n"])
def test_a_file_beats_the_variable(tmp_path: Path, content: str) -> None:
    path = tmp_path / "password"
    path.write_text(content, encoding="utf-8", newline="")
    assert password(VROPS_PASSWORD_FILE=str(path)) == "from a file"


def test_blanks_of_a_password_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(" two words \n", encoding="utf-8")
    assert password(VROPS_PASSWORD_FILE=str(path)) == " two words "


def test_a_file_that_cannot_be_read_is_named_even_if_the_variable_is_set(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\x00")
    for path in ("/no/such/file", str(tmp_path), str(tmp_path / "binary"), "null\0byte"):
        text = problem({**ENVIRON, "VROPS_PASSWORD_FILE": path})
        assert text.startswith("VROPS_PASSWORD (VROPS_PASSWORD_FILE) ")


def test_an_empty_file_is_a_missing_value(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    text = problem({**ENVIRON, "VROPS_PASSWORD_FILE": str(tmp_path / "empty")})
    assert text == "VROPS_PASSWORD is missing"


def test_outcomes_are_sent_nowhere_unless_it_is_asked_for() -> None:
    assert settings().outcomes == OutcomeSettings()
    assert (OutcomeSettings().sink, OutcomeSettings().event_bus) == (None, None)


@pytest.mark.parametrize(
    "url",
    [
        "http://broker-ingress.knative-eventing.svc.cluster.local/vmware-functions/default",
        "https://mirror:hunter2@hooks.example.com:8443/a/path?token=x",
        "http://[2001:db8::1]:8080/",
    ],
)
def test_a_sink_is_a_secret_however_its_url_looks(url: str) -> None:
    read = settings(OUTCOME_SINK=url).outcomes
    assert read.sink == Secret(url)
    assert url not in repr(read)


def test_knatives_own_variables_name_a_sink_where_ours_does_not() -> None:
    bound = {"K_SINK": "http://a.lab", "K_CE_OVERRIDES": '{"extensions": {"cluster": "lab"}}'}
    read = settings(**bound).outcomes
    assert (read.sink, read.extensions) == (Secret("http://a.lab"), {"cluster": "lab"})
    assert settings(**bound, OUTCOME_SINK="http://b.lab").outcomes.sink == Secret("http://b.lab")
    for nothing in ("{}", '{"extensions": {}}', '{"extensions": null}', "null"):
        assert settings(K_CE_OVERRIDES=nothing).outcomes.extensions == {}


@pytest.mark.parametrize(
    "bus", ["default", "told", "arn:aws:events:eu-central-1:123456789012:event-bus/told"]
)
def test_an_event_bus_has_a_name_or_an_arn(bus: str) -> None:
    assert settings(OUTCOME_EVENT_BUS=bus).outcomes.event_bus == bus


def test_echo_needs_no_configuration() -> None:
    assert CommonSettings.from_environ({}) == CommonSettings()


def test_one_vcenter_needs_an_address_and_an_account() -> None:
    [vcenter] = settings(**VCENTER).vcenters
    assert (vcenter.url, vcenter.insecure_tls) == ("https://vcenter.lab.local", False)
    assert vcenter.addresses == ("vcenter.lab.local",)
    assert Credentials.from_environ(vcenter.source, "VCENTER").password == Secret("hunter3")
    assert settings().vcenters == ()


def test_a_vcenter_may_have_more_addresses() -> None:
    [vcenter] = settings(**VCENTER, VCENTER_ALIASES="VC, https://192.0.2.7/sdk ,,vc").vcenters
    assert vcenter.addresses == ("vcenter.lab.local", "vc", "192.0.2.7")


def test_several_vcenters_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "vcenters.toml"
    path.write_text(TABLES, encoding="utf-8")
    lab, plant = settings(VCENTERS_FILE=str(path)).vcenters
    assert lab.addresses == ("vcenter.lab.local", "vc", "192.0.2.7")
    assert Credentials.from_environ(lab.source, "VCENTER").password == Secret("hunter3")
    assert (plant.secret_id, plant.insecure_tls) == ("vcenter/plant", True)
    assert plant.addresses == ("plant.example.com:8443",)
    assert "hunter3" not in repr([lab, plant])


def test_a_password_of_the_file_may_be_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from a file\n", encoding="utf-8")
    text = f"""
        [lab]
        url = "https://vcenter.lab.local"
        username = "reader"
        password_file = "{tmp_path / "password"}"
    """
    [lab] = settings(VCENTERS=text).vcenters
    assert Credentials.from_environ(lab.source, "VCENTER").password == Secret("from a file")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"VCENTER_USERNAME": "x"}, ["VCENTER_URL is missing", "VCENTER_PASSWORD is missing"]),
        ({**VCENTER, "VCENTER_URL": "http://vc.lab"}, ["VCENTER_URL would send", "use https"]),
        ({**VCENTER, "VCENTER_URL": "https://a:hunter3@vc"}, ["VCENTER_URL holds more than"]),
        ({**VCENTER, "VCENTER_CA_FILE": "/no/such/file"}, ["VCENTER_CA_FILE cannot be read"]),
        ({"VCENTERS": "hunter3"}, ["VCENTERS is not TOML"]),
        ({"VCENTERS": 'url = "hunter3"'}, ["VCENTERS is not made of tables"]),
        ({"VCENTERS": "# none"}, ["VCENTERS is not made of tables"]),
        ({"VCENTERS_FILE": "/no/such/file"}, ["VCENTERS (VCENTERS_FILE) cannot be read"]),
        (
            {"VCENTERS": "[lab]\npasword = 'hunter3'"},
            [
                "VCENTERS, [lab]: VCENTER_URL is missing",
                "VCENTERS, [lab]: VCENTER_USERNAME is missing",
                "VCENTERS, [lab]: VCENTER_PASSWORD is missing",
                "VCENTERS, [lab]: VCENTER_PASWORD is of no use here",
            ],
        ),
        ({**VCENTER, "VCENTERS": TABLES}, ["VCENTERS gives one address to two vCenters"]),
        ({"REQUIRE_VERIFICATION": "true"}, ["REQUIRE_VERIFICATION needs a vCenter"]),
        (
            {"MAINTENANCE_LEASE_MINUTES": "89", "RECONCILE_INTERVAL_MINUTES": "30"},
            ["MAINTENANCE_LEASE_MINUTES is shorter than 3 * RECONCILE_INTERVAL_MINUTES"],
        ),
    ],
)
def test_what_is_wrong_with_a_vcenter_is_named(
    changes: dict[str, str], expected: list[str]
) -> None:
    text = problem({**ENVIRON, **changes})
    parts = text.split("; ")
    assert all(part.startswith(start) for part, start in zip(parts, expected, strict=True)), text
    assert "hunter3" not in text


def test_a_lease_of_three_intervals_is_long_enough() -> None:
    read = settings(MAINTENANCE_LEASE_MINUTES="90", RECONCILE_INTERVAL_MINUTES="30")
    assert (read.lease_minutes, read.interval_minutes) == (90, 30)
    assert settings(RECONCILE_INTERVAL_MINUTES="30").lease_minutes is None


def test_sweeps_have_their_own_limits() -> None:
    read = settings(RECONCILE_MAX_CHANGES="0", RECONCILE_DEADLINE_SECONDS="90")
    assert (read.max_changes, read.sweep_seconds) == (0, 90.0)
    assert (settings().max_changes, settings().sweep_seconds) == (None, 120.0)
    assert settings(**VCENTER, REQUIRE_VERIFICATION="yes").require_verification


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", ("127.0.0.1", 8080)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("localhost:0", ("localhost", 0)),
        ("mirror-1.lab.local:65535", ("mirror-1.lab.local", 65535)),
        ("[::]:8080", ("::", 8080)),
        ("[2001:DB8::1]:8080", ("2001:DB8::1", 8080)),
    ],
)
def test_health_is_told_where_somebody_wants_it(text: str, address: tuple[str, int]) -> None:
    assert settings(HEALTH_ADDRESS=text).health_address == address


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.9.9.9", "[::1]"])
def test_the_page_needs_no_token_where_only_this_machine_can_reach_it(host: str) -> None:
    assert settings(BOARD="true", HEALTH_ADDRESS=f"{host}:8080").board


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "board.example", "[::]", "[fd00::1]"])
def test_the_page_needs_a_token_where_others_can_reach_it(host: str) -> None:
    environ = {**ENVIRON, "BOARD": "true", "HEALTH_ADDRESS": f"{host}:8080"}
    assert problem(environ) == "BOARD needs BOARD_TOKEN, since others can reach HEALTH_ADDRESS"
    read = settings(BOARD="true", BOARD_TOKEN="f3a9c1d07be24e58", HEALTH_ADDRESS=f"{host}:8080")
    assert read.board_token == Secret("f3a9c1d07be24e58")
    assert "f3a9" not in repr(read)
    assert not settings(HEALTH_ADDRESS=f"{host}:8080").board


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret("hunter2")
    read = settings(**VCENTER)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>20}", repr(read)]
    assert "hunter" not in "".join(shown)
    for write in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            write(secret)


def test_a_secret_does_not_show_among_a_tracebacks_locals() -> None:
    secret = Secret("".join(["hun", "ter2"]))
    try:
        secret.missing  # type: ignore[attr-defined]  # noqa: B018
    except AttributeError as error:
        trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert "secret = <secret>" in "".join(trace.format())
    assert "hunter2" not in "".join(trace.format())


def test_a_secret_of_bytes_that_are_no_text_can_be_compared() -> None:
    # As the environment of a process holds a byte that is not UTF-8.
    assert Secret("b\udcffad") == Secret("b\udcffad")
    assert Secret("b\udcffad") != Secret("bad")


def test_secrets_are_equal_by_what_they_hold() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


def test_the_document_lists_every_variable_and_no_other() -> None:
    read = Reader({**ENVIRON, **VCENTER})
    Settings._fields(read)
    rows = re.findall(r"^\| `([A-Z_]+)` \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(read.names)


def test_the_variables_are_those_that_are_read_and_their_files() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert Settings.variables() == {each for name in rows for each in (name, f"{name}_FILE")}
    assert CommonSettings.variables() < Settings.variables()
