"""Prometheus' own tool, which Debian's package prometheus has."""

import shutil
import subprocess

import pytest

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="needs promtool, of Debian's package prometheus"
)


def check_metrics(text: str) -> str:
    """Return what promtool finds wrong with metrics; "" if they are as they should be."""
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, encoding="utf-8"
    )
    said = done.stdout + done.stderr
    return said or (f"promtool ended with {done.returncode}" if done.returncode else "")
