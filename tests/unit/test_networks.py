"""The networks that tests and benchmarks are made with."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from networks import NETWORKS, samples

SMALL = 1 / 16


def session(path: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_it_runs_and_answers_sanely(name: str, dynamic: bool, tmp_path: Path) -> None:
    path = NETWORKS[name](tmp_path / "network.onnx", SMALL, dynamic=dynamic)
    network, batch = session(path), 2 if dynamic else 1
    arrays, others = samples(path, 2, batch=batch)
    names = [tensor.name for tensor in network.get_inputs()]
    answers = network.run(None, dict(zip(names, arrays, strict=True)))
    different = network.run(None, dict(zip(names, others, strict=True)))
    for tensor, answer, other in zip(network.get_outputs(), answers, different, strict=True):
        assert answer.shape[0] == batch
        assert all(isinstance(n, str) or n == m for n, m in zip(tensor.shape, answer.shape, strict=True))
        assert np.isfinite(answer).all()
        assert 1e-3 < np.abs(answer).max() < 100
        assert answer.std() > 1e-4 or answer.size == 1
        assert np.abs(answer - other).max() > 1e-4, f"{tensor.name} does not depend on the input"


def test_the_same_file_every_time(tmp_path: Path) -> None:
    first, second = (NETWORKS["dfm224"](tmp_path / name, SMALL).read_bytes() for name in "ab")
    assert first == second
