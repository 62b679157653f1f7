"""The built-in driver: a short clip of a person who does not exist."""

from pathlib import Path

from visard.daemon.errors import SourceUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.sources._playback import Playback
from visard.daemon.sources.video import play

CLIP = Path(__file__).with_name("demo.mp4")
PERSON = "robin"
"""Which persona that ships is seen in it."""


class DemoKind:
    """Plays the clip that ships with the program."""

    name = "demo"
    rank = 10
    summary = "a built-in driver, for trying out without a camera"

    def __init__(self, clip: Path = CLIP) -> None:
        self._clip = clip

    def claims(self, spec: str) -> bool:
        """Whether it is the word ``demo``."""
        return spec == self.name

    def open(
        self,
        spec: str,  # noqa: ARG002 - there is one demo
        wanted: Format | None = None,  # noqa: ARG002 - the clip has the size it has
        *,
        loop: bool = True,
        paced: bool = True,
    ) -> Playback:
        """Open the clip in its own size and rate."""
        if not self._clip.is_file():
            raise SourceUnavailable(
                "the demo clip is not part of this installation; use --source with a video file, or reinstall"
            )
        return play(self._clip, loop=loop, paced=paced)


source = DemoKind()
