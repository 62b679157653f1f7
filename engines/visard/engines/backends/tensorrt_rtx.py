"""TensorRT for RTX: compiles without a GPU for all RTX cards, and makes the kernels when it first runs."""

from visard.engines.backends._tensorrt import Flavour, TensorRTBackend


class TensorRTRtx(TensorRTBackend):
    """TensorRT for RTX."""

    flavour = Flavour(
        name="tensorrt_rtx",
        title="TensorRT for RTX",
        rank=2,
        modules=("tensorrt_rtx", "tensorrt_rtx_bindings"),
        extra="rtx",
        compiles_anywhere=True,
        keeps_timings=False,
        keeps_kernels=True,
        samples_volumes=True,
    )


backend = TensorRTRtx()
