"""Checkpoints of the First Order Motion Model of any size, with weights made by a rule."""

from collections.abc import Iterator
from pathlib import Path

from oracle_fill import Key, Rules, fill

RULES: Rules = (
    {"match": "num_batches_tracked$", "kind": "one_int64"},
    {"match": r"(^|\.)down\.weight$", "kind": "gaussian"},
    {"match": "running_mean$", "kind": "bias"},
    {"match": "running_var$", "kind": "var"},
    {"match": r"^jacobian\.bias$", "kind": "eye2", "gain": 0.15},
    {"match": r"^jacobian\.weight$", "kind": "weight", "gain": 0.25},
    {"match": "bias$", "kind": "bias"},
    {"match": r"^kp\.weight$", "kind": "weight", "gain": 2.0},
    {"match": r"bottleneck\..*conv2\.weight$", "kind": "weight", "gain": 0.5},
    {"match": r"^final\.weight$", "kind": "weight", "gain": 2.5},
    {"match": r"dense_motion_network\.mask\.weight$", "kind": "weight", "gain": 5.0},
    {"match": r"dense_motion_network\.occlusion\.weight$", "kind": "weight", "gain": 4.0},
    {"match": r"norm[0-9]*\.weight$", "kind": "scale"},
    {"match": "weight$", "kind": "weight", "gain": 1.414214},
)
"""Those of shared/oracles/fomm."""


def detector(width: float = 1.0, blocks: int = 5, keypoints: int = 10) -> list[Key]:
    """Return the keys of a keypoint detector, ``width`` times as wide as the published one."""
    keys = [("down.weight", (3, 1, 13, 13), "float32")]
    keys += hourglass("predictor.", 3, round(32 * width), round(1024 * width), blocks)
    features = round(32 * width) + 3
    keys += convolution("kp", features, keypoints, 7)
    return [*keys, *convolution("jacobian", features, 4 * keypoints, 7)]


def generator(width: float = 1.0, blocks: int = 5, keypoints: int = 10, residuals: int = 6) -> list[Key]:
    """Return the keys of a generator, ``width`` times as wide as the published one."""
    base, motion = round(64 * width), "dense_motion_network."
    keys = [(f"{motion}down.weight", (3, 1, 13, 13), "float32")]
    inputs = 4 * (keypoints + 1)
    keys += hourglass(f"{motion}hourglass.", inputs, base, round(1024 * width), blocks)
    keys += convolution(f"{motion}mask", base + inputs, keypoints + 1, 7)
    keys += convolution(f"{motion}occlusion", base + inputs, 1, 7)
    keys += block("first.", 3, base, 7)
    for number in range(2):
        keys += block(f"down_blocks.{number}.", base << number, base << number + 1)
        keys += block(f"up_blocks.{number}.", base << 2 - number, base << 1 - number)
    for number in range(residuals):
        for half in (1, 2):
            keys += convolution(f"bottleneck.r{number}.conv{half}", 4 * base, 4 * base, 3)
            keys += batch_norm(f"bottleneck.r{number}.norm{half}", 4 * base)
    return [*keys, *convolution("final", base, 3, 7)]


def hourglass(prefix: str, inputs: int, base: int, most: int, blocks: int) -> Iterator[Key]:
    """Yield the keys of an hourglass."""
    widths = [inputs, *(min(most, base << number + 1) for number in range(blocks))]
    for number in range(blocks):
        yield from block(f"{prefix}encoder.down_blocks.{number}.", widths[number], widths[number + 1])
        level = blocks - number
        came = widths[level] if number == 0 else 2 * min(most, base << level)
        yield from block(f"{prefix}decoder.up_blocks.{number}.", came, min(most, base << level - 1))


def block(prefix: str, came: int, go: int, kernel: int = 3) -> Iterator[Key]:
    """Yield the keys of a convolution and its batch norm."""
    yield from convolution(f"{prefix}conv", came, go, kernel)
    yield from batch_norm(f"{prefix}norm", go)


def convolution(name: str, came: int, go: int, kernel: int) -> Iterator[Key]:
    """Yield the keys of a convolution."""
    yield f"{name}.weight", (go, came, kernel, kernel), "float32"
    yield f"{name}.bias", (go,), "float32"


def batch_norm(name: str, channels: int) -> Iterator[Key]:
    """Yield the keys of a batch norm."""
    for part in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{part}", (channels,), "float32"
    yield f"{name}.num_batches_tracked", (), "int64"


def write(path: Path, width: float = 1.0, blocks: int = 5, residuals: int = 6) -> Path:
    """Write a checkpoint with all that a loader looks at, and return its path; needs torch."""
    return save(path, path.name, {"generator": generator(width, blocks, residuals=residuals),
                             "kp_detector": detector(width, blocks)}, RULES)  # fmt: skip


def save(path: Path, salt: str, parts: dict[str, list[Key]], rules: Rules) -> Path:
    """Write filled parts as a torch file."""
    import torch

    tensors = {
        part: {key: torch.from_numpy(values.copy()) for key, values in fill(salt, part, keys, rules).items()}
        for part, keys in parts.items()
    }
    torch.save(tensors, path, _use_new_zipfile_serialization=False)
    return path
