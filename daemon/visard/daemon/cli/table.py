"""Text in columns, by the width that a terminal gives it: of Chinese two cells a character, of marks none."""

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells, all of one length, as lines."""
    from wcwidth import wcswidth

    widths = [max(map(wcswidth, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell + " " * (width - wcswidth(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    )
