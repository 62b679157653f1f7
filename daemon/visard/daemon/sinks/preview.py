"""The page that shows what goes out, for a browser. Whoever runs a service serves it; this names it."""

from typing import NoReturn

from visard.daemon.errors import SinkUnavailable
from visard.daemon.media.frame import Format


class PreviewKind:
    """The kind of sink that is a page for a browser."""

    name = "preview"
    rank = 10
    summary = "a page for a browser on this computer; preview:PORT chooses its port"

    def claims(self, spec: str) -> bool:
        """Whether it is ``preview`` or ``preview:PORT``."""
        return spec.partition(":")[0] == self.name

    def open(self, spec: str, format: Format) -> NoReturn:  # noqa: A002, ARG002
        """Refuse: the page needs the service that it shows."""
        raise SinkUnavailable("only visard run has the preview as a sink; the daemon's is: visard preview")


def port(spec: str) -> int:
    """Return the port that ``spec`` names, 0 for any free one. Raises SinkUnavailable."""
    text = spec.partition(":")[2]
    if text and not (text.isdecimal() and 0 < int(text) < 65536):
        raise SinkUnavailable(f"{text!r} is no port; write preview or preview:8090")
    return int(text or 0)


sink = PreviewKind()
