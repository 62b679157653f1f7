"""How published networks want colours: x is RGB / 255, they are given (x - mean) / deviation."""

from dataclasses import dataclass

Colour = tuple[float, float, float]
IMAGENET: tuple[Colour, Colour] = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and deviation."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What x becomes, and what comes out: x, or where it is signed 2 * x - 1."""

    mean: Colour = (0.0, 0.0, 0.0)
    deviation: Colour = (1.0, 1.0, 1.0)
    signed: bool = False

    @property
    def to_bytes(self) -> tuple[float, float]:
        """Gain and shift from what comes out to 0..255."""
        return (127.5, 127.5) if self.signed else (255.0, 0.0)


UNIT = Scale()
SIGNED = Scale((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), signed=True)
BYTES = Scale(deviation=(1 / 255, 1 / 255, 1 / 255))
"""Of networks that scale by themselves."""
