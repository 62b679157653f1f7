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
    from av.packet import Packet

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

    def until(self) -> float:
        """Return the time up to which all pictures are whole, seconds: that of its last key frame.

        It lies between that picture and the one before, so that no rounding decides which pictures are
        missing. 0.0 where nothing can be taken over.
        """
        with suppress(SourceUnavailable), open_input(self.path) as file:
            last = place = 0.0
            for packet in readable(file.demux(file.streams.video[0])):
                if packet.pts is not None:
                    seconds = float(packet.pts * packet.time_base)
                    place = (last + seconds) / 2 if packet.is_keyframe else place
                    last = seconds
            return place
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


def packets_until(path: Path, seconds: float) -> "Iterator[Packet[Any]]":
    """Yield the packets of a film's pictures before a time, as its encoder wrote them."""
    from av.bitstream import BitStreamFilterContext

    with open_input(path) as file:
        stream = file.streams.video[0]
        filters = _PLAIN.get(stream.codec_context.codec.canonical_name)
        plain = BitStreamFilterContext(filters, stream) if filters else None
        for packet in readable(file.demux(stream)):
            if packet.pts is None or float(packet.pts * packet.time_base) >= seconds:
                return
            yield from plain.filter(packet) if plain else (packet,)
