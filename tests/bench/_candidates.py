"""What an engine's check found out about each way to run a network."""

from visard.engines.runtime.candidates import CandidateState
from visard.engines.runtime.managed import ManagedEngine


def print_candidates(name: str, engine: ManagedEngine) -> None:
    """Print a table: precision, what became of it, its likeness to fp32, and milliseconds where measured."""
    print(f"\n| {name} | state | cosine | dB | ms |\n|---|---|---|---|---|")
    for each in engine.status.candidates:
        numbers = (f"{each.cosine or 0:.5f}", f"{each.psnr or 0:.1f}", f"{each.ms or 0:.0f}")
        known = [text if value is not None else "-" for text, value in
                 zip(numbers, (each.cosine, each.psnr, each.ms), strict=True)]  # fmt: skip
        why = f": {each.reason}" if each.state is not CandidateState.serving and each.reason else ""
        print(f"| {each.backend} {each.precision} | {each.state}{why} | {' | '.join(known)} |", flush=True)
