"""Every exception a person can meet.

VisardError
├── EngineError               (visard.engines.errors)
│   ├── BackendUnavailable
│   └── ModelRefused
├── PortraitError             (visard.models.errors)
│   ├── PictureUnreadable
│   └── FaceUnusable
├── ProcessorUnknown          (visard.models.errors)
├── NetworkUnavailable        (visard.models.errors)
├── ModelError                (visard.models.errors)
│   ├── ModelUnknown
│   ├── ModelMissing
│   ├── ModelDamaged
│   └── LicenceNotAccepted
├── FaceSetError              (visard.models.errors)
├── TrainingError             (visard.models.train.errors, with its own tree)
├── SourceError               frames cannot be read
│   ├── SourceUnavailable     missing, broken, busy or of an unknown kind
│   ├── SourceLost            it worked and stopped; opening it again may help
│   └── SourceEnded           a finite source gave its last frame (not a fault)
├── SinkError                 frames cannot be written
│   └── SinkUnavailable       no such device, driver or folder; the message says how to get it
├── PersonaError              the library refuses a name, a consent or a file
│   └── PersonaUnknown        there is no such persona
├── TuningError               a persona cannot be tuned here or now
├── ConfigError               a setting is unknown or its value cannot be
│   └── WouldReveal           the driver might be recognised, and nobody asked for that
├── EnrolmentError            a driver cannot be enrolled or forgotten
│   └── EnrolmentDamaged      who is enrolled cannot be read
├── InstallError              what starts Visard with the session cannot be set up
└── DaemonError
    ├── DaemonRunning         another daemon of this user is at work
    └── DaemonAbsent          no daemon answers
"""

from visard.engines.errors import BackendUnavailable, EngineError, ModelRefused, VisardError
from visard.models.errors import (
    FaceSetError,
    FaceUnusable,
    LicenceNotAccepted,
    ModelDamaged,
    ModelError,
    ModelMissing,
    ModelUnknown,
    NetworkUnavailable,
    PictureUnreadable,
    PortraitError,
    ProcessorUnknown,
)


class SourceError(VisardError):
    """Frames cannot be read."""

    code = "source"


class SourceUnavailable(SourceError):
    """The source is missing, broken, busy or of an unknown kind."""

    code = "source-unavailable"


class SourceLost(SourceError):
    """The source worked and stopped; opening it again may help."""

    code = "source-lost"


class SourceEnded(SourceError):
    """A finite source gave its last frame."""

    code = "source-ended"


class SinkError(VisardError):
    """Frames cannot be written."""

    code = "sink"


class SinkUnavailable(SinkError):
    """There is no such device, driver or folder."""

    code = "sink-unavailable"


class PersonaError(VisardError):
    """The library refuses a name, a consent or a file."""

    code = "persona"


class PersonaUnknown(PersonaError):
    """There is no such persona."""

    code = "persona-unknown"


class TuningError(VisardError):
    """A persona cannot be tuned here or now."""

    code = "tuning"


class ConfigError(VisardError):
    """A setting is unknown or its value cannot be."""

    code = "config"


class WouldReveal(ConfigError):
    """Settings under which the driver may be recognised were asked for without saying so."""

    @classmethod
    def unless(cls, command: str) -> "WouldReveal":
        """Say how to ask for it."""
        return cls(
            "with these settings (opacity, mask_grow, mask_blur) others may recognise you;"
            f" ask for it in so many words: {command} --reveal"
        )


class EnrolmentError(VisardError):
    """A driver cannot be enrolled or forgotten."""

    code = "enrolment"


class EnrolmentDamaged(EnrolmentError):
    """Who is enrolled cannot be read."""

    code = "enrolment-damaged"


class InstallError(VisardError):
    """What starts Visard with the session cannot be set up."""

    code = "install"


class DaemonError(VisardError):
    """The daemon cannot be started or reached."""

    code = "daemon"


class DaemonRunning(DaemonError):
    """Another daemon of this user is at work."""

    code = "daemon-running"


class DaemonAbsent(DaemonError):
    """No daemon answers."""

    code = "daemon-absent"

    @classmethod
    def here(cls) -> "DaemonAbsent":
        """Say how to start it."""
        return cls("no Visard daemon answers; start it with: visard daemon")


__all__ = [
    "BackendUnavailable",
    "ConfigError",
    "DaemonAbsent",
    "DaemonError",
    "DaemonRunning",
    "EngineError",
    "EnrolmentDamaged",
    "EnrolmentError",
    "FaceSetError",
    "FaceUnusable",
    "InstallError",
    "LicenceNotAccepted",
    "ModelDamaged",
    "ModelError",
    "ModelMissing",
    "ModelRefused",
    "ModelUnknown",
    "NetworkUnavailable",
    "PersonaError",
    "PersonaUnknown",
    "PictureUnreadable",
    "PortraitError",
    "ProcessorUnknown",
    "SinkError",
    "SinkUnavailable",
    "SourceEnded",
    "SourceError",
    "SourceLost",
    "SourceUnavailable",
    "TuningError",
    "VisardError",
    "WouldReveal",
]
