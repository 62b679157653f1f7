"""Films: read any, write the usual ones, keep sound, subtitles and timing."""

from visard.daemon.media.video.animation import Film, open_film
from visard.daemon.media.video.containers import CODECS, CONTAINERS, codec_for, container_for
from visard.daemon.media.video.reader import WHOLE, Part, VideoReader
from visard.daemon.media.video.unfinished import Resumable, Unfinished, unfinished
from visard.daemon.media.video.writer import VideoWriter

__all__ = [
    "CODECS",
    "CONTAINERS",
    "WHOLE",
    "Film",
    "Part",
    "Resumable",
    "Unfinished",
    "VideoReader",
    "VideoWriter",
    "codec_for",
    "container_for",
    "open_film",
    "unfinished",
]
