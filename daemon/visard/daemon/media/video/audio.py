"""Sound on its way from one file into another."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol, cast

from visard.daemon.media.video.reader import VideoReader, open_input, readable

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet


@dataclass(frozen=True, slots=True)
class AudioCodecs:
    """What a container does with sound."""

    encoder: str
    """For sound that it does not hold as it is."""
    copied: frozenset[str]
    """Codecs that are copied; FFmpeg's own answer to what a container holds is more than it then writes."""


class _AudioPath(Protocol):
    """What becomes of one stream's packets."""

    def __call__(self, packet: "Packet[AudioStream]") -> "list[Packet[AudioStream]]": ...

    def end(self) -> "list[Packet[AudioStream]]": ...


class _Copy:
    """Packets as they are, in order and moved to start at zero."""

    def __init__(self, stream: "AudioStream", origin: Fraction) -> None:
        self._stream = stream
        self._origin = origin
        self._last: int | None = None

    def __call__(self, packet: "Packet[AudioStream]") -> "list[Packet[AudioStream]]":
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

    def end(self) -> "list[Packet[AudioStream]]":
        return []


class _Encode:
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


class AudioTrack:
    """All sound of ``original``, put into ``output`` piece by piece so that it stays beside the pictures.

    The original is opened a second time, so that reading sound ahead does not disturb reading pictures.
    """

    def __init__(self, original: VideoReader, output: "OutputContainer", sound: AudioCodecs) -> None:
        self._output = output
        self._input = open_input(original.path)
        self._streams: dict[int, _AudioPath] = {
            stream.index: _audio_path(stream, output, sound, original.origin)
            for stream in self._input.streams.audio
            if stream.codec_context is not None
        }
        self._origin = original.origin
        self._packets = self._demux()
        self._next = next(self._packets, None)

    def mux_until(self, seconds: float | None) -> None:
        """Pass on what is heard before ``seconds``; None: all there is."""
        while self._next is not None and (seconds is None or self._time(self._next) < seconds):
            self._output.mux(self._streams[self._next.stream.index](self._next))
            self._next = next(self._packets, None)

    def flush(self) -> None:
        """Pass on what the encoders still hold."""
        for path in self._streams.values():
            self._output.mux(path.end())

    def close(self) -> None:
        """Let go of the original; calling it twice is fine."""
        self._input.close()

    def _demux(self) -> "Iterator[Packet[AudioStream]]":
        streams = tuple(s for s in self._input.streams.audio if s.index in self._streams)
        return readable(self._input.demux(streams) if streams else iter(()))

    def _time(self, packet: "Packet[AudioStream]") -> float:
        stamp = packet.dts if packet.pts is None else packet.pts
        return float("-inf") if stamp is None else float(stamp * packet.time_base - self._origin)


def _audio_path(
    stream: "AudioStream", output: "OutputContainer", sound: AudioCodecs, origin: Fraction
) -> _AudioPath:
    if stream.codec_context.codec.canonical_name in sound.copied and not _is_broadcast(stream):
        return _Copy(output.add_stream_from_template(stream), origin)
    rate = 48_000 if sound.encoder == "libopus" else stream.rate
    encoder = cast("AudioStream", output.add_stream(sound.encoder, rate=rate))
    encoder.layout = "stereo" if stream.channels > 1 else "mono"
    return _Encode(encoder, origin)


def _is_broadcast(stream: "AudioStream") -> bool:
    """Whether it is AAC with a header in every packet, which files other than .ts do not take."""
    return stream.codec_context.name == "aac" and not stream.codec_context.extradata
