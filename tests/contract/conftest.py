"""Backends and networks."""

from collections.abc import Callable
from pathlib import Path

import pytest
from materials import models_here  # noqa: F401 - a fixture
from networks import NETWORKS
from trials import ASSETS

from visard.engines.interfaces import Backend, backends
from visard.models.assets import asset

WIDTH = 0.125
"""Of the random networks: enough to have every kind of layer."""


@pytest.fixture(scope="module", params=sorted(backends.all()))
def backend(request: pytest.FixtureRequest) -> Backend:
    """Every backend that can be used here, in turn."""
    chosen = backends.get(request.param)
    if reason := chosen.unavailable():
        pytest.skip(f"{request.param}: {reason}")
    return chosen


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A network by name: of those shipped, or one with random weights."""
    folder, written = tmp_path_factory.mktemp("networks"), {}

    def write(name: str, *, dynamic: bool = False) -> Path:
        if name in ASSETS:
            return asset(name)
        path = folder / f"{name}{dynamic}.onnx"
        if path not in written:
            written[path] = NETWORKS[name](path, WIDTH, dynamic=dynamic)
        return path

    return write
