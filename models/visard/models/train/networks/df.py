"""DF: one encoder and inter, a decoder for each person."""

import torch
from torch import Tensor

from visard.models.train.networks.base import Codes, SwapNetwork
from visard.models.train.networks.blocks import Decoder, Encoder, Inter
from visard.models.train.options import TrainOptions, parse_archi


class DF(SwapNetwork):
    """Keeps the shape of the driver's face."""

    def __init__(self, options: TrainOptions) -> None:
        super().__init__()
        flags = parse_archi(options.archi).flags
        residuals, parts, cosine = "t" in flags, "d" in flags, "c" in flags
        side, ae = options.resolution, options.ae_dims
        self.encoder = Encoder(
            side, options.e_dims, residuals=residuals, normalised="u" in flags, cosine=cosine
        )
        low = side // (32 if parts else 16)
        self.inter = Inter(self.encoder.length, ae, ae, low, upscaled=not residuals, cosine=cosine)
        self.decoder_src, self.decoder_dst = (
            Decoder(ae, options.d_dims, options.d_mask_dims, parts=parts, residuals=residuals, cosine=cosine)
            for _ in range(2)
        )

    def codes(self, src: Tensor, dst: Tensor, own: Tensor | None) -> Codes:  # noqa: ARG002
        """Both in one go."""
        code_src, code_dst = self.inter(self.encoder(torch.cat([src, dst]))).split([len(src), len(dst)])
        return Codes(code_src, code_dst, code_dst)

    def swap_codes(self, dst: Tensor, own: Tensor | None) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """The decoder makes the difference."""
        code = self.inter(self.encoder(dst))
        return code, code

    def decoders(self) -> tuple[Decoder, Decoder]:
        """One for each."""
        return self.decoder_src, self.decoder_dst
