"""A contact sheet as one picture."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from visard.engines.cache import files
from visard.models.train.faces.sheet.content import IN_ROW, Sheet, SheetGroup, SheetSection, evenly

_PAPER, _INK, _SOFT, _LINE = (251, 250, 248), (29, 28, 26), (123, 118, 110), (229, 225, 218)
_ACCENT = np.array([38, 112, 160])
_MARGIN, _LABELS, _THUMB, _GAP = 40, 190, 96, 4
_WIDTH = 2 * _MARGIN + _LABELS + IN_ROW * (_THUMB + _GAP)
_ROW = _THUMB + 16
_SECTION = 84
_HEADER = 236
_CELL = (58, 26)


def write_picture(path: Path, sheet: Sheet) -> None:
    """Write a sheet as PNG. Raises OSError."""
    height = _HEADER + _MARGIN + sum(_SECTION + _ROW * len(section.groups) for section in sheet.sections)
    canvas = Pillow.new("RGB", (_WIDTH, height), _PAPER)
    draw = ImageDraw.Draw(canvas)
    _header(draw, sheet)
    top = _HEADER
    for section in sheet.sections:
        top = _section(canvas, draw, section, top)
    with files.replacing(path) as file:
        canvas.save(file, "PNG")


def _text(
    draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int, colour: tuple[int, int, int]
) -> float:
    """Write a line; return where it ends. Characters that the font lacks become question marks."""
    font = ImageFont.load_default(size)
    shown = text.encode("latin-1", "replace").decode("latin-1")
    draw.text(at, shown, colour, font)
    return at[0] + draw.textlength(shown, font)


def _header(draw: ImageDraw.ImageDraw, sheet: Sheet) -> None:
    _text(draw, (_MARGIN, 34), sheet.title[:40], 34, _INK)
    left = float(_MARGIN)
    for value, what in sheet.facts:
        end = _text(draw, (left, 96), value, 26, _INK)
        left = max(end, _text(draw, (left, 130), what, 15, _SOFT)) + 30
    _directions(draw, sheet, _WIDTH - _MARGIN - 7 * (_CELL[0] + 3), 34)


def _directions(draw: ImageDraw.ImageDraw, sheet: Sheet, left: int, top: int) -> None:
    """Draw how many faces look where."""
    most = max(int(sheet.directions.max(initial=0)), 1)
    for row, counts in enumerate(sheet.directions.tolist()):
        for column, count in enumerate(counts):
            x, y = left + column * (_CELL[0] + 3), top + row * (_CELL[1] + 3)
            share = 0.05 + 0.6 * (count / most) ** 0.5
            colour = (np.array(_PAPER) * (1 - share) + _ACCENT * share).astype(int)
            draw.rounded_rectangle((x, y, x + _CELL[0], y + _CELL[1]), 4, tuple(colour.tolist()))
            if count:
                width = draw.textlength(str(count), ImageFont.load_default(13))
                _text(draw, (x + (_CELL[0] - width) / 2, y + 5), str(count), 13, _INK)
    for row, name in ((0, "up"), (2, "level"), (4, "down")):
        width = draw.textlength(name, ImageFont.load_default(13))
        _text(draw, (left - width - 8, top + 5 + row * (_CELL[1] + 3)), name, 13, _SOFT)
    for column, name in ((0, "left"), (3, "front"), (6, "right")):
        width = draw.textlength(name, ImageFont.load_default(13))
        middle = left + column * (_CELL[0] + 3) + (_CELL[0] - width) / 2
        _text(draw, (middle, top + 5 * (_CELL[1] + 3) + 2), name, 13, _SOFT)


def _section(canvas: Pillow.Image, draw: ImageDraw.ImageDraw, section: SheetSection, top: int) -> int:
    """Draw a section; return where it ends."""
    end = _text(draw, (_MARGIN, top + 30), section.title, 22, _INK)
    _text(draw, (end + 16, top + 37), section.text, 15, _SOFT)
    top += _SECTION - 16
    for group in section.groups:
        draw.line((_MARGIN, top, _WIDTH - _MARGIN, top), _LINE)
        _group(canvas, draw, group, top + 8)
        top += _ROW
    return top + 16


def _group(canvas: Pillow.Image, draw: ImageDraw.ImageDraw, group: SheetGroup, top: int) -> None:
    _text(draw, (_MARGIN, top + 22), group.title, 16, _INK)
    note = " · ".join(filter(None, (f"{group.count:,}", group.note)))
    _text(draw, (_MARGIN, top + 46), note, 15, _SOFT)
    left = _MARGIN + _LABELS
    for number, face in enumerate(evenly(group.faces, IN_ROW)):
        small = cv2.resize(face.picture, (_THUMB, _THUMB), interpolation=cv2.INTER_AREA)
        tile = Pillow.fromarray(np.ascontiguousarray(small[:, :, ::-1]))
        canvas.paste(tile, (left + number * (_THUMB + _GAP), top), _rounded())
    if not group.faces:
        _text(draw, (left, top + 36), "none" if not group.count else "...", 15, _SOFT)


def _rounded() -> Pillow.Image:
    """Return the mask of a small picture with rounded corners."""
    mask = Pillow.new("L", (_THUMB * 4, _THUMB * 4))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, _THUMB * 4 - 1, _THUMB * 4 - 1), 24, 255)
    return mask.resize((_THUMB, _THUMB), Pillow.Resampling.LANCZOS)
