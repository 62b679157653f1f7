"""The picture of tests/bench/engines.py: a panel a network, a bar an engine, its floor as a mark."""

from pathlib import Path
from typing import Any

COLOURS = {"fp32": "#4477aa", "fp16": "#ee6677", "mixed": "#aa3377", "bf16": "#228833"}
COLUMNS = 3


def draw(networks: list[dict[str, Any]], path: Path) -> None:
    """Draw the results (see ``Measured.facts``) into a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    lines = -(-len(networks) // COLUMNS)
    figure, axes = pyplot.subplots(
        lines, COLUMNS, figsize=(5.2 * COLUMNS, 2.9 * lines), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(networks) :]:
        axis.set_visible(False)
    for axis, network in zip(axes.flat, networks, strict=False):
        _panel(axis, network)
    figure.legend(handles=_legend(pyplot), loc="outside lower center", ncols=len(COLOURS) + 2, frameon=False)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _panel(axis: Any, network: dict[str, Any]) -> None:
    """One network: the fastest on top, what came out wrong hatched."""
    found = [(row, row["ms"]) for row in network["results"]]
    found = [(row, took) for row, took in found if took][::-1]
    for place, (row, took) in enumerate(found):
        wrong = row["state"] != "ok"
        axis.barh(place, took, color=COLOURS[row["precision"]], hatch="///" if wrong else None, alpha=0.9)
        axis.text(took, place, f" {took:.3g}" if took < 1000 else f" {took:.0f}", va="center", fontsize=8)
        if row["floor_ms"]:
            axis.plot([row["floor_ms"]] * 2, [place - 0.42, place + 0.42], color="black", linewidth=2)
    axis.set_yticks(
        range(len(found)), [f"{row['backend']} {row['device']} {row['precision']}" for row, _ in found]
    )
    axis.tick_params(labelsize=8)
    axis.set_xlabel("milliseconds", fontsize=8)
    axis.margins(x=0.16)
    axis.set_title(f"{network['network']}: {network['operations'] / 1e9:.3g} G operations", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)


def _legend(pyplot: Any) -> list[Any]:
    from matplotlib.patches import Patch

    floor = pyplot.Line2D([], [], color="black", linewidth=2, label="floor")
    wrong = Patch(facecolor="white", edgecolor="black", hatch="///", label="wrong results")
    return [*(Patch(color=colour, label=name) for name, colour in COLOURS.items()), floor, wrong]
