"""Exceptions about photos, personas and networks that are fetched.

VisardError
├── PortraitError      a picture cannot become a persona
│   ├── PictureUnreadable  missing, broken, too large or not a picture
│   └── FaceUnusable       no face, several, too small, closed eyes, strong profile
├── ProcessorUnknown   no swapper and no animator of this name can be used here
├── NetworkUnavailable a network that is not shipped cannot be fetched or is not the one expected
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


class AssetDamaged(VisardError):
    """A file that ships with Visard is missing or not the one that we made; a new installation helps."""

    code = "asset-damaged"
