"""A decoded frame as the picture that players show: upright, in square pixels and the colours of BT.709."""

import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np

from visard.daemon.media.video import tone_map
from visard.models.face import Image
from visard.models.picture_file import MAX_PIXELS

if TYPE_CHECKING:
    from av.filter import Graph
    from av.video.frame import VideoFrame

BT709, UNSPECIFIED, BT601, BT2020 = 1, 2, 6, 9
"""Matrices from RGB, by ITU-T H.273."""
_WIDEST = 4
"""Pixels that are more oblong than this are a mistake of whoever wrote the file."""


def usual_matrix(width: int, height: int) -> int:
    """Return which matrix a picture of this size has where nothing else is said: HD is BT.709, SD BT.601."""
    return BT709 if width >= 1280 or height > 576 else BT601


class FrameConverter:
    """Makes pictures of the frames of one stream, whose pixels are ``aspect`` times as wide as high."""

    def __init__(self, aspect: Fraction | None) -> None:
        self._aspect = aspect or Fraction(1)
        self._orientation: _Orientation | None = None
        self._graph: tuple[tuple[object, ...], Graph] | None = None

    def __call__(self, frame: "VideoFrame") -> Image:
        """Return a new BGR picture."""
        hdr = frame.color_trc in (tone_map.PQ, tone_map.HLG)
        if frame.colorspace == UNSPECIFIED:
            frame.colorspace = BT2020 if hdr else usual_matrix(frame.width, frame.height)
        width, height = self._square(frame.width, frame.height)
        if tone_map.wanted(frame.color_trc, frame.color_primaries):
            image = self._mapped(frame, width, height)
        else:  # one thread: starting more costs more than it saves
            kept = (width, height) == (frame.width, frame.height)
            size: dict[str, Any] = {} if kept else {"width": width, "height": height}
            image = cast(Image, frame.to_ndarray(format="bgr24", threads=1, **size))
        if frame.key_frame or self._orientation is None:
            self._orientation = _Orientation.of(frame)
        return self._orientation(image)

    def _square(self, width: int, height: int) -> tuple[int, int]:
        """Return the size in square pixels, no side smaller than before."""
        aspect = self._aspect
        if aspect == 1 or not 1 / _WIDEST <= aspect <= _WIDEST:
            return width, height
        wide = (
            (2 * round(width * aspect / 2), height) if aspect > 1 else (width, 2 * round(height / aspect / 2))
        )
        return wide if wide[0] * wide[1] <= MAX_PIXELS else (width, height)

    def _mapped(self, frame: "VideoFrame", width: int, height: int) -> Image:
        key = (frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range,
               frame.color_trc, frame.color_primaries)  # fmt: skip
        if self._graph is None or self._graph[0] != key:
            self._graph = key, _tone_mapping(frame, width, height)
        graph = self._graph[1]
        graph.push(frame)
        return cast(Image, cast("VideoFrame", graph.pull()).to_ndarray())


def _tone_mapping(frame: "VideoFrame", width: int, height: int) -> "Graph":
    """Return filters that take frames like this one and give BGR."""
    from av.filter import Graph

    graph = Graph()
    with TemporaryDirectory(prefix="visard-") as folder:
        table = Path(folder) / "table.cube"
        tone_map.write_table(table, frame.color_trc, frame.color_primaries)
        chain = [
            graph.add(
                "buffer",
                f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000"
                f":colorspace={int(frame.colorspace)}:range={int(frame.color_range)}",
            ),
            graph.add("scale", f"{width}:{height}"),
            graph.add("format", "gbrp16le"),
            graph.add("lut3d", f"file={table}"),
            graph.add("format", "bgr24"),
            graph.add("buffersink"),
        ]
        graph.link_nodes(*chain).configure()
    return graph


@dataclass(frozen=True, slots=True)
class _Orientation:
    """One of the eight ways in which a picture may lie: transposed first, then mirrored."""

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    @classmethod
    def of(cls, frame: "VideoFrame") -> "_Orientation":
        """Return what the file's display matrix says, to the nearest way."""
        from av.sidedata.sidedata import Type

        told: Any = frame.side_data
        if Type.DISPLAYMATRIX not in told:
            return cls()
        a, b, _, c, d, *_ = struct.unpack("9i", bytes(told[Type.DISPLAYMATRIX]))
        return cls(True, c < 0, b < 0) if abs(b) > abs(a) else cls(False, a < 0, d < 0)

    def __call__(self, image: Image) -> Image:
        """Return the picture as it is to be seen."""
        if self.transposed:
            image = np.asarray(cv2.transpose(image), np.uint8)
        if self.mirrored or self.flipped:
            axis = -1 if self.mirrored and self.flipped else 1 if self.mirrored else 0
            image = np.asarray(cv2.flip(image, axis), np.uint8)
        return np.ascontiguousarray(image)
