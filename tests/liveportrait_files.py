"""LivePortrait's files of any width, with weights made by a rule."""

import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from oracle_fill import Key, Rules, fill

RETARGETING = "stitching_retargeting_module"
STAGES = (3, 96), (3, 192), (9, 384), (3, 768)
"""Blocks and channels of the motion extractor."""
HEADS = {"kp": 63, "scale": 1, "pitch": 66, "yaw": 66, "roll": 66, "t": 3, "exp": 63}
CORRECTIONS = {
    "retarget_shoulder": (126, 128, 128, 64, 65),
    "retarget_mouth": (65, 128, 128, 64, 63),
    "retarget_eye": (66, 256, 256, 128, 128, 64, 63),
}


def _rule(match: str, kind: str, gain: float = 0.1, **more: float) -> Mapping[str, object]:
    return {"match": match, "kind": kind, "gain": gain, **more}


COMMON = (
    {"match": "num_batches_tracked$", "kind": "one_int64"},
    _rule("running_mean$", "bias"),
    _rule("running_var$", "var"),
)
RULES: Mapping[str, Rules] = {
    "appearance_feature_extractor": (
        *COMMON, _rule("bias$", "bias"), _rule(r"norm[0-9]*\.weight$", "scale"),
        _rule(r"resblocks_3d\..*conv2\.weight$", "weight", 0.5), _rule("weight$", "weight", 1.414214),
    ),
    "motion_extractor": (
        _rule(r"grn\.gamma$", "vector", 0.3), _rule(r"grn\.beta$", "vector"),
        _rule(r"fc_scale\.bias$", "at", 0.02, base=1.2), _rule(r"fc_scale\.weight$", "weight", 0.15),
        _rule(r"fc_(pitch|yaw|roll)\.bias$", "bias", 0.3),
        _rule(r"fc_(pitch|yaw|roll)\.weight$", "weight", 3.0),
        _rule(r"fc_kp\.bias$", "bias", 0.3), _rule(r"fc_kp\.weight$", "weight", 0.2),
        _rule(r"fc_exp\.bias$", "bias", 0.01), _rule(r"fc_exp\.weight$", "weight"),
        _rule(r"fc_t\.bias$", "bias", 0.02), _rule(r"fc_t\.weight$", "weight"),
        _rule("bias$", "bias"), _rule(r"stages.*dwconv\.weight$", "weight", 4.0),
        _rule(r"pwconv2\.weight$", "weight", 1.0), _rule("weight$", "by_rank", 1.414214),
    ),
    "warping_module": (
        *COMMON, _rule("bias$", "bias"), _rule(r"norm[0-9]*\.weight$", "scale"),
        _rule(r"dense_motion_network\.mask\.weight$", "weight", 5.0),
        _rule(r"dense_motion_network\.occlusion\.weight$", "weight", 4.0),
        _rule(r"fourth\.weight$", "weight", 1.0), _rule("weight$", "weight", 1.414214),
    ),
    "spade_generator": (
        _rule("bias$", "bias"), {"match": "weight_u$", "kind": "onehot0"},
        {"match": "weight_v$", "kind": "row0_of_weight_orig"},
        _rule(r"mlp_gamma\.weight$", "weight", 0.5), _rule(r"mlp_beta\.weight$", "weight", 0.7),
        _rule(r"conv_img\..*weight$", "weight", 0.7), _rule(r"weight(_orig)?$", "weight", 1.414214),
    ),
    RETARGETING: (
        _rule(r"/module\.mlp\.(6\.bias|10\.bias)$", "bias", 0.01), _rule("bias$", "bias"),
        _rule(r"^retarget_(shoulder|mouth)/.*mlp\.6\.weight$", "weight", 0.03),
        _rule(r"^retarget_eye/.*mlp\.10\.weight$", "weight", 0.03), _rule("weight$", "weight", 1.414214),
    ),
}  # fmt: skip
"""Like those of shared/oracles/liveportrait."""


def appearance(width: float = 1.0) -> Iterator[Key]:
    """Yield the keys of the appearance extractor, ``width`` times as wide as the published one."""
    base = round(64 * width)
    yield from block("first.", 3, base)
    for number in range(2):
        yield from block(f"down_blocks.{number}.", base << number, base << number + 1)
    yield from convolution("second", base << 2, 512, 1)
    for number in range(6 if width == 1 else 1):
        for half in (1, 2):
            yield from convolution(f"resblocks_3d.3dr{number}.conv{half}", 32, 32, 3, 3)
            yield from batch_norm(f"resblocks_3d.3dr{number}.norm{half}", 32)


def motion(width: float = 1.0) -> Iterator[Key]:
    """Yield the keys of the motion extractor."""
    came = 3
    for stage, (blocks, channels) in enumerate(STAGES):
        go, layer = round(channels * width), f"detector.downsample_layers.{stage}"
        yield from convolution(f"{layer}.{int(stage > 0)}", came, go, 4 if stage == 0 else 2)
        yield from _pair(f"{layer}.{int(stage == 0)}", go if stage == 0 else came)
        for number in range(blocks if width == 1 else 1):
            yield from _convnext(f"detector.stages.{stage}.{number}.", go)
        came = go
    yield from _pair("detector.norm", came)
    for name, numbers in HEADS.items():
        yield from linear(f"detector.fc_{name}", came, numbers)


def _convnext(prefix: str, channels: int) -> Iterator[Key]:
    yield f"{prefix}dwconv.weight", (channels, 1, 7, 7), "float32"
    yield f"{prefix}dwconv.bias", (channels,), "float32"
    yield from _pair(f"{prefix}norm", channels)
    yield from linear(f"{prefix}pwconv1", channels, 4 * channels)
    for name in ("gamma", "beta"):
        yield f"{prefix}grn.{name}", (1, 1, 1, 4 * channels), "float32"
    yield from linear(f"{prefix}pwconv2", 4 * channels, channels)


def warping(width: float = 1.0) -> Iterator[Key]:
    """Yield the keys of the warping module."""
    prefix, base, inputs = "dense_motion_network.", round(32 * width), 110
    widths = [inputs, *(base << step + 1 for step in range(5 if width == 1 else 2))]
    last = len(widths) - 1
    for number in range(last):
        yield from block(
            f"{prefix}hourglass.encoder.down_blocks.{number}.", *widths[number : number + 2], axes=3
        )
        came, go = base << last - number, base << last - number - 1
        came *= 1 if number == 0 else 2
        yield from block(f"{prefix}hourglass.decoder.up_blocks.{number}.", came, go, axes=3)
    yield from convolution(
        f"{prefix}hourglass.decoder.conv", base + inputs, base + inputs, 3 if width == 1 else 1, 3
    )
    yield from batch_norm(f"{prefix}hourglass.decoder.norm", base + inputs)
    yield from convolution(f"{prefix}mask", base + inputs, 22, 7 if width == 1 else 1, 3)
    yield from convolution(f"{prefix}compress", 32, 4, 1, 3)
    yield from batch_norm(f"{prefix}norm", 4)
    yield from convolution(f"{prefix}occlusion", (base + inputs) * 16, 1, 7 if width == 1 else 3)
    features = round(256 * width)
    yield from block("third.", 512, features)
    yield from convolution("fourth", features, features, 1)


def generator(width: float = 1.0) -> Iterator[Key]:
    """Yield the keys of the generator."""
    features, base = round(256 * width), round(512 * width)
    yield from convolution("fc", features, base, 3)
    sizes = [(f"G_middle_{number}", base, base) for number in range(6 if width == 1 else 1)]
    for name, came, go in [*sizes, ("up_0", base, base // 2), ("up_1", base // 2, base // 8)]:
        for number, (a, b) in enumerate(((came, min(came, go)), (min(came, go), go))):
            yield f"{name}.conv_{number}.bias", (b,), "float32"
            yield from _spectral(f"{name}.conv_{number}", a, b, 3)
            yield from _modulation(f"{name}.norm_{number}", features, a, round(128 * width))
        if came != go:
            yield from _spectral(f"{name}.conv_s", came, go, 1)
            yield from _modulation(f"{name}.norm_s", features, came, round(128 * width))
    yield from convolution("conv_img.0", base // 8, 12, 3)


def _spectral(name: str, came: int, go: int, taps: int) -> Iterator[Key]:
    yield f"{name}.weight_orig", (go, came, taps, taps), "float32"
    yield f"{name}.weight_u", (go,), "float32"
    yield f"{name}.weight_v", (came * taps * taps,), "float32"


def _modulation(name: str, features: int, channels: int, hidden: int) -> Iterator[Key]:
    yield from convolution(f"{name}.mlp_shared.0", features, hidden, 3)
    for each in ("gamma", "beta"):
        yield from convolution(f"{name}.mlp_{each}", hidden, channels, 3)


def corrections() -> Iterator[Key]:
    """Yield the keys of the retargeting file, its parts before a slash."""
    for part, widths in CORRECTIONS.items():
        for number, (came, go) in enumerate(pairwise(widths)):
            yield from linear(f"{part}/module.mlp.{2 * number}", came, go)


def block(prefix: str, came: int, go: int, axes: int = 2) -> Iterator[Key]:
    """Yield the keys of a 3-tap convolution and its batch norm."""
    yield from convolution(f"{prefix}conv", came, go, 3, axes)
    yield from batch_norm(f"{prefix}norm", go)


def convolution(name: str, came: int, go: int, taps: int, axes: int = 2) -> Iterator[Key]:
    """Yield the keys of a convolution."""
    yield f"{name}.weight", (go, came, *[taps] * axes), "float32"
    yield f"{name}.bias", (go,), "float32"


def linear(name: str, came: int, go: int) -> Iterator[Key]:
    """Yield the keys of a linear layer."""
    yield from convolution(name, came, go, 0, 0)


def _pair(name: str, channels: int) -> Iterator[Key]:
    for part in ("weight", "bias"):
        yield f"{name}.{part}", (channels,), "float32"


def batch_norm(name: str, channels: int) -> Iterator[Key]:
    """Yield the keys of a batch norm."""
    for part in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{part}", (channels,), "float32"
    yield f"{name}.num_batches_tracked", (), "int64"


def write(folder: Path, width: float = 1.0) -> Path:
    """Write the five files with all that a loader looks at, and return the folder; needs torch."""
    parts = {
        "appearance_feature_extractor": list(appearance(width)),
        "motion_extractor": list(motion(width)),
        "warping_module": list(warping(width)),
        "spade_generator": list(generator(width)),
        RETARGETING: list(corrections()),
    }
    return save(folder, "liveportrait", parts, RULES)


def published(oracles: Path) -> tuple[dict[str, list[Key]], Mapping[str, Rules]]:
    """Return keys and rules of the original files, by part."""
    parts: dict[str, list[Key]] = {}
    for name, keys in json.loads((oracles / "keys.json").read_text()).items():
        file, _, inner = name.partition("#")
        prefix = f"{inner}/" if inner else ""
        rows = [(f"{prefix}{key}", shape, dtype) for key, shape, dtype in keys]
        parts.setdefault(file.removesuffix(".pth"), []).extend(rows)
    return parts, json.loads((oracles / "fill_rules.json").read_text())


def save(folder: Path, salt: str, parts: Mapping[str, list[Key]], rules: Mapping[str, Rules]) -> Path:
    """Write filled parts as torch files; what is before a slash in a key is a dict of its own."""
    import torch

    for part, keys in parts.items():
        content: dict[str, object] = {}
        for key, values in fill(salt, part, keys, rules[part]).items():
            inner, _, last = key.rpartition("/")
            place = content.setdefault(inner, {}) if inner else content
            assert isinstance(place, dict)
            place[last] = torch.from_numpy(values.copy())
        torch.save(content, folder / f"{part}.pth")
    return folder


def step_inputs(files: Path) -> tuple[np.ndarray, ...]:
    """Return what the step graph is given for a portrait and a driver of noise; needs torch."""
    import torch

    from visard.models.animate.liveportrait.controls import CONTROLS
    from visard.models.animate.liveportrait.export import modules

    portrait, driver = np.random.default_rng(3).integers(0, 256, (2, 1, 256, 256, 3), np.uint8)
    with torch.inference_mode():
        state = [each.numpy() for each in modules(files)[0](torch.from_numpy(portrait), torch.zeros(1, 1))]
    sizes = (1, 21, 3), (1, len(CONTROLS)), (1, 5)
    return (driver, *state, *state[5:9], *(np.ones(size, np.float32) for size in sizes))
