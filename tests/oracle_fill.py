"""Weights by a rule, as the outputs of original programs in shared/oracles were made with."""

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Key = tuple[str, Sequence[int], str]
"""Name, shape and dtype of a tensor."""
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


def fill(salt: str, part: str, keys: Sequence[Key], rules: Rules) -> dict[str, Array]:
    """Return the tensors of a part, by its keys."""
    filled: dict[str, Array] = {}
    for key, shape, _ in sorted(keys, key=lambda row: row[0].endswith(("_u", "_v"))):
        rule = next(rule for rule in rules if re.search(rule["match"], key))
        if rule["kind"] == "row0_of_weight_orig":
            row = filled[f"{key.rpartition('.')[0]}.weight_orig"][0].astype(np.float64).ravel()
            values: Array = row / np.linalg.norm(row)
        else:
            x = uniform(salt, part, key, int(np.prod(shape)))
            values = KINDS[rule["kind"]](x, tuple(shape), rule)
        dtype = np.int64 if rule["kind"] == "one_int64" else np.float32
        filled[key] = values.astype(dtype).reshape(tuple(shape))
    return {key: filled[key] for key, _, _ in keys}


def _weight(x: Array, shape: tuple[int, ...], rule: Mapping[str, Any]) -> Array:
    return rule.get("gain", 1.0) * x / np.sqrt(np.prod(shape[1:]))


def _by_rank(x: Array, shape: tuple[int, ...], rule: Mapping[str, Any]) -> Array:
    return _weight(x, shape, rule) if len(shape) > 1 else 1 + 0.1 * x


def _gaussian(x: Array, shape: tuple[int, ...], rule: Mapping[str, Any]) -> Array:
    taps = np.exp(-((np.arange(shape[-1]) - shape[-1] // 2) ** 2) / (2 * 1.5**2))
    return np.broadcast_to(np.outer(taps, taps) / taps.sum() ** 2, shape)


KINDS: dict[str, Callable[[Array, tuple[int, ...], Mapping[str, Any]], Array]] = {
    "weight": _weight,
    "by_rank": _by_rank,
    "gaussian": _gaussian,
    "vector": lambda x, shape, rule: rule.get("gain", 1.0) * x,
    "scale": lambda x, shape, rule: 1 + rule.get("gain", 0.1) * x,
    "bias": lambda x, shape, rule: rule.get("gain", 0.1) * x,
    "at": lambda x, shape, rule: rule["base"] + rule.get("gain", 0.1) * x,
    "var": lambda x, shape, rule: 1 + 0.1 * np.abs(x),
    "eye2": lambda x, shape, rule: rule["gain"] * x + np.isin(np.arange(x.size) % 4, (0, 3)),
    "onehot0": lambda x, shape, rule: np.arange(x.size) == 0,
    "one_int64": lambda x, shape, rule: np.ones(x.size),
}
