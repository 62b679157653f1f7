"""What is told of the models that Visard can use and does not ship."""

from visard.daemon.api.schema import Fact


class LicenceInfo(Fact):
    """What a model's weights may be used for."""

    id: str
    name: str
    text: str
    url: str = ""
    commercial: bool
    """Whether commercial use is allowed."""
    ask: bool
    """It has to be read and accepted before the model comes in."""
    accepted: bool = False


class ModelFileInfo(Fact):
    """One published file of a model."""

    name: str
    urls: tuple[str, ...] = ()
    """Where it is published; without any it can only be imported."""
    sha256: str | None = None
    """As published, else as it is pinned since the first use."""
    md5: str | None = None
    """What older models are published with instead."""
    pinned: bool = False
    """Nobody publishes its hash: the one of the first file that was used is held on to."""
    size: int | None = None
    expected: str
    """What such a file holds."""
    here: bool = False
    origin: str | None = None


class NeededModel(Fact):
    """A model that another cannot be used without."""

    name: str
    licence: str
    """Its id."""
    commercial: bool
    here: bool


class ModelInfo(Fact):
    """A model that can be fetched or imported."""

    name: str
    title: str
    task: str
    """What it does: one_shot, identity, converter, enhance, occlude, fomm or liveportrait."""
    family: str
    source: str
    licence: LicenceInfo
    here: bool
    fetchable: bool
    """There is an address, or a mirror; else it can only be imported."""
    command: str
    """What gets it on a command line."""
    size: int | None = None
    """Bytes, where they are known."""
    needs: tuple[NeededModel, ...] = ()
    """What it cannot be used without; each has a licence of its own."""
    files: tuple[ModelFileInfo, ...]
