"""Writes both sheets of a set into its folder."""

from pathlib import Path

from visard.models.train.faces.sheet.content import sheet_of
from visard.models.train.faces.sheet.page import write_page
from visard.models.train.faces.sheet.picture import write_picture

FOLDER = "sheet"


def write_sheets(folder: Path) -> tuple[Path, Path]:
    """Write ``sheet/sheet.png`` and ``sheet/sheet.html``; return where they are.

    Raises FaceSetError for a folder that is no set, OSError.
    """
    sheet = sheet_of(folder)
    (folder / FOLDER).mkdir(exist_ok=True)
    picture, page = folder / FOLDER / "sheet.png", folder / FOLDER / "sheet.html"
    write_picture(picture, sheet)
    write_page(page, sheet)
    return picture, page
