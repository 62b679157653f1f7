"""Guest: plays acts one after another and writes down what each found, for the host to judge."""

import json
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Found = dict[str, Any]
Act = Callable[[Path], Found]


def play(acts: Iterable[Act], out: Path, chosen: Iterable[str] = ()) -> None:
    """Play every act, or those chosen by name; one that fails leaves its traceback and the next goes on."""
    found: dict[str, Found] = {}
    names = set(chosen)
    for act in (act for act in acts if not names or act.__name__ in names):
        start = time.monotonic()
        try:
            found[act.__name__] = act(out)
        except Exception:
            found[act.__name__] = {"error": traceback.format_exc()}
        found[act.__name__]["seconds"] = round(time.monotonic() - start, 1)
        print(act.__name__, found[act.__name__], flush=True)
        (out / "acts.json").write_text(json.dumps(found, indent=1))


def wait(what: str, good: Callable[[], Any], limit: float, pause: float = 0.5) -> Any:
    """Return what ``good`` returns once that is true; raises RuntimeError after ``limit`` seconds."""
    deadline = time.monotonic() + limit
    while not (answer := good()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not come about within {limit:.0f} s")
        time.sleep(pause)
    return answer
