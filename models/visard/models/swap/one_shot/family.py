"""The published one-shot swappers: a member is a row of data, and nothing else differs.

``x`` is RGB / 255. What goes in is (x - mean) / deviation, what comes out y, or y * .5 + .5 where it is
signed. What tells a network whom to show, its ``source``, is made of ArcFace's embedding, or is a picture.
"""

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from visard.models.errors import ModelMissing
from visard.models.scale import IMAGENET, SIGNED, UNIT, Scale
from visard.models.store import Store
from visard.models.store.spec import catalogue

IDENTITY = "arcface_w600k_r50"
"""The store's name of the network that tells people apart."""
EMAP = "emap"
"""A converter that is a matrix in the member's own file."""
LARGEST = 1024
"""Pixels up to which crops are put together of several."""
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class SourcePicture:
    """The source of a member that is shown a picture of the person, x, instead of an embedding."""

    side: int
    template: str


@dataclass(frozen=True, slots=True)
class Member:
    """One network; the name is the store's."""

    name: str
    side: int
    """Pixels of its crops."""
    template: str
    """Where the face lies in them: a name of ``five_points.TEMPLATES``."""
    scale: Scale
    converter: str = ""
    """What the embedding goes through first: a model of the store, or EMAP."""
    normalised: bool = True
    """The source has length 1."""
    picture: SourcePicture | None = None

    @property
    def source(self) -> tuple[int, ...]:
        """The shape of its source."""
        return (1, 3, self.picture.side, self.picture.side) if self.picture else (1, 512)

    @property
    def needed(self) -> tuple[str, ...]:
        """All models that have to be in the store."""
        return self.name, *catalogue()[self.name].needs


_ROWS = (
    Member("hyperswap_1a_256", 256, "arcface_128", SIGNED),
    Member("hyperswap_1b_256", 256, "arcface_128", SIGNED),
    Member("hyperswap_1c_256", 256, "arcface_128", SIGNED),
    Member("inswapper_128", 128, "arcface_128", UNIT, EMAP),
    Member("inswapper_128_fp16", 128, "arcface_128", UNIT, EMAP),
    Member("ghost_1_256", 256, "arcface_112_v1", SIGNED, "crossface_ghost", normalised=False),
    Member("ghost_2_256", 256, "arcface_112_v1", SIGNED, "crossface_ghost", normalised=False),
    Member("ghost_3_256", 256, "arcface_112_v1", SIGNED, "crossface_ghost", normalised=False),
    Member("simswap_256", 256, "arcface_112_v1", Scale(*IMAGENET), "crossface_simswap"),
    Member("simswap_unofficial_512", 512, "arcface_112_v1", UNIT, "crossface_simswap"),
    Member("hififace_unofficial_256", 256, "mtcnn_512", SIGNED, "crossface_hififace"),
    Member("blendswap_256", 256, "ffhq_512", UNIT, picture=SourcePicture(112, "arcface_112_v2")),
    Member("uniface_256", 256, "ffhq_512", SIGNED, picture=SourcePicture(256, "ffhq_512")),
)
MEMBERS = {row.name: row for row in _ROWS}
"""Every member, first what ``auto`` would rather take."""


def _known(name: str) -> str:
    if name != AUTO and name not in MEMBERS:
        known = ", ".join((AUTO, *MEMBERS))
        raise PydanticCustomError("member", "Input should be one of: {known}", {"known": known})
    return name


MemberName = Annotated[
    str, AfterValidator(_known), Field(json_schema_extra={"enum": [AUTO, *MEMBERS]}, max_length=100)
]


def here(store: Store) -> list[Member]:
    """Return the members that can be used: all they need is in the store."""
    needed = {name for member in _ROWS for name in member.needed}
    whole = {name for name in needed if not store.get(name).missing}
    return [member for member in _ROWS if whole.issuperset(member.needed)]


def find_member(name: str, store: Store) -> Member:
    """Return a member by name; ``auto`` is the first that can be used.

    Where none can, it is the first whose own file is here, and else the first whose own licence is free; what
    that one needs may be under others. Raises ModelMissing with what gets all that is not here.
    """
    member = MEMBERS.get(name) or next(iter(here(store)), None) or _begun(store) or _free()
    absent = [held.spec for held in map(store.get, member.needed) if held.missing]
    if absent:
        raise ModelMissing(
            f"one_shot with {member.name} lacks {', '.join(spec.name for spec in absent)}; "
            f"get it with: {store.command(*absent)}"
        )
    return member


def _begun(store: Store) -> Member | None:
    return next((member for member in _ROWS if not store.get(member.name).missing), None)


def _free() -> Member:
    return next(member for member in _ROWS if catalogue()[member.name].licence.commercial)
