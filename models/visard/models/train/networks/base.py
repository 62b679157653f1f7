"""What all face networks have in common."""

from typing import NamedTuple

from torch import Tensor, nn

from visard.models.train.networks.blocks import Decoder


class Codes(NamedTuple):
    """What decoders begin with, [N, C, h, w] each."""

    src: Tensor
    dst: Tensor
    swap: Tensor
    """The driver's face to be shown as the persona's."""


class Outputs(NamedTuple):
    """Pictures [N, 3, R, R] and masks [N, 1, R, R], 0..1, BGR."""

    src: Tensor
    src_mask: Tensor
    dst: Tensor
    dst_mask: Tensor
    swap: Tensor
    swap_mask: Tensor
    codes: Codes


class Swapped(NamedTuple):
    """The mask of the face that was seen, and the persona's picture and mask, as ``Outputs`` has them."""

    dst_mask: Tensor
    swap: Tensor
    swap_mask: Tensor


class SwapNetwork(nn.Module):
    """An encoder, and decoders for two people."""

    morph_channels = 0
    """AMP: channels that a morph factor divides between both; 0 for networks of one identity."""

    def codes(self, src: Tensor, dst: Tensor, own: Tensor | None) -> Codes:
        """Return codes of faces, [N, 3, R, R]; ``own`` [N, C, 1, 1]: AMP's choice of src's channels."""
        raise NotImplementedError

    def swap_codes(self, dst: Tensor, own: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the codes of a driver's face as itself and as the persona, chosen by ``own``."""
        raise NotImplementedError

    def decoders(self) -> tuple[Decoder, Decoder]:
        """Return the persona's and the driver's; they may be one."""
        raise NotImplementedError

    def forward(
        self, src: Tensor, dst: Tensor, own: Tensor | None, *, swap: bool, through: bool = True
    ) -> Outputs:
        """Return all pictures; without ``swap`` those of dst stand for the swapped ones, at no cost.

        Without ``through`` what swapped pictures are asked for is learned by the decoder alone.
        """
        codes = self.codes(src, dst, own)
        if not through:
            codes = codes._replace(swap=codes.swap.detach())
        persona, driver = self.decoders()
        (src_made, src_mask), (dst_made, dst_mask) = persona(codes.src), driver(codes.dst)
        swapped, swap_mask = persona(codes.swap) if swap else (dst_made, dst_mask)
        return Outputs(src_made, src_mask, dst_made, dst_mask, swapped, swap_mask, codes)

    def swap(self, face: Tensor, own: Tensor | None = None) -> Swapped:
        """Return what an export computes, and no more."""
        code, other = self.swap_codes(face, own)
        persona, driver = self.decoders()
        return Swapped(driver.mask(code), *persona(other))
