"""Inputs for a network from a clip, pictures or a file of arrays: what int8 is fitted to."""

import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np

from visard.daemon.diagnostics.network_files import Network
from visard.daemon.errors import EngineError
from visard.daemon.media.video import VideoReader
from visard.daemon.sources import find_source
from visard.engines import Array, TensorSpec
from visard.engines.interfaces import Range
from visard.models.bundled import TRACKED, watched
from visard.models.face import Image
from visard.models.portrait import read_picture

MOST = 64
"""Samples."""
STEP = 5
"""One of so many frames of a clip is taken."""
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})


def samples(network: Network, source: str, ranges: tuple[Range, ...] = ()) -> list[tuple[Array, ...]]:
    """Return inputs made from ``source``: a video, a picture, a folder of pictures, ``demo``, or an npz file.

    A network of the tracker gets what the tracker gives it; others get whole pictures, RGB, 0 to 1.
    Raises EngineError when nothing can be made of it, and what reading raises.
    """
    if source.endswith(".npz"):
        return _arrays(network, Path(source))
    images = itertools.islice(_images(source), MOST)
    if network.name in TRACKED:
        found = watched(network.name, images, MOST)
        if not found:
            raise EngineError(f"no face was found in {source}, and {network.name} works on faces")
        return found
    layout = _Layout(network, ranges)
    return [(layout(image),) for image in images]


def _images(source: str) -> Iterator[Image]:
    path = Path(source).expanduser()
    if path.is_dir():
        pictures = sorted(each for each in path.iterdir() if each.suffix.lower() in PICTURES)
        if not pictures:
            raise EngineError(f"{source} holds no pictures")
        yield from map(read_picture, pictures)
    elif path.suffix.lower() in PICTURES:
        yield read_picture(path)
    elif path.exists() or path.suffix:
        with VideoReader(path) as reader:
            for image, _ in itertools.islice(reader, 0, None, STEP):
                yield image
    else:
        yield from _played(source)


def _played(source: str) -> Iterator[Image]:
    """Yield frames of a source such as ``demo``."""
    with closing(find_source(source).open(source, loop=True, paced=False)) as playing:
        for number in itertools.count():
            image = playing.read()
            if number % STEP == 0:
                yield image


class _Layout:
    """Puts pictures into the one input of a network that takes pictures."""

    def __init__(self, network: Network, ranges: tuple[Range, ...]) -> None:
        spec, *others = network.inputs
        shape = next((each.usual for each in ranges if each.name == spec.name), spec.shape)
        colours = [axis for axis in (1, len(shape) - 1) if len(shape) == 4 and shape[axis] in (1, 3)]
        if others or not colours or None in shape[1:]:
            told = ", ".join(f"{each.name} {each.shape}" for each in network.inputs)
            raise EngineError(
                f"pictures cannot be put into {network.name} ({told}); calibrate it with an npz file "
                "that holds an array of samples for each input"
            )
        self._spec, self._first = spec, colours[0] == 1
        sizes = [size or 1 for size in shape]
        self._batch = sizes[0]
        self._channels, self._size = (
            sizes[colours[0]],
            (sizes[3], sizes[2]) if self._first else (sizes[2], sizes[1]),
        )

    def __call__(self, image: Image) -> Array:
        small = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA)
        colour = cv2.COLOR_BGR2RGB if self._channels == 3 else cv2.COLOR_BGR2GRAY
        picture = np.atleast_3d(cv2.cvtColor(small, colour)).astype(np.float32) / 255
        picture = picture.transpose(2, 0, 1) if self._first else picture
        return np.repeat(picture[None], self._batch, 0).astype(self._spec.dtype)


def _arrays(network: Network, path: Path) -> list[tuple[Array, ...]]:
    """Read an array [samples, ...] for each input, by name."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError) as error:
        raise EngineError(f"{path} is no npz file with plain arrays ({error})") from error
    missing = [spec.name for spec in network.inputs if spec.name not in arrays]
    if missing:
        raise EngineError(f"{path} lacks {', '.join(missing)}; it holds {', '.join(arrays) or 'nothing'}")
    columns = [_column(spec, arrays[spec.name], path) for spec in network.inputs]
    if len({len(column) for column in columns}) != 1:
        raise EngineError(f"{path} holds different numbers of samples for its arrays")
    return list(zip(*columns, strict=True))[:MOST]


def _column(spec: TensorSpec, array: Array, path: Path) -> list[Array]:
    fits = array.ndim == len(spec.shape) + 1 and all(
        want in (None, size) for want, size in zip(spec.shape, array.shape[1:], strict=True)
    )
    if not fits or not len(array):
        raise EngineError(f"{path}: {spec.name} has shape {array.shape}, not [samples, {spec.shape}]")
    return list(array.astype(spec.dtype))
