"""A video file or an animated picture, in real time and again from the start, or as fast as it is read."""

from pathlib import Path

from visard.daemon.media.frame import Format
from visard.daemon.media.video import open_film
from visard.daemon.sources._playback import Pictures, Playback


class VideoKind:
    """Plays any file that holds video; the kind that every path falls to in the end."""

    name = "video"
    rank = 90
    summary = "a path to a video file"

    def claims(self, spec: str) -> bool:
        """Whether it is a file, or written like one, so that a misspelt path is answered as a path."""
        path = Path(spec)
        return bool(spec) and (path.exists() or len(path.parts) > 1 or bool(path.suffix))

    def open(
        self,
        spec: str,
        wanted: Format | None = None,  # noqa: ARG002 - the file has the size it has
        *,
        loop: bool = True,
        paced: bool = True,
    ) -> Playback:
        """Open the file in its own size and rate."""
        return play(Path(spec), loop=loop, paced=paced)


def play(path: Path, *, loop: bool, paced: bool) -> Playback:
    """Open a video file. Raises SourceUnavailable when it is missing, broken or empty."""
    with open_film(path) as reader:
        format = reader.format  # noqa: A001
    return Playback(lambda: _pictures(path), format, loop=loop, paced=paced)


def _pictures(path: Path) -> Pictures:
    with open_film(path) as reader:
        yield from reader


source = VideoKind()
