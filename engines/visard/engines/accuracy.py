"""Whether an engine computes what the network says: its outputs beside those of the fp32 reference."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visard.engines import inputs
from visard.engines.errors import EngineError, NoNumbers
from visard.engines.interfaces import Array, Engine, Precision, Range, Samples

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
    # Eight bits with a scale for each tensor; 22 dB is where pictures begin to look different.
    Precision.int8: Limits(0.99, 22, 0.9),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a check; the numbers are those of the worst output."""

    ok: bool
    reason: str = ""
    """What is wrong, or why less than usual was looked at."""
    cosine: float | None = None
    psnr: float | None = None
    """In dB, infinite when equal."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Samples and what the network makes of them in fp32; ``outputs`` is None where nothing can tell."""

    samples: Samples
    outputs: Outputs | None
    reason: str = ""
    """Why there are no outputs."""

    def to_bytes(self) -> bytes:
        """Return it as npz."""
        return inputs.to_bytes({"sample": self.samples, "output": self.outputs or ()})

    @classmethod
    def from_bytes(cls, content: bytes, reason: str = "") -> "Reference":
        """Read it back; it has no outputs where there is a reason."""
        outputs = None if reason else tuple(inputs.from_bytes(content, "output"))
        return cls(inputs.from_bytes(content, "sample"), outputs, reason)


def reference(
    model: Path, samples: Samples | None = None, ranges: Sequence[Range] = (), threads: int = 1
) -> Reference:
    """Run a file on ONNX Runtime, on the processor, in fp32.

    Without samples they are made up. Raises NoNumbers when the results are none, and EngineError
    when the samples do not fit. A file that ONNX Runtime does not take has no reference.
    """
    from visard.engines.backends.onnxruntime import backend

    try:
        engine = backend.read(model, threads)
    except EngineError as error:
        why = "OpenVINO's own format has no other reader" if model.suffix == ".xml" else str(error)
        return Reference([] if samples is None else inputs.within(samples), None, f"no reference: {why}")
    if samples is not None:
        inputs.check(samples, engine.inputs)
        return _ran(model, engine, inputs.within(samples))
    return _ran_on_guesses(model, engine, ranges)


def _ran_on_guesses(model: Path, engine: Engine, ranges: Sequence[Range]) -> Reference:
    sizes = inputs.GUESSES if inputs.open_sizes(engine.inputs, ranges) else inputs.GUESSES[:1]
    failure: EngineError | None = None
    for size in sizes:
        samples = inputs.made_up(engine.inputs, ranges, size)
        try:
            return _ran(model, engine, samples)
        except NoNumbers:
            raise
        except EngineError as error:
            failure = failure or error
    return Reference([], None, f"no reference: made-up inputs do not suit it, give samples ({failure})")


def _ran(model: Path, engine: Engine, samples: Samples) -> Reference:
    """Keep the samples with finite results: a made-up one may lie where a network is not defined."""
    kept, outputs, failure = [], [], None
    for sample in samples:
        try:
            results = tuple(np.array(output) for output in engine(*sample))
        except EngineError as error:
            failure = failure or error
            continue
        if all(map(_finite, results)):
            kept.append(sample)
            outputs.append(results)
        else:
            failure = NoNumbers(f"{model.name}: its own results are no numbers in fp32; export it again")
    if failure and not kept:
        raise failure
    return Reference(kept, tuple(outputs))


def check(
    engine: Engine,
    outputs: Outputs | None,
    samples: Samples,
    limits: Limits,
    *,
    seconds: float | None = None,
) -> Verdict:
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
        return next((v for index, _ in enumerate(ours[0]) if (v := _sane(ours, index))), Verdict(True))
    if {len(row) for row in ours} != {len(outputs[0])}:
        return Verdict(False, f"{len(ours[0])} outputs instead of {len(outputs[0])}")
    theirs = outputs[: len(ours)]
    verdicts = [_compare(ours, theirs, i, spec.name, limits) for i, spec in enumerate(engine.outputs)]
    return min(verdicts, key=lambda v: (v.ok, _order(v.psnr), _order(v.cosine)))


def _order(number: float | None) -> float:
    return float("-inf") if number is None else number


def _finite(array: Array) -> bool:
    return not np.issubdtype(array.dtype, np.inexact) or bool(np.isfinite(array).all())


def _sane(ours: Sequence[tuple[Array, ...]], index: int) -> Verdict | None:
    return _not_numbers(np.concatenate([row[index].ravel() for row in ours]), f"output {index}")


def _not_numbers(values: Array, name: str) -> Verdict | None:
    if _finite(values):
        return None
    bad = np.count_nonzero(~np.isfinite(values))
    return Verdict(False, f"{name}: {bad} of {values.size} are no numbers")


def _compare(
    ours: Sequence[tuple[Array, ...]],
    theirs: Sequence[tuple[Array, ...]],
    index: int,
    name: str,
    limits: Limits,
) -> Verdict:
    for mine, right in zip(ours, theirs, strict=True):
        if mine[index].shape != right[index].shape:
            return Verdict(False, f"{name}: shape {mine[index].shape} instead of {right[index].shape}")
        if mine[index].dtype != right[index].dtype:
            return Verdict(False, f"{name}: {mine[index].dtype} instead of {right[index].dtype}")
    is_, should = (np.concatenate([row[index].ravel() for row in rows]) for rows in (ours, theirs))
    if not is_.size:
        return Verdict(True)
    if not np.issubdtype(should.dtype, np.inexact):
        same = float(np.mean(is_ == should))
        return Verdict(same >= limits.equal, "" if same >= limits.equal else f"{name}: {same:.0%} are equal")
    return _not_numbers(is_, name) or _close(is_.astype(float), should.astype(float), name, limits)


def _close(is_: Array, should: Array, name: str, limits: Limits) -> Verdict:
    cosine, psnr = _cosine(is_, should), _psnr(is_, should)
    if cosine >= limits.cosine and psnr >= limits.psnr:
        return Verdict(True, "", cosine, psnr)
    what = "far from the reference"
    if np.ptp(is_) == 0 and np.ptp(should):
        what = f"all {'zeros' if is_[0] == 0 else 'the same number'}"
    needs = f"(needs {limits.cosine} and {limits.psnr:g} dB)"
    return Verdict(False, f"{name}: {what}: cosine {cosine:.4f}, {psnr:.1f} dB {needs}", cosine, psnr)


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
