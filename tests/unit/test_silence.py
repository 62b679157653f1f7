"""No engine talks to its makers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from visard.engines.interfaces import backends

LOAD = """
import sys
from visard.engines.interfaces import Options, backends
from visard.models.assets import asset
backend = backends.all()[sys.argv[1]]
assert backend.unavailable() is None
backend.open(backend.compile(asset("mp_face_detector_short.onnx"), Options(), lambda _: None), Options())
"""


@pytest.mark.parametrize("name", sorted(backends.all()))
def test_engines_leave_nothing_in_the_home_folder(name: str, tmp_path: Path) -> None:
    """Some keep there what they then report to their makers, unless they believe they are being tested."""
    if reason := backends.get(name).unavailable():
        pytest.skip(reason)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "ORT_"))}
    for hint in ("CI", "GITHUB_ACTIONS", "JENKINS_URL", "TF_BUILD", "PYTEST_CURRENT_TEST"):
        environment.pop(hint, None)
    subprocess.run([sys.executable, "-c", LOAD, name], check=True, env={**environment, "HOME": str(tmp_path)})
    assert list(tmp_path.rglob("*")) == []
