"""What is said of a photo that can be used."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that will look less good than it could."""

    code: str
    """Stays the same whatever the sentence says, such as ``glasses``."""
    text: str
    """One sentence for whoever adds the photo."""
