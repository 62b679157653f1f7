"""A picture, or a folder of pictures as a slide show."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from visard.daemon.errors import PictureUnreadable, SourceUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.media.letterbox import letterbox
from visard.daemon.sources._playback import Pictures, Playback
from visard.daemon.sources.video import play
from visard.models.face import Image
from visard.models.picture_file import SUFFIXES, animation, read_picture

SECONDS = 3.0
"""How long one picture is shown."""
_SLIDES = Format(1280, 720, 30)
_LONGEST = 1920


class PictureKind:
    """Shows a picture file in its own shape, moving or not, or a folder's pictures by name on one canvas."""

    name = "picture"
    rank = 50
    summary = "a path to a picture, or to a folder of pictures"

    def claims(self, spec: str) -> bool:
        """Whether it is a folder or named like a picture."""
        path = Path(spec)
        return bool(spec) and (path.is_dir() or path.suffix.lower() in SUFFIXES)

    def open(
        self, spec: str, wanted: Format | None = None, *, loop: bool = True, paced: bool = True
    ) -> Playback:
        """Open; pictures larger than ``wanted`` (or than is sensible) are scaled down."""
        path = Path(spec)
        if animation(path):
            return play(path, loop=loop, paced=paced)
        wanted = wanted or _SLIDES
        if path.is_dir():
            slides, format = _in_folder(path), wanted  # noqa: A001
            next(_canvases(slides, format))  # raises when there is nothing to show
        else:
            slides, format = [path], _own_format(path, wanted)  # noqa: A001
        return Playback(lambda: _show(slides, format), format, loop=loop, paced=paced)


def _in_folder(folder: Path) -> list[Path]:
    slides = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not slides:
        raise SourceUnavailable(f"there is no picture in {folder}")
    return slides


def _own_format(path: Path, wanted: Format) -> Format:
    if not path.exists():
        raise SourceUnavailable(f"there is no file at {path}")
    try:
        height, width = read_picture(path, _LONGEST).shape[:2]
    except PictureUnreadable as error:
        raise SourceUnavailable(str(error)) from error
    return Format(width, height, wanted.fps)


def _show(slides: Sequence[Path], format: Format) -> Pictures:  # noqa: A002
    frames = max(1, round(SECONDS * format.fps))
    for number, canvas in enumerate(_canvases(slides, format)):
        for index in range(frames):
            yield canvas.copy(), (number * frames + index) / format.fps


def _canvases(slides: Sequence[Path], format: Format) -> Iterator[Image]:  # noqa: A002
    """Yield the readable pictures, each fitted into the format."""
    reason = ""
    shown = False
    for path in slides:
        try:
            image = read_picture(path, max(format.width, format.height))
        except PictureUnreadable as error:
            reason = str(error)
            continue
        shown = True
        yield letterbox(image, format.width, format.height)
    if not shown:
        raise SourceUnavailable(reason)


source = PictureKind()
