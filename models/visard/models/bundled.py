"""Opens the networks we ship."""

from pathlib import Path
from typing import Any

from visard.engines import Engine, load
from visard.models.assets import FOLDER, asset
from visard.models.check_inputs import samples


def shipped() -> dict[str, Path]:
    """Return where the networks we ship are by name; ``asset`` says whether one is intact."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.onnx"))}


def network(name: str, *, precision: str = "fp32", **options: Any) -> Engine:
    """Open a network we ship, checked with faces; ``options`` are those of ``engines.load``.

    In fp32, but where a picture comes out: half precision passes the check and still doubles the jitter of
    landmarks (docs/cpu-2026-11-20.md), and networks this small gain little by it. Raises AssetDamaged.
    """
    return load(asset(f"{name}.onnx"), precision=precision, samples=samples(name), **options)
