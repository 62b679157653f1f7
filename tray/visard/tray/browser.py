"""Opening an address in the person's browser."""

import shutil
import subprocess
import sys
import webbrowser

_PATIENCE = 5.0
"""Seconds after which an opener that still runs is taken for the browser itself."""


def browse(link: str) -> bool:
    """Open ``link``; tell whether that worked. May take seconds."""
    opener = shutil.which("xdg-open") if sys.platform == "linux" else None
    if opener is None:
        return webbrowser.open(link)
    # The library starts the same program, but cannot tell that it found no browser.
    nothing = subprocess.DEVNULL
    child = subprocess.Popen(
        [opener, link], stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
    )
    try:
        return child.wait(_PATIENCE) == 0
    except subprocess.TimeoutExpired:
        return True
