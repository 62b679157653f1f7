"""The root of Visard's exceptions and those of the engines.

VisardError
└── EngineError            a network could not be loaded or run
    ├── BackendUnavailable the backend is not installed or has no device here
    ├── ModelRefused       the backend does not accept this model file
    │   └── NoNumbers      no backend can: its own results are no numbers
    ├── BuildFailed        compiling crashed, took too long or was cancelled; its log says more
    │   └── Cancelled      somebody asked for it
    ├── Wrong              an engine's results are not the reference's
    └── DeviceLost         the device failed or went away while running
"""


class VisardError(Exception):
    """Anything Visard reports to a person: the message says what happened and what to do."""

    code = "error"


class EngineError(VisardError):
    """A network could not be loaded or run."""

    code = "engine"


class BackendUnavailable(EngineError):
    """The backend is not installed or has no device on this machine."""

    code = "backend-unavailable"


class ModelRefused(EngineError):
    """The backend does not accept this model file."""

    code = "model-refused"


class NoNumbers(ModelRefused):
    """The network's own results are no numbers, whatever runs it."""


class BuildFailed(EngineError):
    """Compiling crashed, took too long or was cancelled; its log says more."""

    code = "build-failed"


class Cancelled(BuildFailed):
    """Somebody asked to stop compiling."""

    code = "cancelled"


class Wrong(EngineError):
    """An engine's results are not the reference's."""

    code = "engine-wrong"


class DeviceLost(EngineError):
    """The device failed or went away while running."""

    code = "device-lost"
