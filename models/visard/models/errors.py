"""Exceptions about photos, personas, and networks and models that are fetched.

VisardError
├── PortraitError      a picture cannot become a persona
│   ├── PictureUnreadable  missing, broken, too large or not a picture
│   └── FaceUnusable       no face, several, too small, closed eyes, strong profile
├── ProcessorUnknown   no swapper and no animator of this name can be used here
├── NetworkUnavailable a network that is not shipped cannot be fetched or is not the one expected
├── ModelError         a model of the store cannot be had, kept or read
│   ├── ModelUnknown       the store knows no such model
│   ├── ModelMissing       it is not here; the message says how to get it
│   ├── ModelDamaged       its file is not the one that was fetched or imported
│   └── LicenceNotAccepted its licence has to be accepted first
├── FaceSetError       a set of faces for training cannot be made or read
└── AssetDamaged       a file that ships with Visard is not the one that we made
"""

from visard.engines.errors import VisardError


class PortraitError(VisardError):
    """A picture cannot become a persona."""

    code = "portrait"


class PictureUnreadable(PortraitError):
    """The file is missing, broken, too large or not a picture."""

    code = "picture-unreadable"


class FaceUnusable(PortraitError):
    """The picture holds no face, several faces, or one that a persona cannot be made from."""

    code = "face-unusable"


class ProcessorUnknown(VisardError):
    """No swapper and no animator of this name can be used here."""

    code = "processor-unknown"


class NetworkUnavailable(VisardError):
    """A network that is not shipped cannot be fetched, or the file is not the one expected."""

    code = "network-unavailable"


class ModelError(VisardError):
    """A model of the store cannot be had, kept or read."""

    code = "model"


class ModelUnknown(ModelError):
    """The store knows no such model."""

    code = "model-unknown"


class ModelMissing(ModelError):
    """The model is not here; the message says how to get it."""

    code = "model-missing"


class ModelDamaged(ModelError):
    """A model's file is not the one that was fetched or imported."""

    code = "model-damaged"


class LicenceNotAccepted(ModelError):
    """The model's licence has to be read and accepted first; the message holds it."""

    code = "licence-not-accepted"


class FaceSetError(VisardError):
    """A set of faces for training cannot be made or read."""

    code = "face-set"


class AssetDamaged(VisardError):
    """A file that ships with Visard is missing or not the one that we made; a new installation helps."""

    code = "asset-damaged"
