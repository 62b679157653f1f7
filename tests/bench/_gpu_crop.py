"""Frames, face crops and their kernel, and ONNX Runtime as the reference, for tests/bench/gpu.py."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from _gpu_memory import Gpu, Outputs, Pair

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "models/visard/models/assets"
NETWORKS = sorted(ASSETS.glob("*.onnx"))
LANDMARKS = ASSETS / "mp_face_landmarks_v2_478.onnx"
HEIGHT, WIDTH, SIDE = 720, 1280, 256
SAMPLES = 4
sys.path.append(str(ROOT / "models"))  # so that it runs where Visard is not installed
Image = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]

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


def scene(seed: int) -> tuple[Image, Matrix]:
    """Return a frame, BGR [720, 1280, 3], with a portrait if Pillow is here, and its map to a crop."""
    from visard.models.track.region import Region

    rng = np.random.default_rng(seed)
    frame = np.kron(rng.integers(0, 256, (45, 80, 3), np.uint8), np.ones((16, 16, 1), np.uint8))
    pictures = sorted(ROOT.glob("daemon/visard/daemon/personas_shipped/*/picture.jpg"))
    try:
        from PIL import Image as Pictures

        picture = Pictures.open(pictures[seed % len(pictures)]).convert("RGB").resize((512, 512))
        frame[104:616, 384:896] = np.asarray(picture)[..., ::-1]
    except ImportError:
        pass
    region = Region(640 + rng.uniform(-40, 40), 360, rng.uniform(380, 900), rng.uniform(-0.4, 0.4))
    return frame, region.matrix(SIDE)


def inverse(matrix: Matrix) -> Matrix:
    return np.linalg.inv(np.vstack([matrix, (0, 0, 1)]))[:2]


def crop(frame: Image, matrix: Matrix) -> Floats:
    """Return the exact bilinear crop, RGB 0..1, [256, 256, 3]; black outside the frame."""
    back = inverse(matrix)
    v, u = np.mgrid[:SIDE, :SIDE]
    padded = np.pad(frame, ((1, 1), (1, 1), (0, 0))).astype(np.float64)
    x = np.clip(back[0, 0] * u + back[0, 1] * v + back[0, 2] + 1, 0, WIDTH + 1)
    y = np.clip(back[1, 0] * u + back[1, 1] * v + back[1, 2] + 1, 0, HEIGHT + 1)
    i, j = np.minimum(x.astype(int), WIDTH), np.minimum(y.astype(int), HEIGHT)
    fx, fy = (x - i)[..., None], (y - j)[..., None]
    above = padded[j, i] * (1 - fx) + padded[j, i + 1] * fx
    below = padded[j + 1, i] * (1 - fx) + padded[j + 1, i + 1] * fx
    return np.asarray((above * (1 - fy) + below * fy)[..., ::-1] / 255, np.float32)


def session(network: Path, *providers: str) -> Any:
    ort = import_module("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(network), options, providers=list(providers or ["CPUExecutionProvider"]))


def evaluate(network: Any, tensor: Floats) -> Outputs:
    names = [output.name for output in network.get_outputs()]
    return dict(zip(names, network.run(names, {network.get_inputs()[0].name: tensor}), strict=True))


def samples(network: Path) -> list[Floats]:
    """Return inputs like those in use: crops, -1..1 for detectors, and landmarks for the blendshapes."""
    crops = [crop(*scene(seed))[None] for seed in range(SAMPLES)]
    shape = session(network).get_inputs()[0].shape
    if len(shape) == 3:
        places = session(LANDMARKS)
        return [evaluate(places, c)["Identity"].reshape(1, 478, 3)[:, : shape[1], :2].copy() for c in crops]
    pick = np.linspace(0, SIDE - 1, shape[1]).round().astype(int)
    low = -1 if "detect" in network.stem else 0
    return [np.ascontiguousarray(c[:, pick][:, :, pick] * (1 - low) + low) for c in crops]


class Crop:
    """The face crop as a kernel compiled at run time, from device memory to device memory."""

    def __init__(self, gpu: Gpu, target: Pair) -> None:
        self._gpu, self._start = gpu, gpu.kernel(KERNEL, "crop")
        self._frame, self._back = gpu.pair((HEIGHT, WIDTH, 3), np.uint8), gpu.pair((6,), np.float32)
        frame, size = np.uint64(self._frame.pointer), (np.int32(HEIGHT), np.int32(WIDTH))
        self._arguments = (
            frame,
            *size,
            np.uint64(self._back.pointer),
            np.uint64(target.pointer),
            np.int32(SIDE),
        )

    def load(self, frame: Image, matrix: Matrix) -> None:
        self._frame.host[...], self._back.host[...] = frame, inverse(matrix).ravel()
        self.upload()

    def upload(self) -> None:
        self._gpu.push(self._frame)
        self._gpu.push(self._back)

    def enqueue(self) -> None:
        self._start((SIDE // 32, SIDE // 8), (32, 8), *self._arguments)
