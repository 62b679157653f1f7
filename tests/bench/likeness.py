"""Scores swaps: every clip with every photo through ``visard convert``, judged by a separate program.

usage: likeness.py JUDGE --clips CLIP... --photos PHOTO...

JUDGE DRIVER OUTPUT PHOTO must print one JSON object of numbers; the table shows each clip's and photo's mean.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

Scores = dict[str, float]


def score(judge: Path, clip: Path, photo: Path, folder: Path) -> Scores:
    """Swap one clip and return what the judge says."""
    made = folder / f"{clip.stem}-{photo.stem}.mp4"
    convert = [sys.executable, "-m", "visard.daemon", "convert", clip, made, "--persona", photo, "--json"]
    subprocess.run(convert, check=True, stdout=subprocess.DEVNULL)
    answer = subprocess.run(
        [sys.executable, judge, clip, made, photo], check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(answer.stdout)


def mean(rows: list[Scores]) -> Scores:
    """Average each number."""
    return {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]}


def show(name: str, row: Scores) -> None:
    """Print one line of a Markdown table."""
    print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in row.values()) + " |", flush=True)


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("judge", type=Path)
    parser.add_argument("--clips", type=Path, nargs="+", required=True)
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = {
            (clip, photo): score(given.judge, clip, photo, Path(folder))
            for clip in given.clips
            for photo in given.photos
        }
    columns = list(next(iter(table.values())))
    print("| mean of | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for clip in given.clips:
        show(clip.name, mean([row for (c, _), row in table.items() if c == clip]))
    for photo in given.photos:
        show(photo.name, mean([row for (_, p), row in table.items() if p == photo]))
    show("everything", mean(list(table.values())))


if __name__ == "__main__":
    main()
