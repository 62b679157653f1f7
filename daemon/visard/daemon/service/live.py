"""Camera, pipeline and outputs of one format; another format takes another pipeline."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from visard.daemon.config.file import Config
from visard.daemon.devices.viewers import watch_viewers
from visard.daemon.media.frame import Format
from visard.daemon.media.jpeg_stream import JpegStream
from visard.daemon.media.ports import Sink
from visard.daemon.media.slot import Closed
from visard.daemon.pipeline import tracking
from visard.daemon.pipeline.capture import Capture
from visard.daemon.pipeline.pipeline import Pipeline
from visard.daemon.pipeline.recipe import Recipe, Switches
from visard.daemon.sinks import find_sink
from visard.daemon.sinks._reconnecting import ReconnectingSink
from visard.daemon.sources._select import SourceSelector
from visard.models.face import Image

log = logging.getLogger(__name__)


class _Closing(Protocol):
    def close(self) -> None: ...


@runtime_checkable
class OnDevice(Protocol):
    """A sink that others read as a device of this machine."""

    device: str


@dataclass(frozen=True, slots=True)
class PreviewStreams:
    """What can be looked at besides the virtual camera."""

    result: JpegStream
    driver: JpegStream

    where = "preview"

    def write(self, image: Image) -> None:
        """Show what goes out, if somebody looks."""
        _offer(self.result, image)

    def seen(self, image: Image) -> None:
        """Show what the camera gives, if somebody looks."""
        _offer(self.driver, image)

    def close(self) -> None:
        """Leave the views to the next pipeline."""


@dataclass(frozen=True, slots=True)
class OpenedSinks:
    """Sinks of one run, open already, in place of the configured output: what breaks is not opened again."""

    format: Format
    sinks: Sequence[Sink]
    preview: bool = False
    """Whether the preview counts as one of them."""


def _offer(newest: JpegStream, image: Image) -> None:
    try:
        newest.offer(image)
    except Closed:
        log.debug("a picture came after the end")


class LivePipeline:
    """Goes to the configured output, or to what was ``opened`` for it.

    ``readers`` is told how many programs read the virtual camera; None when nobody can tell.
    """

    def __init__(
        self,
        config: Config,
        recipe: Recipe,
        switches: Switches,
        selector: SourceSelector,
        views: PreviewStreams,
        readers: Callable[[int | None], None],
        opened: OpenedSinks | None = None,
        track: Callable[[int], tracking.Tracking] = tracking.live,
    ) -> None:
        self.format = opened.format if opened else _format(config)
        self.capture = Capture(None, format=self.format)
        self._output = ReconnectingSink(config.output, self._open_output, self._output_changed)
        sinks: list[Sink] = list(opened.sinks) if opened else [self._output]
        if opened is None or opened.preview:
            sinks.append(views)
        self.pipeline = Pipeline(self.capture, sinks, recipe, track, switches=switches, seen=views.seen)
        self._spec = config.output
        self._opened = opened
        self._selector = selector
        self._readers = readers
        self._viewers: _Closing | None = None

    def fits(self, config: Config) -> bool:
        """Whether a configuration can be served by this pipeline."""
        return self._opened is not None or (self.format, self._spec) == (_format(config), config.output)

    @property
    def where(self) -> str | None:
        """Where pictures go; None: nowhere."""
        if self._opened is None:
            return self._output.where if self._output.ok else None
        return ", ".join(where for where, error in self.pipeline.sinks.items() if error is None) or None

    @property
    def trouble(self) -> str:
        """What is wrong with where pictures go; empty when nothing is known to be."""
        failed = (f"{where}: {error}" for where, error in self.pipeline.sinks.items() if error)
        return "; ".join(filter(None, (self._output.trouble, *failed)))

    def wake(self, camera: str) -> None:
        """Open what the setting ``camera`` means, and keep trying while it cannot be."""
        self.capture.use(
            lambda: self._selector.open(camera, self.capture.wanted), "the camera is being opened"
        )

    def sleep(self) -> None:
        """Let go of the camera; a card goes out now and then."""
        self.capture.use(None, "nobody needs the camera")

    def plugged(self) -> None:
        """Look again for what was missing: a device came or went."""
        self.capture.hurry()
        self._output.retry_now()

    def stop(self) -> None:
        """Stop everything in well under a second; files have longer to be ended."""
        self.pipeline.stop(timeout=0.5, finish=5.0 if self._opened else 0.3)
        self._dismiss()

    def _open_output(self) -> Sink:
        return find_sink(self._spec).open(self._spec, self.format)

    def _output_changed(self, sink: Sink | None) -> None:
        self._dismiss()
        if isinstance(sink, OnDevice):
            self._viewers = watch_viewers(sink.device, self._readers)
        if self._viewers is None:
            self._readers(0 if sink is None else None)

    def _dismiss(self) -> None:
        viewers, self._viewers = self._viewers, None
        if viewers is not None:
            viewers.close()


def _format(config: Config) -> Format:
    return Format(config.width, config.height, config.fps)
