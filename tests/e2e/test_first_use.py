"""The first use of a backend from several threads at once, as when a daemon starts, ends."""

import subprocess
import sys

import pytest

from visard.engines.interfaces import backends

FIRST = """
import sys, threading
import numpy as np
from visard.engines.interfaces import Options, backends
from visard.models.assets import asset
sys.setswitchinterval(1e-6)
backend, start = backends.get({name!r}), threading.Barrier(8)
def load():
    start.wait()
    assert backend.unavailable() is None
    plan = backend.compile(asset("mp_face_detector_short.onnx"), Options(), lambda _: None)
    backend.open(plan, Options())(np.zeros((1, 128, 128, 3), np.float32))
threads = [threading.Thread(target=load) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("done")
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(backends.all()))
def test_threads_that_are_first_do_not_wait_for_each_other_for_ever(name: str) -> None:
    """Some libraries' bindings set themselves up with Python's own lock held."""
    if reason := backends.get(name).unavailable():
        pytest.skip(reason)
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", FIRST.format(name=name)],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.stdout == "done\n", done.stderr
