import subprocess
import sys

from lab.processes import ROOT


def test_of_pyvmomi_only_the_types_of_vcenter_itself_are_imported() -> None:
    code = (
        "import sys, adapters.vcenter\n"
        "found = (name for name in sys.modules if sys.modules[name] and '_typeinfo_' in name)\n"
        "print(*sorted(found))\n"
    )
    assert _said(code) == ("pyVmomi._typeinfo_core pyVmomi._typeinfo_query pyVmomi._typeinfo_vim\n")


def test_without_pyvmomi_the_configuration_is_wrong() -> None:
    code = (
        "import sys; sys.modules['pyVmomi'] = None\n"
        "from adapters.vcenter import VSphere\n"
        "from adapters.config.settings import VCenterSettings\n"
        "from functions.errors import ConfigurationError\n"
        "try: VSphere(VCenterSettings('https://vc.lab'), None)\n"
        "except ConfigurationError as error: print(error)\n"
    )
    assert _said(code) == "vCenter vc.lab needs pyVmomi, the extra 'vcenter'\n"


def _said(code: str) -> str:
    """Run a program that has imported nothing yet."""
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    )
    return told.stdout
