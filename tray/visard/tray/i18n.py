"""The language of what the tray says: English in the sources, others from the catalogues in ``locale``."""

import gettext
import os
from functools import cache
from itertools import takewhile
from pathlib import Path

FOLDER = Path(__file__).parent / "locale"
DOMAIN = "visard"


def _(text: str) -> str:
    """Return ``text`` in the person's language."""
    return _catalogue(_wanted()).gettext(text)


def several(one: str, many: str, count: int) -> str:
    """Return the text for ``count`` things in the person's language."""
    return _catalogue(_wanted()).ngettext(one, many, count)


def english() -> bool:
    """Tell whether texts stay as they are in the sources."""
    return not isinstance(_catalogue(_wanted()), gettext.GNUTranslations)


def _wanted() -> tuple[str, ...]:
    """Return the languages the environment asks for, best first, up to English, which needs no catalogue."""
    values = map(os.environ.get, ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"))
    names = next((value for value in values if value), "").split(":")
    before = takewhile(lambda name: not name.startswith(("en", "C", "POSIX")), names)
    return tuple(filter(None, before))


@cache
def _catalogue(languages: tuple[str, ...]) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, FOLDER, languages or ["C"], fallback=True)
