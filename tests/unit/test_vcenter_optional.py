import subprocess
import sys

from lab.processes import ROOT


def test_without_pyvmomi_the_configuration_is_wrong() -> None:
    code = (
        "import sys; sys.modules['pyVmomi'] = None\n"
        "from adapters.vcenter import VSphere\n"
        "from adapters.config.settings import VCenterSettings\n"
        "from functions.errors import ConfigurationError\n"
        "try: VSphere(VCenterSettings('https://vc.lab'), None)\n"
        "except ConfigurationError as error: print(error)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    )
    assert told.stdout == "vCenter vc.lab needs pyVmomi, the extra 'vcenter'\n"
