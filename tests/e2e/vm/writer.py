"""Guest: write pictures to Visard's virtual camera until told to stop.

Arguments: ``pattern SESSION WIDTH HEIGHT`` or ``relay SOURCE``. Says READY once the first picture is out.
"""

import signal
import sys
import time
from collections.abc import Iterator
from itertools import count, repeat

from pattern import Image, pattern

from visard.daemon.frame import Format
from visard.daemon.sinks import find_sink


def still(session: str, width: str, height: str) -> tuple[Format, Iterator[Image]]:
    """Return the session's pattern, for ever."""
    picture = pattern(int(session), int(width), int(height))
    return Format(int(width), int(height), 30), repeat(picture)


def relay(spec: str) -> tuple[Format, Iterator[Image]]:
    """Return what a Visard source gives."""
    from visard.daemon.sources import find_source

    source = find_source(spec).open(spec)
    return source.format, (source.read() for _ in count())


def main(kind: str, *arguments: str) -> None:
    """Write until SIGTERM, then close as a well-behaved program does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    form, pictures = {"pattern": still, "relay": relay}[kind](*arguments)
    sink = find_sink("camera").open("camera", form)
    try:
        for number, picture in enumerate(pictures):
            sink.write(picture)
            if number == 0:
                print("READY", sink.where, flush=True)
            time.sleep(0.1)
    finally:
        sink.close()


main(*sys.argv[1:])
