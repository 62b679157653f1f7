"""Nowhere: for measuring everything before the sink."""

from visard.daemon.media.frame import Format
from visard.models.face import Image


class NullSink:
    """Counts pictures and forgets them."""

    where = "nowhere"

    def __init__(self) -> None:
        self.written = 0

    def write(self, image: Image) -> None:  # noqa: ARG002
        """Count one picture."""
        self.written += 1

    def close(self) -> None:
        """Do nothing."""


class NullKind:
    """The kind of sink that keeps nothing."""

    name = "null"
    rank = 10
    summary = "nowhere, for measuring"

    def claims(self, spec: str) -> bool:
        """Whether it is the word ``null``."""
        return spec == self.name

    def open(self, spec: str, format: Format) -> NullSink:  # noqa: A002, ARG002
        """Open; cannot fail."""
        return NullSink()


sink = NullKind()
