"""The root of Visard's exceptions and those of the engines.

VisardError
└── EngineError            a network could not be loaded or run
    ├── BackendUnavailable the backend is not installed or has no device here
    └── ModelRefused       the backend does not accept this model file
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
