"""Tune the personas that ship: python packaging/tune_shipped.py [NAME...]

Each is tuned on all the others, whom the puppet moves as the demo driver moves; the same pictures always give
the same corrections. What is taken is written beside the picture and noted in persona.json, and a picture of
before and after lies in the current folder. A minute each on a quiet core.
"""

import json
import sys
from pathlib import Path

from PIL import Image

from visard.daemon.personas.correction_files import drop_others, keep_beside
from visard.daemon.personas.entries import SHIPPED
from visard.daemon.personas.record import RECORD, Persona, read
from visard.daemon.pipeline.tuning import everybody, tune


def told(share: float, text: str) -> None:
    """Draw progress."""
    print(f"\r{share:4.0%} {text:<40}", end="", flush=True)


def main() -> None:
    """Tune those who are named, or everybody."""
    names = sys.argv[1:] or sorted(folder.name for folder in SHIPPED.iterdir())
    people = everybody(told)
    for name in names:
        persona = read(SHIPPED / name, shipped=True)
        assert isinstance(persona, Persona), persona
        outcome = tune(persona, people, told)
        Image.fromarray(outcome.picture[:, :, ::-1]).save(Path(f"tuned-{name}.png"))
        print(
            f"\r{name}: {outcome.verdict.refused or 'taken'}\n  {outcome.verdict.before}"
            f"\n  {outcome.verdict.after}"
        )
        if outcome.correction is not None:
            kept = keep_beside(persona.folder, outcome.correction)
            record = json.loads((persona.folder / RECORD).read_text())
            drop_others(persona.folder, kept)
            record["tuned"] = kept.model_dump(exclude_defaults=True)
            (persona.folder / RECORD).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
