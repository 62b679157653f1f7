"""Write films with the sound, subtitles and timing of an original; a kill leaves what plays, or nothing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from visard.daemon.errors import SinkError, SinkUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.media.video.animation import AnimationReader, Film, set_webp_end
from visard.daemon.media.video.containers import CODECS, Container, codec_for, container_for
from visard.daemon.media.video.encoder_input import FrameMaker
from visard.daemon.media.video.frame_image import usual_matrix
from visard.daemon.media.video.part import PartFile
from visard.daemon.media.video.reader import TICK, VideoReader
from visard.daemon.media.video.scheduling import leave_real_time
from visard.daemon.media.video.tracks import Tracks
from visard.daemon.media.video.unfinished import Resumable, packets_until
from visard.models.face import Image

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream


class VideoWriter:
    """Writes pictures into a video file that appears at ``path`` when it is finished.

    Until then it grows beside it as ``NAME.partN.SUFFIX``, which plays at every moment: a kill takes no more
    than FRAGMENT_MS of video and the pictures that the encoder still holds, some dozens. Before the first
    pictures are written there is no file at all (PartFile says where that may fail), nor of a WebP before
    the last. With ``original`` sound, subtitles, languages, titles and chapters of that file are taken along,
    as they are where the container allows; of an animated picture how often it is repeated. ``codec`` and
    ``quality`` are as containers.py describes them. As a context manager it finishes the file, keeps what
    there is after Ctrl-C, and leaves nothing behind after an error. One that is ``resumable`` goes on after
    what it takes over, and is at ``path`` only when it is whole: Ctrl-C and errors leave what a kill does.
    """

    def __init__(
        self,
        path: Path,
        format: Format,  # noqa: A002
        *,
        original: Film | None = None,
        codec: str | None = None,
        quality: int | None = None,
        resumable: Resumable | None = None,
    ) -> None:
        self.path = Path(os.path.realpath(path))
        container = container_for(self.path)
        self._name = codec_for(self.path, codec)
        self._codec = CODECS[self._name]
        self._quality = quality
        self._fps = Fraction(format.fps).limit_denominator(1001)
        clock = self._codec.clock
        self._tick = Fraction(1, clock) if clock else original.time_base if original else TICK
        self._original = original
        self._last: int | None = None
        self._encoding = False
        self._open = True
        self._whole = False
        self._tracks: Tracks | None = None
        if original and self.path.exists() and self.path.samefile(original.path):
            raise SinkUnavailable(f"{path} is the file being read; choose another name for the result")
        self._part = PartFile(self.path, resumable)
        self._start(container, format)
        if resumable and resumable.replaces and resumable.until:
            self._take_over(resumable.replaces, resumable.until)

    def write(self, image: Image, seconds: float | None = None) -> None:
        """Append a BGR picture shown at ``seconds``, or one frame after the last. Raises SinkError."""
        if not self._open:
            raise SinkError(f"{self.path.name} is closed")
        ticks = self._ticks(seconds)
        if self._last is not None and ticks < self._last + self._codec.shortest:
            return
        with self._failing():
            frame = self._make_frame(image)
            frame.pts, frame.time_base, frame.duration = ticks, self._tick, self._period
            packets = self._stream.encode(frame)
            if not self._encoding:
                leave_real_time()
                self._encoding = True
            self._output.mux(packets)
            self._last = ticks
            if self._tracks:
                self._tracks.mux_until(float(ticks * self._tick))
            self._part.appear_with_pictures()

    @property
    def kept(self) -> Path | None:
        """Where what was written stays if it is not finished; None: nowhere."""
        return self._part.kept

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the original could not be taken along."""
        lost = self._tracks.left_out if self._tracks else 0
        if not lost:
            return ()
        what = "1 track of subtitles is" if lost == 1 else f"{lost} tracks of subtitles are"
        return (f"{what} left out, since {self.path.suffix} holds only text; .mkv holds pictures too",)

    def finish(self) -> None:
        """Add the rest of the sound and close."""
        if self._open and self._tracks:
            with self._failing():
                self._tracks.mux_until(None)
        self._whole = True
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
            if self._tracks:
                self._tracks.flush()
            self._output.close()
            if self._whole and self._name == "webp" and isinstance(self._original, AnimationReader):
                set_webp_end(self._part, self._original.end)
            if self._whole:
                self._part.finish()
            else:
                self._part.stop()
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

    def _take_over(self, part: Path, until: float) -> None:
        """Begin with the pictures of an unfinished file, as they are, and the original's sound."""
        first = self._original.first if self._original else 0.0
        with self._failing():
            for seconds, packet in packets_until(part, until, first):
                packet.stream = self._stream
                self._output.mux(packet)
                self._last = round(seconds / self._tick)
                if self._tracks:
                    self._tracks.mux_until(seconds)
            self._part.appear_with_pictures()

    def _release(self) -> None:
        self._open = False
        if self._tracks:
            self._tracks.close()

    @property
    def _period(self) -> int:
        return max(1, round(1 / self._fps / self._tick))

    def _ticks(self, seconds: float | None) -> int:
        earliest = 0 if self._last is None else self._last + 1
        if seconds is None:
            return 0 if self._last is None else self._last + self._period
        return max(earliest, round(seconds / self._tick))

    def _start(self, container: Container, format: Format) -> None:  # noqa: A002
        import av

        muxer = {**container.muxer, **_repeats(self._name, self._original)}
        self._output: OutputContainer = av.open(
            self._part, "w", format=container.format, container_options=muxer
        )
        os.environ.setdefault("SVT_LOG", "1")  # else the encoder for AV1 talks on the terminal
        with self._failing():
            options = self._codec.options(self._quality, live=format.live)
            stream = self._output.add_stream(self._codec.encoder, rate=self._fps, options=options)
            self._stream = cast("VideoStream", stream)
            self._configure(self._stream.codec_context, format)
            if tag := container.tags.get(self._name):
                self._stream.codec_context.codec_tag = tag
            if isinstance(self._original, VideoReader) and container.tracks:
                self._tracks = Tracks(self._original, self._output, container.tracks)
            self._output.start_encoding()
            self._part.header_written()

    def _configure(self, codec: Any, format: Format) -> None:  # noqa: A002
        odd = self._codec.pixels != "pal8"  # which chroma of half the size cannot be
        codec.width, codec.height = (
            format.width + format.width % 2 * odd,
            format.height + format.height % 2 * odd,
        )
        codec.pix_fmt, codec.time_base = self._codec.pixels, self._tick
        self._make_frame = FrameMaker(self._codec.pixels, format.width, format.height)
        if self._codec.pixels == "pal8":
            return
        codec.gop_size = max(1, round(2 * format.fps))
        codec.colorspace = usual_matrix(format.width, format.height)
        codec.color_range, codec.color_primaries, codec.color_trc = 1, 1, 1

    @contextmanager
    def _failing(self) -> Iterator[None]:
        import av

        try:
            yield
        except (av.FFmpegError, OSError, ValueError) as error:
            self.discard()
            reason = getattr(error, "strerror", None) or str(error)
            kept = f"what was written is in {self.kept.name}" if self.kept else "nothing was kept of it"
            raise SinkError(f"{self.path} cannot be written: {reason}; {kept}") from error


def _repeats(codec: str, original: Film | None) -> dict[str, str]:
    """Return how often an animated picture is repeated, by the muxer's options; films for ever."""
    if codec not in ("gif", "webp"):
        return {}
    if not isinstance(original, AnimationReader):
        return {"loop": "0"}
    once = {"gif": -1, "webp": 1}[codec]
    options = {"loop": str(once if original.loop is None else original.loop)}
    return options | ({"final_delay": str(round(original.shown_last * 100))} if codec == "gif" else {})
