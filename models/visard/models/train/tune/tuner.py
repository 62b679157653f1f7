"""Tunes one persona on drivers' frames: records, fits, measures, and tells what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from visard.models.face import Image
from visard.models.portrait import Portrait
from visard.models.processor import Report
from visard.models.swap.mesh.correction import Correction
from visard.models.swap.mesh.texture import Texture
from visard.models.train.tune.fit import Settings, fit
from visard.models.train.tune.verdict import Judge, Verdict, judged, mean, sheet, swaps
from visard.models.train.tune.views import Frame, views

_HELD_OUT = 3
"""One part in so many of each driver's frames, the last, is not fitted."""
_OWN_SHARES, _SHARES = (1.0, 0.75, 0.5, 0.3), (0.5, 0.3)
"""How much of the correction is tried, for the driver it was found on and for everybody.

With strangers more than half wins nothing by a recogniser that was not followed, and costs expression.
"""
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    correction: Correction | None
    """None: the persona looks best as it is."""
    verdict: Verdict
    picture: Image
    """Before and after, on frames that were not fitted."""


def tune(
    portraits: Sequence[Portrait],
    drivers: Mapping[str, Sequence[Frame]],
    report: Report,
    settings: Settings,
) -> Outcome:
    """Search for a correction, measure it on frames that were left out, and take it or less of it, or none.

    ``drivers`` are frames in their order, two dozen of each at least. What ``report`` raises gives it up.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small pictures: threads would only wait for each other
    try:
        return _tune(portraits, drivers, report, settings)
    finally:
        torch.set_num_threads(threads)


def _tune(
    portraits: Sequence[Portrait],
    drivers: Mapping[str, Sequence[Frame]],
    report: Report,
    settings: Settings,
) -> Outcome:
    texture = Texture.of(*portraits)
    parts = {name: len(frames) - len(frames) // _HELD_OUT for name, frames in drivers.items()}
    recorded = []
    for number, (name, frames) in enumerate(drivers.items()):
        report(0.1 * number / len(drivers), f"swapping {name}")
        recorded.append(list(views(texture, frames[: parts[name]])))
    correction = fit(recorded, portraits, lambda share, text: report(0.1 + 0.7 * share, text), settings)
    held_out = {name: frames[parts[name] :] for name, frames in drivers.items()}
    report(0.8, "comparing before and after")
    return _compared(portraits, texture, correction, held_out, report)


def _compared(
    portraits: Sequence[Portrait],
    texture: Texture,
    correction: Correction,
    held_out: Mapping[str, Sequence[Frame]],
    report: Report,
) -> Outcome:
    judge = Judge(portraits, texture)
    before = mean([judge(texture, frames) for frames in held_out.values()])
    verdict, taken = None, correction
    shares = _OWN_SHARES if len(held_out) == 1 else _SHARES
    for number, share in enumerate(shares, 1):
        report(0.8 + 0.2 * number / (len(shares) + 1), "comparing before and after")
        taken = correction.scaled(share)
        changed = texture.corrected(taken)
        verdict = judged(before, mean([judge(changed, frames) for frames in held_out.values()]))
        if verdict.refused is None:
            break
    assert verdict is not None
    picture = _picture(portraits[0], texture, texture.corrected(taken), held_out)
    return Outcome(taken if verdict.refused is None else None, verdict, picture)


def _picture(
    portrait: Portrait, before: Texture, after: Texture, held_out: Mapping[str, Sequence[Frame]]
) -> Image:
    frames: list[Frame] = []
    pictures: tuple[list[Image], list[Image]] = ([], [])
    share = max(_SHOWN // len(held_out), 1)
    for driver in held_out.values():
        chosen = [round((k + 1) * (len(driver) - 1) / share) for k in range(share)]
        for made, texture in zip(pictures, (before, after), strict=True):
            swapped = list(swaps(texture, driver))
            made.extend(swapped[k] for k in chosen)
        frames.extend(driver[k] for k in chosen)
    return sheet(portrait.image, frames, *pictures)
