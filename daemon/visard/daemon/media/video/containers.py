"""What files of video there are to write, by the ending of their name, and which codecs each takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from visard.daemon.errors import SinkUnavailable
from visard.daemon.media.video.tracks import TrackCodecs


@dataclass(frozen=True, slots=True)
class Codec:
    """How pictures are encoded."""

    encoder: str
    """FFmpeg's name."""
    offline: Mapping[str, str]
    """Options when nobody waits for the next picture."""
    live: Mapping[str, str] = field(default_factory=dict)
    """Options when the pictures come from a camera; empty: as offline."""
    worst: int = 0
    """Constant rate factor of quality 0, where the codec has one; the best is 0."""
    pixels: str = "yuv420p"
    shortest: int = 1
    """Units of its clock that a picture is shown at least."""
    clock: int | None = None
    """Units of time in a second; None: as the original."""

    def options(self, quality: int | None, *, live: bool) -> dict[str, str]:
        """Return the encoder's options; ``quality`` is 0 to 100, None what hardly differs at all."""
        usual = dict(self.live if live and self.live else self.offline)
        if quality is None:
            return usual
        if self.worst:  # lossless, 0, is a profile that few players know
            return usual | {"crf": str(max(1, round(self.worst * (100 - quality) / 100)))}
        return usual | ({"quality": str(quality)} if "quality" in usual else {})


@dataclass(frozen=True, slots=True)
class Container:
    """How a file of one ending is written."""

    format: str
    """FFmpeg's name."""
    codecs: tuple[str, ...]
    """Names in CODECS; the first is taken unasked."""
    muxer: Mapping[str, str]
    tracks: TrackCodecs | None = None
    """What it does with sound and subtitles; None: it has none."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """What codecs are called in the file, where FFmpeg's choice is not what players expect."""


FRAGMENT_MS = 500
"""Milliseconds of video that are written at a time."""

# Without B-frames a picture's time is also its place in the file, so an interrupted file keeps its timing.
_H264 = {"bf": "0"}
_VP9 = {"row-mt": "1", "b": "0"}
CODECS = {
    "h264": Codec(
        "libx264",
        _H264 | {"preset": "veryfast", "crf": "18"},
        _H264 | {"preset": "ultrafast", "crf": "20"},
        worst=51,
    ),
    "hevc": Codec(
        "libx265",
        {"preset": "veryfast", "crf": "20", "x265-params": "bframes=0:log-level=error"},
        worst=51,
    ),
    "vp9": Codec(
        "libvpx-vp9",
        _VP9 | {"deadline": "good", "cpu-used": "5", "crf": "24"},
        _VP9 | {"deadline": "realtime", "cpu-used": "8", "crf": "28"},
        worst=63,
    ),
    "av1": Codec("libsvtav1", {"preset": "8", "crf": "26"}, worst=63),
    "gif": Codec("gif", {}, pixels="pal8", shortest=2, clock=100),
    "webp": Codec("libwebp_anim", {"quality": "85"}, clock=1000),
}
_EVERYWHERE = frozenset({"aac", "ac3", "alac", "eac3", "mp3"})
_PCM = frozenset({"pcm_f32le", "pcm_s16be", "pcm_s16le", "pcm_s24le"})
_SUBTITLES = frozenset({"ass", "dvb_subtitle", "dvd_subtitle", "hdmv_pgs_subtitle", "subrip", "webvtt"})
_QUICKTIME = {
    "bod": "tib", "cym": "wel", "cze": "ces", "deu": "ger", "ell": "gre", "eus": "baq", "fas": "iri",
    "fre": "fra", "hrv": "hr", "hye": "arm", "isl": "ice", "kat": "geo", "mkd": "mac", "msa": "may",
    "mya": "bur", "nld": "dut", "rum": "ron", "slo": "slk", "sqi": "alb", "swe": "sve", "zho": "chi",
}  # fmt: skip
_MP4 = Container(
    format="mp4",
    codecs=("h264", "hevc", "av1", "vp9"),
    # Playable while it is being written, an ordinary file once it is closed.
    muxer={
        "movflags": "hybrid_fragmented+delay_moov+frag_keyframe",
        "frag_duration": str(FRAGMENT_MS * 1000),
        "flush_packets": "1",
    },
    tracks=TrackCodecs("aac", _EVERYWHERE | {"flac", "opus"}, ("mov_text",)),
    tags={"hevc": "hvc1"},
)
_MOV = replace(
    _MP4,
    format="mov",
    codecs=("h264", "hevc"),
    tracks=TrackCodecs("aac", _EVERYWHERE | _PCM, ("mov_text",), _QUICKTIME),
)
_CLUSTERS = {
    "cluster_time_limit": str(FRAGMENT_MS),
    "flush_packets": "1",
    # Microseconds: pictures are not held back until the next subtitle, which may be far away.
    "max_interleave_delta": "1500000",
}
_MKV = Container(
    format="matroska",
    codecs=("h264", "hevc", "av1", "vp9"),
    muxer=_CLUSTERS,
    tracks=TrackCodecs(
        "aac", _EVERYWHERE | _PCM | _SUBTITLES | {"flac", "opus", "vorbis"}, ("subrip", "ass", "webvtt")
    ),
)
_WEBM = Container(
    format="webm",
    codecs=("vp9", "av1"),
    muxer=_CLUSTERS,
    tracks=TrackCodecs("libopus", frozenset({"opus", "vorbis", "webvtt"}), ("webvtt",)),
)
CONTAINERS = {
    ".mp4": _MP4,
    ".mov": _MOV,
    ".mkv": _MKV,
    ".webm": _WEBM,
    ".gif": Container("gif", ("gif",), {}),
    ".webp": Container("webp", ("webp",), {}),
}
FILM_SUFFIXES = frozenset(
    {*CONTAINERS, ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv", ".flv", ".3gp", ".ogv"}
)
"""How the names of films that are looked for in folders end; others are read where they are named."""


def container_for(path: Path) -> Container:
    """Return how a file of this name is written. Raises SinkUnavailable with the endings that there are."""
    try:
        return CONTAINERS[path.suffix.lower()]
    except KeyError:
        choices = ", ".join(CONTAINERS)
        raise SinkUnavailable(f"{path.name}: a video file's name must end in one of {choices}") from None


def codec_for(path: Path, name: str | None) -> str:
    """Return the name of the codec to use. Raises SinkUnavailable with those that the container takes."""
    import av

    takes = container_for(path).codecs
    name = name or takes[0]
    if name not in takes:
        raise SinkUnavailable(f"a file that ends in {path.suffix} takes {' or '.join(takes)}, not {name}")
    try:
        av.Codec(CODECS[name].encoder, "w")
    except ValueError as error:
        raise SinkUnavailable(f"this installation has no encoder for {name}; choose another one") from error
    return name
