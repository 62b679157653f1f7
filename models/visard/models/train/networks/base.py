"""What all face networks have in common."""

from typing import NamedTuple

from torch import Tensor, nn


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

    def decode_src(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """Return picture and mask of the persona."""
        raise NotImplementedError

    def decode_dst(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """Return picture and mask of the driver."""
        raise NotImplementedError

    def forward(self, src: Tensor, dst: Tensor, own: Tensor | None, *, swap: bool) -> Outputs:
        """Return all pictures; without ``swap`` those of dst stand for the swapped ones, at no cost."""
        codes = self.codes(src, dst, own)
        made_src, made_dst = self.decode_src(codes.src), self.decode_dst(codes.dst)
        swapped = self.decode_src(codes.swap) if swap else made_dst
        return Outputs(*made_src, *made_dst, *swapped, codes)

    def swap(self, face: Tensor, own: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return the face's mask, the swapped picture and its mask: what an export computes."""
        code, other = self.swap_codes(face, own)
        picture, mask = self.decode_src(other)
        return self.decode_dst(code)[1], picture, mask
