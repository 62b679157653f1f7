"""Converts a film whose tracker counts its pictures, telling each that is written: SOURCE TARGET [MODE]."""

import os
import sys
from pathlib import Path

from fakes import Mask, worn
from numbered import Animator, ByNumber

from visard.daemon.config.settings import Mode, Settings
from visard.daemon.foreground.convert import convert
from visard.daemon.foreground.jobs import Summary
from visard.daemon.foreground.signals import terminating
from visard.daemon.personas.prepare import PreparedPersona


def run(source: Path, target: Path, mode: Mode) -> Summary:
    """Convert in one go, or go on."""
    persona = worn(Mask(before=lambda _: tell()))
    if mode is Mode.animate:
        persona = PreparedPersona("p", "numbered", mode, Animator(before=tell))
    with terminating():
        return convert(source, target, persona, Settings(), tracking=lambda _: ByNumber())


def tell() -> None:
    """Write a byte for every picture that is being made."""
    os.write(1, b"x")


if __name__ == "__main__":
    made = run(Path(sys.argv[1]), Path(sys.argv[2]), Mode(sys.argv[3]))
    os.write(2, f"{made.frames} {made.resumed} {made.complete}".encode())
