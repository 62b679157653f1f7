"""Opens what ``visard run`` reads from and writes to, with stand-ins where nothing was chosen."""

import itertools
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from visard.daemon.config import paths
from visard.daemon.errors import SinkUnavailable, SourceUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.media.ports import Sink
from visard.daemon.service.live import OpenedSinks
from visard.daemon.sinks import find_sink, preview
from visard.daemon.sources._select import SourceSelector
from visard.models.face import Image

DEMO_SECONDS = 20
"""How much of the demo is recorded: enough to look at, never a full disk."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What a service reads from and writes to, open."""

    selector: SourceSelector
    source: str
    """What the selector is to open, and again when it was lost."""
    sinks: OpenedSinks
    port: int = 0
    """Of the preview page, if that is one of the sinks; 0 is any free one."""

    def close(self) -> None:
        """Close everything; calling it twice is fine."""
        self.selector.close()
        for sink in self.sinks.sinks:
            sink.close()


def open_endpoints(
    source: str | None,
    sinks: Sequence[str],
    say: Say,
    selector: SourceSelector | None = None,
    *,
    rotate: int = 0,
) -> Endpoints:
    """Open both ends or none; ``say`` is told what was missing and which command adds it.

    Without a source it is the camera, or else the demo driver. Without sinks it is the virtual camera, or
    else the preview page and a short file. What comes from the source will be turned by ``rotate`` degrees.
    Raises SourceUnavailable and SinkUnavailable.
    """
    selector = selector or SourceSelector(paths.data() / "last-camera")
    spec, format = _probe(selector, source, say)  # noqa: A001
    try:
        return Endpoints(selector, spec, *_open_sinks(sinks, format.turned(rotate), say))
    except BaseException:
        selector.close()
        raise


def _probe(selector: SourceSelector, spec: str | None, say: Say) -> tuple[str, Format]:
    """Open the source, for its format; return also what to open again when it is lost."""
    if spec is None:
        try:
            return "camera", selector.probe("camera")
        except SourceUnavailable as reason:
            say(f"No camera, so the demo driver plays instead: {_one_line(reason)}")
        spec = "demo"
    return spec, selector.probe(spec)


def _open_sinks(specs: Sequence[str], format: Format, say: Say) -> tuple[OpenedSinks, int]:  # noqa: A002
    if not specs:
        try:
            return OpenedSinks(format, [find_sink("camera").open("camera", format)]), 0
        except SinkUnavailable as reason:
            say(f"No virtual camera, so a preview page and a file stand in: {_one_line(reason)}")
            return OpenedSinks(format, [_demo_file(format)], preview=True), 0
    ports = [preview.port(spec) for spec in specs if preview.sink.claims(spec)]
    others = [spec for spec in specs if not preview.sink.claims(spec)]
    return OpenedSinks(format, _open_all(others, format), preview=bool(ports)), next(iter(ports), 0)


def _open_all(specs: Sequence[str], format: Format) -> list[Sink]:  # noqa: A002
    with ExitStack() as opened:
        sinks = []
        for spec in specs:
            sinks.append(find_sink(spec).open(spec, format))
            opened.callback(sinks[-1].close)
        opened.pop_all()
        return sinks


def _demo_file(format: Format) -> Sink:  # noqa: A002
    path = str(free_name(Path("demo.mp4")))
    return Bounded(find_sink(path).open(path, format), round(DEMO_SECONDS * format.fps))


def free_name(path: Path) -> Path:
    """Return ``path``, or the first of ``path-2``, ``path-3``... that nobody has taken."""
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
    return next(name for name in itertools.chain([path], numbered) if not name.exists())


class Bounded:
    """A sink that closes after so many pictures and ignores the rest."""

    def __init__(self, sink: Sink, pictures: int) -> None:
        self.where = sink.where
        self._sink = sink
        self._left = pictures

    def write(self, image: Image) -> None:
        """Pass a picture on while there is room."""
        if self._left:
            self._sink.write(image)
            self._left -= 1
            if not self._left:
                self._sink.close()

    def close(self) -> None:
        """Close the sink."""
        self._sink.close()


def _one_line(reason: Exception) -> str:
    return " ".join(str(reason).split())
