"""A sink with a thread of its own, so that a slow or broken one holds up nobody else."""

import logging
import time
from threading import Thread

from visard.daemon.guard.gate import Cleared
from visard.daemon.media.ports import Sink
from visard.daemon.media.slot import Closed, Slot
from visard.daemon.pipeline.stats import Stats

log = logging.getLogger(__name__)


class SinkThread:
    """Writes cleared pictures to one sink: the newest when ``live``, else every one in order."""

    def __init__(self, sink: Sink, stats: Stats, *, live: bool) -> None:
        self.where = sink.where
        self.error: Exception | None = None
        self._sink = sink
        self._stats = stats
        self._slot: Slot[Cleared] = Slot()
        self._pass = self._slot.put if live else self._slot.hand
        self.thread = Thread(target=self._run, name=f"visard sink {self.where}", daemon=True)

    @property
    def dropped(self) -> int:
        """Pictures that a newer one replaced before the sink could take them."""
        return self._slot.dropped

    def send(self, cleared: Cleared) -> bool:
        """Pass a picture on; false when the sink has failed or was closed."""
        if not isinstance(cleared, Cleared):
            raise TypeError("only what the guard cleared may be sent")
        try:
            self._pass(cleared)
        except Closed:
            return False
        return True

    def close(self) -> None:
        """Let the thread write what it still holds, close the sink and end."""
        self._slot.close()

    def _run(self) -> None:
        try:
            while (cleared := self._slot.take()) is not None:
                self._write(cleared)
        except Closed:
            pass
        except Exception as error:  # whatever a sink does, the others must go on
            self._fail(error)
        finally:
            self._slot.close()
            self._close()

    def _write(self, cleared: Cleared) -> None:
        start = time.perf_counter()
        self._sink.write(cleared.image)
        if cleared.frame is not None:
            self._stats.written(cleared.frame, time.perf_counter() - start)

    def _close(self) -> None:
        try:
            self._sink.close()
        except Exception as error:  # a full disk shows up here at the latest
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.error = self.error or error
        if self._stats.failed("sink", error):
            log.warning("%s was dropped: %s", self.where, error)
