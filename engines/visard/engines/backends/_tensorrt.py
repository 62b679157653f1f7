"""TensorRT in both of its flavours, which share nearly all of their interface."""

import sys
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Protocol

from visard.engines import device
from visard.engines.backends._tensorrt_build import TensorRTBuild, TensorRTPlan
from visard.engines.backends._tensorrt_log import TensorRTLog
from visard.engines.backends._tensorrt_run import TensorRTEngine
from visard.engines.cache.files import BlobStore
from visard.engines.errors import BackendUnavailable
from visard.engines.interfaces import Options, Precision, Report


@dataclass(frozen=True, slots=True)
class Flavour:
    """What differs between TensorRT and TensorRT for RTX."""

    name: str
    title: str
    rank: int
    modules: tuple[str, ...]
    """Names to import it by, the usual one first."""
    extra: str
    """What to install: visard[extra]."""
    compiles_anywhere: bool
    """It needs no GPU to compile, and can compile for another one."""
    keeps_timings: bool
    """It measures kernels while compiling and wants the measurements back."""
    keeps_kernels: bool
    """It makes kernels while running and wants them back."""
    samples_volumes: bool
    """It has GridSample with three dimensions."""


class Gpus(Protocol):
    """Where GPUs come from: the module ``device``, unless a test brings its own."""

    def unavailable(self) -> str | None:
        """Return why there is none."""
        ...

    def count(self) -> int:
        """Return how many there are."""
        ...

    def open_device(self, index: int) -> device.Device:
        """Return one."""
        ...


class TensorRTBackend:
    """A backend; its device is ``cuda:N``, or ``sm_86`` and so on to compile for GPUs that are not here."""

    flavour: ClassVar[Flavour]
    instant = False
    written = frozenset({Precision.fp16, Precision.mixed, Precision.bf16})

    def __init__(
        self,
        graphs: bool = True,
        gpus: Gpus = device,
        kept: BlobStore | None = None,
    ) -> None:
        self.name, self.rank = self.flavour.name, self.flavour.rank
        self._graphs, self._gpus = graphs, gpus
        self._chosen = kept

    @cached_property
    def _library(self) -> Any:
        reasons = []
        for name in self.flavour.modules:
            try:
                return import_module(name)
            except (ImportError, OSError) as error:  # OSError: the wheel is here, its libraries are not
                reasons.append(" ".join(str(error).split()))
        raise BackendUnavailable(f"{'; '.join(reasons)}; install visard[{self.flavour.extra}]")

    @cached_property
    def _log(self) -> TensorRTLog:
        return TensorRTLog(self._library)  # one for all: the library keeps the first it is given

    @cached_property
    def _kept(self) -> BlobStore:
        if self._chosen:
            return self._chosen
        from visard.engines.cache import cache

        return BlobStore(cache.default() / "kept")

    def cannot_compile(self) -> str | None:
        """Return why it cannot even compile here, or None when it can, be it for a GPU elsewhere."""
        try:
            _ = self._library
        except BackendUnavailable as error:
            return str(error)
        return None if self.flavour.compiles_anywhere else self._gpus.unavailable()

    def unavailable(self) -> str | None:
        """Say why it cannot run networks here, if so; without a GPU the large library stays unloaded."""
        reason = self._gpus.unavailable()
        if not reason or not any(map(_installed, self.flavour.modules)):
            return self.cannot_compile()
        return f"it compiles but cannot run here: {reason}" if self.flavour.compiles_anywhere else reason

    def version(self) -> str:
        """Return the library's version."""
        return str(self._library.__version__)

    def devices(self) -> tuple[str, ...]:
        """Return the NVIDIA GPUs."""
        return tuple(f"cuda:{index}" for index in range(self._gpus.count()))

    def fingerprint(self, device: str) -> str:
        """Return name, capability and driver of the GPU; ``any`` where none is and all are compiled for."""
        gpu = self._device(device)
        if gpu is None:
            return "any" if device.startswith("cuda") else device
        is_ = gpu.properties
        return f"{is_.name} {is_.capability[0]}.{is_.capability[1]} driver {is_.driver}"

    def precisions(self, device: str) -> tuple[Precision, ...]:
        """Return fp16, then ever safer ones."""
        return Precision.fp16, Precision.mixed, Precision.fp32

    def _device(self, name: str) -> device.Device | None:
        """Return a GPU; None when none is here and compiling needs none."""
        if self.flavour.compiles_anywhere and name.startswith("sm_"):
            return None
        index = device.index_of(name)
        try:
            return self._gpus.open_device(index)
        except BackendUnavailable:
            if self.flavour.compiles_anywhere:
                return None
            raise

    def compile(self, model: Path, options: Options, report: Report) -> bytes:
        """Compile an ONNX file with its precision as written; raise ModelRefused with the node and why.

        After one failed, TensorRT for RTX 1.7 refuses others that are right: use a process for each.
        """
        gpu = self._device(options.device)
        if gpu:
            with device.lost("starting to compile"):
                gpu.activate()
        build = TensorRTBuild(self._library, self._log, self.flavour.title, options)
        build.read(model, report, self.flavour.samples_volumes)
        if self.flavour.compiles_anywhere:
            build.aim(gpu.properties.capability if gpu else None, options.device)
        timings = self._kept if self.flavour.keeps_timings else None
        return build.run(report, timings, self.fingerprint(options.device)).pack(self.name, self.version())

    def open(self, plan: bytes, options: Options) -> TensorRTEngine:
        """Return a compiled network ready to run; raise EngineError when it does not fit this machine."""
        opened = TensorRTPlan.unpack(plan, self.name, self.version())
        gpu = self._gpus.open_device(device.index_of(options.device))
        kept = self._kept if self.flavour.keeps_kernels else None
        with device.lost("loading a network"):
            gpu.activate()
            return TensorRTEngine(
                self._library, self._log, gpu, opened, options, self._graphs, kept, self.name
            )


def _installed(module: str) -> bool:
    return sys.modules[module] is not None if module in sys.modules else find_spec(module) is not None
