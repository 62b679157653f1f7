"""Video files: read any, write H.264 or VP9, keep the sound and the timing."""

from visard.daemon.media.video.reader import VideoReader
from visard.daemon.media.video.writer import CONTAINERS, VideoWriter

__all__ = ["CONTAINERS", "VideoReader", "VideoWriter"]
