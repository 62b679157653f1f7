"""Whether a film goes on where an earlier run was interrupted: only if it would have made the same."""

import json
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from visard.daemon.errors import SinkUnavailable
from visard.daemon.foreground.jobs import Job
from visard.daemon.media.video import Film, Resumable, container_for, unfinished

_ENDS = 1 << 20
"""Bytes at either end of a file by which it is known, with its size."""
_DIGEST = "sha256:"
_MADE_WITH, _OVERWRITE = "made_with", "overwrite"


def resumable(job: Job, original: Film) -> Resumable:
    """Return how to write a film: after what an earlier run with the same arguments left, or anew.

    Raises SinkUnavailable where what was left was made otherwise.
    """
    facts, again = made_with(job), job.writing.overwrite
    record = {_MADE_WITH: facts, _OVERWRITE: again}
    for one in unfinished(job.target):
        known = one.record.get(_MADE_WITH)
        if known == facts and (one.record.get(_OVERWRITE) or not again):
            until = one.until(original.first) if can_go_on(job.target) else 0.0
            return Resumable(one.record, one.path, until)
        if not again:
            raise SinkUnavailable(
                f"{one.path.name} is unfinished and was made with {_differences(known, facts)}; do the same "
                "to go on with it, say --overwrite to begin anew, or choose another name"
            )
        return Resumable(record, one.path)
    return Resumable(record)


def can_go_on(target: Path) -> bool:
    """Whether the container holds films that another run can go on with; animated pictures begin anew."""
    return container_for(target).tracks is not None


def made_with(job: Job) -> dict[str, str]:
    """Return what decides how the film looks, in words that the person knows; files by their digest."""
    writing, material, enrolled = job.writing, job.persona.material, job.switches.enrolled
    files = (*material.photos, *([material.model] if material.model else []))
    return {
        "version of Visard": version("visard"),
        "version of PyAV": version("av"),
        "film": _digest(job.source),
        "persona": _DIGEST + sha256("".join(map(_digest, files)).encode()).hexdigest(),
        "driver": _DIGEST + sha256(enrolled.embeddings.tobytes() if enrolled else b"").hexdigest(),
        "--processor": job.persona.processor,
        **_values("--option ", "=", job.persona.options.model_dump(mode="json")),
        **_values("--", " ", job.switches.settings.model_dump(mode="json")),
        "--start": f"{writing.part.start:g}",
        "--end": f"{writing.part.end:g}",
        "--codec": writing.codec or "by default",
        "--quality": "by default" if writing.quality is None else str(writing.quality),
        "--reference": str(writing.reference),
    }


def _values(before: str, after: str, values: dict[str, object]) -> dict[str, str]:
    names = {name: name.replace("_", "-") if after == " " else name for name in values}
    return {
        before + names[name]: value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }


def _differences(old: object, new: dict[str, str]) -> str:
    """Say in which ways an unfinished film was made otherwise."""
    old = old if isinstance(old, dict) else {}
    told = [
        f"another {name}" if value.startswith(_DIGEST) or name not in old else f"{name} {old[name]}"
        for name, value in new.items()
        if old.get(name) != value
    ]
    return ", ".join(told) or "other options"


def _digest(path: Path) -> str:
    """Return what tells files apart at once, however large they are."""
    with path.open("rb") as file:
        size = path.stat().st_size
        known = sha256(str(size).encode() + file.read(_ENDS))
        file.seek(max(size - _ENDS, 0))
        known.update(file.read(_ENDS))
    return _DIGEST + known.hexdigest()
