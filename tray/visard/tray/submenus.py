"""The menus in which one of several values, or yes or no, is chosen: camera and settings."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from visard.daemon.api.schema import CameraInfo, CameraStatus
from visard.daemon.config.file import Config
from visard.daemon.config.settings import Colour, WhenLost, Who
from visard.tray.actions import change
from visard.tray.i18n import _
from visard.tray.panel import SEPARATOR, MenuItem

SIZES = ((640, 360), (1280, 720), (1920, 1080))
"""Width and height, pixels."""
RATES = (15, 30, 60)
"""Frames a second."""
FADES = (0.0, 0.3, 1.0)
"""Seconds."""


def camera(config: Config, status: CameraStatus, cameras: Sequence[CameraInfo]) -> tuple[MenuItem, ...]:
    """Return which camera, in what size, how often."""
    return (
        *_cameras(config, status, cameras),
        SEPARATOR,
        MenuItem(_("Resolution"), children=tuple(_sizes(config))),
        MenuItem(_("Frame rate"), children=tuple(_rates(config))),
    )


def _cameras(config: Config, status: CameraStatus, cameras: Sequence[CameraInfo]) -> Iterator[MenuItem]:
    automatic = _("Automatic")
    if config.camera == "auto" and status.name and not status.demo:
        automatic = _("Automatic: {camera}").format(camera=status.name)
    yield _one(automatic, config, camera="auto")
    for info in cameras:
        label = _("{camera} (busy)").format(camera=info.name) if info.busy and not info.chosen else info.name
        yield _one(label, config, camera=info.id)
    yield _one(_("Demo driver"), config, camera="demo")
    if config.camera not in {"auto", "demo", *(info.id for info in cameras)}:
        yield _one(status.name or config.camera, config, camera=config.camera)


def _sizes(config: Config) -> Iterator[MenuItem]:
    for width, height in sorted({*SIZES, (config.width, config.height)}):
        yield _one(f"{width} × {height}", config, width=width, height=height)


def _rates(config: Config) -> Iterator[MenuItem]:
    for fps in sorted({*RATES, config.fps}):
        yield _one(_("{fps} a second").format(fps=fps), config, fps=fps)


def settings(config: Config) -> tuple[MenuItem, ...]:
    """Return the settings that people change most; the others are the command line's."""
    return (
        _switch(_("Mirror the picture"), config, "mirror"),
        _switch(_("Keep my own mouth"), config, "keep_mouth"),
        _group(_("Colour"), config, "colour", _colours()),
        _group(_("Whose face changes"), config, "who", _whose()),
        _switch(_("Let bystanders be seen"), config, "bystanders"),
        _group(_("When my face is lost"), config, "when_lost", _lost()),
        _group(_("Cross-fade"), config, "crossfade", _fades(config)),
        SEPARATOR,
        _switch(_("Keep the camera on when nobody watches"), config, "always_on"),
        _switch(_("Notify me of problems"), config, "notifications"),
    )


def _colours() -> Iterator[tuple[str, Any]]:
    yield _("Light and shade of the scene"), Colour.scene
    yield _("As in the persona's picture"), Colour.none
    yield _("Match brightness and contrast"), Colour.mean_deviation
    yield _("Match colours (covariance)"), Colour.covariance
    yield _("Match colours (histogram)"), Colour.histogram


def _whose() -> Iterator[tuple[str, Any]]:
    yield _("Everybody's"), Who.all
    yield _("The largest face"), Who.largest
    yield _("The face in the middle"), Who.centre


def _lost() -> Iterator[tuple[str, Any]]:
    yield _("Blur the whole picture"), WhenLost.blur
    yield _("Show a card"), WhenLost.card


def _fades(config: Config) -> Iterator[tuple[str, Any]]:
    for seconds in sorted({*FADES, config.crossfade}):
        yield _("{seconds:g} s").format(seconds=seconds) if seconds else _("Off"), seconds


def _group(label: str, config: Config, key: str, values: Iterable[tuple[str, Any]]) -> MenuItem:
    return MenuItem(label, children=tuple(_one(name, config, **{key: value}) for name, value in values))


def _one(label: str, config: Config, **values: Any) -> MenuItem:
    """Return the line that sets these values, ticked when they are set."""
    chosen = all(getattr(config, key) == value for key, value in values.items())
    return MenuItem(label, change(**values), checked=chosen, radio=True)


def _switch(label: str, config: Config, key: str) -> MenuItem:
    on = bool(getattr(config, key))
    return MenuItem(label, change(**{key: not on}), checked=on)
