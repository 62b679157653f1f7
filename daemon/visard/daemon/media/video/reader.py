"""Read any video file."""

import itertools
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar, cast

import cv2
import numpy as np

from visard.daemon.errors import SourceUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.media.video.frame_image import FrameConverter
from visard.models.face import Image
from visard.models.picture_file import MAX_PIXELS

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

P = TypeVar("P")

_OPTIONS = {"protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}
TICK = Fraction(1, 90_000)
"""The unit of time, in seconds, where a file has none of its own."""
_RUN_UP = 5.0
"""Seconds before a part at which decoding begins: not every container finds the key frame before it."""


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a film is meant, in seconds of its own clock."""

    start: float = 0.0
    end: float = float("inf")

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise SourceUnavailable(f"{self} is nothing; the end must be after the start")

    def __str__(self) -> str:
        return f"from {self.start:g} s" + (f" to {self.end:g} s" if self.end < float("inf") else "")

    def __contains__(self, seconds: float) -> bool:
        return self.start - 1e-6 <= seconds < self.end - 1e-6


WHOLE = Part()


def open_input(path: Path) -> "InputContainer":
    """Open a media file for reading; nothing but local files is ever touched. Raises SourceUnavailable."""
    import av

    if path.is_dir():
        raise SourceUnavailable(f"{path} is a folder, not a video")
    if not path.is_file():  # a pipe or a device would be waited for
        raise SourceUnavailable(f"there is no file at {path}")
    try:
        return av.open(str(path.resolve()), options=_OPTIONS, metadata_errors="replace")
    except PermissionError as error:
        raise SourceUnavailable(f"{path} may not be read by this user") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise SourceUnavailable(
            f"{path.name} is not a video that can be read: it is broken or cut off"
        ) from error


class VideoReader:
    """Pictures of a video file, or of a part of it, with their times from its beginning; iterate once.

    They are as players show them: turned and mirrored as the file's metadata says, in square pixels, HDR as
    on an ordinary screen. Damaged parts and a broken tail are left out.
    """

    def __init__(self, path: Path, part: Part = WHOLE) -> None:
        self.path = path
        self.part = part
        self._container = open_input(path)
        try:
            self._stream = self._video_stream()
            self._zero = float(_clock(self._container))
            self._convert = FrameConverter(self._stream.sample_aspect_ratio)
            self._frames = self._decode()
            self._first = self._first_frame()
        except BaseException:
            self._container.close()
            raise
        height, width = self._first[0].shape[:2]
        self.format = Format(width, height, float(self._rate()), live=False)

    @property
    def length(self) -> int | None:
        """About how many pictures there are; None when the file does not tell."""
        duration = self._container.duration
        if self.part == WHOLE and self._stream.frames:
            return self._stream.frames
        seconds = min(self.part.end, (duration or 0) / 1e6) - self.part.start
        return round(seconds * self.format.fps) if duration else None

    @property
    def first(self) -> float:
        """When the first picture is shown, seconds."""
        return self._first[1]

    @property
    def time_base(self) -> Fraction:
        """The file's own unit of time in seconds."""
        return self._stream.time_base or TICK

    @property
    def origin(self) -> Fraction:
        """Where the file's clock is at the beginning, seconds; streams cut from a broadcast start anyhow."""
        return _clock(self._container) + Fraction(self.part.start).limit_denominator(1_000_000)

    def __iter__(self) -> Iterator[tuple[Image, float]]:
        """Yield each picture and its time in seconds, which never goes back."""
        height, width = self.format.height, self.format.width
        for image, seconds in itertools.chain([self._first], self._frames):
            if image.shape[:2] != (height, width):  # the resolution may change within a stream
                image = np.asarray(cv2.resize(image, (width, height)), np.uint8)  # noqa: PLW2901
            yield image, seconds

    def close(self) -> None:
        """Close the file; calling it twice is fine."""
        self._frames.close()
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _video_stream(self) -> "VideoStream":
        stream = cast("VideoStream | None", self._container.streams.best("video"))
        if stream is None or stream.codec_context is None:
            raise SourceUnavailable(f"{self.path.name} holds no video")
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        stream.thread_type = "AUTO"
        stream.thread_count = 2  # more gains nothing at 720p and takes cores from the networks
        return stream

    def _first_frame(self) -> tuple[Image, float]:
        first = next(self._frames, None)
        if first is None:
            where = "" if self.part == WHOLE else f" {self.part}"
            raise SourceUnavailable(
                f"{self.path.name} holds no picture that can be read{where}{self._lasts()}"
            )
        return first

    def _lasts(self) -> str:
        seconds = (self._container.duration or 0) / 1e6
        return f"; it lasts {seconds:.3f} s" if 0 < seconds <= self.part.start else ""

    def _rate(self) -> Fraction:
        rates = (self._stream.average_rate, self._stream.guessed_rate)
        return next((rate for rate in rates if rate and 1 <= rate <= 240), Fraction(30))

    def _decode(self) -> Generator[tuple[Image, float], None, None]:
        last, start = -1.0, self.part.start
        for frame in self._from_before():
            seconds = last + float(1 / self._rate()) if last >= 0 else 0.0
            if (told := self._time(frame)) is not None:
                seconds = max(last, told)
            last = seconds
            if seconds >= self.part.end - 1e-6:
                return
            if seconds in self.part:
                yield self._convert(frame), seconds - start

    def _from_before(self) -> Iterator["VideoFrame"]:
        """Yield frames from somewhere before the part, where need be from the very first."""
        if seek(self._container, self.part):
            frames = self._raw()
            first = next(frames, None)
            if first is not None and (self._time(first) or 0.0) <= self.part.start:
                yield first
                yield from frames
                return
            self._container.close()
            self._container = open_input(self.path)
            self._stream = self._video_stream()
        yield from self._raw()

    def _time(self, frame: "VideoFrame") -> float | None:
        """Return when it is shown, seconds from the beginning of the file."""
        if frame.pts is None or frame.time_base is None:
            return None
        return float(frame.pts * frame.time_base) - self._zero

    def _raw(self) -> Iterator["VideoFrame"]:
        import av

        for packet in readable(self._container.demux(self._stream)):
            with suppress(av.FFmpegError):  # one damaged packet
                yield from packet.decode()


def readable(packets: Iterator[P]) -> Iterator[P]:
    """Yield packets up to where the file is cut off."""
    import av

    with suppress(av.FFmpegError):
        yield from packets


def seek(container: "InputContainer", part: Part) -> bool:
    """Go to somewhere before a part, mostly; false where it is read from its beginning."""
    import av

    if part.start > _RUN_UP:
        with suppress(av.FFmpegError):
            container.seek(round((float(_clock(container)) + part.start - _RUN_UP) * 1_000_000))
            return True
    return False


def _clock(container: "InputContainer") -> Fraction:
    return max(Fraction(0), Fraction(container.start_time or 0, 1_000_000))
