"""Whether an engine computes what the network says: its outputs beside those of the fp32 reference."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from visard.engines import inputs
from visard.engines.interfaces import Array, Engine, Precision, Samples

Outputs = tuple[tuple[Array, ...], ...]
"""For every sample the outputs in the network's order."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far results may be from the reference."""

    cosine: float
    """Least cosine between an output and its reference, all samples as one vector."""
    psnr: float
    """Least peak signal to noise ratio in dB; the peak is the reference's range."""
    equal: float
    """Least part of whole numbers and truth values that are the same."""


LIMITS = {
    # Other orders of adding up and TF32's ten bits: 50 dB is a third of a grey level.
    Precision.fp32: Limits(0.9999, 50, 0.99),
    # Eleven bits through a hundred layers leave 45 to 70 dB; what overflows or vanishes is below 20.
    Precision.fp16: Limits(0.999, 35, 0.97),
    Precision.mixed: Limits(0.999, 35, 0.97),
    # Eight bits: 30 to 45 dB, seen on networks whose pictures look the same.
    Precision.bf16: Limits(0.998, 28, 0.95),
}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of a check; the numbers are those of the worst output."""

    ok: bool
    reason: str = ""
    """What is wrong, or why less than usual was looked at."""
    cosine: float | None = None
    psnr: float | None = None
    """In dB, infinite when equal."""


@dataclass(frozen=True, slots=True)
class ReferenceResults:
    """Samples and what the network makes of them in fp32; ``outputs`` is None where nothing can tell."""

    samples: Samples
    outputs: Outputs | None
    reason: str = ""
    """Why there are no outputs."""

    def to_bytes(self) -> bytes:
        """Return it as npz."""
        return inputs.to_bytes({"sample": self.samples, "output": self.outputs or ()})

    @classmethod
    def from_bytes(cls, content: bytes, reason: str = "") -> "ReferenceResults":
        """Read it back; it has no outputs where there is a reason."""
        outputs = None if reason else tuple(inputs.from_bytes(content, "output"))
        return cls(inputs.from_bytes(content, "sample"), outputs, reason)


def check(
    engine: Engine,
    outputs: Outputs | None,
    samples: Samples,
    limits: Limits,
    *,
    seconds: float | None = None,
) -> CheckResult:
    """Run an engine on samples and compare; without reference outputs only look whether they are numbers.

    With ``seconds`` no new sample is begun after that time. What the engine raises is raised.
    """
    samples = samples or inputs.made_up(engine.inputs, (), inputs.GUESSES[0])[:1]
    begun, ours = time.monotonic(), []
    for sample in samples:
        ours.append(tuple(np.array(output) for output in engine(*sample)))
        if seconds is not None and time.monotonic() - begun > seconds:
            break
    if outputs is None:
        return next((v for index, _ in enumerate(ours[0]) if (v := _sane(ours, index))), CheckResult(True))
    return compare(ours, outputs[: len(ours)], [spec.name for spec in engine.outputs], limits)


def compare(
    ours: Sequence[tuple[Array, ...]], theirs: Outputs, names: Sequence[str], limits: Limits
) -> CheckResult:
    """Judge outputs beside the reference's, both for the same samples; ``names`` are the outputs'."""
    if {len(row) for row in ours} != {len(theirs[0])}:
        return CheckResult(False, f"{len(ours[0])} outputs instead of {len(theirs[0])}")
    results = [_compare(ours, theirs, i, name, limits) for i, name in enumerate(names)]
    return min(results, key=lambda result: (result.ok, _order(result.psnr), _order(result.cosine)))


def _order(number: float | None) -> float:
    return float("-inf") if number is None else number


def finite(array: Array) -> bool:
    """Whether all of an array are numbers."""
    return not np.issubdtype(array.dtype, np.inexact) or bool(np.isfinite(array).all())


def _sane(ours: Sequence[tuple[Array, ...]], index: int) -> CheckResult | None:
    return _not_numbers(np.concatenate([row[index].ravel() for row in ours]), f"output {index}")


def _not_numbers(values: Array, name: str) -> CheckResult | None:
    if finite(values):
        return None
    bad = np.count_nonzero(~np.isfinite(values))
    return CheckResult(False, f"{name}: {bad} of {values.size} are no numbers")


def _compare(
    ours: Sequence[tuple[Array, ...]],
    theirs: Sequence[tuple[Array, ...]],
    index: int,
    name: str,
    limits: Limits,
) -> CheckResult:
    for mine, right in zip(ours, theirs, strict=True):
        if mine[index].shape != right[index].shape:
            return CheckResult(False, f"{name}: shape {mine[index].shape} instead of {right[index].shape}")
        if mine[index].dtype != right[index].dtype:
            return CheckResult(False, f"{name}: {mine[index].dtype} instead of {right[index].dtype}")
    is_, should = (np.concatenate([row[index].ravel() for row in rows]) for rows in (ours, theirs))
    if not is_.size:
        return CheckResult(True)
    if not np.issubdtype(should.dtype, np.inexact) and should.dtype != np.uint8:  # bytes are a picture
        same = float(np.mean(is_ == should))
        return CheckResult(
            same >= limits.equal, "" if same >= limits.equal else f"{name}: {same:.0%} are equal"
        )
    return _not_numbers(is_, name) or _close(is_.astype(float), should.astype(float), name, limits)


def _close(is_: Array, should: Array, name: str, limits: Limits) -> CheckResult:
    cosine, psnr = _cosine(is_, should), _psnr(is_, should)
    if cosine >= limits.cosine and psnr >= limits.psnr:
        return CheckResult(True, "", cosine, psnr)
    what = "far from the reference"
    if np.ptp(is_) == 0 and np.ptp(should):
        what = f"all {'zeros' if is_[0] == 0 else 'the same number'}"
    needs = f"(needs {limits.cosine} and {limits.psnr:g} dB)"
    return CheckResult(False, f"{name}: {what}: cosine {cosine:.4f}, {psnr:.1f} dB {needs}", cosine, psnr)


def _cosine(is_: Array, should: Array) -> float:
    lengths = float(np.linalg.norm(is_) * np.linalg.norm(should))
    if lengths == 0:
        return 1.0 if np.array_equal(is_, should) or np.abs(is_ - should).max() < 1e-6 else 0.0
    return float(is_ @ should) / lengths


def _psnr(is_: Array, should: Array) -> float:
    """The range counts from 0, so that a score that is nearly the same for all samples has one."""
    peak = max(float(np.ptp(should)), float(np.abs(should).max()), 1e-6)
    error = float(np.mean((is_ - should) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(peak**2 / error))
