"""Work in the background that a person asked for, and how far it is."""

import itertools
import logging
from collections.abc import Callable
from threading import Lock, Thread
from typing import Protocol

from visard.daemon.api.schema import Job
from visard.daemon.errors import VisardError
from visard.engines.errors import Cancelled

log = logging.getLogger(__name__)

REMEMBERED = 8
"""Jobs that are told of, the oldest finished ones are forgotten first."""


class JobReport(Protocol):
    """Told how much of a job is done, 0 to 1, and what is being done; raises Cancelled to give it up."""

    def __call__(self, share: float, step: str, **facts: int | None) -> None:
        """``facts`` are further fields of a Job."""
        ...


class Jobs:
    """Runs each job on a thread of its own; any thread."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._jobs: dict[int, Job] = {}
        self._given_up: set[int] = set()
        self._numbers = itertools.count(1)
        self._lock = Lock()

    def all(self) -> tuple[Job, ...]:
        """Return the jobs, the oldest first."""
        with self._lock:
            return tuple(self._jobs.values())

    def start(
        self,
        title: str,
        work: Callable[[JobReport], str | None],
        *,
        model: str | None = None,
        tunes: str | None = None,
    ) -> Job:
        """Start ``work``, which tells how far it is and returns the persona that it made, if it made one.

        Work on a ``model``, and that ``tunes`` a persona, can be given up.
        """
        cancellable = model is not None or tunes is not None
        job = Job(id=next(self._numbers), title=title, model=model, tunes=tunes, cancellable=cancellable)
        self._put(job)
        Thread(target=self._run, args=(job, work), name=f"visard job {job.id}", daemon=True).start()
        return job

    def cancel(self, number: int) -> bool:
        """Have a job end as soon as it tells how far it is; false for one that cannot be given up."""
        with self._lock:
            job = self._jobs.get(number)
            if job is None or job.done or not job.cancellable:
                return False
            self._given_up.add(number)
            return True

    def _run(self, job: Job, work: Callable[[JobReport], str | None]) -> None:
        def report(share: float, step: str, **facts: int | None) -> None:
            if job.id in self._given_up:
                raise Cancelled("it was given up")
            told = job.model_copy(update={"progress": share, "step": step, **facts})
            if self._jobs.get(job.id) != told:
                self._put(told)

        try:
            done = {"persona": work(report), "progress": 1.0}
        except Exception as error:  # it is told to the person, and ends nothing else
            if not isinstance(error, VisardError):
                log.exception("%s failed", job.title)
            done = {"error": str(error) or type(error).__name__}
        self._given_up.discard(job.id)
        self._put(job.model_copy(update=done | {"done": True}))

    def _put(self, job: Job) -> None:
        with self._lock:
            self._jobs[job.id] = job
            finished = [number for number, job in self._jobs.items() if job.done]
            for number in finished[: max(len(self._jobs) - REMEMBERED, 0)]:
                del self._jobs[number]
        self._changed()
