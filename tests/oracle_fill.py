"""Weights by a rule, as the outputs of original programs in shared/oracles were made with."""

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Rules = Sequence[Mapping[str, Any]]
"""Of ``fill_rules.json``: the first whose ``match`` is found in a key gives ``kind`` and ``gain``."""


def uniform(salt: str, part: str, key: str, count: int) -> npt.NDArray[np.float64]:
    """Return numbers of mean 0 and variance 1 that hang on these names: SplitMix64."""
    start = np.uint64(zlib.crc32(f"{salt}/{part}/{key}".encode()) << 32)
    z = (start + np.arange(1, count + 1, dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (2 * (z >> np.uint64(40)).astype(np.float64) / 2**24 - 1) * np.sqrt(3)


def fill(salt: str, part: str, keys: Sequence[tuple[str, Sequence[int], str]], rules: Rules) -> dict[str, Array]:
    """Return the tensors of a part; ``keys`` are name, shape and dtype of each."""
    filled: dict[str, Array] = {}
    for key, shape, _ in sorted(keys, key=lambda row: row[0].endswith(("_u", "_v"))):
        rule = next(rule for rule in rules if re.search(rule["match"], key))
        if rule["kind"] == "row0_of_weight_orig":
            row = filled[f"{key.rpartition('.')[0]}.weight_orig"][0].astype(np.float64).ravel()
            values: Array = row / np.linalg.norm(row)
        else:
            x = uniform(salt, part, key, int(np.prod(shape)))
            values = _values(rule["kind"], x, tuple(shape), rule.get("gain"), rule.get("base", 0.0))
        dtype = np.int64 if rule["kind"] == "one_int64" else np.float32
        filled[key] = values.astype(dtype).reshape(tuple(shape))
    return {key: filled[key] for key, _, _ in keys}


def _values(kind: str, x: Array, shape: tuple[int, ...], gain: float | None, base: float) -> Array:
    usual = 0.1 if gain is None else gain
    index = np.arange(x.size)
    match kind:
        case "by_rank":
            return _values("weight" if len(shape) > 1 else "scale", x, shape, gain, base)
        case "weight":
            return (1.0 if gain is None else gain) * x / np.sqrt(np.prod(shape[1:]))
        case "vector":
            return (1.0 if gain is None else gain) * x
        case "scale":
            return 1 + usual * x
        case "bias":
            return usual * x
        case "at":
            return base + usual * x
        case "var":
            return 1 + 0.1 * np.abs(x)
        case "eye2":
            return usual * x + np.isin(index % 4, (0, 3))
        case "onehot0":
            return (index == 0).astype(float)
        case "one_int64":
            return np.ones(x.size)
        case "gaussian":
            taps = np.exp(-((np.arange(shape[-1]) - shape[-1] // 2) ** 2) / (2 * 1.5**2))
            return np.broadcast_to(np.outer(taps, taps) / taps.sum() ** 2, shape).ravel()
    raise ValueError(f"there is no rule {kind}")
