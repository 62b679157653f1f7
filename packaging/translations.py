"""Bring the tray's catalogues up to date after its texts changed; needs babel.

    python packaging/translations.py            sources -> visard.pot -> every visard.po -> every visard.mo
    python packaging/translations.py --check    change nothing; fail with what is out of date or untranslated

A folder as the last argument is taken instead of the tray's own.
"""

import sys
from collections.abc import Iterator, Sequence
from io import SEEK_END, BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

_TRAY = Path(__file__).resolve().parent.parent / "tray/visard/tray"
_TEMPLATE = "locale/visard.pot"
_KEYWORDS = {"_": None, "several": (1, 2)}
_HEADER = """msgid ""
msgstr ""
"Language: {language}\\n"
"Plural-Forms: {plurals}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""

Text = str | tuple[str, ...]


def extracted(tray: Path) -> Catalog:
    """Return what the sources say, with the files that say it."""
    catalog = Catalog(charset="utf-8")
    for name, _, text, comments, _ in extract_from_dir(tray, keywords=_KEYWORDS):
        catalog.add(text, locations=[(name, None)], auto_comments=comments)
    return catalog


def translations(tray: Path) -> Iterator[tuple[str, Path, Catalog]]:
    """Yield every translation: its language, its file and what is in it."""
    for path in sorted(tray.glob("locale/*/LC_MESSAGES/visard.po")):
        language = path.parts[-3]
        with path.open("rb") as file:
            yield language, path, read_po(file, locale=language)


def written(catalog: Catalog, language: str = "") -> bytes:
    """Return the catalogue as text, without lines that change although no text did."""
    into = BytesIO(_HEADER.format(language=language, plurals=catalog.plural_forms).encode())
    into.seek(0, SEEK_END)
    write_po(into, catalog, width=0, include_lineno=False, omit_header=True, sort_output=True)
    return into.getvalue().rstrip() + b"\n"


def compiled(catalog: Catalog) -> bytes:
    """Return the catalogue as programs read it."""
    into = BytesIO()
    write_mo(into, catalog)
    return into.getvalue()


def texts(catalog: Catalog) -> dict[Text, Text]:
    """Return texts and their translations."""
    return {_flat(message.id): _flat(message.string) for message in catalog if message.id}


def _flat(text: str | Sequence[str] | None) -> Text:
    return text or "" if isinstance(text, str | None) else tuple(text)


def faults(tray: Path) -> Iterator[str]:
    """Yield what is out of date, missing or broken."""
    now = extracted(tray)
    if (tray / _TEMPLATE).read_bytes() != written(now):
        yield f"{_TEMPLATE} is out of date"
    for language, path, catalog in translations(tray):
        for fault in _faults_of(now, path, catalog):
            yield f"{language}: {fault}"


def _faults_of(now: Catalog, path: Path, catalog: Catalog) -> Iterator[str]:
    done, wanted = _translated(catalog), set(texts(now))
    if _translated(read_mo(BytesIO(path.with_suffix(".mo").read_bytes()))) != done:
        yield "the .mo is out of date"
    yield from sorted(f"not translated: {text!r}" for text in wanted - set(done))
    yield from sorted(f"not in the sources: {text!r}" for text in set(done) - wanted)
    yield from (f"{message.id!r}: {errors[0]}" for message, errors in catalog.check())
    yield from (f"to be looked at: {message.id!r}" for message in catalog if message.id and message.fuzzy)


def _translated(catalog: Catalog) -> dict[Text, Text]:
    known = texts(catalog).items()
    return {text: said for text, said in known if said and all([said] if isinstance(said, str) else said)}


def update(tray: Path) -> None:
    """Write visard.pot, merge it into the translations and compile them."""
    now = extracted(tray)
    (tray / _TEMPLATE).write_bytes(written(now))
    for language, path, catalog in translations(tray):
        catalog.update(now, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        path.write_bytes(written(catalog, language))
        path.with_suffix(".mo").write_bytes(compiled(catalog))


if __name__ == "__main__":
    folders = [Path(argument) for argument in sys.argv[1:] if argument != "--check"]
    place = folders[-1] if folders else _TRAY
    if "--check" in sys.argv:
        sys.exit("\n".join(faults(place)) or 0)
    update(place)
