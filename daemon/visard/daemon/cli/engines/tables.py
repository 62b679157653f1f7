"""Numbers and tables as these commands show them."""

from collections.abc import Sequence


def size(count: float) -> str:
    """Return bytes in the unit that people would use."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def number(value: float | None, form: str = ".1f") -> str:
    """Return a number, or a dash where there is none."""
    return "-" if value is None else format(value, form)


class Notes:
    """Texts too long for a table: each is said once below it, and referred to by number."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def refer(self, text: str, most: int = 40) -> str:
        """Return a short text as it is, and for a long one its number."""
        text = " ".join(text.split())
        if len(text) <= most:
            return text
        if text not in self._texts:
            self._texts.append(text)
        return f"[{self._texts.index(text) + 1}]"

    def below(self) -> str:
        """Return the lines to put below the table."""
        return "".join(f"\n[{number}] {text}" for number, text in enumerate(self._texts, 1))


def columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return lines with columns as wide as they need to be."""
    lines = [head, *rows]
    wide = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, wide, strict=True)).rstrip()
        for line in lines
    )
