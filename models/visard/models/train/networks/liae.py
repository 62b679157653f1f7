"""LIAE: one encoder and decoder; an inter for both people, and one for the driver alone."""

import torch
from torch import Tensor

from visard.models.train.networks.base import Codes, SwapNetwork
from visard.models.train.networks.blocks import Decoder, Encoder, Inter
from visard.models.train.options import TrainOptions, parse_archi


class LIAE(SwapNetwork):
    """Takes light and shape of both better than DF."""

    def __init__(self, options: TrainOptions) -> None:
        super().__init__()
        flags = parse_archi(options.archi).flags
        residuals, parts, cosine = "t" in flags, "d" in flags, "c" in flags
        side, ae = options.resolution, options.ae_dims
        self.encoder = Encoder(
            side, options.e_dims, residuals=residuals, normalised="u" in flags, cosine=cosine
        )
        low = side // (32 if parts else 16)
        self.inter_AB, self.inter_B = (
            Inter(self.encoder.length, ae, ae * 2, low, upscaled=not residuals, cosine=cosine)
            for _ in range(2)
        )
        self.decoder = Decoder(
            ae * 4, options.d_dims, options.d_mask_dims, parts=parts, residuals=residuals, cosine=cosine
        )

    def codes(self, src: Tensor, dst: Tensor, own: Tensor | None) -> Codes:  # noqa: ARG002
        """The persona has the shared code twice."""
        flat = self.encoder(torch.cat([src, dst]))
        both_src, both_dst = self.inter_AB(flat).split([len(src), len(dst)])
        own_dst = self.inter_B(flat[len(src) :])
        return Codes(_twice(both_src), torch.cat([own_dst, both_dst], 1), _twice(both_dst))

    def swap_codes(self, dst: Tensor, own: Tensor | None) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """The inter makes the difference."""
        flat = self.encoder(dst)
        both = self.inter_AB(flat)
        return torch.cat([self.inter_B(flat), both], 1), _twice(both)

    def decoders(self) -> tuple[Decoder, Decoder]:
        """One for both."""
        return self.decoder, self.decoder


def _twice(code: Tensor) -> Tensor:
    return torch.cat([code, code], 1)
