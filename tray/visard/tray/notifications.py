"""What deserves a notification: new problems that keep the persona off, and work that failed."""

from visard.daemon.api.schema import Status
from visard.tray import texts


class Notifications:
    """Remembers what has been told, also over restarts of the daemon."""

    def __init__(self) -> None:
        self._problems: frozenset[str] = frozenset()
        self._jobs: frozenset[tuple[int, int]] = frozenset()

    def news(self, status: Status) -> list[str]:
        """Return what to tell now; a problem that went away and comes again is news."""
        problems = {found.code: texts.problem(found) for found in status.problems if found.blocking}
        failed = {(status.pid, job.id): texts.failed(job) for job in status.jobs if job.error}
        told = [text for code, text in problems.items() if code not in self._problems]
        told += [text for key, text in failed.items() if key not in self._jobs]
        self._problems, self._jobs = frozenset(problems), frozenset(failed)
        return told if status.settings.notifications else []
