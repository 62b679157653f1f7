"""What an examination found, and how it is shown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text


class FindingState(StrEnum):
    """How a part is."""

    ok = "ok"
    missing = "missing"
    """Visard works without it, and could do more with it."""
    problem = "problem"
    """Visard's main job, another face from one photo, does not work like this."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one part."""

    name: str
    state: FindingState
    detail: str
    fix: str | None = None
    """A line for a shell, when one can help."""


def status(findings: Iterable[Finding]) -> int:
    """Return the exit status: 0 when the main job can run."""
    return int(any(finding.state is FindingState.problem for finding in findings))


def render(findings: Sequence[Finding]) -> "Text":
    """Return a line for every finding, and for a fix a line of its own.

    Print it with ``soft_wrap=True``, so that a command can be copied whole.
    """
    from rich.text import Text

    colours = {FindingState.ok: "green", FindingState.missing: "yellow", FindingState.problem: "bold red"}
    wide = max((len(finding.name) for finding in findings), default=0)
    text = Text()
    for finding in findings:
        text.append(f"{finding.name:{wide}}  ")
        text.append(f"{finding.state:9}", colours[finding.state])
        text.append(f"{finding.detail}\n")
        if finding.fix:
            text.append(f"{'':{wide + 11}}{finding.fix}\n", "bold")
    text.rstrip()
    return text
