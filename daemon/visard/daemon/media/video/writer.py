"""Write H.264 or VP9 with the sound and the timing of an original; a kill leaves what plays, or nothing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import cv2
import numpy as np

from visard.daemon.errors import SinkError, SinkUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.media.video.audio import AudioCodecs, AudioTrack
from visard.daemon.media.video.part import PartFile
from visard.daemon.media.video.reader import TICK, VideoReader
from visard.models.face import Image

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


@dataclass(frozen=True, slots=True)
class _Container:
    """How a file of one suffix is written."""

    video: str
    sound: AudioCodecs
    offline: dict[str, str]
    """Encoder options when nobody waits for the next picture."""
    live: dict[str, str]
    """Encoder options when the pictures come from a camera."""
    format: str
    """FFmpeg's name of the container."""
    muxer: dict[str, str]


FRAGMENT_MS = 500
"""Milliseconds of video that are written at a time."""

# Without B-frames a picture's time is also its place in the file, so an interrupted file keeps its timing.
_H264 = {"bf": "0"}
_EVERYWHERE = frozenset({"aac", "ac3", "alac", "eac3", "mp3"})
_PCM = frozenset({"pcm_f32le", "pcm_s16be", "pcm_s16le", "pcm_s24le"})
_VP9 = {"row-mt": "1", "b": "0"}
_MP4 = _Container(
    video="libx264",
    sound=AudioCodecs("aac", _EVERYWHERE | {"flac", "opus"}),
    offline=_H264 | {"preset": "veryfast", "crf": "18"},
    live=_H264 | {"preset": "ultrafast", "crf": "20"},
    format="mp4",
    # Playable while it is being written, an ordinary file once it is closed.
    muxer={
        "movflags": "hybrid_fragmented+delay_moov+frag_keyframe",
        "frag_duration": str(FRAGMENT_MS * 1000),
        "flush_packets": "1",
    },
)
_MOV = replace(_MP4, sound=AudioCodecs("aac", _EVERYWHERE | _PCM), format="mov")
_CLUSTERS = {"cluster_time_limit": str(FRAGMENT_MS), "flush_packets": "1"}
_MKV = replace(
    _MP4,
    sound=AudioCodecs("aac", _EVERYWHERE | _PCM | {"flac", "opus", "vorbis"}),
    format="matroska",
    muxer=_CLUSTERS,
)
_WEBM = _Container(
    video="libvpx-vp9",
    sound=AudioCodecs("libopus", frozenset({"opus", "vorbis"})),
    offline=_VP9 | {"deadline": "good", "cpu-used": "5", "crf": "24"},
    live=_VP9 | {"deadline": "realtime", "cpu-used": "8", "crf": "28"},
    format="webm",
    muxer=_CLUSTERS,
)
CONTAINERS = {".mp4": _MP4, ".mov": _MOV, ".mkv": _MKV, ".webm": _WEBM}


class VideoWriter:
    """Writes pictures into a video file that appears at ``path`` when it is finished.

    Until then it grows beside it as ``NAME.partN.SUFFIX``, which plays at every moment: a kill takes no more
    than FRAGMENT_MS of video and the pictures that the encoder still holds, some dozens. Before the first
    pictures are written there is no file at all (PartFile says where that may fail). With ``original`` the
    sound of that file is taken along, as it is where the container allows. As a context manager it finishes
    the file, keeps what there is after Ctrl-C, and leaves nothing behind after an error.
    """

    def __init__(self, path: Path, format: Format, *, original: VideoReader | None = None) -> None:  # noqa: A002
        self.path = Path(os.path.realpath(path))
        self._fps = Fraction(format.fps).limit_denominator(1001)
        self._tick = original.time_base if original else TICK
        self._last: int | None = None
        self._open = True
        self._audio: AudioTrack | None = None
        container = _container(self.path)
        if original and self.path.exists() and self.path.samefile(original.path):
            raise SinkUnavailable(f"{path} is the file being read; choose another name for the result")
        self._part = PartFile(self.path)
        self._start(container, format, original)

    def write(self, image: Image, seconds: float | None = None) -> None:
        """Append a BGR picture shown at ``seconds``, or one frame after the last. Raises SinkError."""
        if not self._open:
            raise SinkError(f"{self.path.name} is closed")
        ticks = self._ticks(seconds)
        with self._failing():
            frame = _to_frame(image)
            frame.pts, frame.time_base, frame.duration = ticks, self._tick, self._period
            self._output.mux(self._stream.encode(frame))
            self._last = ticks
            if self._audio:
                self._audio.mux_until(float(ticks * self._tick))
            self._part.appear_with_pictures()

    def finish(self) -> None:
        """Add the rest of the sound and close."""
        if self._open and self._audio:
            with self._failing():
                self._audio.mux_until(None)
        self.close()

    def close(self) -> None:
        """Put the file with what was written so far in its place; twice is fine. Raises SinkError."""
        if not self._open:
            return
        if self._last is None:
            self.discard()
            return
        with self._failing():
            self._output.mux(self._stream.encode(None))
            if self._audio:
                self._audio.flush()
            self._output.close()
            self._part.finish()
        self._release()

    def discard(self) -> None:
        """Close and leave nothing behind; calling it twice is fine."""
        import av

        if not self._open:
            return
        self._release()
        with suppress(av.FFmpegError, OSError, ValueError):
            self._output.close()
        self._part.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.finish()
        elif issubclass(kind, Exception):
            self.discard()
        else:  # Ctrl-C and the like: the person wants what there is
            self.close()

    def _release(self) -> None:
        self._open = False
        if self._audio:
            self._audio.close()

    @property
    def _period(self) -> int:
        return max(1, round(1 / self._fps / self._tick))

    def _ticks(self, seconds: float | None) -> int:
        earliest = 0 if self._last is None else self._last + 1
        if seconds is None:
            return 0 if self._last is None else self._last + self._period
        return max(earliest, round(seconds / self._tick))

    def _start(self, container: _Container, format: Format, original: VideoReader | None) -> None:  # noqa: A002
        import av

        self._output: OutputContainer = av.open(
            self._part, "w", format=container.format, container_options=container.muxer
        )
        with self._failing():
            options = container.live if format.live else container.offline
            stream = self._output.add_stream(container.video, rate=self._fps, options=dict(options))
            self._stream = cast("VideoStream", stream)
            self._configure(self._stream.codec_context, format)
            if original:
                self._audio = AudioTrack(original, self._output, container.sound)
            self._output.start_encoding()
            self._part.header_written()

    def _configure(self, codec: Any, format: Format) -> None:  # noqa: A002
        codec.width, codec.height = format.width + format.width % 2, format.height + format.height % 2
        codec.pix_fmt, codec.time_base = "yuv420p", self._tick
        codec.gop_size = max(1, round(2 * format.fps))
        # What OpenCV converts to, BT.601 of limited range; a player would take a large picture for BT.709.
        codec.colorspace, codec.color_range, codec.color_primaries, codec.color_trc = 6, 1, 1, 1

    @contextmanager
    def _failing(self) -> Iterator[None]:
        import av

        try:
            yield
        except (av.FFmpegError, OSError, ValueError) as error:
            self.discard()
            reason = getattr(error, "strerror", None) or str(error)
            raise SinkError(f"{self.path} cannot be written: {reason}; nothing was kept of it") from error


def _container(path: Path) -> _Container:
    try:
        return CONTAINERS[path.suffix.lower()]
    except KeyError:
        choices = ", ".join(CONTAINERS)
        raise SinkUnavailable(f"{path.name}: a video file's name must end in one of {choices}") from None


def _to_frame(image: Image) -> "VideoFrame":
    """Convert BGR to the encoder's planes; chroma has half size, so an odd edge is doubled."""
    import av

    height, width = image.shape[:2]
    if height % 2 or width % 2:
        border = cv2.BORDER_REPLICATE
        image = np.asarray(cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, border), np.uint8)
    planes = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), np.uint8)
    return av.VideoFrame.from_ndarray(planes, format="yuv420p")
