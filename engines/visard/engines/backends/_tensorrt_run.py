"""Running what TensorRT compiled: addresses, shapes, graphs, and arrays of the host or the device."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any

import numpy as np

from visard.engines.backends._tensorrt_build import DTYPES, TensorRTPlan
from visard.engines.backends._tensorrt_log import TensorRTLog
from visard.engines.cache.files import BlobStore
from visard.engines.device import Device, DeviceArray, Graph, Stream, is_on_device, lost, take
from visard.engines.errors import EngineError
from visard.engines.interfaces import Array, Options, TensorSpec

_logger = logging.getLogger("visard.engines")
GRAPHS = 8
"""Graphs kept at most: one for every set of addresses the inputs were seen at."""
KEEP_AFTER = (1, 100)
"""Runs after which the kernels made so far are kept; for shapes that vary they are made one by one."""
_HOST = ("host",)
Shapes = tuple[tuple[int, ...], ...]


class BoundTensor:
    """An input or output with our own memory on both sides, which grows as shapes do."""

    def __init__(self, spec: TensorSpec, gpu: Device, stream: Stream) -> None:
        self.spec, self._gpu, self._stream = spec, gpu, stream
        self._fit(tuple(size or 1 for size in spec.shape))

    def _fit(self, shape: tuple[int, ...]) -> None:
        self._pinned = self._gpu.pinned(shape, self.spec.dtype)
        self._memory = self._gpu.empty(shape, self.spec.dtype, self._stream)
        self.host: Array = self._pinned
        self.device: DeviceArray = self._memory

    def reshape(self, shape: tuple[int, ...]) -> None:
        """Have arrays of this shape; the stream must be idle."""
        size = int(np.prod(shape))
        if size > self._pinned.size:
            self._fit(shape)
        self.host = self._pinned.reshape(-1)[:size].reshape(shape)
        self.device = self._memory.reshape(shape)


class TensorRTEngine:
    """A network on an NVIDIA GPU.

    Host arrays go through pinned memory. Device arrays are read where they are, on a stream that waits for
    theirs, and must stay as they are until the results, which come at once as device arrays, were waited for.
    """

    def __init__(
        self,
        library: Any,
        log: TensorRTLog,
        gpu: Device,
        plan: TensorRTPlan,
        options: Options,
        graphs: bool,
        kept: BlobStore | None,
        backend: str,
    ) -> None:
        self.backend, self.device, self.precision = backend, options.device, options.precision
        self._log, self._gpu, self._plan = log, gpu, plan
        log.clear()
        self._stream = gpu.stream()
        self._runtime = library.Runtime(log.logger)
        self._engine = self._runtime.deserialize_cuda_engine(plan.engine)
        if self._engine is None:
            raise EngineError(f"the plan does not fit this machine; compile it again: {log.complaints}")
        self._kernels = _Kernels(kept, plan) if kept else None
        self._context = self._make_context(library)
        if self._context is None:
            raise EngineError(f"no room or no way to run the plan here: {log.complaints}")
        self.inputs, self.outputs = map(tuple, (map(self._spec, plan.inputs), map(self._spec, plan.outputs)))
        self._static = all(None not in spec.shape for spec in self.inputs)
        self._in = [BoundTensor(spec, gpu, self._stream) for spec in self.inputs]
        self._shapes: Shapes | None = None
        self._prepare_outputs()
        self._graphs: OrderedDict[tuple[Any, ...], Graph | None] = OrderedDict()
        self._capturing = graphs and gpu.graphs and self._static
        self._using: list[DeviceArray] = []
        self._runs = 0

    def _make_context(self, library: Any) -> Any:
        if not self._kernels:
            return self._engine.create_execution_context()
        config = self._engine.create_runtime_config()
        self._kernels.attach(config)
        if self._plan.varies:  # it knows when its kernels for a shape are ready; fixed shapes we capture
            config.cuda_graph_strategy = library.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        return self._engine.create_execution_context(config)

    def _spec(self, name: str) -> TensorSpec:
        sizes: Iterable[int] = tuple(self._engine.get_tensor_shape(name))
        if name in self._plan.ranges:
            low, high = self._plan.ranges[name]
            sizes = (a if a == b else -1 for a, b in zip(low, high, strict=True))
        dtype = np.dtype(DTYPES[self._engine.get_tensor_dtype(name).name])
        return TensorSpec(name, dtype, tuple(None if size < 0 else size for size in sizes))

    def _prepare_outputs(self) -> None:
        """Make the outputs' memory; where the inputs' shapes are settled the outputs' are too."""
        self._out = []
        if self._static:
            self._set_shapes(tuple(t.host.shape for t in self._in))
            shapes = (tuple(self._context.get_tensor_shape(spec.name)) for spec in self.outputs)
            self.outputs = tuple(
                TensorSpec(spec.name, spec.dtype, shape)
                for spec, shape in zip(self.outputs, shapes, strict=True)
            )
        self._check_outputs()
        self._out = [BoundTensor(spec, self._gpu, self._stream) for spec in self.outputs]

    def _check_outputs(self) -> None:
        if self._static and (
            open_ := [s.name for s in self.outputs if any(n is not None and n < 0 for n in s.shape)]
        ):
            raise EngineError(f"how large {', '.join(open_)} gets depends on the data; that is not supported")

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """Run on arrays of the host or the device; raise DeviceLost when the GPU fails.

        Results on the host are overwritten by the next call.
        """
        if len(arrays) != len(self.inputs):
            raise EngineError(f"{len(arrays)} arrays given for {len(self.inputs)} inputs")
        with lost("running a network"):
            self._gpu.activate()
            on_device = any(map(is_on_device, arrays))
            results = self._on_device(arrays) if on_device else self._on_host(arrays)
            self._runs += 1
            if self._kernels and self._runs in KEEP_AFTER:
                self._kernels.keep()
        return results

    def _on_host(self, arrays: tuple[Array, ...]) -> tuple[Array, ...]:
        self._accept(arrays)
        for tensor, array in zip(self._in, arrays, strict=True):
            np.copyto(tensor.host, array)
        self._run(_HOST, self._round_trip)
        self._stream.sync()
        return tuple(tensor.host for tensor in self._out)

    def _round_trip(self) -> None:
        for tensor in self._in:
            self._gpu.upload(tensor.host, tensor.device, self._stream)
        self._execute([tensor.device for tensor in self._in])
        for tensor in self._out:
            self._gpu.download(tensor.device, tensor.host, self._stream)

    def _on_device(self, arrays: tuple[Any, ...]) -> tuple[DeviceArray, ...]:
        if not all(map(is_on_device, arrays)):
            self._stream.sync()  # an earlier call may still read what arrays of the host go through
        taken = [take(a, self._gpu, self._stream) if is_on_device(a) else a for a in arrays]
        self._accept(taken)
        for index, (tensor, array) in enumerate(zip(self._in, taken, strict=True)):
            if isinstance(array, np.ndarray):
                np.copyto(tensor.host, array)
                self._gpu.upload(tensor.host, tensor.device, self._stream)
                taken[index] = tensor.device
        self._using = taken  # another library must not reuse their memory yet
        self._run(tuple(array.pointer for array in taken), lambda: self._execute(taken))
        return tuple(tensor.device for tensor in self._out)

    def _accept(self, arrays: Iterable[Any]) -> None:
        """Check dtypes and shapes, and adapt to the shapes."""
        shapes = []
        for spec, array in zip(self.inputs, arrays, strict=True):
            shape = tuple(array.shape)
            low, high = self._plan.ranges.get(spec.name, (spec.shape, spec.shape))
            fits = len(shape) == len(spec.shape) and all(
                a <= n <= b for a, n, b in zip(low, shape, high, strict=True)
            )
            if array.dtype != spec.dtype or not fits:
                wanted = low if low == high else f"{low} to {high}"
                raise EngineError(f"{spec.name} takes {spec.dtype} {wanted}, not {array.dtype} {shape}")
            shapes.append(shape)
        if tuple(shapes) != self._shapes:
            self._stream.sync()
            self._set_shapes(tuple(shapes))

    def _set_shapes(self, shapes: Shapes) -> None:
        for tensor, shape in zip(self._in, shapes, strict=True):
            name = tensor.spec.name
            if name in self._plan.ranges and not self._context.set_input_shape(name, shape):
                raise EngineError(f"{name} cannot be {shape}: {self._log.complaints}")
            tensor.reshape(shape)
        if missing := self._context.infer_shapes():
            raise EngineError(f"the shapes of {', '.join(missing)} are not settled")
        for tensor in self._out:
            shape = tuple(self._context.get_tensor_shape(tensor.spec.name))
            if min(shape, default=0) < 0:
                raise EngineError(
                    f"how large {tensor.spec.name} gets depends on the data; that is not supported"
                )
            tensor.reshape(shape)
        self._shapes = shapes

    def _run(self, key: tuple[Any, ...], work: Callable[[], None]) -> None:
        """Do the work: the first time step by step, the second captured, from then on as a graph."""
        if self._capturing and key in self._graphs:
            graph = self._graphs[key] or self._capture(key, work)
            if graph:
                self._graphs.move_to_end(key)
                return graph()
        work()
        if self._capturing:
            self._graphs[key] = None
            while len(self._graphs) > GRAPHS:
                self._graphs.popitem(last=False)
        return None

    def _capture(self, key: tuple[Any, ...], work: Callable[[], None]) -> Graph | None:
        try:
            graph = self._graphs[key] = self._gpu.capture(self._stream, work)
        except Exception as error:  # some layers cannot be captured; the network itself runs
            _logger.warning("a network runs without a CUDA graph: %s", error)
            self._capturing = False
            return None
        return graph

    def _execute(self, inputs: list[DeviceArray]) -> None:
        addresses = zip((*self.inputs, *self.outputs), (*inputs, *(t.device for t in self._out)), strict=True)
        for spec, array in addresses:
            if not self._context.set_tensor_address(spec.name, array.pointer):
                raise EngineError(f"{spec.name} was not accepted: {self._log.complaints}")
        self._log.clear()
        if not self._context.execute_async_v3(self._stream.handle):
            raise RuntimeError(self._log.complaints)


class _Kernels:
    """The kernels TensorRT for RTX makes for this GPU when it first runs, kept for the next start."""

    def __init__(self, kept: BlobStore, plan: TensorRTPlan) -> None:
        self._kept, self._before = kept, b""
        self._name = f"kernels-{sha256(plan.engine).hexdigest()[:32]}"
        self._cache: Any = None

    def attach(self, config: Any) -> None:
        """Have kernels looked up and put here; what another GPU or version left is passed over."""
        self._cache = config.create_runtime_cache()
        self._before = self._kept.load(self._name)
        if self._before and not self._cache.deserialize(self._before):
            self._before = b""
        config.set_runtime_cache(self._cache)

    def keep(self) -> None:
        """Keep them, if there are new ones."""
        content = bytes(self._cache.serialize())
        if content != self._before:
            self._kept.save(self._name, content)
            self._before = content
