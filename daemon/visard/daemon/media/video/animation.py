"""Animated pictures (GIF, WebP, APNG, AVIF) as films without sound."""

import struct
from collections.abc import Generator, Iterator
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Self

from visard.daemon.errors import PictureUnreadable, SourceUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.media.video.part import PartFile
from visard.daemon.media.video.reader import WHOLE, Part, VideoReader
from visard.models.face import Image
from visard.models.picture_file import animation, read_animation

_CHUNK = struct.Struct("<4sI")


class AnimationReader:
    """Pictures of an animated picture, or of a part of it, with their times; iterate once."""

    def __init__(self, path: Path, part: Part = WHOLE) -> None:
        self.path = path
        self.part = part
        self.time_base, self.origin = Fraction(1, 1000), Fraction(0)
        told = animation(path)
        self.loop = told.loop if told else None
        lasting: list[float] = []
        try:
            for image, seconds in read_animation(path):
                height, width = image.shape[:2]
                lasting.append(seconds)
        except PictureUnreadable as error:
            raise SourceUnavailable(str(error)) from error
        shown = zip(accumulate(lasting, initial=0.0), lasting, strict=False)
        kept = [(start, seconds) for start, seconds in shown if start in part]
        if not kept:
            raise SourceUnavailable(f"{path.name} holds no picture {part}; it lasts {sum(lasting):g} s")
        self.length = len(kept)
        self.first = kept[0][0] - part.start
        """When the first picture is shown, seconds."""
        self.end = min(sum(kept[-1]), part.end) - part.start
        """When the last picture ends, seconds."""
        self.shown_last = self.end - (kept[-1][0] - part.start)
        """How long the last picture is shown, seconds."""
        rate = min(max(len(lasting) / sum(lasting), 1.0), 100.0)
        self.format = Format(width, height, rate, live=False)
        self._frames: Generator[tuple[Image, float], None, None] = read_animation(path)

    def __iter__(self) -> Iterator[tuple[Image, float]]:
        """Yield each picture and its time in seconds."""
        start = 0.0
        for image, seconds in self._frames:
            if start in self.part:
                yield image, start - self.part.start
            start += seconds

    def close(self) -> None:
        """Close the file; calling it twice is fine."""
        self._frames.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


Film = VideoReader | AnimationReader


def open_film(path: Path, part: Part = WHOLE) -> Film:
    """Open a video file or an animated picture, or a part of it. Raises SourceUnavailable."""
    return AnimationReader(path, part) if animation(path) else VideoReader(path, part)


def set_webp_end(file: PartFile, seconds: float) -> None:
    """Have the last picture of a WebP shown until ``seconds``; the encoder knows nothing but averages."""
    place, shown, last = 12, 0, None
    while len(head := file.read_at(place, _CHUNK.size)) == _CHUNK.size:
        kind, size = _CHUNK.unpack(head)
        if kind == b"ANMF":
            if last is not None:
                shown += int.from_bytes(file.read_at(last, 3), "little")
            last = place + _CHUNK.size + 12  # after place and size of the picture
        place += _CHUNK.size + size + size % 2
    if last is not None:
        file.seek(last)
        file.write(max(1, round(seconds * 1000) - shown).to_bytes(3, "little"))
