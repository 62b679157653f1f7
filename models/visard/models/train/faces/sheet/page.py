"""A contact sheet as a page that needs nothing but itself."""

import base64
from html import escape
from pathlib import Path

import cv2

from visard.engines.cache import files
from visard.models.train.faces.sheet.content import Sheet, SheetGroup, SheetSection, Thumbnail

_STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf8; --ink: #1d1c1a; --soft: #7b766e; --line: #e5e1da;
  --accent: 38, 112, 160; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #171717; --ink: #eceae6; --soft: #96918a; --line: #333; --accent: 104, 178, 224; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1480px; padding: 40px 32px 64px; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: 24px 48px; justify-content: space-between; align-items: end;
  margin-bottom: 8px; }
h1 { margin: 0 0 12px; font-size: 30px; font-weight: 650; overflow-wrap: anywhere; }
h2 { margin: 44px 0 2px; font-size: 20px; font-weight: 650; }
h3 { margin: 0; font-size: 15px; font-weight: 600; }
p { margin: 0; color: var(--soft); }
dl { display: flex; flex-wrap: wrap; gap: 8px 32px; margin: 0; }
dt { font-size: 22px; font-weight: 600; line-height: 1.2; }
dd { margin: 0; color: var(--soft); }
table { border-spacing: 3px; font-size: 12px; font-variant-numeric: tabular-nums; }
td { width: 54px; height: 26px; text-align: center; border-radius: 4px; }
th { font-weight: 400; color: var(--soft); padding: 0 6px; }
.group { display: grid; grid-template-columns: 168px 1fr; gap: 4px 24px; padding: 16px 0;
  border-top: 1px solid var(--line); }
h2 + p + .group { margin-top: 14px; }
.faces { display: flex; flex-wrap: wrap; gap: 4px; align-content: start; }
.faces img { width: 84px; height: 84px; border-radius: 5px; display: block; background: var(--line); }
.none { color: var(--soft); align-self: center; }
code { font-size: 12.5px; user-select: all; background: rgba(var(--accent), .12); border-radius: 4px;
  padding: 2px 6px; overflow-wrap: anywhere; }
@media (max-width: 700px) { .group { grid-template-columns: 1fr; } }
"""


def write_page(path: Path, sheet: Sheet) -> None:
    """Write a sheet as HTML. Raises OSError."""
    facts = "".join(
        f"<div><dt>{escape(value)}</dt><dd>{escape(what)}</dd></div>" for value, what in sheet.facts
    )
    body = (
        f"<header><div><h1>{escape(sheet.title)}</h1><dl>{facts}</dl></div>{_directions(sheet)}</header>"
        + "".join(map(_section, sheet.sections))
    )
    head = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(sheet.title)}: faces</title><style>{_STYLE}</style>"
    )
    with files.replacing(path) as file:
        file.write(f"{head}<body>{body}</body></html>\n".encode())


def _directions(sheet: Sheet) -> str:
    """Return a table of how many faces look where."""
    most = max(int(sheet.directions.max(initial=0)), 1)
    rows = []
    for name, counts in zip(("up", "", "level", "", "down"), sheet.directions.tolist(), strict=True):
        shares = [0.05 + 0.6 * (count / most) ** 0.5 for count in counts]
        cells = "".join(
            f'<td style="background: rgba(var(--accent), {share:.2f})">{count or ""}</td>'
            for share, count in zip(shares, counts, strict=True)
        )
        rows.append(f"<tr><th>{name}</th>{cells}</tr>")
    names = "".join(f"<th>{name}</th>" for name in ("left", "", "", "front", "", "", "right"))
    return f"<table>{''.join(rows)}<tr><th></th>{names}</tr></table>"


def _section(section: SheetSection) -> str:
    groups = "".join(map(_group, section.groups))
    return f"<section><h2>{escape(section.title)}</h2><p>{escape(section.text)}</p>{groups}</section>"


def _group(group: SheetGroup) -> str:
    shown = len(group.faces)
    count = f"{group.count:,}" if shown in (0, group.count) else f"{shown} of {group.count:,}"
    note = " · ".join(filter(None, (count, group.note)))
    command = f"<p><code>{escape(group.command)}</code></p>" if group.command else ""
    faces = (
        "".join(map(_image, group.faces))
        or f'<span class="none">{"none" if not group.count else "..."}</span>'
    )
    return (
        f'<div class="group"><div><h3>{escape(group.title)}</h3><p>{escape(note)}</p>{command}</div>'
        f'<div class="faces">{faces}</div></div>'
    )


def _image(face: Thumbnail) -> str:
    encoded = cv2.imencode(".jpg", face.picture, [cv2.IMWRITE_JPEG_QUALITY, 82])[1]
    data = base64.b64encode(encoded.tobytes()).decode()
    title = escape(face.caption)
    return f'<img src="data:image/jpeg;base64,{data}" alt="" title="{title}" loading="lazy">'
