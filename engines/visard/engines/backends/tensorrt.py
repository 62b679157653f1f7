"""TensorRT: NVIDIA's compiler for data-centre and consumer GPUs, 10.16 to 11; it compiles on the GPU."""

from visard.engines.backends._tensorrt import Flavour, TensorRTBackend


class TensorRT(TensorRTBackend):
    """TensorRT."""

    flavour = Flavour(
        name="tensorrt",
        title="TensorRT",
        rank=1,
        modules=("tensorrt", "tensorrt_bindings"),
        extra="tensorrt",
        compiles_anywhere=False,
        keeps_timings=True,
        keeps_kernels=False,
        samples_volumes=False,
    )


backend = TensorRT()
