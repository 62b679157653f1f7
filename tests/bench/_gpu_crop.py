"""The face crop as a kernel compiled at run time, for tests/bench/gpu.py."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from _gpu_prepare import HEIGHT, SIDE, WIDTH

if TYPE_CHECKING:
    from visard.engines.device import Device, DeviceArray, Stream

KERNEL = r"""
extern "C" __global__
void crop(const unsigned char* frame, int height, int width, const float* back, float* out, int side)
{
    int u = blockIdx.x * blockDim.x + threadIdx.x, v = blockIdx.y * blockDim.y + threadIdx.y;
    if (u >= side || v >= side) return;
    float x = back[0] * u + back[1] * v + back[2], y = back[3] * u + back[4] * v + back[5];
    int left = (int)floorf(x), top = (int)floorf(y);
    float right = x - left, down = y - top, blue = 0, green = 0, red = 0;
    for (int corner = 0; corner < 4; ++corner) {
        int column = left + (corner & 1), row = top + (corner >> 1);
        if (column < 0 || row < 0 || column >= width || row >= height) continue;
        float weight = ((corner & 1) ? right : 1 - right) * ((corner >> 1) ? down : 1 - down);
        const unsigned char* pixel = frame + 3 * (row * width + column);
        blue += weight * pixel[0]; green += weight * pixel[1]; red += weight * pixel[2];
    }
    float* place = out + 3 * (v * side + u);
    place[0] = red / 255.0f; place[1] = green / 255.0f; place[2] = blue / 255.0f;
}
"""


def compiled(arch: str) -> Any:
    """Return the kernel compiled for a GPU such as ``sm_89``; needs no GPU, but NVRTC."""
    core = import_module("cuda.core")
    return core.Program(KERNEL, "c++", core.ProgramOptions(std="c++17", arch=arch)).compile("cubin")


class Crop:
    """From a frame in pinned memory to a crop [1, 256, 256, 3] on the device."""

    def __init__(self, gpu: "Device", stream: "Stream") -> None:
        self._core, self._gpu, self.stream = import_module("cuda.core"), gpu, stream
        self._launches = self._core.Stream.from_handle(stream.handle)
        major, minor = gpu.properties.capability
        self._kernel = compiled(f"sm_{major}{minor}").get_kernel("crop")
        self._hosts = gpu.pinned((HEIGHT, WIDTH, 3), np.uint8), gpu.pinned((6,), np.float32)
        self._devices = tuple(gpu.empty(host.shape, host.dtype, stream) for host in self._hosts)
        self.target: DeviceArray = gpu.empty((1, SIDE, SIDE, 3), np.float32, stream)

    def load(self, frame: npt.NDArray[Any], back: npt.NDArray[Any]) -> None:
        self._hosts[0][...], self._hosts[1][...] = frame, back.ravel()
        self.upload()

    def upload(self) -> None:
        for host, device in zip(self._hosts, self._devices, strict=True):
            self._gpu.upload(host, device, self.stream)

    def enqueue(self) -> None:
        frame, back, target = (np.uint64(a.pointer) for a in (*self._devices, self.target))
        sizes = np.int32(HEIGHT), np.int32(WIDTH)
        grid = self._core.LaunchConfig(grid=(SIDE // 32, SIDE // 8), block=(32, 8))
        self._core.launch(self._launches, grid, self._kernel, frame, *sizes, back, target, np.int32(SIDE))
