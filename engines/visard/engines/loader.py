"""The one door: a model file in, the best engine for this machine out."""

from pathlib import Path

from visard.engines.cache.cache import Cache
from visard.engines.errors import EngineError
from visard.engines.interfaces import Precision, Range, Samples
from visard.engines.runtime.candidates import Candidate, ladder, stopgap
from visard.engines.runtime.candidates import precision as precision_of
from visard.engines.runtime.managed import Served
from visard.engines.runtime.opener import Supply


def load(  # noqa: PLR0913 - all but the model are named
    model: Path,
    device: str = "auto",
    precision: Precision | str = "auto",
    *,
    backend: str = "auto",
    threads: int = 1,
    samples: Samples | None = None,
    wait: bool = True,
    cache: Cache | None = None,
    ranges: tuple[Range, ...] = (),
) -> Served:
    """Return an engine that was checked against the network's own results in fp32.

    Without ``wait`` the first that is ready serves at once, and better ones take over as they are compiled.
    ``samples`` calibrate int8 and are what is checked with; they are made up otherwise. Raises
    BackendUnavailable when what was named is not here, ModelRefused when nothing takes the network,
    EngineError with every reason otherwise.
    """
    if not model.is_file():
        raise EngineError(f"{model} is missing; reinstall Visard to restore it")
    candidates = ladder(backend, device, precision_of(precision))
    if not wait:
        candidates += stopgap(candidates)
    supply = Supply(model, cache or Cache(), threads=threads, ranges=ranges, samples=samples)
    served = Served(candidates, supply)
    served.start(None if wait else _at_once(candidates, supply))
    return served


def _at_once(candidates: list[Candidate], supply: Supply) -> list[int]:
    """Return what can serve without a long compilation: what is compiled, ONNX Runtime, what is quick."""
    everything = range(len(candidates))
    compiled = [i for i in everything if supply.at_hand(candidates[i])]
    quick = [i for i in everything if candidates[i].backend.instant and i not in compiled]
    quick.sort(key=lambda i: (candidates[i].backend.name != "onnxruntime", candidates[i].device != "cpu"))
    return [*compiled, *quick]
