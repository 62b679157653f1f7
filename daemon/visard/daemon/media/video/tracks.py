"""Sound and subtitles on their way from one file into another, with their languages, titles and chapters."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol, cast

from visard.daemon.media.video.reader import WHOLE, VideoReader, open_input, readable, seek

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.container.core import Chapter
    from av.packet import Packet
    from av.stream import Stream
    from av.subtitles.stream import SubtitleStream

_MS = Fraction(1, 1000)
_TICK = Fraction(1, 1_000_000)
_EMPTY = b"\0\0"
"""A line of no length, as MP4 stores it."""
_GAP = 0.25
"""Seconds for which nothing is to be read that are written at a time."""
_TOLD = ("album", "artist", "comment", "copyright", "creation_time", "date", "description", "genre", "show",
         "synopsis", "title")  # fmt: skip
"""What is kept of what a file says of itself. Where it was taken and with which device is not."""


@dataclass(frozen=True, slots=True)
class TrackCodecs:
    """What a container does with sound and subtitles."""

    audio: str
    """Encoder for sound that the container does not hold as it is."""
    copied: frozenset[str]
    """Codecs that are copied; FFmpeg's own answer to what a container holds is more than it then writes."""
    subtitles: tuple[str, ...]
    """Codecs for subtitles of text; the first is for those that it does not hold as they are."""
    languages: Mapping[str, str] = field(default_factory=dict)
    """What it calls languages, where that is not ISO 639-2."""


class _Path(Protocol):
    """What becomes of one stream's packets."""

    def __call__(self, packet: "Packet[Any]") -> "list[Packet[Any]]": ...

    def end(self) -> "list[Packet[Any]]": ...


class _Copy:
    """Packets as they are, in order and moved to start at zero."""

    def __init__(self, stream: "Stream", origin: Fraction) -> None:
        self._stream = stream
        self._origin = origin
        self._last: int | None = None

    def __call__(self, packet: "Packet[Any]") -> "list[Packet[Any]]":
        if packet.dts is None or (self._last is not None and packet.dts <= self._last):
            return []  # the end marker, or a packet that no container takes
        self._last = packet.dts
        shift = round(self._origin / packet.time_base)
        packet.pts, packet.dts = (
            (packet.dts if packet.pts is None else packet.pts) - shift,
            packet.dts - shift,
        )
        packet.stream = self._stream
        return [packet]

    def end(self) -> "list[Packet[Any]]":
        return []


class _EncodeAudio:
    """Decoded and encoded again, for containers that do not hold the original kind of sound."""

    def __init__(self, stream: "AudioStream", origin: Fraction) -> None:
        self._stream = stream
        self._origin = origin

    def __call__(self, packet: "Packet[AudioStream]") -> "list[Packet[AudioStream]]":
        import av

        try:
            frames = packet.decode()
        except av.FFmpegError:
            return []  # one damaged packet
        done = []
        for frame in frames:
            if frame.pts is not None:
                frame.pts -= round(self._origin / (frame.time_base or Fraction(1)))
            done += self._stream.encode(frame)
        return done

    def end(self) -> "list[Packet[AudioStream]]":
        return self._stream.encode(None)


class _EncodeSubtitles:
    """Lines of text, each written as another format writes it and cut to the part that is kept.

    Where ``gaps`` have to be samples too they are written before FFmpeg does: while an MP4 can be played
    its own, which have no length, end the program as soon as a line follows.
    """

    def __init__(self, stream: "SubtitleStream", origin: Fraction, lasting: float, *, gaps: bool) -> None:
        self._stream = stream
        self._origin = origin
        self._lasting = lasting
        self._gaps = gaps
        self._last = -1
        """When the newest line or gap began, in _TICKs."""
        self._end = 0.0
        """When it ends, seconds."""

    def __call__(self, packet: "Packet[SubtitleStream]") -> "list[Packet[Any]]":
        import av

        if packet.pts is None or not packet.duration:
            return []
        begin = float(packet.pts * packet.time_base - self._origin)
        end = min(begin + float(packet.duration * packet.time_base), self._lasting)
        if end <= _TICK:
            return []
        try:
            lines = packet.stream.codec_context.decode2(packet)
            if not lines:
                return []  # a gap between two
            done = self._stream.codec_context.encode_subtitle(lines)
        except av.FFmpegError:
            return []
        return [*self.fill(begin, 0.0), self._timed(done, begin, end)]

    def fill(self, seconds: float, least: float) -> "list[Packet[Any]]":
        """Write that nothing is to be read until ``seconds``, if that is longer than ``least`` seconds."""
        import av

        if not self._gaps or seconds - self._end <= least:
            return []
        return [self._timed(av.Packet(_EMPTY), self._end, seconds)]

    def end(self) -> "list[Packet[Any]]":
        return []

    def _timed(self, packet: "Packet[Any]", begin: float, end: float) -> "Packet[Any]":
        self._last, self._end = max(round(begin / _TICK), self._last + 1), end
        packet.time_base, packet.pts, packet.dts = _TICK, self._last, self._last
        packet.duration = max(round(end / _TICK) - self._last, 1)
        packet.stream = self._stream
        return packet


class Tracks:
    """All sound and subtitles of ``original``, put into ``output`` piece by piece beside the pictures.

    The original is opened a second time, so that reading sound ahead does not disturb reading pictures.
    """

    def __init__(self, original: VideoReader, output: "OutputContainer", codecs: TrackCodecs) -> None:
        self._output = output
        self._origin, self._part = original.origin, original.part
        self._lasting = self._part.end - self._part.start
        self._input = open_input(original.path)
        self.left_out = 0
        """Subtitles that are pictures, which the container does not hold."""
        self._paths: dict[int, _Path] = {}
        self._texts: list[_EncodeSubtitles] = []
        for stream in self._input.streams:
            self._add(stream, codecs)
        _describe(self._input, output, float(self._origin), self._lasting)
        seek(self._input, self._part)
        self._packets = self._demux()
        self._next = next(self._packets, None)

    def mux_until(self, seconds: float | None) -> None:
        """Pass on what is heard and read before ``seconds``; None: all there is."""
        until = self._lasting if seconds is None else min(seconds, self._lasting)
        while self._next is not None and self._begin(self._next) < until:
            if not self._over(self._next):
                self._output.mux(self._paths[self._next.stream.index](self._next))
            self._next = next(self._packets, None)
        for text in self._texts if seconds is not None else ():
            self._output.mux(text.fill(until, _GAP))

    def flush(self) -> None:
        """Pass on what the encoders still hold."""
        for path in self._paths.values():
            self._output.mux(path.end())

    def close(self) -> None:
        """Let go of the original; calling it twice is fine."""
        self._input.close()

    def _add(self, stream: "Stream", codecs: TrackCodecs) -> None:
        if stream.codec_context is None or stream.type not in ("audio", "subtitle"):
            return
        name, cut = stream.codec_context.codec.canonical_name, self._part != WHOLE
        text = stream.type == "subtitle" and stream.codec_context.codec.text_sub
        if name in codecs.copied and not (text and cut) and not _is_broadcast(stream):
            into: Stream = self._output.add_stream_from_template(stream)
            path: _Path = _Copy(into, self._origin)
        elif stream.type == "audio":
            into = _audio_encoder(cast("AudioStream", stream), self._output, codecs.audio)
            path = _EncodeAudio(into, self._origin)
        elif text:
            encoder = name if name in codecs.subtitles else codecs.subtitles[0]
            into = _subtitle_encoder(cast("SubtitleStream", stream), self._output, encoder)
            path = _EncodeSubtitles(into, self._origin, self._lasting, gaps=encoder == "mov_text")
            self._texts.append(path)
        else:
            self.left_out += 1
            return
        _name(stream, into, codecs.languages)
        self._paths[stream.index] = path

    def _demux(self) -> "Iterator[Packet[Any]]":
        streams = tuple(stream for stream in self._input.streams if stream.index in self._paths)
        return readable(self._input.demux(streams) if streams else iter(()))

    def _begin(self, packet: "Packet[Any]") -> float:
        stamp = packet.dts if packet.pts is None else packet.pts
        return float("-inf") if stamp is None else float(stamp * packet.time_base - self._origin)

    def _over(self, packet: "Packet[Any]") -> bool:
        """Whether it is from before the part: sound that begins there, a subtitle that ends there."""
        if not self._part.start or packet.dts is None:
            return False
        lasts = float((packet.duration or 0) * packet.time_base) if packet.stream.type == "subtitle" else 0.0
        return self._begin(packet) + lasts <= -1e-6


def _audio_encoder(stream: "AudioStream", output: "OutputContainer", encoder: str) -> "AudioStream":
    rate = 48_000 if encoder == "libopus" else stream.rate
    into = cast("AudioStream", output.add_stream(encoder, rate=rate))
    into.layout = "stereo" if stream.channels > 1 else "mono"
    return into


def _subtitle_encoder(stream: "SubtitleStream", output: "OutputContainer", encoder: str) -> "SubtitleStream":
    stream.codec_context.open()
    into = cast("SubtitleStream", output.add_stream(encoder))
    into.codec_context.subtitle_header = stream.codec_context.subtitle_header
    into.codec_context.time_base = _TICK
    return into


def _is_broadcast(stream: "Stream") -> bool:
    """Whether it is AAC with a header in every packet, which files other than .ts do not take."""
    return stream.codec_context.name == "aac" and not stream.codec_context.extradata


def _name(stream: "Stream", into: "Stream", languages: Mapping[str, str]) -> None:
    """Keep a track's language, title and purpose."""
    told = stream.metadata
    if language := told.get("language"):
        into.metadata["language"] = languages.get(language, language)
    if title := told.get("title") or told.get("name"):
        into.metadata["title"] = title
    into.disposition = stream.disposition


def _describe(original: "InputContainer", output: "OutputContainer", origin: float, lasting: float) -> None:
    """Keep title and chapters, these moved and cut to the part that is kept."""
    output.metadata.update({key: value for key, value in original.metadata.items() if key.lower() in _TOLD})
    chapters: list[Chapter] = []
    for chapter in original.chapters():
        base = chapter["time_base"] or _MS
        start, end = (float(chapter[side] * base) - origin for side in ("start", "end"))
        if start < lasting and end > 0:
            start, end = round(max(start, 0) * 1000), round(min(end, lasting) * 1000)
            chapters.append(cast("Chapter", {**chapter, "time_base": _MS, "start": start, "end": end}))
    if chapters:
        output.set_chapters(chapters)
