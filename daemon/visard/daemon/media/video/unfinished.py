"""What an interrupted run left of a film, and how another one goes on with it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visard.daemon.errors import SourceUnavailable
from visard.daemon.media.video.reader import open_input, readable
from visard.engines.file_access import read_plain

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

_LARGEST = 1 << 16
"""Bytes of a record; what is larger was not written here."""
_PLAIN = {
    "h264": "h264_mp4toannexb,filter_units=remove_types=7-8",
    "hevc": "hevc_mp4toannexb,filter_units=remove_types=32-34",
}
"""Filters of FFmpeg that make of packets in a file what the encoder wrote; others are the same in both."""


def record_of(part: Path) -> Path:
    """Return where it is kept what an unfinished file was made with."""
    return part.with_name(part.name + ".json")


@dataclass(frozen=True, slots=True)
class Resumable:
    """How a film is written so that another run can go on with it."""

    record: Mapping[str, Any]
    """What it is made with, to be kept beside the film until it is finished."""
    replaces: Path | None = None
    """What an earlier run left, which this one does away with."""
    until: float = 0.0
    """Pictures of that before this time, seconds, are taken over as they are."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What an earlier run left."""

    path: Path
    record: Mapping[str, Any] = field(repr=False)

    def until(self, first: float) -> float:
        """Return the time up to which all pictures are whole, seconds: that of its last key frame.

        ``first``: when the first picture is shown. It lies between that key frame and the picture before, so
        that no rounding decides which pictures are missing. 0.0 where nothing can be taken over.
        """
        with suppress(SourceUnavailable), open_input(self.path) as file:
            last = place = first
            for seconds, packet in _timed(file, first):
                place = (last + seconds) / 2 if packet.is_keyframe else place
                last = seconds
            return place if place > first else 0.0
        return 0.0


def unfinished(target: Path) -> list[Unfinished]:
    """Return what earlier runs left of a film, those that can be known by a record."""
    found = []
    for part in sorted(target.parent.glob("*.part*")):
        number = part.stem.removeprefix(f"{target.stem}.part")
        if number.isdecimal() and part.suffix == target.suffix and part.is_file():
            with suppress(OSError, ValueError):
                record = json.loads(read_plain(record_of(part), _LARGEST, links=False))
                found.append(Unfinished(part, record if isinstance(record, dict) else {}))
    return found


def packets_until(path: Path, until: float, first: float) -> "Iterator[tuple[float, Packet[Any]]]":
    """Yield times and packets of a film's pictures before a time, as its encoder wrote them."""
    from av.bitstream import BitStreamFilterContext

    with open_input(path) as file:
        stream = file.streams.video[0]
        filters = _PLAIN.get(stream.codec_context.codec.canonical_name)
        plain = BitStreamFilterContext(filters, stream) if filters else None
        for seconds, packet in _timed(file, first):
            if seconds >= until:
                return
            yield from ((seconds, each) for each in (plain.filter(packet) if plain else (packet,)))


def _timed(file: "InputContainer", first: float) -> "Iterator[tuple[float, Packet[VideoStream]]]":
    """Yield packets of pictures and when they are shown, the ``first`` of them when it was to be.

    Where sound begins before the pictures some containers move all to later.
    """
    shift: int | None = None
    for packet in readable(file.demux(file.streams.video[0])):
        if packet.pts is not None and packet.dts is not None:
            if shift is None:
                shift = packet.pts - round(first / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            yield float(packet.pts * packet.time_base), packet
