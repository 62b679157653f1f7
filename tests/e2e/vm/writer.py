"""Guest: write pictures to Visard's virtual camera until told to stop.

Arguments: ``pattern SESSION WIDTH HEIGHT`` or ``relay SOURCE``. Says READY once the first picture is out.
"""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count, repeat

from pattern import Image, pattern

from visard.daemon.media.frame import Format
from visard.daemon.sinks import find_sink

Pictures = Iterator[tuple[Format, Iterator[Image]]]


@contextmanager
def still(session: str, width: str, height: str) -> Pictures:
    """Give the session's pattern, for ever."""
    picture = pattern(int(session), int(width), int(height))
    yield Format(int(width), int(height), 30), repeat(picture)


@contextmanager
def relay(spec: str) -> Pictures:
    """Give what a Visard source gives."""
    from visard.daemon.sources import find_source

    with closing(find_source(spec).open(spec)) as source:
        yield source.format, (source.read() for _ in count())


def main(kind: str, *arguments: str) -> None:
    """Write until SIGTERM, then close as a well-behaved program does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    kinds = {"pattern": still, "relay": relay}
    with (
        kinds[kind](*arguments) as (form, pictures),
        closing(find_sink("camera").open("camera", form)) as sink,
    ):
        for number, picture in enumerate(pictures):
            sink.write(picture)
            if number == 0:
                print("READY", sink.where, flush=True)
            time.sleep(0.1)


main(*sys.argv[1:])
