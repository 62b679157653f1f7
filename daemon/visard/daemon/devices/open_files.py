"""Who reads a device, judged by who has it open.

The node is watched for opening and closing (inotify), and after that the processes that have it open are
looked at. Whoever streams has the device's memory mapped, since a loopback device can be streamed from in no
other way; whoever calls read() causes an event. Whoever has it open and does neither is looked at again, soon
at first, in the end every second: a browser takes a tenth of a second from opening to streaming, WirePlumber
keeps a camera open that it never reads.

Processes of other users cannot be looked at, but their open files show in the driver's use count. Such a file
counts as read once it stays open for a second, for nobody can tell what it is for.
"""

import errno
import math
import os
import select
import time

from visard.daemon.devices import v4l2, v4l2loopback
from visard.daemon.devices.v4l2 import Holder

_FIRST_DELAY, _MAX_DELAY, _DELAY_GROWTH = 0.05, 1.0, 1.25
"""Seconds until somebody who has the device open and does not read it is looked at again: at first, in the
end, and how they grow, so that it is never much longer than a fifth of the time since the opening."""
_UNSEEN_AGE = 1.0
"""Seconds after which an open file of an unseen process counts as read."""
_NEXT_READ = 3.0
"""Seconds within which somebody who calls read() does so again; a sleeping Visard sends few pictures."""
_SEARCH_PAUSE = 5
"""How many times the processor time of a search of all processes must pass before the next one."""


class OpenFiles:
    """Counts readers of the device at ``path``; one thread. Raises OSError where that is impossible."""

    how = "programs that have the device open"
    poll_mask = select.POLLIN

    def __init__(self, path: str) -> None:
        from inotify_simple import INotify  # type: ignore[import-untyped]

        os.stat("/proc/self/fd")  # noqa: PTH116 - without it, who has what open cannot be known
        self._path = path
        self._reading = -math.inf
        """Until when somebody is taken to call read()."""
        self._stale = True
        self._search_due = 0.0
        self._delay = _FIRST_DELAY
        self._open: list[Holder] = []
        self._unseen = 0
        self._unseen_since = 0.0
        self._inotify = INotify()
        try:
            self._add_watch()
        except OSError:
            self._inotify.close()
            raise

    def fileno(self) -> int:
        """Return the file that becomes readable when something happens to the device."""
        return int(self._inotify.fileno())

    def close(self) -> None:
        """Watch no longer."""
        self._inotify.close()

    def poll(self) -> tuple[int, float | None]:
        """Return how many read, and after how many seconds to look again at the latest.

        Raises OSError when the device has gone.
        """
        self._read_events()
        if self._stale and time.monotonic() >= self._search_due:
            self._search()
        return self._count_readers()

    def _add_watch(self) -> None:
        from inotify_simple import flags, masks

        mask = flags.OPEN | masks.CLOSE | flags.ATTRIB | flags.DELETE_SELF | flags.MOVE_SELF
        # every read() is an event: after the first they would only keep us awake
        known = self._reading == math.inf
        self._inotify.add_watch(self._path, mask if known else mask | flags.ACCESS)

    def _read_events(self) -> None:
        from inotify_simple import flags, masks

        happened = 0
        for event in self._inotify.read(timeout=0):
            happened |= event.mask
        gone = flags.DELETE_SELF | flags.MOVE_SELF | flags.IGNORED | flags.UNMOUNT
        if happened & gone or not os.path.exists(self._path):  # noqa: PTH110 - or unlinked while open
            raise FileNotFoundError(errno.ENODEV, "the device has gone", self._path)
        if happened & flags.ACCESS and self._reading != math.inf:
            self._reading = math.inf
            self._add_watch()
        if happened & (flags.OPEN | masks.CLOSE | flags.Q_OVERFLOW):
            self._stale = True

    def _search(self) -> None:
        start = time.thread_time()
        everybody = v4l2.holders(self._path)
        self._open = [holder for holder in everybody if not holder.only_writes]
        self._count_unseen(sum(holder.files for holder in everybody))
        now = time.monotonic()
        if self._reading == math.inf:  # was it the one who has just closed it?
            self._reading = now + _NEXT_READ
            self._add_watch()
        self._stale, self._delay = False, _FIRST_DELAY
        self._search_due = now + _SEARCH_PAUSE * (time.thread_time() - start)

    def _count_unseen(self, seen: int) -> None:
        open_files = v4l2loopback.open_files(self._path)
        unseen = max(0, open_files - seen - len(v4l2.opened_here(self._path))) if open_files else 0
        if unseen and not self._unseen:
            self._unseen_since = time.monotonic()
        self._unseen = unseen

    def _count_readers(self) -> tuple[int, float | None]:
        now = time.monotonic()
        reading = now < self._reading
        idle = [holder for holder in self._open if not v4l2.is_mapped(holder.pid, self._path)]
        unknown = 0 if reading or now >= self._unseen_since + _UNSEEN_AGE else self._unseen
        count = len(self._open) - len(idle) + self._unseen - unknown
        again = [self._search_due - now] if self._stale else []
        if reading and self._reading < math.inf:
            again.append(self._reading - now)
        if unknown or (idle and not reading):
            again.append(self._delay)
            self._delay = min(_DELAY_GROWTH * self._delay, _MAX_DELAY)
        # one of them calls read(), nobody knows which
        return count + (reading and bool(idle)), max(0.0, min(again)) if again else None
