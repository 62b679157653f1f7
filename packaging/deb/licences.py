"""The package's copyright file: Visard's own terms, then every library that is bundled and its terms."""

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

HEAD = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: visard
Comment: The parts of this package are separate works, each under its own terms, which are listed below
 and lie in full beside each library in /usr/lib/visard. Since pyvirtualcam and the x264 and x265 inside
 PyAV and pillow-heif are under the GPL, the package as a whole is distributed under the GNU General Public
 License, version 2 or later as they allow; on Debian systems its text is in
 /usr/share/common-licenses/GPL-2.

"""

NETWORKS = """\
Files: usr/lib/visard/lib/*/site-packages/visard/models/assets/*
Copyright: Google LLC
 2021 Shenzhen Institute of Artificial Intelligence and Robotics for Society (sface_2021dec_fp16w.onnx)
License: Apache-2.0
 On Debian systems the text is in /usr/share/common-licenses/Apache-2.0. Origins and changes are in NOTICE.md
 beside the files.

"""


def copyright_file(checkout: Path, place: Path) -> str:
    """Return the file's text; ``place`` is where the libraries lie."""
    (site,) = place.glob("lib/*/site-packages")
    found = sorted(distributions(path=[str(site)]), key=lambda one: one.name.lower())
    bundled = "".join(_paragraph(one) for one in found if one.name != "visard")
    own = _field((checkout / "LICENSE").read_text())
    return f"{HEAD}Files: *\nCopyright: 2026 The Visard authors\nLicense: Expat\n{own}\n{NETWORKS}{bundled}"


def _paragraph(library: Distribution) -> str:
    tops = sorted({file.parts[0] for file in _files(library)})
    files = "\n ".join(f"usr/lib/visard/lib/*/site-packages/{top}*" for top in tops)
    notes = " ".join(_notices(library))
    return (
        f"Files: {files}\nCopyright: {_author(library)}\nLicense: {_name(library)}\n"
        f" {library.name} {library.version}. {f'Full text: {notes}' if notes else 'See its own files.'}\n\n"
    )


def _files(library: Distribution) -> Iterator[Path]:
    folder = Path(str(library.locate_file("")))
    stem = re.sub(r"[-.]", "_", library.name)
    names = {entry.name for entry in folder.iterdir()}
    declared = (library.read_text("top_level.txt") or "").split() or [stem, library.name]
    yield from (Path(name) for name in declared if name in names or f"{name}.py" in names)
    yield Path(f"{stem}-")


def _notices(library: Distribution) -> Iterator[str]:
    folder = Path(str(library.locate_file("")))
    for info in folder.glob(f"{re.sub(r'[-.]', '_', library.name)}-*.dist-info"):
        for path in sorted(info.rglob("*")):
            if re.match(r"(?i)(licen[cs]e|copying|notice)", path.name) and path.is_file():
                yield str(path.relative_to(folder))


def _author(library: Distribution) -> str:
    meta = library.metadata
    who = (
        meta.get("Author")
        or meta.get("Author-email")
        or meta.get("Maintainer")
        or f"the authors of {library.name}"
    )
    return " ".join(who.split())


def _name(library: Distribution) -> str:
    """Return one line that names the terms, as the library states them."""
    meta = library.metadata
    stated = meta.get("License-Expression") or meta.get("License") or ""
    classified = [
        line.rpartition(":: ")[2] for line in meta.get_all("Classifier") or [] if "License ::" in line
    ]
    short = stated.strip() if len(stated) < 80 and "\n" not in stated.strip() else ""
    return short or ", ".join(classified) or "see below"


def _field(text: str) -> str:
    return "".join(f" {line.strip() or '.'}\n" for line in text.strip().splitlines())
