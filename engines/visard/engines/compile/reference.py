"""The reference: what a network makes of its inputs on ONNX Runtime, on the processor, in fp32."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from visard.engines import inputs
from visard.engines.accuracy import ReferenceResults, finite
from visard.engines.errors import EngineError, NoNumbers
from visard.engines.interfaces import Engine, Range, Samples


def compute_reference(
    model: Path, samples: Samples | None = None, ranges: Sequence[Range] = (), threads: int = 1
) -> ReferenceResults:
    """Run a file on ONNX Runtime, on the processor, in fp32.

    Without samples they are made up. Raises NoNumbers when the results are none, and EngineError
    when the samples do not fit. A file that ONNX Runtime does not take has no reference.
    """
    from visard.engines.backends.onnxruntime import backend

    try:
        engine = backend.read(model, threads)
    except EngineError as error:
        why = "OpenVINO's own format has no other reader" if model.suffix == ".xml" else str(error)
        return ReferenceResults(
            [] if samples is None else inputs.within(samples), None, f"no reference: {why}"
        )
    if samples is not None:
        inputs.check(samples, engine.inputs)
        return _run(model, engine, inputs.within(samples))
    return _run_on_guesses(model, engine, ranges)


def _run_on_guesses(model: Path, engine: Engine, ranges: Sequence[Range]) -> ReferenceResults:
    sizes = inputs.GUESSES if inputs.open_sizes(engine.inputs, ranges) else inputs.GUESSES[:1]
    failure: EngineError | None = None
    for size in sizes:
        samples = inputs.made_up(engine.inputs, ranges, size)
        try:
            return _run(model, engine, samples)
        except NoNumbers:
            raise
        except EngineError as error:
            failure = failure or error
    return ReferenceResults(
        [], None, f"no reference: made-up inputs do not suit it, give samples ({failure})"
    )


def _run(model: Path, engine: Engine, samples: Samples) -> ReferenceResults:
    """Keep the samples with finite results: a made-up one may lie where a network is not defined."""
    kept, outputs, failure = [], [], None
    for sample in samples:
        try:
            results = tuple(np.array(output) for output in engine(*sample))
        except EngineError as error:
            failure = failure or error
            continue
        if all(map(finite, results)):
            kept.append(sample)
            outputs.append(results)
        else:
            failure = NoNumbers(f"{model.name}: its own results are no numbers in fp32; export it again")
    if failure and not kept:
        raise failure
    return ReferenceResults(kept, tuple(outputs))
