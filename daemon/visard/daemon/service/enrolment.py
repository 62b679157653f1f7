"""Enrols the driver and forgets them again; the live pipeline follows at once."""

import logging
from pathlib import Path

from visard.daemon.api.schema import EnrolmentInfo, Job
from visard.daemon.config.enrolment import Enrolled, EnrolmentFile
from visard.daemon.errors import EnrolmentDamaged, EnrolmentError
from visard.daemon.media.jpeg_stream import JpegStream
from visard.daemon.pipeline.enrol import PATIENCE, enrol, pictures_of
from visard.daemon.service.camera_pictures import camera_pictures, check_awake
from visard.daemon.service.controller import Controller
from visard.daemon.service.jobs import Jobs
from visard.models.processor import Report

log = logging.getLogger(__name__)

TITLE = "learning what you look like"
DAMAGED = "enrolment-damaged"


class Enrolment:
    """Any thread. ``driver`` shows what the camera sees."""

    def __init__(self, file: EnrolmentFile, controller: Controller, jobs: Jobs, driver: JpegStream) -> None:
        self._file = file
        self._controller = controller
        self._jobs = jobs
        self._driver = driver

    def load(self) -> None:
        """Follow what is kept; where that cannot be read nobody is taken for the driver."""
        try:
            self._follow(self._file.load())
        except EnrolmentDamaged as error:
            log.error("%s", error)
            self._follow(Enrolled.unknown())
            self._controller.trouble(DAMAGED, str(error))

    def info(self) -> EnrolmentInfo:
        """Return whether somebody is enrolled."""
        enrolled = self._controller.switches.enrolled
        return EnrolmentInfo(enrolled=enrolled is not None, views=len(enrolled.embeddings) if enrolled else 0)

    def start(self, path: Path | None) -> Job:
        """Begin to enrol whom the camera sees, or who is in a photo or clip. Raises EnrolmentError."""
        self._check_free()
        if path is None:
            check_awake(self._controller, EnrolmentError)

        def work(report: Report) -> None:
            if path is None:
                made = enrol(
                    camera_pictures(self._controller, self._driver, EnrolmentError), report, PATIENCE
                )
            else:
                made = enrol(pictures_of(path), report)
            self._file.save(made)
            self._follow(made)

        return self._jobs.start(TITLE, work)

    def forget(self) -> None:
        """Delete what is kept; everybody is treated alike again. Raises EnrolmentError."""
        self._check_free()
        self._file.forget()
        self._follow(None)

    def _check_free(self) -> None:
        if any(job.title == TITLE and not job.done for job in self._jobs.all()):
            raise EnrolmentError("somebody is being enrolled just now; wait until that is over")

    def _follow(self, enrolled: Enrolled | None) -> None:
        with self._controller.telling():
            self._controller.trouble(DAMAGED, "")
            self._controller.set_switches(enrolled=enrolled)
