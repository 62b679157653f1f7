"""A thread that sleeps until a file has something to say."""

import logging
import os
import select
import weakref
from collections.abc import Callable
from threading import Event, Thread, current_thread

log = logging.getLogger(__name__)

_JOIN_TIMEOUT = 1.0
"""Seconds to wait for the thread when closing, should it be busy with a call that waits for the closer."""


class PollThread:
    """Calls ``step`` at once, whenever ``file`` is ready, and after the seconds that ``step`` gave. Linux.

    An OSError out of ``step`` ends the thread; ``end`` is called in any case, last and on the same thread.
    """

    def __init__(
        self,
        name: str,
        file: int,
        step: Callable[[], float | None],
        end: Callable[[], None],
        poll_mask: int = select.POLLIN,
    ) -> None:
        self._step = step
        self._end = end
        self._stop = Event()
        self._alarm = os.eventfd(0)
        self._close_alarm = weakref.finalize(self, os.close, self._alarm)
        self._poll = select.poll()
        self._poll.register(file, poll_mask)
        self._poll.register(self._alarm, select.POLLIN)
        self._thread = Thread(target=self._run, name=f"visard {name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread at once; ``step`` is not called any more. Any thread, twice is fine."""
        if self._stop.is_set():
            return
        self._stop.set()
        os.eventfd_write(self._alarm, 1)
        if self._thread is not current_thread():
            self._thread.join(_JOIN_TIMEOUT)
        if not self._thread.is_alive():
            self._close_alarm()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                timeout = self._step()
                self._poll.poll(None if timeout is None else timeout * 1000)
        except OSError as error:
            log.info("%s ends: %s", self._thread.name, error)
        finally:
            self._end()
